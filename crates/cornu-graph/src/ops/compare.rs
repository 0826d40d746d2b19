//! Elementwise comparison.
use super::{Attributes, OpRule, arity, same_spec};
use crate::{DType, Result, Spec, Value};

kinds! {
    /// Which relation. With NaN all are false but `ne`.
    CompareKind {
        /// `a == b`
        Eq "eq",
        /// `a != b`
        Ne "ne",
        /// `a < b`
        Lt "lt",
        /// `a <= b`
        Le "le",
        /// `a > b`
        Gt "gt",
        /// `a >= b`
        Ge "ge",
    }
}

op! {
    /// `y[i] = a[i] ? b[i]`, a bool. StableHLO `compare`.
    Compare "compare" {
        /// Which relation.
        kind: CompareKind,
    }
}

impl OpRule for Compare {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [a, b] = arity(Self::NAME, inputs)?;
        same_spec(Self::NAME, a, b)?;
        Ok(vec![a.with_dtype(DType::Bool)])
    }

    fn grad(&self, _: &[Value], _: &Value, _: &Value) -> Vec<Option<Value>> {
        vec![None, None]
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $f:ident $kind:ident)*) => {
        /// Comparisons, broadcast and promoted like NumPy's.
        impl Value {
            $($(#[$doc])*
            #[track_caller]
            pub fn $f(&self, other: &Value) -> Value {
                let (a, b) = self.join(other);
                Value::emit1(Compare { kind: CompareKind::$kind }, &[&a, &b])
            })*
        }
    };
}
methods! {
    /// `a == b`
    equal Eq
    /// `a != b`
    not_equal Ne
    /// `a < b`
    lt Lt
    /// `a <= b`
    le Le
    /// `a > b`
    gt Gt
    /// `a >= b`
    ge Ge
}
