//! Images seen from aside, and images on rubber.
use super::geometry::ImageAxes;
use super::sampling::{Sampling, places, sample_any};
use crate::Padding;
use crate::layers::convolutional::convolve;
use cornu_graph::{DType, Error, Result, Tensor, Value, memory};

/// A batch of images in which the points `end` show what the points `start` showed: four `(x, y)` each, float32
/// `(batch, 4, 2)`, or `(1, 4, 2)` for all.
pub(crate) fn perspective(
    x: &Value,
    axes: &ImageAxes,
    start: &Value,
    end: &Value,
    sampling: &Sampling,
) -> Result<Value> {
    let (start, end) = (corners(start), corners(end));
    let (from, to) = (shares(&start), shares(&end));
    // A point is a weighted mean of the first three corners. The weights change by one factor for each corner, which the
    // fourth gives; see Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989.
    let plane = |i: usize| {
        let (next, last) = (&end[(i + 1) % 3], &end[(i + 2) % 3]);
        let factor = &from[i] / &to[i];
        let by_x = &factor * (&next[1] - &last[1]);
        let by_y = &factor * (&last[0] - &next[0]);
        let fixed = -(&by_x * &next[0] + &by_y * &next[1]);
        [by_x, by_y, fixed]
    };
    let planes = [plane(0), plane(1), plane(2)];
    let (row, column) = places(x, axes);
    let sum = |term: &dyn Fn(usize, usize) -> Value| {
        let of = |k: usize| term(0, k) + term(1, k) + term(2, k);
        of(0) * &column + of(1) * &row + of(2)
    };
    let along = |xy: usize| sum(&|corner, k| &planes[corner][k] * &start[corner][xy]);
    let depth = sum(&|corner, k| planes[corner][k].clone());
    sample_any(x, axes, &(along(1) / &depth), &(along(0) / depth), sampling)
}

/// The four points of `(batch, 4, 2)`, each x and y as `(batch, 1, 1)`.
fn corners(points: &Value) -> [[Value; 2]; 4] {
    let corner = |i: usize| points.slice_axis(1, i, i + 1);
    [0, 1, 2, 3].map(|i| [0, 1].map(|xy| corner(i).slice_axis(2, xy, xy + 1)))
}

/// The fourth point as a weighted mean of the others: their weights, up to a factor.
fn shares(points: &[[Value; 2]; 4]) -> [Value; 3] {
    let from_last = |i: usize| [0, 1].map(|xy| &points[i % 3][xy] - &points[3][xy]);
    [0, 1, 2].map(|i| {
        let ([ax, ay], [bx, by]) = (from_last(i + 1), from_last(i + 2));
        ax * by - ay * bx
    })
}

/// The largest half of a window.
const MOST_REACH: f64 = 3e6;

/// How strongly rubber is pulled; scalars, float32.
pub(crate) struct Rubber<'a> {
    /// How far pixels move.
    pub alpha: &'a Value,
    /// The deviation of the bell through which random moves are seen, and theirs.
    pub sigma: &'a Value,
    /// The largest that `sigma` can be.
    pub largest: f64,
}

/// A batch of images whose pixels move by smooth random amounts; `key` (`uint64[2]`) says which.
///
/// Rows and columns move by numbers of their own, as in Keras on NumPy and PyTorch; on JAX and TensorFlow both move by the
/// same.
pub(crate) fn elastic(
    x: &Value,
    axes: &ImageAxes,
    rubber: &Rubber,
    key: &Value,
    sampling: &Sampling,
) -> Result<Value> {
    let (height, width) = axes.size(x);
    let reach = (3.0 * rubber.largest).floor();
    if !(0.0..MOST_REACH).contains(&reach) || rubber.largest <= 0.0 {
        let message = format!("must be positive and at most {}, got {}", MOST_REACH / 3.0, rubber.largest);
        return Err(Error::argument("sigma", message));
    }
    let size = 2 * reach as usize + 1;
    memory::check_table(&[size], DType::F32)?;
    // A window of `int(6 sigma) | 1`; of the largest, what lies further out counts nothing.
    let place = x.builder().iota(DType::F32, [size], 0) - reach;
    let bell = (-(&place / rubber.sigma).square() * 0.5).exp();
    let bell = place.abs().le(&(rubber.sigma * 3.0)).select(&bell, &bell.scalar(0.0));
    let bell = &bell / bell.sum([0]);
    // Further than across the image nothing is seen.
    let (middle, seen) = (reach as usize, (reach as usize).min(height.max(width)));
    let bell = bell.slice_axis(0, middle - seen, middle + seen + 1);
    let size = 2 * seen + 1;
    let field = |state: &Value| {
        let (state, drawn) = state.random_normal(&[x.dim(0), height, width, 1]);
        let through = |x: &Value, shape: &[usize]| {
            convolve(x, &bell.reshape(shape), &[1, 1], &Padding::Same, &[1, 1], 1)
        };
        let smooth = through(&through(&drawn, &[size, 1, 1, 1])?, &[1, size, 1, 1])?;
        Ok::<_, Error>((state, smooth.squeeze(-1) * (rubber.alpha * rubber.sigma)))
    };
    let (state, right) = field(key)?;
    let (_, down) = field(&state)?;
    let (row, column) = places(x, axes);
    sample_any(x, axes, &(row + down), &(column + right), sampling)
}

/// A scalar of a graph.
pub(crate) fn scalar(like: &Value, number: f64) -> Value {
    like.builder().constant(Tensor::scalar(number as f32))
}
