//! A layer and a loss of one's own, written as the built-in ones are: highway layers (Srivastava, Greff, Schmidhuber, 2015)
//! read small digits with a loss that trusts labels only so far.
//!
//!     cargo run --release --example custom_layer_and_loss
use cornu::activations::Activation;
use cornu::layers::{Call, Weights};
use cornu::losses::LossRule;
use cornu::prelude::*;

/// `gate * f(x) + (1 - gate) * x`, where the gate is learned too: at first it lets most of `x` through.
///
/// Fields are the arguments: those without a default go to `new`, the others are setters. The attribute also gives the
/// layer a name and the form in which it is saved.
#[layer("examples")]
pub struct Highway {
    /// What `f` ends with.
    #[default("relu")]
    pub activation: Activation,
    /// Where the gate starts; a negative bias closes it.
    #[default(-1.0)]
    pub gate_bias: f64,
}

impl Layer for Highway {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        let width = input.last()?;
        for name in ["kernel", "gate_kernel"] {
            weights.add(name, [width, width], &"glorot_uniform".into());
        }
        weights.add("bias", [width], &"zeros".into());
        weights.add("gate_bias", [width], &cornu::initializers::Constant::new().value(self.gate_bias).into());
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let f = self.activation.call(&(x.matmul(&cx.weight("kernel")?) + cx.weight("bias")?));
        let gate = (x.matmul(&cx.weight("gate_kernel")?) + cx.weight("gate_bias")?).sigmoid();
        Ok(&gate * f + (1.0 - &gate) * x)
    }
}

/// Cross-entropy with labels that are right with probability `trust`, else any of the classes.
#[config("examples")]
pub struct CautiousCrossentropy {
    /// Probability that a label is right.
    #[default(0.9)]
    pub trust: f64,
}

impl LossRule for CautiousCrossentropy {
    fn call(&self, y_true: &Value, y_pred: &Value) -> Result<Value> {
        let classes = y_pred.dim(-1);
        let sure = ops::one_hot(y_true, classes, -1, y_pred.dtype());
        let target = sure * self.trust + (1.0 - self.trust) / classes as f64;
        Ok(-ops::sum(&(target * ops::log_softmax(y_pred, -1)), -1, false))
    }

    fn name(&self) -> String {
        "cautious_crossentropy".into()
    }
}

fn main() -> Result<()> {
    utils::set_random_seed(0);
    let ((x, y), (x_test, y_test)) = datasets::digits::load_data()?;
    let (x, x_test) = (ops::true_divide(&x, 16)?, ops::true_divide(&x_test, 16)?);

    let mut model = Sequential::new()
        .add(Input::new([8, 8]))
        .add(Flatten::new())
        .add(Highway::new())
        .add(Highway::new().activation("tanh"))
        .add(Dense::new(10));
    println!("{}", model.summary());

    let loss = Loss::custom(CautiousCrossentropy::new().trust(0.95));
    model.compile(
        Compile::new(Adam::new().learning_rate(3e-3), loss).metrics(["sparse_categorical_accuracy"]),
    )?;
    model.fit(&x, &y, Fit::new().epochs(15).verbose(2))?;

    let logs = model.evaluate(&x_test, &y_test, Evaluate::new().verbose(0))?;
    let accuracy = logs.get("sparse_categorical_accuracy").unwrap_or(0.0);
    println!("{:.1} % of {} images by other writers are read right", accuracy * 100.0, y_test.len());
    if accuracy < 0.88 {
        return Err(Error::State("too few images are read right".into()));
    }
    Ok(())
}
