//! Order along an axis.
use super::Lower;
use super::emit::{Emitter, Val};
use cornu_graph::ops::Sort;
use cornu_graph::{Result, Spec};

impl Lower for Sort {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let scalars: Vec<Spec> =
            x.iter().flat_map(|x| [Spec::new(x.spec.dtype, []), Spec::new(x.spec.dtype, [])]).collect();
        let comparator = e.region(&scalars, |e, x| {
            // From the last key to the first: an earlier one decides unless it is equal.
            let mut before: Option<Val> = None;
            for k in (0..self.keys).rev() {
                let (a, b) = (&x[2 * k], &x[2 * k + 1]);
                let (a, b) = if self.descending { (b, a) } else { (a, b) };
                let mut less = e.compare("LT", a, b);
                let mut same = e.compare("EQ", a, b);
                if a.spec.dtype.is_float() {
                    // NaN comes after all numbers.
                    let (a_nan, b_nan) = (e.compare("NE", a, a), e.compare("NE", b, b));
                    let only_b = e.compare("LT", &a_nan, &b_nan);
                    less = e.like("stablehlo.or", &[&less, &only_b]);
                    let both = e.like("stablehlo.and", &[&a_nan, &b_nan]);
                    same = e.like("stablehlo.or", &[&same, &both]);
                }
                before = Some(match before {
                    None => less,
                    Some(later) => {
                        let later = e.like("stablehlo.and", &[&same, &later]);
                        e.like("stablehlo.or", &[&less, &later])
                    }
                });
            }
            Ok(before.into_iter().collect())
        })?;
        let attributes = format!("dimension = {} : i64, is_stable = true", self.axis);
        Ok(e.with_regions("stablehlo.sort", &x.iter().collect::<Vec<_>>(), &[comparator], &attributes, out))
    }
}
