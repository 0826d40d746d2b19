//! A convolutional network reads handwritten digits: the CNN of Keras's MNIST example, on the small images that come with
//! the crate. Nothing is downloaded.
//!
//!     cargo run --release --example digits_cnn
//!
//! Writes `history.png`. Fails unless 98 % of the images it was not trained on are read right.
use cornu::prelude::*;

const CLASSES: usize = 10;
const EPOCHS: usize = 30;

fn main() -> Result<()> {
    let history = train()?;
    history.plot("history.png")?;
    let accuracy = history.last("val_accuracy").unwrap_or(0.0);
    println!("{:.1} % of the held-out images are read right", accuracy * 100.0);
    if accuracy < 0.98 {
        return Err(Error::State("too few images are read right".into()));
    }
    Ok(())
}

/// Builds the network and trains it.
pub fn train() -> Result<History> {
    utils::set_random_seed(0);
    let ((x, y), (x_test, y_test)) = data()?;

    let mut model = Sequential::new()
        .add(Input::new([8, 8, 1]))
        .add(Conv2D::new(32, 3).padding("same").activation("relu"))
        .add(MaxPooling2D::new())
        .add(Conv2D::new(64, 3).padding("same").activation("relu"))
        .add(MaxPooling2D::new())
        .add(Flatten::new())
        .add(Dropout::new(0.5))
        .add(Dense::new(CLASSES).activation("softmax"));
    println!("{}", model.summary());

    model.compile(Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"]))?;
    let fit = Fit::new().epochs(EPOCHS).validation_data((&x_test, &y_test)).verbose(2);
    model.fit(&x, &y, fit)
}

/// All images, ink from 0 to 1. Each fifth is held out: the data set goes from writer to writer, so both parts know every hand.
fn data() -> Result<datasets::TrainTest> {
    let ((x_train, y_train), (x_test, y_test)) = datasets::digits::load_data()?;
    let x = ops::true_divide(&ops::concatenate([&x_train, &x_test], 0)?, 16)?;
    let y = ops::concatenate([&y_train, &y_test], 0)?;
    let part = |held_out: bool| {
        let samples: Vec<i32> = (0..y.len() as i32).filter(|i| (i % 5 == 0) == held_out).collect();
        let samples = Tensor::from(samples);
        Ok((ops::take(&x, &samples, Some(0))?, ops::take(&y, &samples, Some(0))?))
    };
    Ok((part(false)?, part(true)?))
}
