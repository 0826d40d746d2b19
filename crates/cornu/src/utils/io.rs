//! Where messages go.
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether messages go to standard output.
static INTERACTIVE: AtomicBool = AtomicBool::new(true);

/// From now on progress and messages go to standard output, as they do from the start. Keras's `enable_interactive_logging`.
pub fn enable_interactive_logging() {
    INTERACTIVE.store(true, Ordering::Relaxed);
}

/// From now on progress and messages go to standard error, for programs whose results go to standard output. Keras's
/// `disable_interactive_logging`, which sends them to a log that goes there.
///
/// ```
/// use cornu::utils;
/// utils::disable_interactive_logging();
/// assert!(!utils::is_interactive_logging_enabled());
/// # utils::enable_interactive_logging();
/// ```
pub fn disable_interactive_logging() {
    INTERACTIVE.store(false, Ordering::Relaxed);
}

/// Whether progress and messages go to standard output. Keras's `is_interactive_logging_enabled`.
pub fn is_interactive_logging_enabled() -> bool {
    INTERACTIVE.load(Ordering::Relaxed)
}

/// Whether messages go to a terminal.
pub(crate) fn is_terminal() -> bool {
    if is_interactive_logging_enabled() {
        std::io::stdout().is_terminal()
    } else {
        std::io::stderr().is_terminal()
    }
}

/// Shows a message, which ends its own lines.
pub(crate) fn print_message(text: &str) {
    let write = |out: &mut dyn Write| out.write_all(text.as_bytes()).and_then(|()| out.flush());
    // Nobody may be listening; work goes on.
    let _ = if is_interactive_logging_enabled() {
        write(&mut std::io::stdout().lock())
    } else {
        write(&mut std::io::stderr().lock())
    };
}
