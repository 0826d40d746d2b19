//! Axes as an argument.
use crate::layers::prelude::*;
use serde::{Deserialize, Serialize};

/// One axis or several, counted from the end when negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a list of them")]
pub enum Axes {
    /// One.
    One(i64),
    /// Several.
    Several(Vec<i64>),
}

impl From<i64> for Axes {
    fn from(axis: i64) -> Axes {
        Axes::One(axis)
    }
}

impl<const N: usize> From<[i64; N]> for Axes {
    fn from(axes: [i64; N]) -> Axes {
        Axes::Several(axes.to_vec())
    }
}

impl Axes {
    /// Rising, counted from the front.
    pub(crate) fn within(&self, rank: usize) -> Result<Vec<usize>> {
        let axes: &[i64] = match self {
            Axes::One(axis) => std::slice::from_ref(axis),
            Axes::Several(axes) => axes,
        };
        let found = axes.iter().map(|&a| cornu_graph::normalize_axis("axis", a, rank));
        let mut found = found.collect::<Result<Vec<_>>>()?;
        found.sort_unstable();
        Ok(found)
    }
}
