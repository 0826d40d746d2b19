//! Slices picked by a table of indices, and the numbering that `gather` and `scatter` share.
use super::{Attributes, OpRule, Scatter, ScatterKind, arity, rising_axes};
use crate::text::{Attribute, Cursor};
use crate::{Error, Result, Spec, Tensor, Value};

/// How the axes of an operand, of a table of indices and of a batch of slices belong together: StableHLO's dimension
/// numbers of `gather`. `scatter` uses the same ones backwards; its own names are given in brackets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GatherDims {
    /// Axes of the batch of slices that run through a slice, rising (`update_window_dims`).
    pub offset_dims: Vec<usize>,
    /// Axes of the operand that slices do not have, rising; slices have size 1 there (`inserted_window_dims`).
    pub collapsed_slice_dims: Vec<usize>,
    /// Axes of the operand that are batches, rising; slices have size 1 there (`input_batching_dims`).
    pub operand_batching_dims: Vec<usize>,
    /// The axes of the indices that go with them (`scatter_indices_batching_dims`).
    pub start_indices_batching_dims: Vec<usize>,
    /// For each number of an index, the axis of the operand it moves along (`scatter_dims_to_operand_dims`).
    pub start_index_map: Vec<usize>,
    /// The axis of the indices that holds the numbers of one index; their rank when each is a single number.
    pub index_vector_dim: usize,
}

impl GatherDims {
    /// One position along each axis, as `take_along_axis` picks them: the indices have the operand's rank.
    pub fn along_axis(rank: usize, axis: usize) -> GatherDims {
        let others: Vec<usize> = (0..rank).filter(|&a| a != axis).collect();
        GatherDims {
            collapsed_slice_dims: vec![axis],
            operand_batching_dims: others.clone(),
            start_indices_batching_dims: others,
            start_index_map: vec![axis],
            index_vector_dim: rank,
            ..GatherDims::default()
        }
    }

    /// Whole slices at positions along one axis, as `take` picks them: that axis is replaced by those of the indices.
    pub fn take(rank: usize, axis: usize, indices_rank: usize) -> GatherDims {
        let slices = (rank + indices_rank).saturating_sub(1);
        GatherDims {
            offset_dims: (0..slices).filter(|&a| a < axis || a >= axis + indices_rank).collect(),
            collapsed_slice_dims: vec![axis],
            start_index_map: vec![axis],
            index_vector_dim: indices_rank,
            ..GatherDims::default()
        }
    }

    /// Whole slices at positions along the first axes: the last axis of the indices holds those positions.
    pub fn leading(rank: usize, indices: &Spec) -> GatherDims {
        let depth = indices.shape.last().copied().unwrap_or(0).min(rank);
        let batch = indices.rank().saturating_sub(1);
        GatherDims {
            offset_dims: (batch..batch + rank - depth).collect(),
            collapsed_slice_dims: (0..depth).collect(),
            start_index_map: (0..depth).collect(),
            index_vector_dim: batch,
            ..GatherDims::default()
        }
    }

    /// Axes of the operand that run through a slice.
    pub fn window_axes(&self, rank: usize) -> Vec<usize> {
        let gone = |a: &usize| self.collapsed_slice_dims.contains(a) || self.operand_batching_dims.contains(a);
        (0..rank).filter(|a| !gone(a)).collect()
    }

    /// Axes of a batch of slices of this rank that run through the indices.
    pub fn batch_axes(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|a| !self.offset_dims.contains(a)).collect()
    }

    /// Sizes of a slice of an operand of `rank`, from the shape of a batch of slices.
    pub fn slice_sizes(&self, rank: usize, slices: &[usize]) -> Vec<usize> {
        let mut sizes = vec![1; rank];
        for (axis, &from) in self.window_axes(rank).into_iter().zip(&self.offset_dims) {
            sizes[axis] = slices.get(from).copied().unwrap_or(0);
        }
        sizes
    }

    /// Checks these numbers against an operand and its indices; the shape of the batch of slices.
    pub(crate) fn infer(
        &self,
        op: &'static str,
        operand: &Spec,
        indices: &Spec,
        slice_sizes: &[usize],
    ) -> Result<Vec<usize>> {
        let bad = |why: String| Error::op(op, format!("of {operand} by {indices}: {why}"));
        let unique_within = |what: &str, axes: &[usize], rank: usize| {
            let repeated = (0..axes.len()).any(|i| axes[..i].contains(&axes[i]));
            if repeated || axes.iter().any(|&a| a >= rank) {
                return Err(bad(format!("{what} {axes:?} must be different axes within rank {rank}")));
            }
            Ok(())
        };
        if !indices.dtype.is_int() {
            return Err(bad("indices must be integers".into()));
        }
        let (rank, vector) = (operand.rank(), self.index_vector_dim);
        if vector > indices.rank() {
            return Err(bad(format!("index_vector_dim {vector} is beyond the indices")));
        }
        let depth = indices.shape.get(vector).copied().unwrap_or(1);
        if self.start_index_map.len() != depth {
            return Err(bad(format!("start_index_map {:?} is not for {depth} numbers", self.start_index_map)));
        }
        let (gone, batch) = (&self.collapsed_slice_dims, &self.operand_batching_dims);
        let of_indices = &self.start_indices_batching_dims;
        rising_axes(op, gone, rank)?;
        rising_axes(op, batch, rank)?;
        unique_within("collapsed and batching axes", &[&gone[..], batch].concat(), rank)?;
        unique_within("indexed and batching axes", &[&self.start_index_map[..], batch].concat(), rank)?;
        unique_within("start_indices_batching_dims", of_indices, indices.rank())?;
        let pairs = batch.len() == of_indices.len()
            && !of_indices.contains(&vector)
            && batch.iter().zip(of_indices).all(|(&a, &i)| operand.shape[a] == indices.shape[i]);
        if !pairs {
            return Err(bad(format!("batching axes {batch:?} and {of_indices:?} do not pair")));
        }
        let window = self.window_axes(rank);
        let fits = slice_sizes.len() == rank
            && (0..rank).all(|a| slice_sizes[a] <= operand.shape[a])
            && (0..rank).all(|a| window.contains(&a) || slice_sizes[a] == 1);
        if !fits {
            return Err(bad(format!("slices of {slice_sizes:?} do not fit")));
        }
        if window.len() != self.offset_dims.len() {
            return Err(bad(format!("offset_dims {:?} are not for {} axes", self.offset_dims, window.len())));
        }
        let batch_rank = indices.rank() - usize::from(vector < indices.rank());
        let out_rank = batch_rank + window.len();
        rising_axes(op, &self.offset_dims, out_rank)?;
        let mut shape = vec![0; out_rank];
        self.offset_dims.iter().zip(&window).for_each(|(&to, &axis)| shape[to] = slice_sizes[axis]);
        let sizes = (0..indices.rank()).filter(|&i| i != vector).map(|i| indices.shape[i]);
        self.batch_axes(out_rank).into_iter().zip(sizes).for_each(|(to, size)| shape[to] = size);
        Ok(shape)
    }

    /// For each number of each index, the last position at which a slice still lies within the operand.
    pub(crate) fn last_starts(&self, operand: &[usize], indices: &Value, slice_sizes: &[usize]) -> Value {
        let last: Vec<f64> =
            self.start_index_map.iter().map(|&a| (operand[a] - slice_sizes[a]) as f64).collect();
        let vector = self.index_vector_dim;
        match Tensor::from_f64([last.len()], indices.dtype(), &last) {
            Ok(table) if vector < indices.rank() => {
                indices.builder().constant(table).broadcast_in_dim(indices.shape(), vec![vector])
            }
            _ => indices.full_like(last.first().copied().unwrap_or(0.0)),
        }
    }
}

/// `[offset,collapsed,operand_batching,indices_batching,index_map]` and the axis of index vectors.
impl Attribute for GatherDims {
    fn print(&self, out: &mut String) {
        let lists = vec![
            self.offset_dims.clone(),
            self.collapsed_slice_dims.clone(),
            self.operand_batching_dims.clone(),
            self.start_indices_batching_dims.clone(),
            self.start_index_map.clone(),
        ];
        (lists, self.index_vector_dim).print(out);
    }

    fn parse(text: &mut Cursor) -> Result<GatherDims> {
        let (lists, index_vector_dim) = <(Vec<Vec<usize>>, usize)>::parse(text)?;
        let [offset_dims, collapsed_slice_dims, operand_batching_dims, start_indices_batching_dims, start_index_map] =
            lists.try_into().map_err(|_| text.error("expected five lists of axes"))?;
        Ok(GatherDims {
            offset_dims,
            collapsed_slice_dims,
            operand_batching_dims,
            start_indices_batching_dims,
            start_index_map,
            index_vector_dim,
        })
    }
}

op! {
    /// For each index a slice of the operand, moved inward so that it lies within it. Inputs: operand, indices.
    /// StableHLO `gather`.
    Gather "gather" {
        /// How axes belong together.
        dims: GatherDims,
        /// Size of a slice along each axis of the operand.
        slice_sizes: Vec<usize>,
    }
}

impl OpRule for Gather {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [operand, indices] = arity(Self::NAME, inputs)?;
        let shape = self.dims.infer(Self::NAME, operand, indices, &self.slice_sizes)?;
        Ok(vec![operand.with_shape(shape)])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        let (operand, indices) = (&x[0], &x[1]);
        // `scatter` leaves out what `gather` moves inward.
        let last = self.dims.last_starts(operand.shape(), indices, &self.slice_sizes);
        let moved = indices.maximum(&indices.full_like(0.0)).minimum(&last);
        let scatter = Scatter { kind: ScatterKind::Add, dims: self.dims.clone() };
        vec![Some(Value::emit1(scatter, &[&operand.full_like(0.0), &moved, g])), None]
    }
}

impl Value {
    /// For each index a slice of this value; see [`Gather`].
    #[track_caller]
    pub fn gather(&self, indices: &Value, dims: GatherDims, slice_sizes: &[usize]) -> Value {
        Value::emit1(Gather { dims, slice_sizes: slice_sizes.to_vec() }, &[self, indices])
    }
}
