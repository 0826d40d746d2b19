//! Reductions.
use super::array::{offset, wrap};
use super::{Array, Data, Eval, Indices, binary};
use crate::ops::{BinaryKind, Reduce, ReduceKind};
use crate::{DType, Result, Spec};

impl Eval for Reduce {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (x, dtype) = (inputs[0], out[0].dtype);
        let kept: Vec<usize> = (0..x.spec.rank()).filter(|a| !self.axes.contains(a)).collect();
        let places = Indices::new(&x.spec.shape).map(|index| {
            let place: Vec<usize> = kept.iter().map(|&a| index[a]).collect();
            offset(&out[0].shape, &place)
        });
        let combine = match self.kind {
            ReduceKind::Sum => BinaryKind::Add,
            ReduceKind::Prod => BinaryKind::Mul,
            ReduceKind::Max => BinaryKind::Max,
            ReduceKind::Min => BinaryKind::Min,
            ReduceKind::Any => BinaryKind::Or,
            ReduceKind::All => BinaryKind::And,
        };
        Ok(vec![match &x.data {
            Data::Floats(v) => {
                let mut sums = vec![float_identity(self.kind); out[0].len()];
                places.zip(v).for_each(|(at, &x)| sums[at] = binary::float(combine, sums[at], x));
                Array::floats(&out[0], sums)
            }
            Data::Ints(v) => {
                let mut sums = vec![int_identity(self.kind, dtype); out[0].len()];
                places
                    .zip(v)
                    .for_each(|(at, &x)| sums[at] = wrap(dtype, binary::int(combine, dtype, sums[at], x)));
                Array::ints(&out[0], sums)
            }
        }])
    }
}

/// What a reduction of no floats gives.
pub(super) fn float_identity(kind: ReduceKind) -> f64 {
    match kind {
        ReduceKind::Sum | ReduceKind::Any => 0.0,
        ReduceKind::Prod | ReduceKind::All => 1.0,
        ReduceKind::Max => f64::NEG_INFINITY,
        ReduceKind::Min => f64::INFINITY,
    }
}

/// What a reduction of no integers or bools gives.
pub(super) fn int_identity(kind: ReduceKind, dtype: DType) -> i128 {
    let bits = dtype.size() * 8;
    let (low, high) = match dtype {
        DType::Bool => (0, 1),
        d if d.is_signed_int() => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
        _ => (0, (1i128 << bits) - 1),
    };
    match kind {
        ReduceKind::Sum | ReduceKind::Any => 0,
        ReduceKind::Prod | ReduceKind::All => 1,
        ReduceKind::Max => low,
        ReduceKind::Min => high,
    }
}
