//! What the layers with heads share: masks, projections and the products.
use crate::layers::activations::Softmax;
use crate::layers::checks::share;
use crate::layers::core::EinsumDense;
use crate::layers::einsum::einsum;
use crate::layers::prelude::*;
use crate::layers::regularization::Dropout;

/// Parameters of Keras's `call`, in order.
pub(super) const PARAMETERS: &[&str] = &[
    "query",
    "value",
    "key",
    "query_mask",
    "value_mask",
    "key_mask",
    "attention_mask",
    "return_attention_scores",
    "training",
    "use_causal_mask",
];

/// The tensors of a call.
pub(super) struct Inputs<'v> {
    pub query: &'v Value,
    pub value: &'v Value,
    pub key: &'v Value,
    pub return_scores: bool,
    is_causal: bool,
    /// `(batch, .., targets.., sources..)`, bool.
    attention_mask: Option<&'v Value>,
    query_mask: Option<Value>,
    value_mask: Option<Value>,
    key_mask: Option<Value>,
}

impl<'v> Inputs<'v> {
    pub fn new(cx: &Call, inputs: &'v [Value]) -> Result<Inputs<'v>> {
        let given = |name: &str| cx.given(inputs, name).first();
        let missing = |name: &str| Error::argument(name, "is missing: attention takes a query and a value");
        let query = given("query").ok_or_else(|| missing("query"))?;
        let value = given("value").ok_or_else(|| missing("value"))?;
        let flag = |name: &str| cx.option(name).and_then(serde_json::Value::as_bool).unwrap_or(false);
        // A mask that came with a tensor stands for its argument, as in Keras.
        let mask = |tensor: &str, argument: &str| {
            let given = given(argument).map(crate::layers::given::as_mask);
            cx.given_mask(inputs, tensor).cloned().or(given)
        };
        Ok(Inputs {
            query,
            value,
            key: given("key").unwrap_or(value),
            return_scores: flag("return_attention_scores"),
            is_causal: flag("use_causal_mask"),
            attention_mask: given("attention_mask"),
            query_mask: cx.given_mask(inputs, "query").cloned(),
            value_mask: mask("value", "value_mask"),
            key_mask: mask("key", "key_mask"),
        })
    }

    /// Which sources each target may see: all masks together.
    pub fn mask(&self, sliding_window: Option<usize>) -> Option<Value> {
        let builder = self.query.builder();
        let (targets, sources) = (self.query.dim(1), self.value.dim(1));
        let place = |axis: usize| builder.iota(DType::I32, [1, targets, sources], axis);
        let causal = self.is_causal.then(|| place(1).ge(&place(2)));
        let window = sliding_window.map(|n| {
            let distance = (place(1) - place(2)).abs();
            distance.lt(&distance.full_like(n as f64))
        });
        let masks = [
            self.attention_mask.map(crate::layers::given::as_mask),
            self.query_mask.as_ref().map(|m| m.expand_dims(-1)),
            self.value_mask.as_ref().map(|m| m.expand_dims(-2)),
            self.key_mask.as_ref().map(|m| m.expand_dims(-2)),
            causal,
            window,
        ];
        masks.into_iter().flatten().reduce(|a, b| a.and(&b))
    }
}

/// Softmax of products of projected queries and keys, and the sums of values weighted by it.
pub(crate) struct Products<'a> {
    /// The axes of targets and sources.
    pub axes: &'a [usize],
    /// On the queries.
    pub scale: f64,
    /// Whether masked scores become the lowest there are (as Keras's fused attention) or lose 1e9.
    pub fused: bool,
}

impl Products<'_> {
    /// Sums and weights. The projections are `(batch, .., heads, size)`; the bias is added to the scores.
    pub fn call(
        &self,
        [query, key, value]: [&Value; 3],
        bias: Option<&Value>,
        mask: Option<&Value>,
        drop: impl FnOnce(&Value) -> Result<Value>,
    ) -> Result<(Value, Value)> {
        // Policies may give each projection a dtype of its own.
        let dtype = DType::promote(DType::promote(query.dtype(), key.dtype()), value.dtype());
        let [query, key, value] = [query, key, value].map(|x| x.cast(dtype));
        let rank = query.rank();
        let letter = |i: usize| char::from(b'a' + i as u8);
        let target: String = (0..rank).map(letter).collect();
        let source: String = (0..rank)
            .map(|i| match self.axes.iter().position(|&a| a == i) {
                Some(j) => letter(rank + j),
                None => letter(i),
            })
            .collect();
        let batch = (0..rank - 1).filter(|i| !self.axes.contains(i)).map(letter);
        let product: String = batch
            .chain(self.axes.iter().map(|&a| letter(a)))
            .chain((0..self.axes.len()).map(|j| letter(rank + j)))
            .collect();

        let scores = einsum(&format!("{source},{target}->{product}"), &key, &(query * self.scale))?;
        let scores = bias.map_or_else(|| scores.clone(), |bias| &scores + bias);
        let weights = self.softmax(&scores, mask)?;
        let dropped = drop(&weights)?;
        let sums = einsum(&format!("{product},{source}->{target}"), &dropped, &value)?;
        Ok((sums, weights))
    }

    fn softmax(&self, scores: &Value, mask: Option<&Value>) -> Result<Value> {
        let mask = mask.map(|mask| self.aligned(scores, mask));
        let scores = mask.as_ref().map_or_else(|| scores.clone(), |mask| self.masked(scores, mask));
        scores.builder().check()?;
        let shape = scores.shape().to_vec();
        // Scores that could not be made have no axes.
        let kept = shape.len().saturating_sub(self.axes.len());
        let size = shape[kept..].iter().product();
        let flat = scores.reshape(&[&shape[..kept], &[size]].concat());
        let weights = flat.softmax(-1).reshape(&shape);
        Ok(match mask {
            // A target that sees no source has no weights; Keras's fused attention gives it the mean.
            Some(mask) if !self.fused => mask.select(&weights, &weights.full_like(0.0)),
            _ => weights,
        })
    }

    /// The mask in the shape of the scores: the axes of heads come before those of targets and sources.
    fn aligned(&self, scores: &Value, mask: &Value) -> Value {
        let mut mask = mask.clone();
        // After an error the rank stays what it is.
        for _ in mask.rank()..scores.rank() {
            mask = mask.expand_dims(-2 * self.axes.len() as i64 - 1);
        }
        mask.broadcast_to(scores.shape())
    }

    fn masked(&self, scores: &Value, mask: &Value) -> Value {
        let low = match (self.fused, scores.dtype()) {
            (true, dtype) => 0.7 * dtype.limits().0,
            (false, DType::F16) => -3e4,
            (false, _) => -1e9,
        };
        mask.select(scores, &scores.full_like(low))
    }
}

/// What the projections of a layer have in common.
pub(super) struct Projections<'a> {
    pub use_bias: bool,
    pub dtype: &'a crate::DTypePolicy,
    pub kernel_initializer: &'a Initializer,
    pub bias_initializer: &'a Initializer,
    pub kernel_regularizer: &'a Option<Regularizer>,
    pub bias_regularizer: &'a Option<Regularizer>,
    pub activity_regularizer: &'a Option<Regularizer>,
    pub kernel_constraint: &'a Option<Constraint>,
    pub bias_constraint: &'a Option<Constraint>,
}

impl Projections<'_> {
    /// A projection of the last `bound` axes of an input of this rank to axes of these sizes.
    pub fn layer(
        &self,
        name: &str,
        rank: usize,
        bound: usize,
        sizes: &[usize],
        activation: &str,
    ) -> LayerRef {
        let letters =
            |range: std::ops::Range<usize>| -> String { range.map(|i| char::from(b'a' + i as u8)).collect() };
        let free = rank - bound;
        let (kept, summed, made) = (letters(0..free), letters(free..rank), letters(rank..rank + sizes.len()));
        let shape: Vec<Option<usize>> =
            (1..free).map(|_| None).chain(sizes.iter().map(|&s| Some(s))).collect();
        let mut layer = EinsumDense::new(format!("{kept}{summed},{summed}{made}->{kept}{made}"), shape);
        layer.activation = activation.into();
        layer.bias_axes = self.use_bias.then_some(made);
        layer.kernel_initializer = self.kernel_initializer.clone();
        layer.bias_initializer = self.bias_initializer.clone();
        layer.kernel_regularizer.clone_from(self.kernel_regularizer);
        layer.bias_regularizer.clone_from(self.bias_regularizer);
        layer.activity_regularizer.clone_from(self.activity_regularizer);
        layer.kernel_constraint.clone_from(self.kernel_constraint);
        layer.bias_constraint.clone_from(self.bias_constraint);
        let mut layer = layer.name(name);
        crate::layers::HasBase::base_mut(&mut layer).dtype = self.dtype.clone();
        crate::layers::LayerObject::share(&layer)
    }
}

/// Builds the layer that drops weights, where Keras saves it.
pub(super) fn build_dropout(
    weights: &mut Weights,
    rate: f64,
    seed: Option<u64>,
    dtype: &crate::DTypePolicy,
    shape: &Shape,
) -> Result<()> {
    share("dropout", rate)?;
    let mut dropout = Dropout::new(rate);
    dropout.seed = seed;
    crate::layers::HasBase::base_mut(&mut dropout).dtype = dtype.clone();
    weights.add_layer(DROPOUT, &crate::layers::LayerObject::share(&dropout), std::slice::from_ref(shape))
}

/// Builds the softmax that Keras has as a layer within, so that files have its place.
pub(super) fn build_softmax(weights: &mut Weights, dtype: &crate::DTypePolicy, shape: &Shape) -> Result<()> {
    let mut softmax = Softmax::new();
    crate::layers::HasBase::base_mut(&mut softmax).dtype = dtype.clone();
    weights.add_layer("_softmax", &crate::layers::LayerObject::share(&softmax), std::slice::from_ref(shape))
}

pub(super) const DROPOUT: &str = "_dropout_layer";

/// The shapes that Keras saves with a built layer.
pub(super) fn build_config(inputs: &[Shape]) -> Option<serde_json::Value> {
    let names = ["query_shape", "value_shape", "key_shape"];
    let shapes: serde_json::Map<_, _> =
        names.iter().zip(inputs).map(|(name, shape)| (name.to_string(), serde_json::json!(shape))).collect();
    Some(serde_json::json!({"shapes_dict": shapes}))
}
