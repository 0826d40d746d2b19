//! Ops that move elements to places given by other values.
use super::array::{offset, wrap};
use super::{Array, Data, Eval, Indices, binary};
use crate::ops::{BinaryKind, DynamicSlice, DynamicUpdate, Gather, GatherDims, Scatter, ScatterKind};
use crate::{Result, Spec};

/// The start of a window of `sizes` from scalar inputs, moved inward so that it lies within `shape`.
fn start(shape: &[usize], sizes: &[usize], indices: &[&Array]) -> Result<Vec<usize>> {
    let along = indices.iter().zip(shape).zip(sizes);
    along.map(|((i, &n), &size)| Ok(i.as_ints()?[0].clamp(0, (n - size) as i128) as usize)).collect()
}

fn plus(a: &[usize], b: &[usize]) -> Vec<usize> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

impl Eval for DynamicSlice {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let start = start(&inputs[0].spec.shape, &self.sizes, &inputs[1..])?;
        Ok(vec![inputs[0].pick_index(&out[0], |index| plus(index, &start))])
    }
}

impl Eval for DynamicUpdate {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (x, update) = (inputs[0], inputs[1]);
        let start = start(&out[0].shape, &update.spec.shape, &inputs[2..])?;
        let mut y = x.clone();
        for (i, index) in Indices::new(&update.spec.shape).enumerate() {
            y.set(offset(&out[0].shape, &plus(&index, &start)), update, i);
        }
        Ok(vec![y])
    }
}

/// For the element at `place` of a batch of slices: where its slice starts in the operand, as the indices say, and where
/// it lies within the slice.
fn locate(
    dims: &GatherDims,
    rank: usize,
    indices: &Array,
    place: &[usize],
) -> Result<(Vec<i128>, Vec<usize>)> {
    let batch: Vec<usize> = dims.batch_axes(place.len()).into_iter().map(|a| place[a]).collect();
    let mut starts = vec![0; rank];
    for (k, &axis) in dims.start_index_map.iter().enumerate() {
        let mut index = batch.clone();
        if dims.index_vector_dim < indices.spec.rank() {
            index.insert(dims.index_vector_dim, k);
        }
        starts[axis] = indices.as_ints()?[offset(&indices.spec.shape, &index)];
    }
    for (&axis, &from) in dims.operand_batching_dims.iter().zip(&dims.start_indices_batching_dims) {
        let skipped = usize::from(dims.index_vector_dim < from);
        starts[axis] = batch[from - skipped] as i128;
    }
    let mut within = vec![0; rank];
    for (axis, &from) in dims.window_axes(rank).into_iter().zip(&dims.offset_dims) {
        within[axis] = place[from];
    }
    Ok((starts, within))
}

impl Eval for Gather {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (operand, indices) = (inputs[0], inputs[1]);
        let shape = &operand.spec.shape;
        let source = |place: Vec<usize>| -> Result<usize> {
            let (starts, within) = locate(&self.dims, shape.len(), indices, &place)?;
            let last = shape.iter().zip(&self.slice_sizes).map(|(n, size)| (n - size) as i128);
            let starts: Vec<usize> =
                starts.iter().zip(last).map(|(&s, last)| s.clamp(0, last) as usize).collect();
            Ok(offset(shape, &plus(&starts, &within)))
        };
        let sources = Indices::new(&out[0].shape).map(source).collect::<Result<Vec<_>>>()?;
        Ok(vec![operand.pick(&out[0], sources)])
    }
}

impl Eval for Scatter {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (operand, indices, updates) = (inputs[0], inputs[1], inputs[2]);
        let shape = &operand.spec.shape;
        let sizes = self.dims.slice_sizes(shape.len(), &updates.spec.shape);
        let mut y = operand.clone();
        for (u, place) in Indices::new(&updates.spec.shape).enumerate() {
            let (starts, within) = locate(&self.dims, shape.len(), indices, &place)?;
            let fits = |a: usize| (0..=shape[a] as i128 - sizes[a] as i128).contains(&starts[a]);
            if !(0..shape.len()).all(fits) {
                continue;
            }
            let starts: Vec<usize> = starts.iter().map(|&s| s as usize).collect();
            let to = offset(shape, &plus(&starts, &within));
            let combine = match self.kind {
                ScatterKind::Set => {
                    y.set(to, updates, u);
                    continue;
                }
                ScatterKind::Add => BinaryKind::Add,
                ScatterKind::Mul => BinaryKind::Mul,
                ScatterKind::Max => BinaryKind::Max,
                ScatterKind::Min => BinaryKind::Min,
            };
            match &mut y.data {
                Data::Floats(y) => y[to] = binary::float(combine, y[to], updates.as_floats()?[u]),
                Data::Ints(y) => {
                    let dtype = out[0].dtype;
                    y[to] = wrap(dtype, binary::int(combine, dtype, y[to], updates.as_ints()?[u]));
                }
            }
        }
        Ok(vec![y])
    }
}
