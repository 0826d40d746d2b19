//! Two inputs, two outputs: how old is a mollusc, from its sex (a category) and seven measures? The network gives the number
//! of rings in the shell and the probability that it has ten or more.
//!
//!     cargo run --release --example two_inputs
//!
//! The table stands in `testdata/csv`, with its source.
use cornu::data::csv;
use cornu::prelude::*;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/csv/abalone.csv");
const SEXES: [&str; 3] = ["M", "F", "I"];
const OLD: f64 = 10.0;

fn main() -> Result<()> {
    utils::set_random_seed(0);
    let table = csv::load(TABLE, false)?;
    let sex: Vec<i32> = table
        .text(0)?
        .iter()
        .map(|s| SEXES.iter().position(|known| known == s).map(|i| i as i32))
        .collect::<Option<_>>()
        .ok_or_else(|| Error::Data("the first column holds M, F or I".into()))?;
    let sex = Tensor::new([sex.len(), 1], sex)?;
    let measures = standardized(&table.numbers(1..8)?)?;
    let rings = table.numbers(8..9)?;
    let old = ops::cast(&ops::greater_equal(&rings, OLD)?, DType::F32)?;

    let sex_input = Input::new([1]).dtype("int32").name("sex").tensor();
    let measures_input = Input::new([7]).name("measures").tensor();
    let sex_vector = Flatten::new().apply(Embedding::new(SEXES.len(), 4).apply(&sex_input));
    let both = Concatenate::new().apply([&sex_vector, &measures_input]);
    let hidden = Dense::new(32).activation("relu").apply(&both);
    let hidden = Dense::new(32).activation("relu").apply(&hidden);
    let rings_output = Dense::new(1).name("rings").apply(&hidden);
    let old_output = Dense::new(1).activation("sigmoid").name("old").apply(&hidden);
    let mut model = Model::new([sex_input, measures_input], [rings_output, old_output])?;
    println!("{}", model.summary());

    // Squared rings are large numbers beside a cross-entropy.
    let compile = Compile::new("adam", [("rings", "mse"), ("old", "binary_crossentropy")])
        .named_loss_weights([("rings", 0.1), ("old", 1.0)])
        .metrics([("rings", vec!["mean_absolute_error"]), ("old", vec!["accuracy"])]);
    model.compile(compile)?;

    // The rows are in no order: the last fifth is for testing.
    let n = table.len();
    let cut = n - n / 5;
    let split = |t: &Tensor| Ok::<_, Error>((t.rows(0, cut)?, t.rows(cut, n)?));
    let ((sex, sex_test), (measures, measures_test)) = (split(&sex)?, split(&measures)?);
    let ((rings, rings_test), (old, old_test)) = (split(&rings)?, split(&old)?);
    let (x, y) = ([("sex", &sex), ("measures", &measures)], [("rings", &rings), ("old", &old)]);
    model.fit(x, y, Fit::new().epochs(20).verbose(2))?;

    let x_test = [("sex", &sex_test), ("measures", &measures_test)];
    let y_test = [("rings", &rings_test), ("old", &old_test)];
    let logs = model.evaluate(x_test, y_test, Evaluate::new().verbose(0))?;
    let (error, accuracy) =
        (logs.get("rings_mean_absolute_error").unwrap_or(f64::NAN), logs.get("old_accuracy").unwrap_or(0.0));
    println!("off by {error:.2} rings on average; {:.1} % right about ten or more", accuracy * 100.0);
    if error < 1.8 && accuracy > 0.75 {
        return Ok(());
    }
    Err(Error::State("the network did not learn".into()))
}

/// Each column with mean 0 and deviation 1.
fn standardized(x: &Tensor) -> Result<Tensor> {
    let centred = ops::subtract(x, ops::mean(x, 0, true)?)?;
    ops::true_divide(&centred, ops::std(x, 0, true)?)
}
