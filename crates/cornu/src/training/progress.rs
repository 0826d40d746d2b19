//! What `fit`, `evaluate` and `predict` show.
use crate::training::history::Logs;
use crate::utils::{Progbar, print_message};

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

/// The progress of one epoch or evaluation.
#[derive(Debug)]
pub(crate) struct Progress {
    verbose: Verbose,
    bar: Progbar,
}

impl Progress {
    pub fn new(verbose: Verbose, target: Option<usize>) -> Progress {
        Progress { verbose, bar: Progbar::new(target).verbose(verbose).stateless_metrics::<[&str; 0]>([]) }
    }

    /// Announces an epoch, where there are several.
    pub fn epoch(&self, epoch: usize, epochs: usize) {
        if self.verbose != Verbose::Silent && epochs > 1 {
            print_message(&format!("Epoch {}/{epochs}\n", epoch + 1));
        }
    }

    /// Whether it is time to redraw. The first step is always noted.
    pub fn is_due(&self) -> bool {
        self.bar.is_due()
    }

    /// `step` steps are done.
    pub fn update(&mut self, step: usize, logs: &Logs) {
        self.bar.show(step, logs.means(), false);
    }

    /// There are so many steps, if that was not known.
    pub fn found(&mut self, steps: usize) {
        self.bar.found(steps);
    }

    /// All steps are done.
    pub fn finish(&mut self, logs: &Logs) {
        self.bar.finish(logs.means());
    }
}
