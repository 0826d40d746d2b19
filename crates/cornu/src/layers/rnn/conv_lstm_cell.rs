//! One step of a convolutional LSTM.
use super::gates::drops;
use super::recurrence::dropout_mask;
use crate::arguments::{DataFormat, Padding};
use crate::layers::checks;
use crate::layers::convolutional::{channels_last, convolve, padding_of, restore_channels};
use crate::layers::prelude::*;
use cornu_graph::ops::ConvWindow;

/// One step of [`ConvLSTM2D`](crate::layers::ConvLSTM2D) and its siblings (Shi et al., 2015): an LSTM whose products are
/// convolutions. Gates stand in the order input, forget, candidate, output.
#[layer("keras.layers")]
pub(super) struct ConvLSTMCell {
    /// Number of channels of output and states.
    pub filters: usize,
    /// Size of the window, which says how many spatial axes there are.
    pub kernel_size: Vec<usize>,
    /// Step of the window over the input.
    pub strides: Vec<usize>,
    /// Around the input.
    pub padding: Padding,
    /// Where the channels are.
    pub data_format: DataFormat,
    /// Distance between the elements of the window over the input.
    pub dilation_rate: Vec<usize>,
    /// For candidate and output.
    #[default("tanh")]
    pub activation: Activation,
    /// For the gates.
    #[default("sigmoid")]
    pub recurrent_activation: Activation,
    /// Whether to add a bias.
    #[default(true)]
    pub use_bias: bool,
    /// For the kernel of the input.
    #[default("glorot_uniform")]
    pub kernel_initializer: Initializer,
    /// For the kernel of the state.
    #[default("orthogonal")]
    pub recurrent_initializer: Initializer,
    /// For the bias.
    #[default("zeros")]
    pub bias_initializer: Initializer,
    /// Whether the bias of the forget gate starts at 1.
    #[default(true)]
    pub unit_forget_bias: bool,
    /// On the kernel of the input.
    #[default(None)]
    pub kernel_regularizer: Option<Regularizer>,
    /// On the kernel of the state.
    #[default(None)]
    pub recurrent_regularizer: Option<Regularizer>,
    /// On the bias.
    #[default(None)]
    pub bias_regularizer: Option<Regularizer>,
    /// On the kernel of the input.
    #[default(None)]
    pub kernel_constraint: Option<Constraint>,
    /// On the kernel of the state.
    #[default(None)]
    pub recurrent_constraint: Option<Constraint>,
    /// On the bias.
    #[default(None)]
    pub bias_constraint: Option<Constraint>,
    /// Share of the input to drop in training.
    #[default(0.0)]
    pub dropout: f64,
    /// Share of the state to drop in training.
    #[default(0.0)]
    pub recurrent_dropout: f64,
    /// For dropout.
    #[default(None)]
    pub seed: Option<u64>,
}

const GATES: usize = 4;

impl ConvLSTMCell {
    /// The spatial sizes of the states.
    fn spatial(&self, step: &Shape) -> Result<Vec<usize>> {
        let first = if self.data_format == DataFormat::ChannelsFirst { 2 } else { 1 };
        let size = |i: usize| {
            let (size, kernel) = (step.known((first + i) as i64)?, self.kernel_size[i]);
            let (stride, dilation) = (self.strides[i], self.dilation_rate[i]);
            let padding = padding_of(&self.padding, size, kernel, stride, dilation)?;
            let window = ConvWindow {
                strides: vec![stride],
                padding: vec![padding],
                rhs_dilation: vec![dilation],
                ..ConvWindow::new(1)
            };
            let message = || format!("a window of {kernel} does not fit in an axis of size {size}");
            window.output(0, size, kernel).ok_or_else(|| Error::Data(message()))
        };
        (0..self.kernel_size.len()).map(size).collect()
    }

    /// The four gates' share of `x`, which each of them sees through a mask of its own.
    fn gates(&self, x: &Value, masks: Option<&Value>, kernel: &Value, of_state: bool) -> Result<Value> {
        let ones = vec![1; self.kernel_size.len()];
        let conv = |x: &Value, kernel: &Value| {
            if of_state {
                convolve(x, kernel, &ones, &Padding::Same, &ones, 1)
            } else {
                convolve(x, kernel, &self.strides, &self.padding, &self.dilation_rate, 1)
            }
        };
        let Some(masks) = masks else { return conv(x, kernel) };
        let pairs = masks.split(GATES, -1).into_iter().zip(kernel.split(GATES, -1));
        let gates = pairs.map(|(mask, kernel)| conv(&(x * mask), &kernel)).collect::<Result<Vec<_>>>()?;
        Ok(Value::concat(&gates.iter().collect::<Vec<_>>(), -1))
    }
}

impl Layer for ConvLSTMCell {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        checks::positive("filters", self.filters)?;
        for (what, sizes) in [
            ("kernel_size", &self.kernel_size),
            ("strides", &self.strides),
            ("dilation_rate", &self.dilation_rate),
        ] {
            sizes.iter().try_for_each(|&n| checks::positive(what, n))?;
        }
        if input.rank() != self.kernel_size.len() + 2 {
            let message = format!("expected steps of {} axes, got {input}", self.kernel_size.len() + 2);
            return Err(Error::Data(message).help("the input is (batch, time, spatial.., channels)"));
        }
        let channels = input.known(self.data_format.check()?.channel_axis())?;
        self.spatial(input)?;
        let shape = |channels| [&self.kernel_size[..], &[channels, GATES * self.filters]].concat();
        weights
            .add("kernel", shape(channels), &self.kernel_initializer)
            .regularizer(&self.kernel_regularizer)
            .constraint(&self.kernel_constraint);
        weights
            .add("recurrent_kernel", shape(self.filters), &self.recurrent_initializer)
            .regularizer(&self.recurrent_regularizer)
            .constraint(&self.recurrent_constraint);
        if self.use_bias {
            let bias = weights
                .add("bias", [GATES * self.filters], &self.bias_initializer)
                .regularizer(&self.bias_regularizer)
                .constraint(&self.bias_constraint);
            if self.unit_forget_bias {
                bias.ones_within(self.filters..2 * self.filters);
            }
        }
        weights.add_seed("seed_generator_state", self.seed);
        Ok(())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x, h, c, masks @ ..] = inputs else {
            let message = format!("a cell takes an input and two states, got {}", inputs.len());
            return Err(Error::Data(message));
        };
        let (x, h) = (channels_last(x, &self.data_format)?, channels_last(h, &self.data_format)?);
        let c = channels_last(c, &self.data_format)?;
        let mut masks = masks.iter();
        let mut mask = |rate: f64| if cx.training() && drops(rate) { masks.next() } else { None };
        let (input_mask, state_mask) = (mask(self.dropout), mask(self.recurrent_dropout));

        let mut z = self.gates(&x, input_mask, &cx.weight("kernel")?, false)?;
        if self.use_bias {
            z = z + cx.weight("bias")?;
        }
        let z = z + self.gates(&h, state_mask, &cx.weight("recurrent_kernel")?, true)?;
        let gates = z.split(GATES, -1);
        let [input, forget, candidate, output] = gates.as_slice() else {
            return Err(Error::State("the gates are not four".into()));
        };
        let gate = |z: &Value| self.recurrent_activation.call(z);
        let c = gate(forget) * c + gate(input) * self.activation.call(candidate);
        let h = gate(output) * self.activation.call(&c);
        let (h, c) = (restore_channels(&h, &self.data_format), restore_channels(&c, &self.data_format));
        Ok(vec![h.clone(), h, c])
    }

    fn state_sizes(&self) -> Option<Vec<usize>> {
        Some(vec![self.filters; 2])
    }

    fn state_shapes(&self, step: &Shape) -> Result<Option<Vec<Vec<usize>>>> {
        let mut shape = self.spatial(step)?;
        let channels = if self.data_format == DataFormat::ChannelsFirst { 0 } else { shape.len() };
        shape.insert(channels, self.filters);
        Ok(Some(vec![shape; 2]))
    }

    fn constant_count(&self, training: bool) -> usize {
        [self.dropout, self.recurrent_dropout].iter().filter(|&&rate| training && drops(rate)).count()
    }

    fn cell_constants(&self, cx: &Call, x: &Value) -> Result<Vec<Value>> {
        // One after the other in the channels, which are last here: a mask for each gate.
        let step = channels_last(&x.index_axis(1, 0), &self.data_format)?;
        let with_gates = |sizes: &[usize], channels: usize| [sizes, &[GATES * channels]].concat();
        let of_input = with_gates(&step.shape()[..step.rank() - 1], step.dim(-1));
        let spatial = self.spatial(&Shape::from([&x.shape()[..1], &x.shape()[2..]].concat()))?;
        let of_state = with_gates(&[&x.shape()[..1], &spatial[..]].concat(), self.filters);
        let mut masks = vec![];
        for (what, rate, shape) in
            [("dropout", self.dropout, of_input), ("recurrent_dropout", self.recurrent_dropout, of_state)]
        {
            checks::share(what, rate)?;
            if drops(rate) {
                masks.extend(dropout_mask(cx, what, rate, &shape)?);
            }
        }
        Ok(masks)
    }
}
