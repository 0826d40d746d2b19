//! Arithmetic on shapes and axes.
use crate::{Error, Result};

/// The shape that NumPy broadcasting gives to two shapes.
///
/// # Errors
/// When two sizes differ and neither is 1.
pub fn broadcast_shapes(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |j| s[j]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            (x, y) => Err(Error::op(
                "broadcast",
                format!("shapes {a:?} and {b:?} do not join: sizes {x} and {y} differ"),
            )),
        })
        .collect()
}

/// An axis counted from the front, from one that may count from the end (-1 is the last).
pub fn normalize_axis(op: &'static str, axis: i64, rank: usize) -> Result<usize> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(counted)
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| Error::op(op, format!("axis {axis} is out of range for rank {rank}")))
}

/// How many elements a shape has, if that is a number. Empty axes count as 1 on the way, so that distances between elements
/// are numbers too.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d.max(1)))?;
    Some(if shape.contains(&0) { 0 } else { count })
}

/// Strides, in elements, of a dense row-major array.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting() {
        assert_eq!(broadcast_shapes(&[3, 1], &[2, 1, 4]).unwrap(), [2, 3, 4]);
        assert_eq!(broadcast_shapes(&[], &[2]).unwrap(), [2]);
        assert_eq!(
            broadcast_shapes(&[2, 3], &[4, 3]).unwrap_err().to_string(),
            "broadcast: shapes [2, 3] and [4, 3] do not join: sizes 2 and 4 differ"
        );
    }

    #[test]
    fn counts() {
        assert_eq!((count(&[]), count(&[2, 3]), count(&[usize::MAX, 0])), (Some(1), Some(6), Some(0)));
        assert_eq!((count(&[1 << 40, 1 << 40]), count(&[0, 1 << 40, 1 << 40])), (None, None));
    }

    #[test]
    fn axes() {
        assert_eq!(normalize_axis("sum", -1, 3).unwrap(), 2);
        assert!(normalize_axis("sum", 3, 3).is_err());
        assert!(normalize_axis("sum", -4, 3).is_err());
    }
}
