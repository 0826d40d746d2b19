//! Where weights come from.
use crate::data::Checksum;
use crate::datasets::Source;
use cornu_graph::{Error, Result};
use std::path::{Path, PathBuf};

/// The weights that an architecture starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pretrained {
    /// Those that Keras publishes, trained on ImageNet.
    ImageNet,
    /// Random ones.
    Random,
    /// Those in a file: `.weights.h5`, or `.h5` of Keras 2.
    File(PathBuf),
}

impl From<&str> for Pretrained {
    fn from(weights: &str) -> Pretrained {
        if weights == "imagenet" { Pretrained::ImageNet } else { Pretrained::File(weights.into()) }
    }
}

impl From<Option<&str>> for Pretrained {
    fn from(weights: Option<&str>) -> Pretrained {
        weights.map_or(Pretrained::Random, Pretrained::from)
    }
}

impl From<&Path> for Pretrained {
    fn from(path: &Path) -> Pretrained {
        Pretrained::File(path.into())
    }
}

impl From<PathBuf> for Pretrained {
    fn from(path: PathBuf) -> Pretrained {
        Pretrained::File(path)
    }
}

impl Pretrained {
    /// Fails when a file is not there.
    ///
    /// # Errors
    /// Names it.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Pretrained::File(path) if !path.exists() => {
                let message = format!(
                    "should be None (random ones), \"imagenet\" or the path of a file of weights; there is no file `{}`",
                    path.display()
                );
                Err(Error::argument("weights", message))
            }
            _ => Ok(()),
        }
    }
}

/// A file that Keras publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name in Keras's folder `~/.keras/models`.
    pub file: String,
    /// Where it is on Keras's server.
    pub url: String,
    /// Its hash in hexadecimal, SHA-256 or MD5, if Keras knows one.
    pub hash: Option<&'static str>,
}

impl Published {
    /// A file whose name on the server is that in the folder.
    pub(super) fn new(
        folder: &str,
        file: impl Into<String>,
        hash: impl Into<Option<&'static str>>,
    ) -> Published {
        let file = file.into();
        Published { url: format!("{}{file}", server(folder)), file, hash: hash.into() }
    }

    /// The path of the file on this machine, where it is when this returns. It is looked for in Keras's folder and, if it
    /// is not there or damaged, downloaded; [`datasets`](crate::datasets) says how the environment changes that.
    ///
    /// # Errors
    /// When it can be had neither here nor there.
    pub fn path(&self) -> Result<PathBuf> {
        Source::models().published(&self.file, &self.url, self.hash.map(Checksum::new))
    }
}

/// The address of one of Keras's folders.
fn server(folder: &str) -> String {
    const SERVER: &str = "https://storage.googleapis.com/";
    match folder {
        "" => format!("{SERVER}keras-applications/"),
        folder => format!("{SERVER}tensorflow/keras-applications/{folder}/"),
    }
}

/// With or without the top: Keras's suffix of the file, and its hash of the two.
pub(super) fn top(include_top: bool, hashes: [&'static str; 2]) -> (&'static str, &'static str) {
    if include_top { ("", hashes[0]) } else { ("_notop", hashes[1]) }
}
