//! What a user can say about memory and devices.
use cornu_graph::{Error, Result};
use std::path::PathBuf;

/// How a plugin is set up. What is not said is left to the plugin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The part of the device's memory that may be used, more than 0 and at most 1. `CORNU_PJRT_MEMORY_FRACTION`.
    pub memory_fraction: Option<f32>,
    /// Whether that memory is taken at once, rather than as it is needed. `CORNU_PJRT_PREALLOCATE`: 0 or 1.
    pub preallocate: Option<bool>,
    /// The devices to use, by number; all when empty. `CORNU_PJRT_DEVICES`: `0,2`.
    pub visible_devices: Vec<i64>,
    /// Bytes of a device's memory that arrays given to `fit` may take to stay there while it trains; 0: none, each batch is
    /// copied. By default a quarter of what the device says is free; nothing where it does not say. `CORNU_PJRT_DATA_MEMORY`.
    pub data_memory: Option<u64>,
    /// The folder where compiled programs are kept; none are kept without one. `CORNU_CACHE_DIR`, else `cornu` in the
    /// user's folder of caches; an empty `CORNU_CACHE_DIR` keeps none.
    pub cache: Option<PathBuf>,
    /// Bytes that the programs in that folder may take: beyond, those that were not used for the longest time are removed.
    /// By default 2 GiB. `CORNU_CACHE_MAX_SIZE`.
    pub cache_max_size: Option<u64>,
}

impl Options {
    /// What the environment says.
    ///
    /// # Errors
    /// When a variable makes no sense.
    pub fn from_env() -> Result<Options> {
        Options::from_variables(&|name| std::env::var(name).ok())
    }

    fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Options> {
        let given = |name: &str| variable(name).map(|v| v.trim().to_string()).filter(|v| !v.is_empty());
        let mut options = Options::default();
        if let Some(text) = given("CORNU_PJRT_MEMORY_FRACTION") {
            let fraction =
                text.parse().map_err(|_| wrong("CORNU_PJRT_MEMORY_FRACTION", "a number", &text))?;
            options.memory_fraction = Some(fraction);
        }
        if let Some(text) = given("CORNU_PJRT_PREALLOCATE") {
            options.preallocate = Some(match &*text.to_lowercase() {
                "1" | "true" => true,
                "0" | "false" => false,
                _ => return Err(wrong("CORNU_PJRT_PREALLOCATE", "0 or 1", &text)),
            });
        }
        if let Some(text) = given("CORNU_PJRT_DEVICES") {
            let numbers: Result<Vec<i64>, _> = text.split(',').map(|n| n.trim().parse()).collect();
            options.visible_devices =
                numbers.map_err(|_| wrong("CORNU_PJRT_DEVICES", "numbers with commas between", &text))?;
        }
        let bytes = |name: &str| {
            let parsed = |text: String| text.parse().map_err(|_| wrong(name, "a number of bytes", &text));
            given(name).map(parsed).transpose()
        };
        options.data_memory = bytes("CORNU_PJRT_DATA_MEMORY")?;
        options.cache_max_size = bytes("CORNU_CACHE_MAX_SIZE")?;
        options.cache = match variable("CORNU_CACHE_DIR") {
            Some(dir) => (!dir.is_empty()).then(|| PathBuf::from(dir)),
            None => given("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| given("HOME").map(|home| PathBuf::from(home).join(".cache")))
                .map(|caches| caches.join("cornu")),
        };
        options.check()?;
        Ok(options)
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.memory_fraction {
            Some(f) if !(f > 0.0 && f <= 1.0) => {
                let message = format!("must be more than 0 and at most 1, got {f}");
                Err(Error::argument("CORNU_PJRT_MEMORY_FRACTION", message))
            }
            _ => Ok(()),
        }
    }
}

fn wrong(name: &str, expected: &str, got: &str) -> Error {
    Error::argument(name, format!("expected {expected}, got `{got}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Options> {
        Options::from_variables(&|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string())
        })
    }

    #[test]
    fn variables() {
        assert_eq!(read(&[]).unwrap(), Options::default());
        let all = [
            ("CORNU_PJRT_MEMORY_FRACTION", "0.5"),
            ("CORNU_PJRT_PREALLOCATE", "false"),
            ("CORNU_PJRT_DEVICES", "0, 2"),
            ("CORNU_PJRT_DATA_MEMORY", "1000"),
            ("CORNU_CACHE_MAX_SIZE", "5000"),
            ("HOME", "/home/me"),
        ];
        let expected = Options {
            memory_fraction: Some(0.5),
            preallocate: Some(false),
            visible_devices: vec![0, 2],
            data_memory: Some(1000),
            cache_max_size: Some(5000),
            cache: Some("/home/me/.cache/cornu".into()),
        };
        assert_eq!(read(&all).unwrap(), expected);
        let cache = |v: &[(&str, &str)]| read(v).unwrap().cache;
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]), Some("/c/cornu".into()));
        assert_eq!(cache(&[("HOME", "/h"), ("CORNU_CACHE_DIR", "/d")]), Some("/d".into()));
        assert_eq!(cache(&[("HOME", "/h"), ("CORNU_CACHE_DIR", "")]), None);
    }

    #[test]
    fn what_makes_no_sense() {
        let text = |name, value| read(&[(name, value)]).unwrap_err().to_string();
        assert_eq!(
            text("CORNU_PJRT_MEMORY_FRACTION", "half"),
            "CORNU_PJRT_MEMORY_FRACTION: expected a number, got `half`"
        );
        let out_of_range = "CORNU_PJRT_MEMORY_FRACTION: must be more than 0 and at most 1, got 1.5";
        assert_eq!(text("CORNU_PJRT_MEMORY_FRACTION", "1.5"), out_of_range);
        assert_eq!(
            text("CORNU_PJRT_PREALLOCATE", "maybe"),
            "CORNU_PJRT_PREALLOCATE: expected 0 or 1, got `maybe`"
        );
        let e = text("CORNU_PJRT_DEVICES", "0;1");
        assert_eq!(e, "CORNU_PJRT_DEVICES: expected numbers with commas between, got `0;1`");
    }
}
