//! Losses of image segmentation: how little two regions overlap.
use super::{loss, pair};
use crate::utils::numerical::EPSILON;
use cornu_graph::Value;
use serde::{Deserialize, Serialize};

/// One axis or several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "OneOrMore")]
pub struct Axes(pub Vec<i64>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a list of them")]
enum OneOrMore {
    One(i64),
    More(Vec<i64>),
}

impl From<OneOrMore> for Axes {
    fn from(axes: OneOrMore) -> Axes {
        match axes {
            OneOrMore::One(axis) => Axes(vec![axis]),
            OneOrMore::More(axes) => Axes(axes),
        }
    }
}

impl From<i64> for Axes {
    fn from(axis: i64) -> Axes {
        Axes(vec![axis])
    }
}

impl<const N: usize> From<[i64; N]> for Axes {
    fn from(axes: [i64; N]) -> Axes {
        Axes(axes.to_vec())
    }
}

/// The axes to sum over, or all.
fn axes(axis: &Option<Axes>, y: &Value) -> Vec<i64> {
    axis.as_ref().map_or_else(|| y.all_axes(), |axes| axes.0.clone())
}

loss! {
    /// `1 - 2 |A ∩ B| / (|A| + |B|)`. Keras's `Dice` (Dice, 1945).
    pub struct Dice("dice") {
        /// The axes of a region, all by default.
        #[default(None)]
        pub axis: Option<Axes>,
    }
    |self, y_true, y_pred| {
        let (y_true, y_pred) = pair("dice", y_true, y_pred);
        let sum = |y: &Value| y.sum(axes(&self.axis, y));
        let overlap = sum(&(&y_true * &y_pred));
        1.0 - 2.0 * overlap / (sum(&y_true) + sum(&y_pred) + EPSILON)
    }
}

loss! {
    /// [`Dice`] that weighs what is found wrongly and what is missed. Keras's `Tversky` (Salehi et al., 2017).
    pub struct Tversky("tversky") {
        /// Weight of targets that are not predicted; 0.5 by default.
        #[default(0.5)]
        pub alpha: f64,
        /// Weight of predictions that are no targets; 0.5 by default.
        #[default(0.5)]
        pub beta: f64,
        /// The axes of a region, all by default.
        #[default(None)]
        pub axis: Option<Axes>,
    }
    |self, y_true, y_pred| {
        let (y_true, y_pred) = pair("tversky", y_true, y_pred);
        let sum = |y: &Value| y.sum(axes(&self.axis, y));
        let overlap = sum(&(&y_true * &y_pred));
        let missed = sum(&((1.0 - &y_pred) * &y_true));
        let wrong = sum(&(&y_pred * (1.0 - &y_true)));
        1.0 - &overlap / (&overlap + missed * self.alpha + wrong * self.beta + EPSILON)
    }
}
