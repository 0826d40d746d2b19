//! Axes from end to start.
use super::{Attributes, OpRule, arity, rising_axes};
use crate::{Result, Spec, Value, normalize_axis};

op! {
    /// The elements from the last to the first along `axes`. StableHLO `reverse`.
    Reverse "reverse" {
        /// Rising.
        axes: Vec<usize>,
    }
}

impl OpRule for Reverse {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        rising_axes(Self::NAME, &self.axes, x.rank())?;
        Ok(vec![x.clone()])
    }

    fn grad(&self, _: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        vec![Some(Value::emit1(self.clone(), &[g]))]
    }
}

impl Value {
    /// The elements from the last to the first along `axes`, counted from the end when negative. NumPy's `flip`.
    #[track_caller]
    pub fn flip(&self, axes: impl AsRef<[i64]>) -> Value {
        let rank = self.rank();
        let axes: Result<Vec<usize>> =
            axes.as_ref().iter().map(|&a| normalize_axis(Reverse::NAME, a, rank)).collect();
        match axes {
            Ok(axes) if axes.is_empty() => self.clone(),
            Ok(mut axes) => {
                axes.sort_unstable();
                Value::emit1(Reverse { axes }, &[self])
            }
            Err(e) => self.fail(e),
        }
    }
}
