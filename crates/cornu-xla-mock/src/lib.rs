//! A PJRT plugin for tests. Programs are graphs of cornu, which come as comments after the module, and run on the interpreter.
//!
//! Nothing that it gives out is a real address: every use is looked up, so that a caller who frees twice, uses what is
//! gone or forgets something is found out instead of crashing. Tests open a copy of the library, tell it what to do by
//! [`cornu_mock_control`] and read what happened by [`cornu_mock_report`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod functions;
mod program;
mod state;

use cornu_xla::pjrt::api::Api;
use state::STATE;

/// The entry of every plugin.
#[unsafe(no_mangle)]
pub extern "C" fn GetPjrtApi() -> *const Api {
    let mut table = functions::table();
    let state = STATE.lock().unwrap();
    if let Some((major, minor)) = state.version {
        (table.version.major_version, table.version.minor_version) = (major, minor);
    }
    if let Some(size) = state.table {
        table.struct_size = size;
    }
    if state.absent.contains("executable_serialize") {
        table.executable_serialize = None;
    }
    Box::leak(Box::new(table))
}

/// Does what a line says:
/// - `fail FUNCTION N CODE MESSAGE`: the Nth call from now on of this function fails. `execute_late` is a run that fails
///   after it was begun, `execute_donated` one that fails with the memory of its arguments;
/// - `version MAJOR MINOR`, `table BYTES`, `devices N`, `lack FUNCTION`: what the plugin is;
/// - `memory ALL USED`: what each device says of its memory, in bytes.
///
/// # Safety
/// `line` must point to `size` bytes of UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cornu_mock_control(line: *const u8, size: usize) {
    // SAFETY: the caller's.
    let line = str::from_utf8(unsafe { std::slice::from_raw_parts(line, size) }).unwrap();
    STATE.lock().unwrap().control(line);
}

/// What has happened, as text: see `State::report`. The text is never freed.
///
/// # Safety
/// `size` must point to a number, which will be the length of the text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cornu_mock_report(size: *mut usize) -> *const u8 {
    let text = STATE.lock().unwrap().report().leak();
    // SAFETY: the caller's.
    unsafe { *size = text.len() };
    text.as_ptr()
}
