//! Values with a gradient of one's own.
use super::{Attributes, OpRule};
use crate::{Builder, Error, Graph, Result, Spec, Value};

op! {
    /// The first inputs, `outputs` of them, as if they were a function of the next ones that has this gradient.
    ///
    /// Inputs: the values, what they are a function of, constants of `backward`. `backward` takes the gradients of the values
    /// and its constants and gives the gradients of what they are a function of. Removed by `simplify`.
    CustomVjp "custom_vjp" {
        /// From gradients to gradients.
        backward: Graph,
        /// Number of values.
        outputs: usize,
    }
}

impl OpRule for CustomVjp {
    fn arity_out(&self) -> usize {
        self.outputs
    }

    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let bad = |why: String| Err(Error::op(Self::NAME, why));
        let wrt = self.backward.outputs.len();
        let Some(constants) = self.backward.inputs.len().checked_sub(self.outputs) else {
            return bad("the gradient takes fewer inputs than there are values".into());
        };
        if self.outputs == 0 || inputs.len() != self.outputs + wrt + constants {
            let (n, got) = (self.outputs, inputs.len());
            return bad(format!("takes {n} values, {wrt} sources and {constants} constants, got {got} inputs"));
        }
        let taken = inputs[..self.outputs].iter().chain(&inputs[self.outputs + wrt..]);
        for (&x, &inner) in taken.zip(&self.backward.inputs) {
            if x != self.backward.spec(inner) {
                return bad(format!("the gradient takes {}, got {x}", self.backward.spec(inner)));
            }
        }
        for (&x, &inner) in inputs[self.outputs..].iter().zip(&self.backward.outputs) {
            if x != self.backward.spec(inner) {
                return bad(format!("the gradient of {x} cannot be {}", self.backward.spec(inner)));
            }
        }
        Ok(inputs[..self.outputs].iter().map(|&x| x.clone()).collect())
    }

    fn vjp(&self, x: &[Value], y: &[Value], g: &[Option<Value>]) -> Vec<Option<Value>> {
        let wrt = self.backward.outputs.len();
        let seeds = y.iter().zip(g).map(|(y, g)| g.clone().unwrap_or_else(|| y.full_like(0.0)));
        let inputs: Vec<Value> = seeds.chain(x[self.outputs + wrt..].iter().cloned()).collect();
        let found = y[0].builder().inline(&self.backward, &inputs).into_iter().map(Some);
        let others = x.len() - self.outputs - wrt;
        vec![None; self.outputs].into_iter().chain(found).chain(vec![None; others]).collect()
    }

    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        Some(inputs.get(..self.outputs)?.to_vec())
    }

    fn bodies(&self) -> Vec<&Graph> {
        vec![&self.backward]
    }
}

impl Builder {
    /// `values` as if they were a function of `sources` whose gradient `backward` gives: from the gradients of the values, those
    /// of the sources. It may use any value of this graph.
    ///
    /// # Errors
    /// What `backward` returns, or what went wrong while building it.
    #[track_caller]
    pub fn custom_vjp(
        &self,
        values: &[Value],
        sources: &[Value],
        backward: impl FnOnce(&Builder, &[Value]) -> Result<Vec<Value>>,
    ) -> Result<Vec<Value>> {
        self.check()?;
        let inner = self.nested();
        let seeds: Vec<Value> = values.iter().map(|v| inner.input(v.spec().clone())).collect();
        let gradients = backward(&inner, &seeds)?;
        if gradients.len() != sources.len() {
            let message = format!("{} gradients for {} sources", gradients.len(), sources.len());
            return Err(Error::op(CustomVjp::NAME, message));
        }
        let (backward, captures) = inner.finish_body(&gradients)?;
        let inputs: Vec<&Value> = values.iter().chain(sources).chain(&captures).collect();
        let outputs = self.emit(CustomVjp { backward, outputs: values.len() }, &inputs);
        self.check()?;
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tensor, gradient, interpret, text};

    #[test]
    fn the_gradient_is_the_one_given() {
        let b = Builder::new();
        let x = b.input(Spec::f32([2]));
        // The square, whose gradient is said to be three times what comes.
        let y = b.custom_vjp(&[x.square()], std::slice::from_ref(&x), |_, g| Ok(vec![&g[0] * 3.0])).unwrap();
        let dx = gradient(&y[0].sum([0]), std::slice::from_ref(&x)).unwrap();
        let graph = b.finish(&[y[0].clone(), dx[0].clone()]).unwrap();
        let text = graph.to_string();
        assert_eq!(text::parse(&text).unwrap().to_string(), text);
        for graph in [crate::passes::optimize(&graph).unwrap(), graph] {
            let out = interpret(&graph, &[Tensor::from([2f32, -1.0])]).unwrap();
            assert_eq!((out[0].to_f64(), out[1].to_f64()), (vec![4.0, 1.0], vec![3.0, 3.0]));
        }
        let e = b.custom_vjp(&y, std::slice::from_ref(&x), |_, g| Ok(vec![g[0].sum([0])])).unwrap_err();
        assert!(e.to_string().contains("the gradient of float32[2] cannot be float32[]"), "{e}");
    }
}
