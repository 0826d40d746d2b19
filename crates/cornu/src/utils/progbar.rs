//! Keras 3's progress line.
use crate::training::Verbose;
use crate::utils::io::{is_terminal, print_message};
use crate::utils::python_format::{fixed, scientific};
use cornu_graph::{Error, Result};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// A progress bar with the means of values by name. Keras's `Progbar`.
///
/// On a terminal it is redrawn; where output goes to a file, only the finished line is written.
///
/// ```
/// use cornu::utils::Progbar;
/// let mut bar = Progbar::new(Some(3)).stateful_metrics(["rate"]);
/// for (step, loss) in [0.5, 0.25, 0.125].into_iter().enumerate() {
///     bar.update(step + 1, &[("loss", loss), ("rate", 0.1)], None)?;
/// }
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Progbar {
    target: Option<usize>,
    width: usize,
    verbose: Verbose,
    interval: Duration,
    stateful_metrics: Option<HashSet<String>>,
    stateless_metrics: Option<HashSet<String>>,
    unit_name: String,
    terminal: bool,
    /// Name, sum and number of what it is the sum of.
    values: Vec<(String, f64, f64)>,
    start: Instant,
    last: Option<Instant>,
    /// When the first step, which is often longer, was done.
    after_first: Option<Instant>,
    seen: usize,
    shown: usize,
}

impl Progbar {
    /// A bar for this many steps, or for a number that is not known.
    pub fn new(target: Option<usize>) -> Progbar {
        Progbar {
            target,
            width: 20,
            verbose: Verbose::Bar,
            interval: Duration::from_millis(50),
            stateful_metrics: None,
            stateless_metrics: None,
            unit_name: "step".into(),
            terminal: is_terminal(),
            values: vec![],
            start: Instant::now(),
            last: None,
            after_first: None,
            seen: 0,
            shown: 0,
        }
    }

    /// Characters of the bar; 20 by default.
    pub fn width(mut self, width: usize) -> Self {
        self.width = width;
        self
    }

    /// 0: silent, 1 (default): a bar, 2: a line at the end.
    pub fn verbose(mut self, verbose: impl Into<Verbose>) -> Self {
        self.verbose = verbose.into();
        self
    }

    /// Seconds between two drawings at least; 0.05 by default.
    pub fn interval(mut self, seconds: f64) -> Self {
        self.interval = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self
    }

    /// The values that are shown as they are; the means of all others are shown.
    pub fn stateful_metrics<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.stateful_metrics = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The values whose means are shown; all others are shown as they are.
    pub fn stateless_metrics<I: IntoIterator<Item: Into<String>>>(mut self, names: I) -> Self {
        self.stateless_metrics = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// What a step is called; `"step"` by default.
    pub fn unit_name(mut self, unit_name: impl Into<String>) -> Self {
        self.unit_name = unit_name.into();
        self
    }

    /// `current` steps are done, the last with these values. The line is finished at the target, or as `finalize` says.
    ///
    /// # Errors
    /// When both `stateful_metrics` and `stateless_metrics` were given.
    pub fn update(&mut self, current: usize, values: &[(&str, f64)], finalize: Option<bool>) -> Result<()> {
        if self.stateful_metrics.is_some() && self.stateless_metrics.is_some() {
            let message = "cannot be given together with `stateless_metrics`";
            return Err(Error::argument("Progbar.stateful_metrics", message));
        }
        let done = finalize.unwrap_or(self.target.is_some_and(|target| current >= target));
        self.show(current, values.iter().copied(), done);
        Ok(())
    }

    /// `n` steps more are done.
    ///
    /// # Errors
    /// As [`Progbar::update`].
    pub fn add(&mut self, n: usize, values: &[(&str, f64)]) -> Result<()> {
        self.update(self.seen + n, values, None)
    }

    /// Whether it is time to redraw. The first step is always noted.
    pub(crate) fn is_due(&self) -> bool {
        self.after_first.is_none() || self.verbose == Verbose::Bar && self.terminal && self.waited()
    }

    fn waited(&self) -> bool {
        self.last.is_none_or(|last| last.elapsed() >= self.interval)
    }

    /// There are so many steps, which was not known.
    pub(crate) fn found(&mut self, steps: usize) {
        self.target.get_or_insert(steps);
    }

    /// All steps are done: the target is what was seen where it was not known.
    pub(crate) fn finish<'a>(&mut self, values: impl Iterator<Item = (&'a str, f64)>) {
        let target = *self.target.get_or_insert(self.seen);
        self.show(target, values, true);
    }

    pub(crate) fn show<'a>(
        &mut self,
        current: usize,
        values: impl Iterator<Item = (&'a str, f64)>,
        done: bool,
    ) {
        let steps = current.saturating_sub(self.seen).max(1) as f64;
        values.for_each(|(name, value)| self.note(name, value, steps, done));
        self.seen = current;
        if current > 0 {
            self.after_first.get_or_insert_with(Instant::now);
        }
        match self.verbose {
            Verbose::Bar if self.terminal && (done || self.waited()) => {
                self.last = Some(Instant::now());
                let line = self.line(done, true);
                let width = visible_width(&line);
                let padding = " ".repeat(self.shown.saturating_sub(width));
                self.shown = width;
                print_message(&format!("\r{line}{padding}{}", if done { "\n" } else { "" }));
            }
            Verbose::Bar if done && !self.terminal => print_message(&(self.line(true, false) + "\n")),
            Verbose::Line if done => print_message(&(self.short_line() + "\n")),
            _ => {}
        }
    }

    fn note(&mut self, name: &str, value: f64, steps: f64, done: bool) {
        let averaged = match (&self.stateful_metrics, &self.stateless_metrics) {
            (Some(stateful), _) => !stateful.contains(name),
            (None, Some(stateless)) => stateless.contains(name),
            (None, None) => true,
        };
        let (sum, count) = if averaged && !done { (value * steps, steps) } else { (value, 1.0) };
        match self.values.iter_mut().find(|(n, ..)| n == name) {
            Some((_, s, n)) if averaged && !done => (*s, *n) = (*s + sum, *n + count),
            Some((_, s, n)) => (*s, *n) = (sum, count),
            None => self.values.push((name.to_string(), sum, count)),
        }
    }

    fn line(&self, done: bool, color: bool) -> String {
        let paint = |code: &str, text: String| {
            if color && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
        };
        let per_step = self.per_step();
        let elapsed = format!("{:.0}s", self.start.elapsed().as_secs_f64());
        let (bar, time) = match self.target.filter(|&target| target > 0) {
            Some(target) => {
                let digits = target.to_string().len();
                let filled = (self.width * self.seen / target).min(self.width);
                let count = paint("1", format!("{:>digits$}/{target}", self.seen));
                let bar = paint("32", "━".repeat(filled)) + &paint("37", "━".repeat(self.width - filled));
                let left = remaining(per_step * (target - self.seen.min(target)) as f64);
                (format!("{count} {bar}"), if done { elapsed } else { left })
            }
            None => (format!("{:>7}/Unknown", self.seen), elapsed),
        };
        let per_step = self.per_step_text(per_step);
        format!("{bar} {}{per_step}{}", paint("1", time), self.values_text(f64::abs))
    }

    fn short_line(&self) -> String {
        let seconds = self.start.elapsed().as_secs_f64();
        let target = self.target.unwrap_or(self.seen);
        let per_step = self.per_step_text(self.per_step());
        format!("{target}/{target} - {seconds:.0}s -{per_step}{}", self.values_text(|value| value))
    }

    /// Seconds a step, without the first.
    fn per_step(&self) -> f64 {
        match self.after_first {
            Some(after) if self.seen > 1 => after.elapsed().as_secs_f64() / (self.seen - 1) as f64,
            _ => self.start.elapsed().as_secs_f64() / self.seen.max(1) as f64,
        }
    }

    fn per_step_text(&self, seconds: f64) -> String {
        let unit = &self.unit_name;
        if seconds >= 1.0 || seconds == 0.0 {
            format!(" {seconds:.0}s/{unit}")
        } else if seconds >= 1e-3 {
            format!(" {:.0}ms/{unit}", seconds * 1e3)
        } else {
            format!(" {:.0}us/{unit}", seconds * 1e6)
        }
    }

    /// `size` says how large a number is: in Keras's lines, not in its bars, numbers below 0 count as small.
    fn values_text(&self, size: fn(f64) -> f64) -> String {
        let text = |(name, sum, count): &(String, f64, f64)| {
            let value = sum / count;
            let value = if size(value) > 1e-3 { fixed(value, 4) } else { scientific(value, 4) };
            format!(" - {name}: {value}")
        };
        self.values.iter().map(text).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_keras_prints_them() {
        for (value, in_bar, in_line) in [
            (0.91234, "0.9123", "0.9123"),
            (12.0, "12.0000", "12.0000"),
            (0.0005, "5.0000e-04", "5.0000e-04"),
            (1e-3, "1.0000e-03", "1.0000e-03"),
            (0.0010001, "0.0010", "0.0010"),
            (0.0, "0.0000e+00", "0.0000e+00"),
            (-0.5, "-0.5000", "-5.0000e-01"),
            (1e20, "100000000000000000000.0000", "100000000000000000000.0000"),
            (f64::NAN, "nan", "nan"),
            (f64::INFINITY, "inf", "inf"),
            (f64::NEG_INFINITY, "-inf", "-inf"),
        ] {
            let mut bar = Progbar::new(Some(1)).verbose(0);
            bar.update(1, &[("x", value)], None).unwrap();
            for (line, want) in [(bar.line(true, false), in_bar), (bar.short_line(), in_line)] {
                assert!(line.ends_with(&format!("/step - x: {want}")), "{line} {want}");
            }
        }
    }

    #[test]
    fn a_finished_line() {
        let mut bar = Progbar::new(Some(23)).verbose(0).stateful_metrics(["loss"]);
        bar.update(1, &[("accuracy", 0.75), ("loss", 2.0)], None).unwrap();
        bar.update(22, &[("accuracy", 0.5), ("loss", 0.25)], None).unwrap();
        let line = bar.line(false, false);
        // The mean of one step and 21 others; the last value.
        assert!(line.ends_with("/step - accuracy: 0.5114 - loss: 0.2500"), "{line}");
        assert!(line.starts_with("22/23 ━━━━━━━━━━━━━━━━━━━━ 0s "), "{line}");
        bar.add(1, &[("accuracy", 0.5), ("loss", 0.25)]).unwrap();
        let line = bar.line(true, false);
        assert!(line.starts_with("23/23 ━━━━━━━━━━━━━━━━━━━━ 0s "), "{line}");
        assert!(line.ends_with("/step - accuracy: 0.5000 - loss: 0.2500"), "{line}");
        assert_eq!(visible_width(&bar.line(true, true)), visible_width(&line));
    }

    #[test]
    fn an_unknown_target() {
        let mut bar = Progbar::new(None).verbose(0).unit_name("sample");
        bar.add(12, &[]).unwrap();
        let line = bar.line(false, false);
        assert!(line.starts_with("     12/Unknown 0s ") && line.ends_with("/sample"), "{line}");
        bar.finish(std::iter::empty());
        assert!(bar.line(true, false).starts_with("12/12 "));
        let mut both = Progbar::new(None).stateful_metrics(["a"]).stateless_metrics(["b"]);
        assert!(both.update(1, &[], None).is_err());
    }

    #[test]
    fn time_left() {
        assert_eq!(remaining(5.9), "5s");
        assert_eq!(remaining(61.0), "1:01");
        assert_eq!(remaining(3700.0), "1:01:40");
    }
}
