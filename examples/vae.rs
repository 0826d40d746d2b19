//! A step of one's own within `fit`: a variational autoencoder (Kingma and Welling, 2014). The encoder gives each digit a place in the
//! plane and how exact it is, the decoder draws it again from a point near there.
//!
//!     cargo run --release --example vae
//!
//! Prints what is drawn from points across the plane. Fails unless 40 % of what makes unseen digits differ
//! is drawn again.
use cornu::prelude::*;

fn main() -> Result<()> {
    utils::set_random_seed(0);
    let ((x, _), (x_test, _)) = datasets::digits::load_data()?;
    let pixels = |x: &Tensor| ops::expand_dims(&ops::true_divide(x, 16)?, -1);
    let (x, x_test) = (pixels(&x)?, pixels(&x_test)?);

    let (encoder, mut decoder) = (encoder()?, decoder());
    let image = Input::new([8, 8, 1]).tensor();
    let place = encoder.apply_many(&image);
    let drawn = decoder.apply(Sampling::new().apply([&place[0], &place[1]]));
    let mut model = Model::new([&image], [&drawn, &place[0], &place[1]])?;

    model.set_train_step(|cx, batch| {
        let outputs = cx.call_many(cx.model()?, batch, true)?;
        let [drawn, mean, log_var] = [&outputs[0], &outputs[1], &outputs[2]];
        let of_pixels = losses::binary_crossentropy(&batch[0], drawn, false, 0.0, -1);
        let reconstruction = ops::mean(ops::sum(of_pixels, [1, 2], false), None, false);
        // How far the places are from standard normal.
        let apart = 0.5 * (ops::exp(log_var) + ops::square(mean) - 1.0 - log_var);
        let divergence = ops::mean(ops::sum(apart, 1, false), None, false);
        let loss = &reconstruction + &divergence;
        cx.optimize(&loss)?;
        Ok(vec![
            ("loss", cx.mean("loss", &loss)?),
            ("reconstruction", cx.mean("reconstruction", &reconstruction)?),
            ("divergence", cx.mean("divergence", &divergence)?),
        ])
    });
    model.compile(Compile::new(Adam::new().learning_rate(3e-3), ()))?;
    let stop = EarlyStopping::new().monitor("loss").mode("min").min_delta(0.01).patience(10);
    let history = model.fit(&x, (), Fit::new().batch_size(64).epochs(100).callback(stop).verbose(0))?;
    for (name, values) in &history.history {
        println!("{name}: {:.2} in the first epoch, {:.2} in the last", values[0], values[values.len() - 1]);
    }

    draw(&mut decoder)?;
    let mut by_means = Model::new([&image], [&decoder.apply(&place[0])])?;
    let again = by_means.predict(&x_test, Predict::new().verbose(0))?;
    let share = explained(&x_test, &again)?;
    println!("{:.0} % of what makes unseen digits differ is drawn again", 100.0 * share);
    if share < 0.4 {
        return Err(Error::State("too little is drawn again".into()));
    }
    Ok(())
}

/// A point near a mean, drawn anew in each step.
#[layer("examples")]
struct Sampling {}

impl Layer for Sampling {
    fn build_many(&self, weights: &mut Weights, _: &[Shape]) -> Result<()> {
        weights.add_seed("seed", None);
        Ok(())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let (mean, log_var) = (&inputs[0], &inputs[1]);
        let noise = cx.random(|seed| seed.random_normal(mean.shape()))?;
        Ok(vec![mean + &(ops::exp(&(log_var * 0.5)) * noise)])
    }
}

/// An image to a place in the plane: means, and logarithms of variances.
fn encoder() -> Result<Model> {
    let image = Input::new([8, 8, 1]).tensor();
    let h = Conv2D::new(32, 3).strides(2).padding("same").activation("relu").apply(&image);
    let h = Dense::new(64).activation("relu").apply(Flatten::new().apply(&h));
    Model::new([&image], [Dense::new(2).name("mean").apply(&h), Dense::new(2).name("log_var").apply(&h)])
}

/// A point in the plane to an image.
fn decoder() -> Sequential {
    Sequential::new()
        .add(Input::new([2]))
        .add(Dense::new(64).activation("relu"))
        .add(Dense::new(4 * 4 * 32).activation("relu"))
        .add(Reshape::new([4, 4, 32]))
        .add(Conv2DTranspose::new(32, 3).strides(2).padding("same").activation("relu"))
        .add(Conv2DTranspose::new(1, 3).padding("same").activation("sigmoid"))
}

/// Prints what is drawn from points across the plane.
fn draw(decoder: &mut Model) -> Result<()> {
    const SIDE: usize = 8;
    const INKS: [char; 5] = [' ', '.', 'o', 'O', '@'];
    let at = |i: usize| (i as f32 / (SIDE - 1) as f32 - 0.5) * 4.0;
    let points = (0..SIDE * SIDE).flat_map(|i| [at(i % SIDE), at(i / SIDE)]).collect::<Vec<_>>();
    let drawn = decoder.predict(Tensor::new([SIDE * SIDE, 2], points)?, Predict::new().verbose(0))?;
    let pixels = drawn.to_vec::<f32>()?;
    for row in 0..SIDE * 8 {
        let images = pixels.chunks_exact(64).skip(row / 8 * SIDE).take(SIDE);
        let line = images.flat_map(|image| &image[row % 8 * 8..][..8]);
        println!("{}", line.map(|p| INKS[(p * 4.99) as usize % INKS.len()]).collect::<String>());
    }
    Ok(())
}

/// The share of the variance of images that their drawings have.
fn explained(x: &Tensor, again: &Tensor) -> Result<f64> {
    let squares = |a: &Tensor, b: &Tensor| -> Result<f64> {
        ops::sum(&ops::square(&ops::subtract(a, b)?)?, None, false)?.item()
    };
    let mean = ops::mean(x, 0, true)?;
    Ok(1.0 - squares(x, again)? / squares(x, &mean)?)
}
