//! What both programs share: sizes and data of the workloads, the clock, and the line that is printed.

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

/// Distinct batches; longer runs repeat them.
const BATCHES: usize = 8;
/// At least an epoch of this many steps is timed.
const LEAST_STEPS: usize = 16;
/// Steps are repeated for about this long.
const SECONDS: f64 = 8.0;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;
pub type Train<I> = Box<dyn FnMut(&Batch<I>) -> Result<Metrics>>;
pub type Predict<I> = Box<dyn FnMut(&Batch<I>) -> Result<Vec<f32>>>;

/// What a framework brings.
pub trait Framework {
    /// The whole numbers it takes as tokens and labels.
    type Int: From<u16>;

    /// One training step, from a batch in host memory to metrics.
    fn train(work: &Workload) -> Result<Train<Self::Int>>;

    /// One prediction, from host memory to host memory.
    fn predict(work: &Workload) -> Result<Predict<Self::Int>>;
}

pub struct Metrics {
    pub loss: f32,
    pub accuracy: f32,
}

/// Sizes of one workload of `workloads.py`.
pub struct Workload {
    pub name: &'static str,
    batch: usize,
    input: Input,
    pub classes: u16,
    infer: &'static [usize],
}

enum Input {
    /// Values of mean and half range, this many a sample.
    Floats(usize, f32, f32),
    /// Whole numbers from 1 to the size of the vocabulary.
    Tokens(usize, u16),
}

/// `classes` is 1 where the label is yes or no.
const WORKLOADS: [Workload; 6] = [
    Workload { name: "mlp", batch: 128, input: Input::Floats(784, 0.5, 0.5), classes: 10, infer: &[32] },
    Workload {
        name: "mnist_cnn",
        batch: 128,
        input: Input::Floats(784, 0.5, 0.5),
        classes: 10,
        infer: &[1, 32],
    },
    Workload {
        name: "resnet20",
        batch: 64,
        input: Input::Floats(3 * 32 * 32, 0.5, 0.5),
        classes: 10,
        infer: &[32],
    },
    Workload { name: "lstm", batch: 32, input: Input::Tokens(80, 20000), classes: 1, infer: &[32] },
    // Deviation 1, as the normal values of workloads.py.
    Workload {
        name: "cnn_rnn",
        batch: 64,
        input: Input::Floats(128 * 16, 0.0, 1.732),
        classes: 6,
        infer: &[32],
    },
    Workload { name: "transformer", batch: 32, input: Input::Tokens(200, 20000), classes: 2, infer: &[32] },
];

/// One batch in host memory; the vectors that a workload does not need are empty.
pub struct Batch<I> {
    pub size: usize,
    pub floats: Vec<f32>,
    pub tokens: Vec<I>,
    pub labels: Vec<I>,
    /// The labels as floats: one-hot rows, or 0 and 1.
    pub targets: Vec<f32>,
}

impl Workload {
    fn draw<I: From<u16>>(&self, size: usize, random: &mut Random) -> Batch<I> {
        let mut batch = Batch { size, floats: vec![], tokens: vec![], labels: vec![], targets: vec![] };
        match self.input {
            Input::Floats(n, mean, half) => {
                batch.floats = (0..size * n).map(|_| mean + half * (2.0 * random.unit() - 1.0)).collect();
            }
            Input::Tokens(n, vocabulary) => {
                batch.tokens = (0..size * n).map(|_| (1 + random.below(vocabulary - 1)).into()).collect();
            }
        }
        for _ in 0..size {
            let label = random.below(self.classes.max(2));
            batch.labels.push(label.into());
            match self.classes {
                1 => batch.targets.push(label.into()),
                n => batch.targets.extend((0..n).map(|c| if c == label { 1.0 } else { 0.0 })),
            }
        }
        batch
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    fn below(&mut self, end: u16) -> u16 {
        (self.next() % u64::from(end)) as u16
    }
}

/// `PROGRAM WORKLOAD train|infer`: one JSON line on success, one line of error and status 1 otherwise.
pub fn main<F: Framework>() -> ExitCode {
    // compare.py measures with two threads; both frameworks use Rayon's.
    if std::env::var_os("RAYON_NUM_THREADS").is_none() {
        // SAFETY: no other thread has been started.
        unsafe { std::env::set_var("RAYON_NUM_THREADS", "2") };
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [name, mode @ ("train" | "infer")] => find(name).and_then(|work| match mode {
            "train" => time_training::<F>(work),
            _ => time_inference::<F>(work),
        }),
        _ => Err("usage: PROGRAM WORKLOAD train|infer".into()),
    };
    match done {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn find(name: &str) -> Result<&'static Workload> {
    let known = || WORKLOADS.map(|w| w.name).join(", ");
    let found = WORKLOADS.iter().find(|w| w.name == name);
    found.ok_or_else(|| {
        format!("the workload {name} is not written for this framework; there are {}", known()).into()
    })
}

fn time_training<F: Framework>(work: &Workload) -> Result<String> {
    let mut random = Random(1234);
    let batches: Vec<Batch<F::Int>> = (0..BATCHES).map(|_| work.draw(work.batch, &mut random)).collect();
    let mut step = F::train(work)?;
    let (mut losses, mut last) = (vec![], 0.0);
    let times = timed(LEAST_STEPS, 300, |i| {
        let seen = step(&batches[i % BATCHES])?;
        if !seen.loss.is_finite() {
            return Err(format!("the loss of step {i} is {}", seen.loss).into());
        }
        losses.push(seen.loss);
        last = seen.accuracy;
        Ok(())
    })?;
    let end = losses.len() - BATCHES;
    let mean = losses[end..].iter().sum::<f32>() / BATCHES as f32;
    Ok(format!(
        "{{{}, \"loss_first\": {:.5}, \"loss_last\": {mean:.5}, \"accuracy_last\": {last:.4}}}",
        times.json(),
        losses[0]
    ))
}

/// One entry a batch size, which is where compare.py looks for them.
fn time_inference<F: Framework>(work: &Workload) -> Result<String> {
    let mut predict = F::predict(work)?;
    let mut parts = vec![];
    for &size in work.infer {
        let batch = work.draw::<F::Int>(size, &mut Random(1234));
        let times = timed(30, 500, |_| {
            let out = predict(&batch)?;
            match out.len() == size * work.classes as usize && out.iter().all(|v| (0.0..=1.0).contains(v)) {
                true => Ok(()),
                false => Err("these are no probabilities".into()),
            }
        })?;
        parts.push(format!("\"{size}\": {{\"forward\": {{{}}}}}", times.json()));
    }
    Ok(format!("{{\"batches\": {{{}}}}}", parts.join(", ")))
}

/// Milliseconds, sorted, and those of the very first call.
struct Times(Vec<f64>, f64);

impl Times {
    fn json(&self) -> String {
        let (ms, n) = (&self.0, self.0.len());
        let median = (ms[(n - 1) / 2] + ms[n / 2]) / 2.0;
        format!(
            "\"median_ms\": {median:.4}, \"min_ms\": {:.4}, \"n\": {n}, \"first_step_ms\": {:.4}",
            ms[0], self.1
        )
    }
}

fn timed(least: usize, most: usize, mut call: impl FnMut(usize) -> Result<()>) -> Result<Times> {
    let mut clock = |i| {
        let start = Instant::now();
        call(i)?;
        Ok::<f64, Box<dyn Error>>(start.elapsed().as_secs_f64() * 1e3)
    };
    let mut warm = vec![];
    for i in 0..4 {
        warm.push(clock(i)?);
    }
    let n = ((SECONDS * 1e3 / warm[3]) as usize).clamp(least, most);
    let mut ms = (0..n).map(|i| clock(warm.len() + i)).collect::<Result<Vec<f64>>>()?;
    ms.sort_by(f64::total_cmp);
    Ok(Times(ms, warm[0]))
}
