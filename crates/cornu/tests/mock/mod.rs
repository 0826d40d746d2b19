//! The engine `pjrt` on the mock plugin, or on the plugin of `CORNU_PJRT_PLUGIN`.
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Lets one test at a time use the engine, which is one for the process; whether the plugin is a real one.
pub fn engine() -> (MutexGuard<'static, ()>, bool) {
    static ENGINE: Mutex<()> = Mutex::new(());
    static REAL: OnceLock<bool> = OnceLock::new();
    let guard = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    let real = *REAL.get_or_init(|| {
        let real = std::env::var_os("CORNU_PJRT_PLUGIN").is_some_and(|v| !v.is_empty());
        if !real {
            // SAFETY: tests wait for the lock, and nothing else of the process has started.
            unsafe {
                std::env::set_var("CORNU_PJRT_PLUGIN", path());
                std::env::set_var("CORNU_CACHE_DIR", "");
            }
            control("devices 4");
        }
        real
    });
    (guard, real)
}

fn path() -> std::path::PathBuf {
    let exe = std::env::current_exe().unwrap();
    exe.parent().unwrap().join(format!("{DLL_PREFIX}cornu_xla_mock{DLL_SUFFIX}"))
}

fn library() -> &'static libloading::Library {
    static LIBRARY: OnceLock<libloading::Library> = OnceLock::new();
    // SAFETY: a library of ours without initialization.
    LIBRARY.get_or_init(|| unsafe { libloading::Library::new(path()) }.unwrap())
}

/// Tells the mock what to do.
pub fn control(line: &str) {
    // SAFETY: the function has this type.
    unsafe {
        let control = library().get::<unsafe extern "C" fn(*const u8, usize)>(b"cornu_mock_control\0");
        control.unwrap()(line.as_ptr(), line.len());
    }
}

/// What the mock reports after this word on a line of its own; empty where there is no such line.
#[allow(dead_code)]
pub fn report(word: &str) -> String {
    let mut size = 0;
    // SAFETY: the function has this type; its text lives on.
    let text = unsafe {
        let report = library().get::<unsafe extern "C" fn(*mut usize) -> *const u8>(b"cornu_mock_report\0");
        let start = report.unwrap()(&mut size);
        std::str::from_utf8(std::slice::from_raw_parts(start, size)).unwrap()
    };
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(word)).collect();
    lines.join("\n").trim().to_string()
}
