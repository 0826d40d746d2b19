//! One training on several engines: the digits' network of `digits_cnn.rs`, with the same weights at the start, the same
//! order of samples and the same random numbers, and losses drawn over each other.
//!
//!     cargo run --release --example backends -- cpu tensorflow
//!
//! Writes `backends.png`. Fails when a loss at the end differs by more than 0.001 from the first engine's, or an accuracy by
//! more than a sample or two.
use cornu::backend;
use cornu::prelude::*;
use std::time::Instant;

#[allow(dead_code)]
#[path = "digits_cnn.rs"]
mod digits_cnn;

fn main() -> Result<()> {
    // One of the 360 images held out, two of the 1437 others: rounding may turn those that a network is unsure of.
    let near = |metric: &str| if metric.ends_with("accuracy") { 3e-3 } else { 1e-3 };
    for device in backend::list_devices() {
        println!("{device}");
    }
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names = ["cpu", "tensorflow"].map(String::from).to_vec();
    }
    let mut trainings: Vec<(String, History)> = vec![];
    for name in names {
        backend::set(&name)?;
        let start = Instant::now();
        trainings.push((name, digits_cnn::train()?));
        println!("{:.1} s", start.elapsed().as_secs_f64());
    }
    let mut far = false;
    let (first, others) = trainings.split_at(1);
    for (name, history) in others {
        for (key, values) in &first[0].1.history {
            let (want, got) = (values.last().copied().unwrap_or(0.0), history.last(key).unwrap_or(f64::NAN));
            println!("{key}: {want:.6} on {}, {got:.6} on {name}", first[0].0);
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
