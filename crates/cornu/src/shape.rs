//! Shapes of models, in which a size may be unknown.
use cornu_graph::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Sizes of the axes; `None` where any size will do, as the batch axis.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape(pub Vec<Option<usize>>);

impl Shape {
    /// The sizes.
    pub fn dims(&self) -> &[Option<usize>] {
        &self.0
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Size of one axis, counted from the end when negative; `None` when it is unknown or not there.
    pub fn dim(&self, axis: i64) -> Option<usize> {
        cornu_graph::normalize_axis("shape", axis, self.rank()).ok().and_then(|a| self.0[a])
    }

    /// Size of one axis, which must be known.
    ///
    /// # Errors
    /// When there is no such axis or its size is `None`.
    pub fn known(&self, axis: i64) -> Result<usize> {
        let at = cornu_graph::normalize_axis("shape", axis, self.rank())?;
        self.0[at].ok_or_else(|| {
            Error::Data(format!("the size of axis {axis} of the input must be known, got shape {self}"))
                .help("give it in `Input::new`, or reshape before this layer")
        })
    }

    /// Size of the last axis, which must be known.
    ///
    /// # Errors
    /// When there is no axis or its size is `None`.
    pub fn last(&self) -> Result<usize> {
        self.known(-1)
    }

    /// Every size as a number, with `stand_in` for the unknown.
    pub(crate) fn with(&self, stand_in: usize) -> Vec<usize> {
        self.0.iter().map(|d| d.unwrap_or(stand_in)).collect()
    }

    /// A shape with unknown batch size before these sizes.
    pub(crate) fn batched(sizes: &[usize]) -> Shape {
        Shape(std::iter::once(None).chain(sizes.iter().map(|&d| Some(d))).collect())
    }
}

/// As Keras prints it: `(None, 28, 28)`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> =
            self.0.iter().map(|d| d.map_or_else(|| "None".to_string(), |d| d.to_string())).collect();
        let comma = if sizes.len() == 1 { "," } else { "" };
        write!(f, "({}{comma})", sizes.join(", "))
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Vec<Option<usize>>> for Shape {
    fn from(sizes: Vec<Option<usize>>) -> Shape {
        Shape(sizes)
    }
}

/// No axes: Python's `()`.
impl From<()> for Shape {
    fn from((): ()) -> Shape {
        Shape::default()
    }
}

impl From<&[usize]> for Shape {
    fn from(sizes: &[usize]) -> Shape {
        Shape(sizes.iter().map(|&d| Some(d)).collect())
    }
}

impl From<Vec<usize>> for Shape {
    fn from(sizes: Vec<usize>) -> Shape {
        sizes[..].into()
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(sizes: [usize; N]) -> Shape {
        sizes[..].into()
    }
}

impl<const N: usize> From<[Option<usize>; N]> for Shape {
    fn from(sizes: [Option<usize>; N]) -> Shape {
        Shape(sizes.to_vec())
    }
}
