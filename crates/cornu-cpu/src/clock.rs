//! Time for profiles and benchmarks.
use crate::pool::num_threads;

/// Seconds from some moment on: on one thread and Linux those that this thread has run, so that other programs disturb less;
/// else those of the clock on the wall.
pub fn seconds() -> f64 {
    if num_threads() == 1 { thread_seconds() } else { wall_seconds() }
}

fn wall_seconds() -> f64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64()
}

#[cfg(target_os = "linux")]
fn thread_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[cfg(not(target_os = "linux"))]
fn thread_seconds() -> f64 {
    wall_seconds()
}
