//! How much at each side of each axis.
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

/// For each of `N` spatial axes, how much before and after. One number stands for all sides; for several axes, one number
/// per axis for both of its sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides<const N: usize>(pub [(usize, usize); N]);

impl<const N: usize> From<usize> for Sides<N> {
    fn from(n: usize) -> Self {
        Sides([(n, n); N])
    }
}

impl From<(usize, usize)> for Sides<1> {
    fn from(sides: (usize, usize)) -> Self {
        Sides([sides])
    }
}

impl From<(usize, usize)> for Sides<2> {
    fn from((a, b): (usize, usize)) -> Self {
        Sides([(a, a), (b, b)])
    }
}

impl From<(usize, usize, usize)> for Sides<3> {
    fn from((a, b, c): (usize, usize, usize)) -> Self {
        Sides([(a, a), (b, b), (c, c)])
    }
}

impl From<((usize, usize), (usize, usize))> for Sides<2> {
    fn from((a, b): ((usize, usize), (usize, usize))) -> Self {
        Sides([a, b])
    }
}

impl From<((usize, usize), (usize, usize), (usize, usize))> for Sides<3> {
    fn from((a, b, c): ((usize, usize), (usize, usize), (usize, usize))) -> Self {
        Sides([a, b, c])
    }
}

impl<const N: usize> From<[(usize, usize); N]> for Sides<N> {
    fn from(sides: [(usize, usize); N]) -> Self {
        Sides(sides)
    }
}

/// One axis as a pair, several as a list of pairs.
impl<const N: usize> Serialize for Sides<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [sides] => sides.serialize(serializer),
            all => all.serialize(serializer),
        }
    }
}

impl<'de, const N: usize> Deserialize<'de> for Sides<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        read(&json).ok_or_else(|| {
            let forms =
                if N == 1 { "a number or a pair" } else { "a number, or a number or a pair for each axis" };
            serde::de::Error::custom(format!("expected {forms}, got {json}"))
        })
    }
}

fn read<const N: usize>(json: &Json) -> Option<Sides<N>> {
    let number = |json: &Json| json.as_u64().and_then(|n| usize::try_from(n).ok());
    let pair = |json: &Json| match json.as_array().map(Vec::as_slice) {
        Some([a, b]) => Some((number(a)?, number(b)?)),
        Some(_) => None,
        None => number(json).map(|n| (n, n)),
    };
    let sides: Vec<(usize, usize)> = match json {
        Json::Array(axes) if N > 1 => axes.iter().map(pair).collect::<Option<_>>()?,
        one => vec![pair(one)?; if N == 1 || one.is_number() { N } else { 0 }],
    };
    sides.try_into().ok().map(Sides)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forms() {
        let read1 = |json| serde_json::from_value::<Sides<1>>(json).ok();
        let read2 = |json| serde_json::from_value::<Sides<2>>(json).ok();
        assert_eq!(read1(json!(2)), Some(2.into()));
        assert_eq!(read1(json!([1, 2])), Some((1, 2).into()));
        assert_eq!(read2(json!(3)), Some(3.into()));
        assert_eq!(read2(json!([1, 2])), Some((1, 2).into()));
        assert_eq!(read2(json!([[1, 2], [3, 4]])), Some(((1, 2), (3, 4)).into()));
        assert_eq!(read2(json!([1, 2, 3])), None);
        assert_eq!(read1(json!(-1)), None);
        assert_eq!(serde_json::to_value(Sides::<1>::from((1, 2))).unwrap(), json!([1, 2]));
        assert_eq!(serde_json::to_value(Sides::<2>::from((1, 2))).unwrap(), json!([[1, 1], [2, 2]]));
    }
}
