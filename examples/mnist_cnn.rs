//! Keras's MNIST example at full size: a convolutional network of 34,826 weights on 28 x 28 images.
//!
//!     cargo run --release --example mnist_cnn [epochs] [batch size]
//!
//! Keras's `mnist.npz` is downloaded to its usual place, or taken from the folder `CORNU_DATA_DIR`. Fails unless 97 % of the
//! test images are read right.
use cornu::prelude::*;

const CLASSES: usize = 10;

fn main() -> Result<()> {
    let (epochs, batch_size) = (argument(1, 5)?, argument(2, 128)?);
    utils::set_random_seed(0);
    let ((x, y), (x_test, y_test)) = datasets::mnist::load_data()?;
    let (x, x_test) = (ops::true_divide(&x, 255)?, ops::true_divide(&x_test, 255)?);

    let mut model = Sequential::new()
        .add(Input::new([28, 28, 1]))
        .add(Conv2D::new(32, 3).activation("relu"))
        .add(MaxPooling2D::new())
        .add(Conv2D::new(64, 3).activation("relu"))
        .add(MaxPooling2D::new())
        .add(Flatten::new())
        .add(Dropout::new(0.5))
        .add(Dense::new(CLASSES).activation("softmax"));
    println!("{}", model.summary());

    model.compile(Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"]))?;
    model.fit(&x, &y, Fit::new().batch_size(batch_size).epochs(epochs).validation_split(0.1))?;

    let logs = model.evaluate(&x_test, &y_test, Evaluate::new().verbose(0))?;
    let accuracy = logs.get("accuracy").unwrap_or(0.0);
    println!("{:.1} % of {} test images are read right", accuracy * 100.0, y_test.len());
    if accuracy < 0.97 {
        return Err(Error::State("too few images are read right".into()));
    }
    Ok(())
}

/// A number from the command line.
fn argument(position: usize, default: usize) -> Result<usize> {
    let Some(text) = std::env::args().nth(position) else { return Ok(default) };
    text.parse().map_err(|_| Error::argument("command line", format!("expected a number, got `{text}`")))
}
