//! Keras 3's progress line.
use crate::training::history::Logs;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What `fit`, `evaluate` and `predict` show: Keras's `verbose`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbose {
    /// 0: nothing.
    Silent,
    /// 1: a bar, redrawn on a terminal; where output is not a terminal, the finished line of each epoch.
    #[default]
    Bar,
    /// 2: one line an epoch.
    Line,
}

impl From<u8> for Verbose {
    fn from(level: u8) -> Verbose {
        match level {
            0 => Verbose::Silent,
            1 => Verbose::Bar,
            _ => Verbose::Line,
        }
    }
}

/// How often the bar is redrawn.
const INTERVAL: Duration = Duration::from_millis(50);
const WIDTH: usize = 20;

/// The progress of one epoch or evaluation.
#[derive(Debug)]
pub(crate) struct Progress {
    verbose: Verbose,
    terminal: bool,
    target: Option<usize>,
    start: Instant,
    last: Option<Instant>,
    /// When the first step, which compiles, was done.
    after_first: Option<Instant>,
    seen: usize,
    shown: usize,
}

impl Progress {
    pub fn new(verbose: Verbose, target: Option<usize>) -> Progress {
        let terminal = is_terminal();
        let start = Instant::now();
        Progress { verbose, terminal, target, start, last: None, after_first: None, seen: 0, shown: 0 }
    }

    /// Announces an epoch.
    pub fn epoch(&self, epoch: usize, epochs: usize) {
        if self.verbose != Verbose::Silent {
            print(&format!("Epoch {}/{epochs}\n", epoch + 1));
        }
    }

    /// Whether it is time to redraw. The first step is always noted.
    pub fn is_due(&mut self) -> bool {
        if self.after_first.is_none() {
            return true;
        }
        self.verbose == Verbose::Bar
            && self.terminal
            && self.last.is_none_or(|last| last.elapsed() >= INTERVAL)
    }

    /// `step` steps are done.
    pub fn update(&mut self, step: usize, logs: &Logs) {
        self.seen = step;
        self.after_first.get_or_insert_with(Instant::now);
        let due = self.last.is_none_or(|last| last.elapsed() >= INTERVAL);
        if self.verbose == Verbose::Bar && self.terminal && due {
            self.last = Some(Instant::now());
            let line = self.line(false, logs, true);
            self.redraw(&line, "");
        }
    }

    /// All steps are done.
    pub fn finish(&mut self, logs: &Logs) {
        if let Some(target) = self.target {
            self.seen = target;
        }
        match self.verbose {
            Verbose::Silent => {}
            Verbose::Bar if self.terminal => {
                let line = self.line(true, logs, true);
                self.redraw(&line, "\n");
            }
            Verbose::Bar => print(&(self.line(true, logs, false) + "\n")),
            Verbose::Line => print(&(self.short_line(logs) + "\n")),
        }
    }

    fn redraw(&mut self, line: &str, end: &str) {
        let width = visible_width(line);
        let padding = " ".repeat(self.shown.saturating_sub(width));
        self.shown = width;
        print(&format!("\r{line}{padding}{end}"));
    }

    fn line(&self, done: bool, logs: &Logs, color: bool) -> String {
        let paint = |code: &str, text: String| {
            if color && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
        };
        let target = self.target.unwrap_or(self.seen).max(1);
        let digits = target.to_string().len();
        let filled = (WIDTH * self.seen / target).min(WIDTH);
        let count = paint("1", format!("{:>digits$}/{target}", self.seen));
        let bar = paint("32", "━".repeat(filled)) + &paint("37", "━".repeat(WIDTH - filled));
        let per_step = self.per_step();
        let time = if done {
            format!("{:.0}s", self.start.elapsed().as_secs_f64())
        } else {
            remaining(per_step * (target - self.seen.min(target)) as f64)
        };
        format!("{count} {bar} {}{}{}", paint("1", time), per_step_text(per_step), metrics_text(logs))
    }

    fn short_line(&self, logs: &Logs) -> String {
        let seconds = self.start.elapsed().as_secs_f64();
        let target = self.target.unwrap_or(self.seen);
        format!("{target}/{target} - {seconds:.0}s -{}{}", per_step_text(self.per_step()), metrics_text(logs))
    }

    /// Seconds a step, without the first, which compiles.
    fn per_step(&self) -> f64 {
        match self.after_first {
            Some(after) if self.seen > 1 => after.elapsed().as_secs_f64() / (self.seen - 1) as f64,
            _ => self.start.elapsed().as_secs_f64() / self.seen.max(1) as f64,
        }
    }
}

fn per_step_text(seconds: f64) -> String {
    if seconds >= 1.0 || seconds == 0.0 {
        format!(" {seconds:.0}s/step")
    } else if seconds >= 1e-3 {
        format!(" {:.0}ms/step", seconds * 1e3)
    } else {
        format!(" {:.0}us/step", seconds * 1e6)
    }
}

fn remaining(seconds: f64) -> String {
    let s = seconds as u64;
    if s > 3600 {
        format!("{}:{:02}:{:02}", s / 3600, s % 3600 / 60, s % 60)
    } else if s > 60 {
        format!("{}:{:02}", s / 60, s % 60)
    } else {
        format!("{s}s")
    }
}

fn metrics_text(logs: &Logs) -> String {
    let text = |(name, value): (&str, f64)| format!(" - {name}: {}", number(value));
    logs.iter().map(text).collect()
}

/// Four digits; small numbers as `1.2345e-04`.
pub(crate) fn number(value: f64) -> String {
    if value.abs() > 1e-3 || value.is_nan() {
        return format!("{value:.4}").replace("NaN", "nan");
    }
    // Python writes at least two digits of the exponent, with a sign.
    let text = format!("{value:.4e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let exponent: i32 = exponent.parse().unwrap_or(0);
            format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        None => text,
    }
}

/// Characters that take a place on the screen.
fn visible_width(line: &str) -> usize {
    let mut width = 0;
    let mut escaped = false;
    for c in line.chars() {
        match c {
            '\x1b' => escaped = true,
            'm' if escaped => escaped = false,
            _ if !escaped => width += 1,
            _ => {}
        }
    }
    width
}

/// A closed standard output does not stop training.
/// Whether progress goes to standard error.
static TO_STDERR: AtomicBool = AtomicBool::new(false);

/// From now on progress goes to standard error, for programs whose results go to standard output.
pub fn progress_to_stderr() {
    TO_STDERR.store(true, Ordering::Relaxed);
}

fn is_terminal() -> bool {
    if TO_STDERR.load(Ordering::Relaxed) {
        std::io::stderr().is_terminal()
    } else {
        std::io::stdout().is_terminal()
    }
}

fn print(text: &str) {
    let write = |out: &mut dyn Write| out.write_all(text.as_bytes()).and_then(|()| out.flush());
    // Nobody may be listening; training goes on.
    let _ = if TO_STDERR.load(Ordering::Relaxed) {
        write(&mut std::io::stderr().lock())
    } else {
        write(&mut std::io::stdout().lock())
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_keras_prints_them() {
        for (value, text) in [
            (0.91234, "0.9123"),
            (12.0, "12.0000"),
            (0.0005, "5.0000e-04"),
            (0.0, "0.0000e+00"),
            (-0.5, "-0.5000"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_finished_line() {
        let mut progress = Progress::new(Verbose::Bar, Some(23));
        let mut logs = Logs::new();
        logs.set("accuracy", 0.5);
        logs.set("loss", 0.25);
        progress.seen = 23;
        progress.update(23, &logs);
        let line = progress.line(true, &logs, false);
        assert!(line.starts_with("23/23 ━━━━━━━━━━━━━━━━━━━━ 0s "), "{line}");
        assert!(line.ends_with("/step - accuracy: 0.5000 - loss: 0.2500"), "{line}");
        assert_eq!(visible_width(&progress.line(true, &logs, true)), visible_width(&line));
    }

    #[test]
    fn time_left() {
        assert_eq!(remaining(5.9), "5s");
        assert_eq!(remaining(61.0), "1:01");
        assert_eq!(remaining(3700.0), "1:01:40");
    }
}
