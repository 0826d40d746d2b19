//! Orthogonal matrices.
use crate::initializers::Initialize;
use cornu_derive::config;
use cornu_graph::philox::Generator;
use cornu_graph::{DType, Error, Result, Tensor};

/// A random matrix with orthonormal columns (rows, if it has fewer rows), times `gain`. All axes but the last count as
/// rows.
///
/// Saxe et al., "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural Networks", 2014.
#[config("keras.initializers")]
pub struct Orthogonal {
    /// The same seed gives the same values.
    #[default(None)]
    pub seed: Option<u64>,
    /// The length of the rows or columns.
    #[default(1.0)]
    pub gain: f64,
}

impl Initialize for Orthogonal {
    fn sample(&self, shape: &[usize], dtype: DType, rng: &mut Generator) -> Result<Tensor> {
        let [leading @ .., columns] = shape else {
            return Err(needs_a_matrix(shape));
        };
        if leading.is_empty() {
            return Err(needs_a_matrix(shape));
        }
        let (rows, columns) = (leading.iter().product::<usize>(), *columns);
        let (long, short) = (rows.max(columns), rows.min(columns));
        let fits =
            long.checked_mul(short).is_some_and(|n| Vec::<f64>::new().try_reserve_exact(2 * n).is_ok());
        if !fits {
            return Err(Error::argument(
                "Orthogonal",
                format!("a matrix of shape {shape:?} does not fit into memory"),
            ));
        }
        let mut own = self.seed.map(Generator::new);
        let rng = own.as_mut().unwrap_or(rng);
        let mut vectors: Vec<f64> = (0..long * short).map(|_| rng.normal()).collect();
        if long > 0 {
            orthonormalize(&mut vectors, long);
        }
        // `vectors` holds one vector after the other: the rows of a wide matrix, the columns of a tall one.
        let at = |row: usize, column: usize| {
            if rows < columns { vectors[row * long + column] } else { vectors[column * long + row] }
        };
        let values: Vec<f64> = (0..rows)
            .flat_map(|r| (0..columns).map(move |c| (r, c)))
            .map(|(r, c)| self.gain * at(r, c))
            .collect();
        Tensor::from_f64(shape, dtype, &values)
    }
}

fn needs_a_matrix(shape: &[usize]) -> Error {
    Error::argument("Orthogonal", format!("needs at least two axes, got shape {shape:?}"))
}

/// Gram-Schmidt, in its modified form, on vectors of `length` one after the other. This is the Q of a QR decomposition
/// whose R has a positive diagonal, hence uniform among orthogonal matrices. Random matrices are far enough from
/// singular, and f64 from f32, for one pass.
fn orthonormalize(vectors: &mut [f64], length: usize) {
    // Vectors that are made orthogonal to each earlier one together, while that one is in the nearest cache.
    const BLOCK: usize = 32;
    let count = vectors.len() / length;
    for start in (0..count).step_by(BLOCK) {
        let (done, rest) = vectors.split_at_mut(start * length);
        let end = BLOCK.min(count - start) * length;
        let block = &mut rest[..end];
        for earlier in done.chunks_exact(length) {
            block.chunks_exact_mut(length).for_each(|v| project_out(v, earlier));
        }
        for i in (0..end).step_by(length) {
            let (first, others) = block[i..].split_at_mut(length);
            let norm = dot(first, first).sqrt();
            first.iter_mut().for_each(|x| *x /= norm);
            others.chunks_exact_mut(length).for_each(|v| project_out(v, first));
        }
    }
}

/// Removes from `v` its part along the unit vector `u`.
fn project_out(v: &mut [f64], u: &[f64]) {
    let along = dot(v, u);
    v.iter_mut().zip(u).for_each(|(v, u)| *v -= along * u);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Independent sums keep the processor's vector units busy.
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (chunks_a, chunks_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f64 = chunks_a.remainder().iter().zip(chunks_b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in chunks_a.zip(chunks_b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum::<f64>() + tail
}
