//! Reverse-mode differentiation, graph to graph.
use crate::{Builder, Error, Result, Value};

/// Adds to the graph the gradients of the scalar `loss` with respect to each of `wrt`; zeros where it does not depend on
/// one. Integers and bools have no gradient.
///
/// # Errors
/// The first error met while building, an op on the way without a gradient, or a `loss` that is not a float scalar.
pub fn gradient(loss: &Value, wrt: &[Value]) -> Result<Vec<Value>> {
    loss.builder().check()?;
    if loss.rank() != 0 || !loss.dtype().is_float() {
        let message = format!("takes a float scalar, got {}", loss.spec());
        return Err(Error::op("gradient", message).help("sum or average the loss first"));
    }
    let seed = loss.scalar(1.0);
    let grads = vjp(std::slice::from_ref(loss), &[Some(seed)], wrt)?;
    Ok(wrt.iter().zip(grads).map(|(v, g)| g.unwrap_or_else(|| v.full_like(0.0))).collect())
}

/// Adds to the graph the product of `seeds`, the gradients of `outputs`, with the Jacobian by `wrt`. `None` is zero.
///
/// # Errors
/// The first error met while building, or an op on the way without a gradient.
pub fn vjp(outputs: &[Value], seeds: &[Option<Value>], wrt: &[Value]) -> Result<Vec<Option<Value>>> {
    let Some(builder) = outputs.first().map(|v| v.builder().clone()) else {
        return Ok(vec![None; wrt.len()]);
    };
    builder.check()?;
    let ids = |vs: &[Value]| vs.iter().map(|v| builder.import(v)).collect::<Result<Vec<_>>>();
    let (out_ids, wrt_ids) = (ids(outputs)?, ids(wrt)?);
    let first = wrt_ids.iter().map(|v| v.index()).min().unwrap_or(0);
    let end = out_ids.iter().map(|v| v.index() + 1).max().unwrap_or(0);

    // Only nodes that depend on `wrt` matter. `wrt` itself cuts the walk: nothing before it is asked.
    let mut depends = vec![false; end.max(builder.len())];
    wrt_ids.iter().for_each(|v| depends[v.index()] = true);
    for i in first..end {
        let node = builder.node(i);
        let floats = node.outputs.iter().any(|s| s.dtype.is_float());
        depends[i] |= floats && node.inputs.iter().any(|v| depends[v.index()]);
    }

    let mut grads: Vec<Vec<Option<Value>>> =
        (0..end).map(|i| vec![None; builder.node(i).outputs.len()]).collect();
    let accumulate = |slot: &mut Option<Value>, g: Value| {
        *slot = Some(match slot.take() {
            Some(sum) => sum + g,
            None => g,
        });
    };
    for (v, seed) in out_ids.iter().zip(seeds) {
        if let Some(seed) = seed {
            accumulate(&mut grads[v.index()][v.output as usize], seed.clone());
        }
    }
    for i in (first..end).rev() {
        let g = grads[i].clone();
        let is_wrt = wrt_ids.iter().any(|v| v.index() == i);
        if !depends[i] || is_wrt || g.iter().all(Option::is_none) {
            continue;
        }
        let node = builder.node(i);
        let x: Vec<Value> = node.inputs.iter().map(|&v| builder.value(v)).collect();
        let y: Vec<Value> =
            (0..node.outputs.len()).map(|k| builder.value(crate::ValueId::new(i, k))).collect();
        let dx = node.op.vjp(&x, &y, &g);
        builder.check().map_err(|e| match node.source.0 {
            Some(at) => e.at(at),
            None => e,
        })?;
        for (v, d) in node.inputs.iter().zip(dx) {
            if let Some(d) = d.filter(|_| v.index() < end && depends[v.index()]) {
                accumulate(&mut grads[v.index()][v.output as usize], d);
            }
        }
    }
    builder.check()?;
    Ok(wrt_ids.iter().map(|v| grads.get(v.index()).and_then(|g| g[v.output as usize].clone())).collect())
}

/// Differentiates a function made of ops, at `x`; `None` when the function gives none.
#[allow(clippy::type_complexity)]
pub(crate) fn vjp_of(
    f: impl FnOnce(&[Value]) -> Option<Vec<Value>>,
    x: &[Value],
    g: &[Option<Value>],
) -> Option<Result<Vec<Option<Value>>>> {
    // Copies of the inputs cut the walk even where one input of `x` depends on another.
    let builder: &Builder = x.first()?.builder();
    let x: Vec<Value> = x.iter().map(|v| builder.emit1(crate::ops::Alias {}, &[v])).collect();
    let y = f(&x)?;
    Some(vjp(&y, g, &x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Spec};

    #[test]
    fn of_no_scalar() {
        let b = Builder::new();
        let x = b.input(Spec::f32([2]));
        let e = gradient(&x, std::slice::from_ref(&x)).unwrap_err();
        assert_eq!(
            e.to_string(),
            "gradient: takes a float scalar, got float32[2]\n  help: sum or average the loss first"
        );
        let n = b.input(Spec::new(DType::I32, []));
        assert!(gradient(&n, &[x]).is_err());
    }

    #[test]
    fn reports_the_first_error_with_its_line() {
        let b = Builder::new();
        let x = b.input(Spec::f32([2, 3]));
        let y = x.matmul(&b.input(Spec::f32([4, 5]))).exp();
        let e = gradient(&y.sum(y.all_axes()), &[x]).unwrap_err().to_string();
        assert!(
            e.starts_with(
                "dot: shapes [2, 3] and [4, 5] do not match: inner sizes [3] and [4] differ\n  at "
            ),
            "{e}"
        );
        assert!(e.contains("grad.rs:"), "{e}");
    }
}
