//! Pooling to a given size, whatever that of the input.
use crate::arguments::{DataFormat, Size};
use crate::layers::checks;
use crate::layers::prelude::*;
use crate::ops::dtypes::{by_bytes, float};
use cornu_graph::ops::PoolKind;
use cornu_graph::{Spec, memory};
use std::ops::Range;

/// Declares the layer for one number of spatial axes.
macro_rules! adaptive_pooling_layer {
    ($(#[$doc:meta])* $Pool:ident over $n:literal by $pool:ident) => {
        $(#[$doc])*
        #[layer("keras.layers")]
        pub struct $Pool {
            /// Size of each spatial axis of the output.
            pub output_size: Size<$n>,
            /// `"channels_last"` (default) or `"channels_first"`.
            #[default("channels_last")]
            pub data_format: DataFormat,
        }

        impl Layer for $Pool {
            fn call(&self, _: &Call, x: &Value) -> Result<Value> {
                adaptive(x, self.output_size.positive("output_size")?, &self.data_format, PoolKind::$pool)
            }
        }
    };
}

/// Pools each spatial axis to its size: the largest of each window, or the mean.
pub(crate) fn adaptive(x: &Value, sizes: &[usize], format: &DataFormat, kind: PoolKind) -> Result<Value> {
    checks::rank(x, sizes.len() + 2)?;
    let first = if *format.check()? == DataFormat::ChannelsFirst { 2 } else { 1 };
    let mut shape = x.shape().to_vec();
    // A value that could not be made has no axes; its error comes out later.
    let Some(spatial) = shape.get_mut(first..first + sizes.len()) else { return Ok(x.clone()) };
    let mut axes: Vec<(usize, usize, usize)> =
        (first..).zip(&*spatial).zip(sizes).map(|((axis, &from), &to)| (axis, from, to)).collect();
    spatial.copy_from_slice(sizes);
    // Before any table is made.
    memory::check(&Spec::new(x.dtype(), shape))?;
    // Axes that shrink come first, so that nothing on the way is larger than input and output.
    axes.sort_by(|a, b| (a.2 as f64 / a.1.max(1) as f64).total_cmp(&(b.2 as f64 / b.1.max(1) as f64)));
    let largest = |y: Value, (axis, from, to): (usize, usize, usize)| {
        Ok(Adaptive { from, to }.elements(&y, axis)?.max([axis as i64 + 1]))
    };
    match kind {
        PoolKind::Max => by_bytes(x, |x| axes.into_iter().try_fold(x.clone(), largest)),
        _ => axes.into_iter().try_fold(x.clone(), |y, (axis, from, to)| Adaptive { from, to }.mean(&y, axis)),
    }
}

/// The windows of `to` outputs over an axis of `from` elements; they overlap where `to` does not divide `from`.
struct Adaptive {
    from: usize,
    to: usize,
}

impl Adaptive {
    /// The elements of each.
    ///
    /// # Errors
    /// When there are absurdly many.
    fn each(&self) -> Result<impl Iterator<Item = Range<usize>> + Clone + use<>> {
        /// Most elements of all windows together.
        const MOST: usize = 1 << 30;
        let &Adaptive { from, to } = self;
        if to.checked_mul(2).and_then(|twice| twice.checked_add(from)).is_none_or(|all| all > MOST) {
            let message = format!("is too large: {to} windows over {from} elements");
            return Err(Error::argument("output_size", message));
        }
        // Products of two numbers below 2^30.
        let place = move |i: usize| i as u64 * from as u64;
        Ok((0..to).map(move |i| (place(i) / to as u64) as usize..place(i + 1).div_ceil(to as u64) as usize))
    }

    /// The elements of each window of an axis, along a new axis after it; shorter windows repeat their last one.
    fn elements(&self, x: &Value, axis: usize) -> Result<Value> {
        let longest = self.longest()?;
        memory::check_table(&[self.to, longest], DType::I32)?;
        let places = self
            .each()?
            .flat_map(|w| (0..longest).map(move |k| (w.start + k).min(w.end.saturating_sub(1)) as i32));
        let places = Tensor::new([self.to, longest], places.collect())?;
        Ok(x.take_clamped(&x.builder().constant(places), axis as i64))
    }

    fn longest(&self) -> Result<usize> {
        Ok(self.each()?.map(|w| w.len()).max().unwrap_or(1))
    }

    /// The mean of each: a product with a matrix of shares, unless that is large beside the elements of the windows.
    fn mean(&self, x: &Value, axis: usize) -> Result<Value> {
        /// Entries of a matrix that is worth its memory.
        const DENSE: usize = 1 << 18;
        let x = &float(x);
        let &Adaptive { from, to } = self;
        if from.checked_mul(to).is_some_and(|entries| entries <= DENSE) {
            memory::check_table(&[from.max(1), to], DType::F64)?;
            let mut shares = vec![0.0; from * to];
            for (j, window) in self.each()?.enumerate() {
                let share = 1.0 / window.len() as f64;
                window.for_each(|i| shares[i * to + j] = share);
            }
            let shares = x.builder().constant(Tensor::from_f64([from, to], x.dtype(), &shares)?);
            let last = x.rank() - 1;
            // The product has the new axis last.
            let order: Vec<usize> = (0..axis).chain([last]).chain(axis..last).collect();
            return Ok(x.tensordot(&shares, &[axis as i64], &[0]).transpose(&order));
        }
        let longest = self.longest()?;
        memory::check_table(&[to, longest], DType::F64)?;
        let shares = self
            .each()?
            .flat_map(|w| (0..longest).map(move |k| if k < w.len() { 1.0 / w.len() as f64 } else { 0.0 }));
        let shares = Tensor::from_f64([to, longest], x.dtype(), &shares.collect::<Vec<_>>())?;
        let elements = self.elements(x, axis)?;
        let shares = x.builder().constant(shares).broadcast_in_dim(elements.shape(), vec![axis, axis + 1]);
        // What a shorter window repeats has no share, whatever it is.
        let none = shares.equal(&shares.full_like(0.0));
        Ok(none.select(&shares, &(elements * &shares)).sum([axis as i64 + 1]))
    }
}

adaptive_pooling_layer! {
    /// The mean of each of `output_size` windows of steps. Keras's `AdaptiveAveragePooling1D`.
    AdaptiveAveragePooling1D over 1 by Sum
}
adaptive_pooling_layer! {
    /// The mean of windows of an image, as many as `output_size` says. Keras's `AdaptiveAveragePooling2D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([7, 10, 4]).tensor();
    /// assert_eq!(AdaptiveAveragePooling2D::new((3, 5)).apply(&x).shape().to_string(), "(None, 3, 5, 4)");
    /// ```
    AdaptiveAveragePooling2D over 2 by Sum
}
adaptive_pooling_layer! {
    /// The mean of windows of a volume, as many as `output_size` says. Keras's `AdaptiveAveragePooling3D`.
    AdaptiveAveragePooling3D over 3 by Sum
}
adaptive_pooling_layer! {
    /// The largest of each of `output_size` windows of steps. Keras's `AdaptiveMaxPooling1D`.
    AdaptiveMaxPooling1D over 1 by Max
}
adaptive_pooling_layer! {
    /// The largest of windows of an image, as many as `output_size` says. Keras's `AdaptiveMaxPooling2D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([4, 7, 10]).tensor();
    /// let y = AdaptiveMaxPooling2D::new(3).data_format("channels_first").apply(&x);
    /// assert_eq!(y.shape().to_string(), "(None, 4, 3, 3)");
    /// ```
    AdaptiveMaxPooling2D over 2 by Max
}
adaptive_pooling_layer! {
    /// The largest of windows of a volume, as many as `output_size` says. Keras's `AdaptiveMaxPooling3D`.
    AdaptiveMaxPooling3D over 3 by Max
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    /// By a matrix and by windows, which of the two depends on the sizes: against plain loops.
    #[test]
    fn windows_of_any_size() {
        for (from, to) in [(5usize, 3), (3, 5), (700, 500), (1000, 300), (37, 9000), (300_000, 7)] {
            let x: Vec<f32> = (0..from).map(|i| (i * 7919 % 101) as f32).collect();
            let windows = (0..to).map(|i| &x[i * from / to..((i + 1) * from).div_ceil(to)]);
            let mean = windows.clone().map(|w| w.iter().sum::<f32>() / w.len() as f32);
            let most = windows.map(|w| w.iter().fold(0f32, |a, &b| a.max(b)));
            let (mean, most): (Vec<f32>, Vec<f32>) = (mean.collect(), most.collect());
            let x = Tensor::new([1, from, 1], x).unwrap();
            let y = ops::adaptive_average_pool(&x, to, "channels_last").unwrap().to_vec::<f32>().unwrap();
            assert!(
                y.iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-3) && y.len() == to,
                "{from} to {to}"
            );
            assert_eq!(
                ops::adaptive_max_pool(&x, to, "channels_last").unwrap().to_vec::<f32>().unwrap(),
                most
            );
        }
    }

    /// A window that is shorter than others sees nothing of the element after it.
    #[test]
    fn what_is_no_number_stays_in_its_windows() {
        let mut x = vec![1f32; 700];
        x[699] = f32::NAN;
        let x = Tensor::new([1, 700, 1], x).unwrap();
        let y = ops::adaptive_average_pool(&x, 500, "channels_last").unwrap().to_vec::<f32>().unwrap();
        assert!(y[..499].iter().all(|y| *y == 1.0) && y[499].is_nan());
    }
}
