//! A copy of the mock plugin for one test: its state is its own.
use cornu_graph::Result;
use cornu_xla::pjrt::{Options, Pjrt};
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

pub struct Mock {
    pub dir: PathBuf,
    library: libloading::Library,
}

impl Drop for Mock {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}

impl Mock {
    pub fn new() -> Mock {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("cornu-mock-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name).join("p");
        std::fs::create_dir_all(&dir).unwrap();
        let dir = dir.parent().unwrap().canonicalize().unwrap();
        let built = std::env::current_exe().unwrap();
        let built = built.parent().unwrap().join(format!("{DLL_PREFIX}cornu_xla_mock{DLL_SUFFIX}"));
        std::fs::copy(&built, dir.join("mock.so")).unwrap_or_else(|e| panic!("{}: {e}", built.display()));
        let library = unsafe { libloading::Library::new(dir.join("mock.so")) }.unwrap();
        Mock { dir, library }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.join("mock.so")
    }

    /// Tells it what to do, a line each.
    pub fn control(&self, lines: &[&str]) {
        for line in lines {
            unsafe {
                let control =
                    self.library.get::<unsafe extern "C" fn(*const u8, usize)>(b"cornu_mock_control\0");
                control.unwrap()(line.as_ptr(), line.len());
            }
        }
    }

    /// What happened; the calls are those since the last report.
    pub fn report(&self) -> Vec<String> {
        let mut size = 0;
        let text = unsafe {
            let report =
                self.library.get::<unsafe extern "C" fn(*mut usize) -> *const u8>(b"cornu_mock_report\0");
            let start = report.unwrap()(&mut size);
            std::str::from_utf8(std::slice::from_raw_parts(start, size)).unwrap()
        };
        text.lines().map(str::to_string).collect()
    }

    pub fn calls(&self) -> String {
        self.report()[0].strip_prefix("calls ").unwrap().to_string()
    }

    /// Bytes that came from the host since the last report.
    #[allow(dead_code)]
    pub fn copied(&self) -> usize {
        self.report().iter().find_map(|l| l.strip_prefix("copied ")).unwrap().parse().unwrap()
    }

    /// Opened without a folder of compiled programs.
    pub fn open(&self) -> Result<Pjrt> {
        Pjrt::with_options(Some(&self.path()), &Options::default())
    }

    /// The text of the error of opening it, with its folder left out.
    #[allow(dead_code)]
    pub fn refusal(&self) -> String {
        let text = self.open().unwrap_err().to_string();
        text.replace(&format!("{}{}", self.dir.display(), std::path::MAIN_SEPARATOR), "")
    }

    /// Nothing is left, and nothing was done that must not be.
    pub fn assert_clean(&self) {
        let report = self.report();
        let wrong: Vec<&String> =
            report.iter().filter(|l| l.starts_with("live") || l.starts_with("misuse")).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

#[allow(dead_code)]
pub fn with_cache(mock: &Mock, cache: &Path) -> Pjrt {
    let options = Options { cache: Some(cache.into()), ..Options::default() };
    Pjrt::with_options(Some(&mock.path()), &options).unwrap()
}
