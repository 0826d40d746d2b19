//! One error type for the whole project.
use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, in one type: what was done, what was expected, what was got, where, and what to do.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An op refuses its inputs or attributes.
    #[error("{op}: {message}")]
    Op {
        /// Name of the op, as in the text form of a graph.
        op: &'static str,
        /// What was expected and what was got.
        message: String,
    },
    /// A name that nothing is called by.
    #[error("unknown {kind} `{got}`{}", hint_text(.hint))]
    Unknown {
        /// What was looked for: "loss", "activation", ...
        kind: &'static str,
        /// The name given.
        got: String,
        /// The nearest known name.
        hint: Option<String>,
    },
    /// An argument with a value that makes no sense.
    #[error("{what}: {message}")]
    Argument {
        /// The argument: `Dense.units`, `Fit.batch_size`, ...
        what: String,
        /// What was expected and what was got.
        message: String,
    },
    /// Data that does not fit the model or the call.
    #[error("{0}")]
    Data(String),
    /// A model used in a state that does not allow it: not built, not compiled, ...
    #[error("{0}")]
    State(String),
    /// A graph that breaks a rule of the representation.
    #[error("malformed graph: {0}")]
    Graph(String),
    /// A file that could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// A file or text whose content is not what it should be.
    #[error("{what}: {message}")]
    Format {
        /// The file or text.
        what: String,
        /// What is wrong with it.
        message: String,
    },
    /// An engine failed or is not there.
    #[error("backend `{backend}`: {message}")]
    Backend {
        /// Name of the engine.
        backend: String,
        /// What it said.
        message: String,
    },
    /// An error inside a layer.
    #[error("layer `{layer}` ({class}): {source}")]
    Layer {
        /// Path of the layer within the model.
        layer: String,
        /// Its class.
        class: &'static str,
        /// What went wrong.
        source: Box<Error>,
    },
    /// An error inside something else that has a name: a loss, a metric.
    #[error("{what}: {source}")]
    Within {
        /// What it is, and what it was given.
        what: String,
        /// What went wrong.
        source: Box<Error>,
    },
    /// An error with the line of source that caused it.
    #[error("{source}\n  at {at}")]
    At {
        /// The user's line.
        at: &'static Location<'static>,
        /// What went wrong.
        source: Box<Error>,
    },
    /// An error with advice.
    #[error("{source}\n  help: {help}")]
    Help {
        /// What to do.
        help: String,
        /// What went wrong.
        source: Box<Error>,
    },
}

/// The message: what `unwrap` shows, and what a program shows whose `main` returns a [`Result`].
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn hint_text(hint: &Option<String>) -> String {
    hint.as_ref().map(|h| format!("; did you mean `{h}`?")).unwrap_or_default()
}

impl Error {
    /// An op refuses its inputs.
    pub fn op(op: &'static str, message: impl Into<String>) -> Error {
        Error::Op { op, message: message.into() }
    }

    /// An argument is wrong.
    pub fn argument(what: impl Into<String>, message: impl Into<String>) -> Error {
        Error::Argument { what: what.into(), message: message.into() }
    }

    /// A name is unknown; the nearest of `known` is suggested.
    pub fn unknown<'a>(kind: &'static str, got: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
        // A file can give names of any length.
        let end = got.char_indices().nth(MAX_NAME).map_or(got.len(), |(at, _)| at);
        let dots = if end < got.len() { "..." } else { "" };
        let hint = nearest(got, known).map(str::to_string);
        Error::Unknown { kind, got: format!("{}{dots}", &got[..end]), hint }
    }

    /// A file could not be read or written; where there is none, the nearest name in its folder is suggested.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Error {
        let path = path.as_ref();
        let help = if source.kind() == std::io::ErrorKind::NotFound { around(path) } else { None };
        let error = Error::Io { path: path.display().to_string(), source: Arc::new(source) };
        match help {
            Some(help) => error.help(help),
            None => error,
        }
    }

    /// The same error with advice.
    pub fn help(self, help: impl Into<String>) -> Error {
        Error::Help { help: help.into(), source: Box::new(self) }
    }

    /// The same error with a line of source, unless it has one.
    pub fn at(self, at: &'static Location<'static>) -> Error {
        if self.location().is_some() { self } else { Error::At { at, source: Box::new(self) } }
    }

    /// [`Error::at`], also in place of a line in a file whose path starts with `library`: users want their own. Without a
    /// line of theirs there is none.
    pub fn at_user(self, at: Option<&'static Location<'static>>, library: &str) -> Error {
        match self {
            Error::At { at: inner, source } if inner.file().starts_with(library) => match at {
                Some(at) => Error::At { at, source },
                None => *source,
            },
            Error::Layer { layer, class, source } if source.location().is_some() => {
                Error::Layer { layer, class, source: Box::new(source.at_user(at, library)) }
            }
            Error::Within { what, source } if source.location().is_some() => {
                Error::Within { what, source: Box::new(source.at_user(at, library)) }
            }
            Error::Help { help, source } if source.location().is_some() => {
                Error::Help { help, source: Box::new(source.at_user(at, library)) }
            }
            e => match at {
                Some(at) => e.at(at),
                None => e,
            },
        }
    }

    /// The same error within a layer.
    pub fn in_layer(self, layer: impl Into<String>, class: &'static str) -> Error {
        Error::Layer { layer: layer.into(), class, source: Box::new(self) }
    }

    /// The same error within something else that has a name.
    pub fn within(self, what: impl Into<String>) -> Error {
        Error::Within { what: what.into(), source: Box::new(self) }
    }

    /// The line of source this error carries.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        match self {
            Error::At { at, .. } => Some(at),
            Error::Layer { source, .. } | Error::Within { source, .. } | Error::Help { source, .. } => {
                source.location()
            }
            _ => None,
        }
    }
}

/// Characters of an unknown name that are shown.
const MAX_NAME: usize = 100;

/// What there is instead of a file that there is not.
fn around(path: &Path) -> Option<String> {
    /// Names of a folder that are looked at.
    const MANY: usize = 1000;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Some(format!("there is no folder `{}`", folder.display()));
    }
    let others = std::fs::read_dir(folder).ok()?.take(MANY).filter_map(|entry| entry.ok());
    let alike = others.map(|entry| entry.path()).filter(|other| other.extension() == path.extension());
    let stems: Vec<String> = alike.filter_map(|p| Some(p.file_stem()?.to_str()?.to_string())).collect();
    let near = nearest(path.file_stem()?.to_str()?, stems.iter().map(String::as_str));
    match near {
        Some(stem) => {
            let near = path.with_file_name(stem);
            let ending = path.extension().map(|e| format!(".{}", e.display())).unwrap_or_default();
            Some(format!("did you mean `{}{ending}`?", near.display()))
        }
        None if path.is_relative() => {
            Some(format!("the folder in use is `{}`", std::env::current_dir().ok()?.display()))
        }
        None => None,
    }
}

/// The name in `known` that is nearest to `got` in edits, unless all are far from it.
pub fn nearest<'a>(got: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if got.len() > 4 * MAX_NAME {
        return None;
    }
    let lower = got.to_lowercase();
    let near = known.into_iter().map(|k| (edits(&lower, &k.to_lowercase()), k)).min_by_key(|(d, _)| *d)?;
    (near.0 <= got.len().max(near.1.len()).div_ceil(2)).then_some(near.1)
}

/// Insertions, deletions, substitutions and swaps of neighbours that make one of the other ("optimal string alignment").
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = vec![];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut next = vec![i + 1];
        for j in 0..b.len() {
            let substituted = row[j] + usize::from(a[i] != b[j]);
            let mut best = substituted.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name() {
        let known = ["relu", "softmax", "sigmoid"];
        assert_eq!(nearest("Relu6", known), Some("relu"));
        assert_eq!(nearest("sofmax", known), Some("softmax"));
        assert_eq!(nearest("rleu", ["elu", "relu"]), Some("relu"));
        assert_eq!(nearest("qqqqqqqqqqqq", known), None);
    }

    #[test]
    fn files_that_are_missing() {
        let folder = std::env::temp_dir().join(format!("cornu-missing-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("model.v2.keras"), "").unwrap();
        let said = |name: &str| {
            let path = folder.join(name);
            Error::io(&path, std::fs::read(&path).unwrap_err()).to_string()
        };
        let near = format!("did you mean `{}`?", folder.join("model.v2.keras").display());
        assert!(said("modl.v2.keras").contains(&near), "{}", said("modl.v2.keras"));
        assert!(!said("modl.v2.h5").contains("did you mean"));
        assert!(!said("other-name.keras").contains("did you mean"));
        let none = format!("there is no folder `{}`", folder.join("nowhere").display());
        assert!(said("nowhere/model.keras").contains(&none));
        let path = Path::new("no-such-file");
        assert!(
            Error::io(path, std::fs::read(path).unwrap_err()).to_string().contains("the folder in use is `")
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn messages() {
        let e = Error::unknown("activation", "rellu", ["relu", "elu"]);
        assert_eq!(e.to_string(), "unknown activation `rellu`; did you mean `relu`?");
        let e = Error::op("dot", "inner sizes 4 and 3 differ").in_layer("model/dense", "Dense");
        assert_eq!(e.to_string(), "layer `model/dense` (Dense): dot: inner sizes 4 and 3 differ");
    }
}
