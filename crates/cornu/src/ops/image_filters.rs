//! What is seen through small windows: blurs, edges, likeness.
#![allow(clippy::upper_case_acronyms, reason = "classes have the names of Keras")]
use super::dtypes::float;
use super::image::{batched, of_floats};
use crate::DataFormat;
use crate::layers::convolutional::{channels_last, restore_channels};
use crate::layers::preprocessing::image::geometry::ImageAxes;
use cornu_graph::ops::ConvWindow;
use cornu_graph::{DType, Error, Result, Tensor, Value, memory};

ops! {
    "keras.src.ops.image";
    /// Each channel seen through a bell of this size and deviation along rows and columns.
    GaussianBlur gaussian_blur(images) { kernel_size: [usize; 2], sigma: [f64; 2], data_format: DataFormat } =>
        of_floats(images, |x| blurred(x, *kernel_size, *sigma, data_format)).unwrap_or_else(|e| images.fail(e));
    /// How much a batch of images changes along rows and columns, `(.., 2)`: first downward, then to the right, by the windows
    /// of Sobel. What surrounds an image is 0, as in Keras on JAX and PyTorch; TensorFlow and NumPy mirror it.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Tensor::new([1, 1, 4, 1], vec![0f32, 0.0, 1.0, 1.0])?;
    /// let y = ops::sobel_edges(&x, "channels_last")?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 0.0, 2.0, 0.0, 2.0, 0.0, -2.0]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    SobelEdges sobel_edges(images) { data_format: DataFormat } =>
        edges(images, data_format).unwrap_or_else(|e| images.fail(e));
    /// How alike two images are, one number for each image of a batch: 1 where they are the same, in the dtype of the first.
    /// Means, variances and covariances are taken through a bell of this size and deviation that stays within the image, and
    /// compared (Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
    /// similarity", 2004). `max_val` is the largest value of a pixel, `k1` and `k2` keep quotients of small numbers steady.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = random::uniform([16, 16, 3], 0.0, 1.0, None, 1)?;
    /// let y = ops::ssim(&x, &x, 1.0, 11, 1.5, 0.01, 0.03, "channels_last")?;
    /// assert!((y.item()? - 1.0).abs() < 1e-6);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    SSIM ssim(image1, image2) {
        max_val: f64, filter_size: usize, filter_sigma: f64, k1: f64, k2: f64, data_format: DataFormat
    } => {
        let steady = [(k1 * max_val).powi(2), (k2 * max_val).powi(2)];
        likeness(image1, image2, *filter_size, *filter_sigma, steady, data_format).unwrap_or_else(|e| image1.fail(e))
    };
}

/// Bells of these sizes and deviations whose sums are 1, for so many channels.
fn bells(sizes: [usize; 2], sigmas: [f64; 2], channels: usize) -> Result<[Vec<f64>; 2]> {
    memory::check_table(&[sizes[0], sizes[1], channels], DType::F64)?;
    Ok([bell(sizes[0], sigmas[0])?, bell(sizes[1], sigmas[1])?])
}

fn bell(size: usize, sigma: f64) -> Result<Vec<f64>> {
    if size == 0 || sigma.is_nan() || sigma <= 0.0 {
        let message = format!("sizes and deviations must be positive, got {size} and {sigma}");
        return Err(Error::op("image", message));
    }
    let at = |i: usize| i as f64 - (size - 1) as f64 / 2.0;
    let bell: Vec<f64> = (0..size).map(|i| (-0.5 * (at(i) / sigma).powi(2)).exp()).collect();
    let sum: f64 = bell.iter().sum();
    Ok(bell.into_iter().map(|b| b / sum).collect())
}

/// Each channel (the last axis) seen through a window of products of weights, with these zeros around it.
fn through(x: &Value, rows: &[f64], columns: &[f64], padding: Vec<(i64, i64)>) -> Result<Value> {
    let channels = x.dim(-1);
    let weights = rows.iter().flat_map(|r| columns.iter().map(move |c| r * c));
    let kernel: Vec<f64> = weights.flat_map(|w| std::iter::repeat_n(w, channels)).collect();
    let kernel = Tensor::new([rows.len(), columns.len(), 1, channels], kernel)?.cast(x.dtype());
    let window = ConvWindow { padding, groups: channels, ..ConvWindow::new(2) };
    Ok(x.conv(&x.builder().constant(kernel), &window))
}

fn blurred(images: &Value, size: [usize; 2], sigma: [f64; 2], format: &DataFormat) -> Result<Value> {
    let same = |n: usize| ((n - 1) as i64 / 2, (n - 1) as i64 - (n - 1) as i64 / 2);
    batched(images, format, |x, _| {
        let x = channels_last(x, format)?;
        // Keras gives the first of each to the columns.
        let [columns, rows] = bells(size, sigma, x.dim(-1))?;
        let y = through(&x, &rows, &columns, vec![same(rows.len()), same(columns.len())])?;
        Ok(restore_channels(&y, format))
    })
}

fn edges(images: &Value, format: &DataFormat) -> Result<Value> {
    if images.rank() != 4 {
        return Err(Error::op(
            "sobel_edges",
            format!("expected a batch of images, got {:?}", images.shape()),
        ));
    }
    if !images.dtype().is_float() && !images.dtype().is_signed_int() {
        let e = Error::op("sobel_edges", format!("takes numbers with a sign, got {}", images.dtype()));
        return Err(e.help("cast the images before"));
    }
    let axes = ImageAxes::of(images, format)?;
    let (rows, columns) = (axes.height as i64, axes.width as i64);
    let x = images.pad_axis(rows, 1, 1, 0.0).pad_axis(columns, 1, 1, 0.0);
    // One window is the product of a difference along one axis and weights 1, 2, 1 along the other.
    let parts = |x: &Value, axis: i64| {
        let size = x.dim(axis).saturating_sub(2);
        [0, 1, 2].map(|i| x.slice_axis(axis, i, i + size))
    };
    let changed = |x: &Value, axis: i64| {
        let [before, _, after] = parts(x, axis);
        after - before
    };
    let smooth = |x: &Value, axis: i64| {
        let [before, here, after] = parts(x, axis);
        before + &here + here + after
    };
    let (down, right) = (smooth(&changed(&x, rows), columns), smooth(&changed(&x, columns), rows));
    Ok(Value::stack(&[&down, &right], -1))
}

fn likeness(
    a: &Value,
    b: &Value,
    size: usize,
    sigma: f64,
    steady: [f64; 2],
    format: &DataFormat,
) -> Result<Value> {
    if a.shape() != b.shape() {
        let message = format!("expected images of one shape, got {:?} and {:?}", a.shape(), b.shape());
        return Err(Error::op("ssim", message));
    }
    let dtype = a.dtype();
    let (a, b) = (float(a), float(b).cast(float(a).dtype()));
    let compared = |a: &Value, b: &Value| -> Result<Value> {
        let [rows, columns] = bells([size; 2], [sigma; 2], a.dim(-1))?;
        let seen = |x: &Value| through(x, &rows, &columns, vec![(0, 0); 2]);
        let (mean_a, mean_b) = (seen(a)?, seen(b)?);
        let (aa, bb, ab) = (&mean_a * &mean_a, &mean_b * &mean_b, mean_a * mean_b);
        let (spread_a, spread_b) = (seen(&(a * a))? - &aa, seen(&(b * b))? - &bb);
        let shared = seen(&(a * b))? - &ab;
        let [c1, c2] = steady;
        let alike = (ab * 2.0 + c1) * (shared * 2.0 + c2);
        Ok((alike / ((aa + bb + c1) * (spread_a + spread_b + c2))).mean([1, 2, 3]))
    };
    let y = batched(&a, format, |a, _| {
        let b = if b.rank() == 3 { b.expand_dims(0) } else { b.clone() };
        compared(&channels_last(a, format)?, &channels_last(&b, format)?)
    })?;
    Ok(y.cast(dtype))
}
