//! Integers as vectors, on the host.
use super::encoding::OutputMode;
use crate::layers::prelude::*;

impl OutputMode {
    /// The shape of integers of this shape in this form, without the axis of code points.
    pub(super) fn shape(&self, input: &Shape, depth: usize) -> Shape {
        let mut sizes = input.0.clone();
        match self {
            OutputMode::Int => return input.clone(),
            OutputMode::OneHot if sizes.len() > 1 && sizes.last() == Some(&Some(1)) => {
                sizes.pop();
            }
            OutputMode::OneHot => {}
            _ => {
                sizes.remove(usize::from(sizes.len() > 1).min(sizes.len().saturating_sub(1)));
            }
        }
        sizes.push(Some(depth));
        Shape(sizes)
    }

    /// Places (-1 for none) of this shape as float32 vectors; in the form `"int"` as they are. `weights` are those of
    /// `"tf_idf"`.
    pub(super) fn encode_places(
        &self,
        shape: &[usize],
        places: &[i64],
        depth: usize,
        weights: Option<&[f64]>,
    ) -> Result<Tensor> {
        if *self == OutputMode::Int {
            return Tensor::new(shape, places.to_vec());
        }
        let is_one_hot = *self == OutputMode::OneHot;
        let shape = match shape {
            [] => &[1],
            [inner @ .., 1] if is_one_hot && !inner.is_empty() => inner,
            shape => shape,
        };
        // A sample's integers stand along the second axis, or along the only one.
        let axis = if is_one_hot { shape.len() } else { usize::from(shape.len() > 1) };
        let outer: usize = shape[..axis].iter().product();
        let summed = shape.get(axis).copied().unwrap_or(1);
        let inner: usize = shape.iter().skip(axis + 1).product();
        let mut out: Vec<f32> = vec![];
        let size = outer.checked_mul(inner).and_then(|n| n.checked_mul(depth));
        let Some(size) = size.filter(|&size| out.try_reserve_exact(size).is_ok()) else {
            let message =
                format!("vectors of {depth} elements for {} integers do not fit into memory", places.len());
            return Err(Error::Data(message));
        };
        out.resize(size, 0.0);
        for (i, &place) in places.iter().enumerate() {
            let Some(place) = usize::try_from(place).ok().filter(|place| *place < depth) else { continue };
            let (sample, element) = (i / (summed * inner).max(1), i % inner.max(1));
            let count = &mut out[(sample * inner + element) * depth + place];
            *count =
                if *self == OutputMode::Count || *self == OutputMode::TfIdf { *count + 1.0 } else { 1.0 };
        }
        if let Some(weights) = weights {
            let weigh = |row: &mut [f32]| row.iter_mut().zip(weights).for_each(|(x, w)| *x *= *w as f32);
            out.chunks_mut(depth.max(1)).for_each(weigh);
        }
        let sizes: Vec<usize> =
            (0..shape.len()).filter(|&a| a != axis).map(|a| shape[a]).chain([depth]).collect();
        Tensor::new(sizes, out)
    }
}
