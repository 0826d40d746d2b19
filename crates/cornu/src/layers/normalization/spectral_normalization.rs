//! Spectral normalization.
use crate::initializers::TruncatedNormal;
use crate::layers::LayerBox;
use crate::layers::prelude::*;

/// While training, divides the kernel of a layer by its largest singular value, found by power iteration. Keras's
/// `SpectralNormalization` (Miyato et al., 2018).
///
/// The divided kernel takes the place of the kernel, and the optimizer goes on from there, as Keras does with TensorFlow.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// let y = SpectralNormalization::new(Conv2D::new(4, 3)).power_iterations(2).apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 6, 6, 4)");
/// ```
#[layer("keras.layers")]
pub struct SpectralNormalization {
    /// A layer with a weight `kernel` or `embeddings`.
    pub layer: LayerBox,
    /// How many steps of the iteration each call takes; 1 by default.
    #[default(1)]
    pub power_iterations: usize,
}

/// Each is an op or two of the graph.
const MOST_ITERATIONS: usize = 1000;
/// Where the layer is saved, and the left singular vector.
const LAYER: &str = "layer";
const VECTOR: &str = "vector_u";

/// The name of the weight to normalize.
fn kernel_of(layer: &LayerRef) -> Result<&'static str> {
    let has = |name: &&str| layer.base().built().is_some_and(|b| b.variable(name).is_some());
    ["kernel", "embeddings"].into_iter().find(has).ok_or_else(|| {
        let message = format!("{} has no weight `kernel` nor `embeddings`", layer.class_name());
        Error::argument("SpectralNormalization.layer", message)
    })
}

impl Layer for SpectralNormalization {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        crate::layers::checks::positive("SpectralNormalization.power_iterations", self.power_iterations)?;
        if self.power_iterations > MOST_ITERATIONS {
            let message = format!("must be at most {MOST_ITERATIONS}, got {}", self.power_iterations);
            return Err(Error::argument("SpectralNormalization.power_iterations", message));
        }
        weights.add_layer(LAYER, self.layer.layer(), std::slice::from_ref(input))?;
        let kernel = weights.share(self.layer.layer(), kernel_of(self.layer.layer())?)?;
        let last = kernel.spec.shape.last().copied().unwrap_or(1);
        weights.add(VECTOR, [1, last], &TruncatedNormal::new().stddev(0.02).into()).trainable(false);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let layer = cx.child(LAYER)?;
        if cx.training() {
            let name = kernel_of(layer)?;
            let (kernel, vector) = (cx.variable_value(name)?, cx.variable_value(VECTOR)?);
            let (kernel, vector) = normalize(&kernel, &vector, self.power_iterations);
            cx.update(name, &kernel)?;
            cx.update(VECTOR, &vector)?;
        }
        let outputs = cx.apply(layer, std::slice::from_ref(x))?;
        match outputs.as_slice() {
            // Keras goes back to the dtype of the input, even where that leaves whole numbers.
            [y] => Ok(y.cast(x.dtype())),
            _ => Err(Error::argument("SpectralNormalization.layer", "must have one output")),
        }
    }
}

/// The kernel divided by its largest singular value, and the next left singular vector. A kernel of zeros stays.
fn normalize(kernel: &Value, vector: &Value, iterations: usize) -> (Value, Value) {
    let width = kernel.dim(-1);
    let matrix = kernel.reshape(&[kernel.shape().iter().product::<usize>() / width.max(1), width]);
    let transposed = matrix.swap_axes(0, 1);
    let unit = |v: Value| {
        let square = v.square().sum(v.all_axes());
        &v * square.maximum(&square.scalar(1e-14)).rsqrt()
    };
    let (mut u, mut v) = (vector.clone(), vector.clone());
    for _ in 0..iterations {
        v = unit(u.matmul(&transposed));
        u = unit(v.matmul(&matrix));
    }
    let sigma = v.matmul(&matrix).matmul(&u.swap_axes(0, 1)).reshape(&[]);

    let is_zero = kernel.abs().max(kernel.all_axes()).equal(&kernel.scalar(0.0));
    let sigma = is_zero.select(&sigma.scalar(1.0), &sigma);
    (kernel / sigma, is_zero.select(vector, &u))
}
