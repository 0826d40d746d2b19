//! Attention.
use super::operation::one_of;
use super::slot::Arguments;
use super::{Arg, Operand};
use crate::layers::attention::Products;
use cornu_graph::{DType, Error, Result, Value};

ops! {
    "keras.src.ops.nn";
    DotProductAttention _(query, key, value; bias, mask, scale) {
        is_causal: bool, flash_attention: MaybeBool, attn_logits_soft_cap: MaybeLimit
    } => {
        let refused = refused(*flash_attention, *attn_logits_soft_cap);
        let attended = refused.and_then(|()| attended([query, key, value], bias, mask, scale, *is_causal));
        attended.unwrap_or_else(|e| query.fail(e))
    };
}

type MaybeBool = Option<bool>;
type MaybeLimit = Option<f64>;

/// Each query's sum of values, weighted by the softmax of its products with the keys.
///
/// The query is `(batch, targets, heads, size)`, keys and values are `(batch, sources, heads, size)`, perhaps with fewer heads,
/// each for a group of the query's. The bias is added to the scores `(batch, heads, targets, sources)`, the mask says which
/// of them count; both are broadcast. The scores are multiplied by `scale`, by default one over the root of the size. With
/// `is_causal` no target sees a later source.
///
/// `flash_attention` asks for a kernel that is not here: `Some(true)` is refused; so is `attn_logits_soft_cap`, as in Keras
/// anywhere but on a TPU.
#[track_caller]
#[allow(clippy::too_many_arguments)] // As many as Keras's function has.
pub fn dot_product_attention<X: Operand>(
    query: impl Into<Arg<X>>,
    key: impl Into<Arg<X>>,
    value: impl Into<Arg<X>>,
    bias: Option<&X>,
    mask: Option<&X>,
    scale: Option<f64>,
    is_causal: bool,
    flash_attention: Option<bool>,
    attn_logits_soft_cap: Option<f64>,
) -> X::Output {
    let given = Arguments::new().and(query.into()).and(key.into()).and(value.into()).maybe(bias).maybe(mask);
    let given = match scale {
        Some(scale) => given.and(scale.into()),
        None => given.maybe(None),
    };
    one_of(DotProductAttention { is_causal, flash_attention, attn_logits_soft_cap }, given)
}

fn refused(flash_attention: Option<bool>, soft_cap: Option<f64>) -> Result<()> {
    if flash_attention == Some(true) {
        return Err(Error::argument("flash_attention", "is not supported").help("leave it out"));
    }
    match soft_cap {
        Some(_) => Err(Error::argument("attn_logits_soft_cap", "is not supported").help("leave it out")),
        None => Ok(()),
    }
}

fn attended(
    [query, key, value]: [&Value; 3],
    bias: Option<&Value>,
    mask: Option<&Value>,
    scale: Option<&Value>,
    is_causal: bool,
) -> Result<Value> {
    let (&[_, targets, heads, size], &[_, sources, shared, _]) = (query.shape(), key.shape()) else {
        let message =
            format!("takes (batch, time, heads, size), got {:?} and {:?}", query.shape(), key.shape());
        return Err(Error::op("dot_product_attention", message));
    };
    if key.shape() != value.shape() || shared == 0 || !heads.is_multiple_of(shared) {
        let message = format!(
            "keys of {:?} and values of {:?} do not suit queries of {:?}",
            key.shape(),
            value.shape(),
            query.shape()
        );
        return Err(Error::op("dot_product_attention", message));
    }
    let dtype = DType::promote(DType::promote(query.dtype(), key.dtype()), value.dtype());
    // Scores in half precision would lose their differences.
    let wide = DType::promote(dtype, DType::F32);
    let for_heads = |x: &Value| x.cast(wide).repeat(heads / shared, 2);
    let scale = scale.map(|s| s.cast(wide)).unwrap_or_else(|| {
        query.builder().constant(cornu_graph::Tensor::full([], wide, 1.0 / (size.max(1) as f64).sqrt()))
    });
    let query = query.cast(wide) * scale;
    let causal = is_causal.then(|| {
        let place = |axis: usize| query.builder().iota(DType::I32, [1, 1, targets, sources], axis);
        place(2).ge(&place(3))
    });
    let mask = match (mask.map(super::dtypes::truth), causal) {
        (Some(mask), Some(causal)) => Some(lifted(&mask).and(&causal)),
        (mask, causal) => mask.map(|m| lifted(&m)).or(causal),
    };
    let bias = bias.map(|b| lifted(&b.cast(wide)));
    let products = Products { axes: &[1], scale: 1.0, fused: true };
    let keep = |weights: &Value| Ok(weights.clone());
    let (sums, _) =
        products.call([&query, &for_heads(key), &for_heads(value)], bias.as_ref(), mask.as_ref(), keep)?;
    Ok(sums.cast(dtype))
}

/// With axes of size 1 before those that it has, four in all.
fn lifted(x: &Value) -> Value {
    (x.rank()..4).fold(x.clone(), |x, _| x.expand_dims(0))
}
