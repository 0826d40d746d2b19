//! One training on several engines: the network of `digits_cnn.rs`, or that of `text_lstm.rs` where it is named first; with the
//! same weights at the start, the same order of samples and the same random numbers, and losses drawn over each other.
//!
//!     cargo run --release --example backends -- cpu tensorflow
//!     CORNU_DATA_DIR=folder cargo run --release --example backends -- text_lstm cpu tensorflow
//!
//! Writes `backends.png`. Fails when a loss after three epochs differs by more than 0.001 from the first engine's, or an accuracy by
//! more than a sample or two; later, what rounding began has grown larger than that.
use cornu::backend;
use cornu::prelude::*;
use std::time::Instant;

#[allow(dead_code)]
#[path = "digits_cnn.rs"]
mod digits_cnn;
#[allow(dead_code)]
#[path = "text_lstm.rs"]
mod text_lstm;

/// A training, and how far accuracies may be from each other: rounding may turn the samples that a network is unsure of.
type Training = (fn() -> Result<History>, f64);

/// One of the 360 images held out, two of the 1437 others.
const DIGITS: Training = (digits_cnn::train, 3e-3);
/// Two of the 1066 sentences held out, nineteen of the 9596 others.
const TEXT: Training = (text_lstm::train, 2e-3);

/// After so many epochs engines are compared.
const EPOCHS: usize = 3;

fn main() -> Result<()> {
    for device in backend::list_devices() {
        println!("{device}");
    }
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let text = names.first().is_some_and(|name| name == "text_lstm");
    names.drain(..usize::from(text));
    let (train, accuracy) = if text { TEXT } else { DIGITS };
    let near = |metric: &str| if metric.ends_with("accuracy") { accuracy } else { 1e-3 };
    if names.is_empty() {
        names = ["cpu", "tensorflow"].map(String::from).to_vec();
    }
    let mut trainings: Vec<(String, History)> = vec![];
    for name in names {
        backend::set(&name)?;
        let start = Instant::now();
        trainings.push((name, train()?));
        println!("{:.1} s", start.elapsed().as_secs_f64());
    }
    let mut far = false;
    let (first, others) = trainings.split_at(1);
    for (name, history) in others {
        for (key, values) in &first[0].1.history {
            let epochs = EPOCHS.min(values.len());
            let got =
                history.history.get(key).and_then(|got| got.get(epochs - 1)).copied().unwrap_or(f64::NAN);
            let want = values[epochs - 1];
            println!("{key} after {epochs} epochs: {want:.6} on {}, {got:.6} on {name}", first[0].0);
            far |= got.is_nan() || (got - want).abs() > near(key);
        }
    }
    trainings.iter_mut().for_each(|(_, history)| history.history.retain(|key, _| key.ends_with("loss")));
    let labelled: Vec<(&str, &History)> = trainings.iter().map(|(name, h)| (name.as_str(), h)).collect();
    History::plot_together(&labelled, "backends.png")?;
    if far {
        return Err(Error::State("the engines do not agree".into()));
    }
    Ok(())
}
