//! Fully connected layer over any axes.
use crate::layers::checks::no_quantization;
use crate::layers::einsum::{Equation, einsum};
use crate::layers::prelude::*;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

/// `activation(einsum(equation, x, kernel) + bias)`. Keras's `EinsumDense`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([32, 64]).tensor();
/// let y = EinsumDense::new("abc,cde->abde", [None, Some(8), Some(16)]).bias_axes("de").apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 32, 8, 16)");
/// ```
#[layer(
    "keras.layers",
    order(
        name,
        trainable,
        dtype,
        output_shape,
        equation,
        activation,
        bias_axes,
        kernel_initializer,
        bias_initializer,
        kernel_regularizer,
        bias_regularizer,
        activity_regularizer,
        kernel_constraint,
        bias_constraint,
        quantization_config,
        lora_rank,
        lora_alpha,
        gptq_unpacked_column_size
    )
)]
pub struct EinsumDense {
    /// How the axes of input, kernel and output belong together: `"ab,bc->ac"`, `"...x,xy->...y"`.
    pub equation: String,
    /// Sizes of the output without the batch axis and without the axes that `...` stands for; `None` where the input
    /// says it.
    pub output_shape: OutputShape,
    /// Applied to the result.
    #[default("linear")]
    pub activation: Activation,
    /// The axes of the output that the bias has, by their letters; null for no bias.
    #[default(None)]
    pub bias_axes: Option<String>,
    /// How the kernel starts.
    #[default("glorot_uniform")]
    pub kernel_initializer: Initializer,
    /// How the bias starts.
    #[default("zeros")]
    pub bias_initializer: Initializer,
    /// Adds to the loss for the kernel.
    #[default(None)]
    pub kernel_regularizer: Option<Regularizer>,
    /// Adds to the loss for the bias.
    #[default(None)]
    pub bias_regularizer: Option<Regularizer>,
    /// Adds to the loss for the output.
    #[default(None)]
    pub activity_regularizer: Option<Regularizer>,
    /// What the kernel must be like.
    #[default(None)]
    pub kernel_constraint: Option<Constraint>,
    /// What the bias must be like.
    #[default(None)]
    pub bias_constraint: Option<Constraint>,
    /// If given, the kernel stays as it starts and two matrices of this rank are trained in its place; see
    /// [`EnableLora`](crate::layers::EnableLora).
    #[default(None)]
    #[omit_default]
    pub lora_rank: Option<usize>,
    /// The product of these matrices counts `lora_alpha / lora_rank` times; `lora_rank` by default.
    #[default(None)]
    #[omit_default]
    pub lora_alpha: Option<f64>,
    /// None; quantized layers are refused.
    #[default(None)]
    #[omit_default]
    pub gptq_unpacked_column_size: Option<usize>,
    /// Null; quantized layers are refused.
    #[default(None)]
    pub quantization_config: Option<Json>,
}

/// Sizes of an output; a single number is one axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct OutputShape(pub Vec<Option<usize>>);

impl From<usize> for OutputShape {
    fn from(size: usize) -> OutputShape {
        OutputShape(vec![Some(size)])
    }
}

impl From<Vec<Option<usize>>> for OutputShape {
    fn from(sizes: Vec<Option<usize>>) -> OutputShape {
        OutputShape(sizes)
    }
}

impl<const N: usize> From<[usize; N]> for OutputShape {
    fn from(sizes: [usize; N]) -> OutputShape {
        OutputShape(sizes.into_iter().map(Some).collect())
    }
}

impl<const N: usize> From<[Option<usize>; N]> for OutputShape {
    fn from(sizes: [Option<usize>; N]) -> OutputShape {
        OutputShape(sizes.to_vec())
    }
}

impl<'de> Deserialize<'de> for OutputShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a size, or a list of them")]
        enum Form {
            One(usize),
            Each(Vec<Option<usize>>),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::One(size) => size.into(),
            Form::Each(sizes) => OutputShape(sizes),
        })
    }
}

/// What the equation says about the weights.
struct Plan {
    kernel: Vec<usize>,
    bias: Option<Vec<usize>>,
    /// The axes of the kernel that the input has and the output has not, and the others.
    input_axes: Vec<i64>,
    output_axes: Vec<i64>,
}

impl EinsumDense {
    fn plan(&self, input: &Shape) -> Result<Plan> {
        let error = |message: String| Error::argument("EinsumDense.equation", message);
        let equation = Equation::parse(&self.equation, input.rank())?;
        let sizes = self.output_sizes(&equation, input)?;
        let in_output = |label: &char| equation.output.iter().position(|l| l == label).map(|i| sizes[i]);
        let in_input =
            |label: &char| equation.left.iter().position(|l| l == label).map(|i| input.dim(i as i64));
        for label in &equation.left {
            if let (Some(Some(got)), Some(Some(given))) = (in_input(label), in_output(label))
                && got != given
            {
                let message =
                    format!("axis `{label}` has size {got} in the input and {given} in `output_shape`");
                return Err(error(message));
            }
        }
        let known = |label: &char, size: Option<usize>| {
            size.ok_or_else(|| error(format!("the size of axis `{label}` of the kernel must be known")))
        };
        let mut plan = Plan { kernel: vec![], bias: None, input_axes: vec![], output_axes: vec![] };
        for (axis, label) in equation.right.iter().enumerate() {
            let (size, axes) = match (in_output(label), in_input(label)) {
                (Some(size), of_input) => (size.or(of_input.flatten()), &mut plan.output_axes),
                (None, Some(size)) => (size, &mut plan.input_axes),
                (None, None) => {
                    let message =
                        format!("axis `{label}` of the kernel is neither in the input nor in the output");
                    return Err(error(message));
                }
            };
            plan.kernel.push(known(label, size)?);
            axes.push(axis as i64);
        }
        if let Some(bias_axes) = self.bias_axes.as_deref().filter(|axes| !axes.is_empty()) {
            if let Some(label) = bias_axes.chars().find(|label| !equation.output.contains(label)) {
                let message = format!("axis `{label}` is not in the output of `{}`", self.equation);
                return Err(Error::argument("EinsumDense.bias_axes", message));
            }
            let named = |label: &char| bias_axes.contains(*label);
            let first = equation.output.iter().position(named).unwrap_or(0);
            let shape = equation.output.iter().zip(&sizes).skip(first);
            let shape = shape.map(|(label, size)| if named(label) { known(label, *size) } else { Ok(1) });
            plan.bias = Some(shape.collect::<Result<_>>()?);
        }
        Ok(plan)
    }

    /// The size of each axis of the output, those that `...` stands for included.
    fn output_sizes(&self, equation: &Equation, input: &Shape) -> Result<Vec<Option<usize>>> {
        let mut given = self.output_shape.0.iter();
        let sizes = equation.output.iter().enumerate().map(|(i, label)| {
            let position = equation.left.iter().position(|l| l == label);
            let of_input = position.and_then(|p| input.dim(p as i64));
            let is_elided = position.is_some_and(|p| equation.elided.contains(&p));
            if i == 0 || is_elided { Some(of_input) } else { given.next().copied() }
        });
        let sizes: Option<Vec<_>> = sizes.collect();
        sizes.filter(|_| given.next().is_none()).ok_or_else(|| {
            let message = format!("{:?} does not fit the equation `{}`", self.output_shape.0, self.equation);
            Error::argument("EinsumDense.output_shape", message)
        })
    }
}

impl Layer for EinsumDense {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        no_quantization("EinsumDense", &self.quantization_config)?;
        no_quantization("EinsumDense", &self.gptq_unpacked_column_size.map(Json::from))?;
        let plan = self.plan(input)?;
        let kernel_initializer = self.kernel_initializer.with_axes(&plan.input_axes, &plan.output_axes);
        weights
            .add("kernel", plan.kernel, &kernel_initializer)
            .regularizer(&self.kernel_regularizer)
            .constraint(&self.kernel_constraint);
        if let Some(shape) = plan.bias {
            weights
                .add("bias", shape, &self.bias_initializer)
                .regularizer(&self.bias_regularizer)
                .constraint(&self.bias_constraint);
        }
        weights.lora(self.lora_rank, self.lora_alpha);
        Ok(())
    }

    fn lora_weight(&self) -> Option<&'static str> {
        Some("kernel")
    }

    fn takes_floats(&self) -> bool {
        true
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let mut y = einsum(&self.equation, x, &cx.weight("kernel")?)?;
        if self.bias_axes.as_deref().is_some_and(|axes| !axes.is_empty()) {
            y = y + cx.weight("bias")?;
        }
        Ok(self.activation.call(&y))
    }
}
