//! A training step of one's own: two networks against each other (Goodfellow et al., 2014). The generator draws digits, the
//! discriminator tells drawn from real; both learn in one compiled step, each with its own loss and optimizer.
//!
//!     cargo run --release --example gan
//!
//! Prints what it draws. Fails unless a network that reads real digits finds at least seven of the ten among the drawings.
use cornu::losses::BinaryCrossentropy;
use cornu::optimizers::Optimizer;
use cornu::prelude::*;

const NOISE: usize = 16;
const BATCH: usize = 64;
const EPOCHS: usize = 60;

fn main() -> Result<()> {
    utils::set_random_seed(0);
    let ((x, y), _) = datasets::digits::load_data()?;
    let x = ops::expand_dims(&ops::true_divide(&x, 16)?, -1)?;

    let mut generator = generator();
    let discriminator = discriminator();
    train(&x, &generator, &discriminator)?;

    let drawings = draw(&mut generator, 500)?;
    show(&drawings, 8)?;
    let found = digits_among(&drawings, &x, &y)?;
    println!("a network that reads real digits finds {found} of the ten");
    if found < 7 {
        return Err(Error::State("the generator draws too few digits".into()));
    }
    Ok(())
}

/// Noise to an image.
fn generator() -> Sequential {
    Sequential::new()
        .add(Input::new([NOISE]))
        .add(Dense::new(2 * 2 * 64).activation("relu"))
        .add(Reshape::new([2, 2, 64]))
        .add(Conv2DTranspose::new(32, 4).strides(2).padding("same"))
        .add(BatchNormalization::new())
        .add(ReLU::new())
        .add(Conv2DTranspose::new(1, 4).strides(2).padding("same").activation("sigmoid"))
}

/// An image to the logit of its being real.
fn discriminator() -> Sequential {
    Sequential::new()
        .add(Input::new([8, 8, 1]))
        .add(Conv2D::new(32, 3).strides(2).padding("same"))
        .add(LeakyReLU::new().negative_slope(0.2))
        .add(Conv2D::new(64, 3).strides(2).padding("same"))
        .add(LeakyReLU::new().negative_slope(0.2))
        .add(Flatten::new())
        .add(Dropout::new(0.3))
        .add(Dense::new(1))
}

fn train(x: &Tensor, generator: &Model, discriminator: &Model) -> Result<()> {
    let (g, d) = (generator.as_layer()?, discriminator.as_layer()?);
    let optimizer: Optimizer = Adam::new().learning_rate(1e-3).beta_1(0.5).into();
    let loss: Loss = BinaryCrossentropy::new().from_logits(true).into();
    // How far logits are from saying that all images are real, or that all are drawn.
    let away_from = |truth: f64, logits: &Value| loss.compute(&logits.full_like(truth), logits, None, None);

    let mut step = TrainStep::new(|cx, batch| {
        let real = &batch[0];
        let noise = || cx.random(|seed| seed.random_normal(&[real.dim(0), NOISE]));

        let drawn = cx.call(&g, &noise(), true)?.stop_gradient();
        let seen = away_from(1.0, &cx.call(&d, real, true)?)? + away_from(0.0, &cx.call(&d, &drawn, true)?)?;
        cx.minimize(&seen, &d, &optimizer)?;

        let fooled = away_from(1.0, &cx.call(&d, &cx.call(&g, &noise(), true)?, true)?)?;
        cx.minimize(&fooled, &g, &optimizer)?;
        Ok(vec![("discriminator", seen), ("generator", fooled)])
    });

    let batches = x.shape()[0] / BATCH;
    for epoch in 1..=EPOCHS {
        let mut sums = [0.0, 0.0];
        for b in 0..batches {
            let logs = step.run([&x.rows(b * BATCH, (b + 1) * BATCH)?])?;
            for (sum, (_, value)) in sums.iter_mut().zip(logs.iter()) {
                *sum += value / batches as f64;
            }
        }
        if epoch % 10 == 0 {
            println!("epoch {epoch}: discriminator loss {:.3}, generator loss {:.3}", sums[0], sums[1]);
        }
    }
    Ok(())
}

fn draw(generator: &mut Model, count: usize) -> Result<Tensor> {
    let noise = random::normal([count, NOISE], 0.0, 1.0, None, None)?;
    generator.predict(&noise, Predict::new().verbose(0))
}

/// Prints the first drawings side by side.
fn show(drawings: &Tensor, count: usize) -> Result<()> {
    const INKS: [char; 5] = [' ', '.', 'o', 'O', '@'];
    let pixels = drawings.to_vec::<f32>()?;
    for row in 0..8 {
        for drawing in pixels.chunks_exact(64).take(count) {
            let ink = |&p: &f32| INKS[(p * 4.99) as usize % INKS.len()];
            print!("{}  ", drawing[row * 8..][..8].iter().flat_map(|p| [ink(p); 2]).collect::<String>());
        }
        println!();
    }
    Ok(())
}

/// How many of the ten digits are among the drawings, each at least five times, in the eyes of a network that reads real
/// ones.
fn digits_among(drawings: &Tensor, x: &Tensor, y: &Tensor) -> Result<usize> {
    let mut reader = Sequential::new()
        .add(Input::new([8, 8, 1]))
        .add(Flatten::new())
        .add(Dense::new(64).activation("relu"))
        .add(Dense::new(10).activation("softmax"));
    reader.compile(Compile::new("adam", "sparse_categorical_crossentropy"))?;
    reader.fit(x, y, Fit::new().epochs(20).verbose(0))?;
    let read = ops::argmax(&reader.predict(drawings, Predict::new().verbose(0))?, Some(-1), false)?;
    let read = read.to_vec::<i32>()?;
    Ok((0..10).filter(|&digit| read.iter().filter(|&&r| r == digit).count() >= 5).count())
}
