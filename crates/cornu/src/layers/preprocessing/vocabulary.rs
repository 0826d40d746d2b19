//! The vocabulary of a layer that looks tokens up: what Keras's layers tell of it, and how it is set.
use crate::layers::LayerBase;
use cornu_graph::{Error, Result};

/// Fails where a vocabulary was given with the layer: `adapt` would silently find another.
pub(super) fn not_given(base: &LayerBase, class: &str, given: bool) -> Result<()> {
    if given && !base.has_learned() {
        let message = "is given; `adapt` would find another";
        return Err(Error::argument(format!("{class}.vocabulary"), message));
    }
    Ok(())
}

/// Fails where tokens for what is unknown would fill memory.
pub(super) fn few(class: &str, num_oov_indices: usize) -> Result<()> {
    const MOST: usize = 1 << 24;
    if num_oov_indices <= MOST {
        return Ok(());
    }
    let message = format!("must be at most {MOST} for a list of all tokens, got {num_oov_indices}");
    Err(Error::argument(format!("{class}.num_oov_indices"), message))
}

/// The methods of a layer with the fields `vocabulary` and `idf_weights`, and with private methods `places`, all tokens in the
/// order of their places, `special`, those before the known ones, and `check_vocabulary`.
macro_rules! vocabulary_methods {
    ($Layer:ident of $Token:ty) => {
        impl $Layer {
            /// All tokens in the order of their places: that of padding, if it has one, those of unknown tokens, the known ones.
            /// Keras's `get_vocabulary`.
            ///
            /// # Errors
            /// When there is no vocabulary yet, or it does not fit the other arguments.
            pub fn get_vocabulary(&self) -> Result<Vec<$Token>> {
                self.places()
            }

            /// The known tokens alone, in the order of their places. Keras's `get_vocabulary(include_special_tokens=False)`.
            ///
            /// # Errors
            /// As [`get_vocabulary`](Self::get_vocabulary).
            pub fn get_vocabulary_without_special_tokens(&self) -> Result<Vec<$Token>> {
                Ok(self.places()?.split_off(self.special()?.len()))
            }

            /// How many places there are, with those of padding and of unknown tokens. Keras's `vocabulary_size`.
            ///
            /// # Errors
            /// As [`get_vocabulary`](Self::get_vocabulary).
            pub fn vocabulary_size(&self) -> Result<usize> {
                Ok(self.places()?.len())
            }

            /// Sets the known tokens, and for the output mode `"tf_idf"` the weight of each. Tokens for padding and for what is
            /// unknown may stand before them, as [`get_vocabulary`](Self::get_vocabulary) gives them. Call it before the
            /// layer is applied. Keras's `set_vocabulary`; a model is saved with the vocabulary in a file of its own, as after
            /// [`Adapt::adapt`](crate::layers::Adapt::adapt), which may then find another.
            ///
            /// # Errors
            /// When the vocabulary does not fit the other arguments, and keeps what was there.
            pub fn set_vocabulary<T: Into<$Token>>(
                &mut self,
                vocabulary: impl IntoIterator<Item = T>,
                idf_weights: Option<Vec<f64>>,
            ) -> Result<()> {
                let vocabulary = vocabulary.into_iter().map(Into::into).collect();
                let before = (self.vocabulary.replace(vocabulary), self.idf_weights.take());
                self.idf_weights = idf_weights;
                if let Err(e) = self.check_vocabulary() {
                    (self.vocabulary, self.idf_weights) = before;
                    return Err(e);
                }
                self.base.set_learned();
                Ok(())
            }

            /// [`set_vocabulary`](Self::set_vocabulary) from a text file with a known token a line, and none for padding or for
            /// what is unknown. Keras's `vocabulary` given as a path.
            ///
            /// # Errors
            /// When the file cannot be read, a line is no token, or the vocabulary does not fit the other arguments; for the output
            /// mode `"tf_idf"`, which needs weights too.
            pub fn set_vocabulary_file(&mut self, path: impl AsRef<std::path::Path>) -> Result<()> {
                let path = path.as_ref();
                if self.output_mode == OutputMode::TfIdf {
                    let message = "a file has no weights, which the output mode \"tf_idf\" needs";
                    let argument = concat!(stringify!($Layer), ".vocabulary");
                    return Err(Error::argument(argument, message).help("call `set_vocabulary` with both"));
                }
                let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
                let wrong = |line: &str| Error::Format {
                    what: path.display().to_string(),
                    message: format!("{line:?} is no {}", stringify!($Token)),
                };
                let token = |line: &str| line.parse::<$Token>().map_err(|_| wrong(line));
                let tokens = text.lines().map(token).collect::<Result<Vec<_>>>()?;
                // With those before them, so that no line of the file is taken for one of them.
                let special = self.special()?;
                self.set_vocabulary(special.into_iter().chain(tokens), None)
            }

            /// Puts the number of places into the config, as Keras does.
            fn settle_vocabulary(&self, config: &mut serde_json::Value) {
                if let Ok(size) = self.vocabulary_size() {
                    config["vocabulary_size"] = size.into();
                }
            }
        }
    };
}
pub(super) use vocabulary_methods;
