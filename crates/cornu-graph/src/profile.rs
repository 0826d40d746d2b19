//! What the runs of a compiled graph spend their time on.
use std::fmt::Write;

/// Times of the steps of a compiled graph.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Runs that were timed.
    pub runs: usize,
    /// In the order in which they run.
    pub steps: Vec<StepProfile>,
}

/// One step: an op, or several that an engine runs as one.
#[derive(Clone, Debug, Default)]
pub struct StepProfile {
    /// Op and specs, for people.
    pub name: String,
    /// Seconds of all timed runs.
    pub seconds: f64,
    /// When it began and how long it took in the last run, in seconds from the beginning of that run.
    pub last: (f64, f64),
    /// What one run computes and moves.
    pub cost: Cost,
}

/// What a computation takes at the least.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Floating point operations of matrix products and convolutions, two for each multiply-add.
    pub flops: f64,
    /// Bytes of inputs read and outputs written, once each.
    pub bytes: f64,
}

impl Cost {
    /// Seconds that a machine of these peaks needs at the least.
    pub fn seconds(&self, peaks: &Peaks) -> f64 {
        (self.flops / peaks.flops).max(self.bytes / peaks.bytes)
    }
}

/// What a device does in a second at the most, as measured.
#[derive(Clone, Copy, Debug)]
pub struct Peaks {
    /// Floating point operations in f32, two for each multiply-add.
    pub flops: f64,
    /// Bytes read and written by a copy of an array larger than the caches.
    pub bytes: f64,
}

/// Lines of a table, and the share of the time below which a step gets none.
const LINES: usize = 40;
const LEAST: f64 = 0.002;

impl Profile {
    /// Seconds of one run.
    pub fn seconds(&self) -> f64 {
        self.steps.iter().map(|s| s.seconds).sum::<f64>() / self.runs.max(1) as f64
    }

    /// The longest steps, beside what the machine could do: how fast each is, and how much of its time a machine at its
    /// peaks would take.
    pub fn table(&self, peaks: Option<&Peaks>) -> String {
        let total = self.seconds();
        let mut out =
            format!("{:.3} ms a run, {} steps, {} runs\n", total * 1e3, self.steps.len(), self.runs);
        if let Some(peaks) = peaks {
            let least: f64 = self.steps.iter().map(|s| s.cost.seconds(peaks)).sum();
            let (flops, bytes) = (peaks.flops * 1e-9, peaks.bytes * 1e-9);
            let _ = writeln!(
                out,
                "{:.3} ms at the machine's peaks: {flops:.0} Gflop/s, {bytes:.1} GB/s",
                least * 1e3
            );
        }
        let _ = writeln!(out, "{}", self.by_op());
        let _ =
            writeln!(out, "{:>9} {:>6} {:>8} {:>7} {:>7}  step", "ms", "share", "Gflop/s", "GB/s", "of peak");
        let mut steps: Vec<&StepProfile> = self.steps.iter().collect();
        steps.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        for step in steps.into_iter().take(LINES) {
            let seconds = step.seconds / self.runs.max(1) as f64;
            let share = seconds / total;
            if share < LEAST {
                break;
            }
            let of_peak =
                peaks.map(|p| format!("{:.0} %", step.cost.seconds(p) / seconds * 100.0)).unwrap_or_default();
            let computes = step.cost.flops > 0.0;
            let flops =
                if computes { format!("{:.1}", step.cost.flops / seconds * 1e-9) } else { String::new() };
            let (ms, share, bytes) = (seconds * 1e3, share * 100.0, step.cost.bytes / seconds * 1e-9);
            let _ = writeln!(out, "{ms:9.4} {share:5.1}% {flops:>8} {bytes:7.1} {of_peak:>7}  {}", step.name);
        }
        out
    }

    /// The share of each kind of step.
    fn by_op(&self) -> String {
        let mut ops: Vec<(f64, &str)> = vec![];
        for step in &self.steps {
            let op = step.name.split(' ').next().unwrap_or_default();
            match ops.iter_mut().find(|o| o.1 == op) {
                Some(sum) => sum.0 += step.seconds,
                None => ops.push((step.seconds, op)),
            }
        }
        ops.sort_by(|a, b| b.0.total_cmp(&a.0));
        let total: f64 = ops.iter().map(|o| o.0).sum();
        ops.retain(|o| o.0 >= LEAST * total);
        let shares: Vec<String> =
            ops.iter().map(|o| format!("{} {:.1}%", o.1, o.0 / total * 100.0)).collect();
        shares.join(", ")
    }
}
