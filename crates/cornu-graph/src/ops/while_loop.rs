//! Loops whose number of steps is known only when they run.
use super::{Attributes, OpRule};
use crate::{Builder, DType, Error, Graph, Result, Spec, Value};

op! {
    /// Runs `body` on the carries for as long as `cond` of them holds.
    ///
    /// Inputs: the first carries, then constants of `cond`, then constants of `body`. `cond` takes the carries and its
    /// constants and gives a scalar bool; `body` takes the carries and its constants and gives the next carries.
    /// Outputs: the last carries. StableHLO `while`.
    While "while" {
        /// Whether to take another step.
        cond: Graph,
        /// One step.
        body: Graph,
    }
}

impl While {
    /// Number of carries.
    pub fn carries(&self) -> usize {
        self.body.outputs.len()
    }

    /// Number of constants of `cond` among the inputs.
    pub fn cond_constants(&self) -> usize {
        self.cond.inputs.len().saturating_sub(self.carries())
    }
}

impl OpRule for While {
    fn arity_out(&self) -> usize {
        self.carries()
    }

    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let bad = |why: String| Err(Error::op(Self::NAME, why));
        let carries = self.carries();
        let (for_cond, for_body) = (self.cond.inputs.len(), self.body.inputs.len());
        if for_cond < carries || for_body < carries || inputs.len() != for_cond + for_body - carries {
            let message = format!("{carries} carries, a condition of {for_cond} and a body of {for_body} inputs");
            return bad(format!("{message} do not take {} inputs", inputs.len()));
        }
        match self.cond.outputs[..] {
            [v] if *self.cond.spec(v) == Spec::new(DType::Bool, []) => {}
            _ => return bad("the condition must give one scalar bool".into()),
        }
        let (state, constants) = inputs.split_at(carries);
        let (of_cond, of_body) = constants.split_at(for_cond - carries);
        for (what, graph, own) in [("condition", &self.cond, of_cond), ("body", &self.body, of_body)] {
            for (i, (&x, &inner)) in state.iter().chain(own).zip(&graph.inputs).enumerate() {
                if x != graph.spec(inner) {
                    return bad(format!("input {i} of the {what} is {}, got {x}", graph.spec(inner)));
                }
            }
        }
        for (i, (&out, &x)) in self.body.outputs.iter().zip(state).enumerate() {
            if self.body.spec(out) != x {
                return bad(format!("carry {i} starts as {x} and becomes {}", self.body.spec(out)));
            }
        }
        Ok(state.iter().map(|&x| x.clone()).collect())
    }

    fn bodies(&self) -> Vec<&Graph> {
        vec![&self.cond, &self.body]
    }

    fn vjp(&self, x: &[Value], _: &[Value], _: &[Option<Value>]) -> Vec<Option<Value>> {
        if let Some(x) = x.first() {
            let e = Error::op(Self::NAME, "has no gradient: its number of steps is known only when it runs");
            x.fail(e.help("use `scan` with a fixed number of steps, or `stop_gradient`"));
        }
        vec![None; x.len()]
    }
}

impl Builder {
    /// Runs `body` on `carries` for as long as `cond` holds; see [`While`]. Both may use any value of this graph.
    /// Returns the last carries.
    ///
    /// # Errors
    /// What `cond` or `body` returns, or what went wrong while building them.
    #[track_caller]
    pub fn while_loop(
        &self,
        carries: &[Value],
        cond: impl FnOnce(&Builder, &[Value]) -> Result<Value>,
        body: impl FnOnce(&Builder, &[Value]) -> Result<Vec<Value>>,
    ) -> Result<Vec<Value>> {
        self.check()?;
        let nested = || {
            let inner = self.nested();
            let state: Vec<Value> = carries.iter().map(|v| inner.input(v.spec().clone())).collect();
            (inner, state)
        };
        let (builder, state) = nested();
        let (cond, of_cond) = builder.finish_body(&[cond(&builder, &state)?])?;
        let (builder, state) = nested();
        let next = body(&builder, &state)?;
        if next.len() != carries.len() {
            return Err(Error::op(While::NAME, format!("{} carries became {}", carries.len(), next.len())));
        }
        let (body, of_body) = builder.finish_body(&next)?;
        let inputs: Vec<&Value> = carries.iter().chain(&of_cond).chain(&of_body).collect();
        let outputs = self.emit(While { cond, body }, &inputs);
        self.check()?;
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gradient, text, verify};

    /// Halves `x` while it is above `limit`, a value of the graph around.
    fn halving(b: &Builder, x: &Value, limit: &Value) -> Value {
        let outputs = b.while_loop(std::slice::from_ref(x), |_, s| Ok(s[0].gt(limit)), |_, s| Ok(vec![&s[0] * 0.5]));
        outputs.unwrap().remove(0)
    }

    #[test]
    fn text_and_verifier() {
        let b = Builder::new();
        let (x, limit) = (b.input(Spec::f32([])), b.input(Spec::f32([])));
        let graph = b.finish(&[halving(&b, &x, &limit)]).unwrap();
        verify(&graph).unwrap();
        let text = graph.to_string();
        assert_eq!(text::parse(&text).unwrap().to_string(), text);
        let broken = text.replace("kind=mul : float32[]", "kind=mul : float32[1]");
        assert!(text::parse(&broken).is_err());
    }

    #[test]
    fn errors() {
        let b = Builder::new();
        let (x, limit) = (b.input(Spec::f32([])), b.input(Spec::f32([])));
        let y = halving(&b, &x, &limit);
        let e = gradient(&y, std::slice::from_ref(&x)).unwrap_err().to_string();
        assert!(e.starts_with("while: has no gradient") && e.contains("help: use `scan`"), "{e}");

        let b = Builder::new();
        let x = b.input(Spec::f32([]));
        let e = b.while_loop(std::slice::from_ref(&x), |_, s| Ok(s[0].clone()), |_, s| Ok(s.to_vec())).unwrap_err();
        assert!(e.to_string().starts_with("while: the condition must give one scalar bool"), "{e}");
        let b = Builder::new();
        let x = b.input(Spec::f32([]));
        let wider = |_: &Builder, s: &[Value]| Ok(vec![s[0].broadcast_to(&[2])]);
        let e = b.while_loop(std::slice::from_ref(&x), |_, s| Ok(s[0].gt(&s[0])), wider).unwrap_err();
        assert!(e.to_string().starts_with("while: carry 0 starts as float32[] and becomes float32[2]"), "{e}");
    }
}
