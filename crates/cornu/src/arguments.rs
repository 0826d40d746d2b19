//! Types of arguments that many layers share.
use cornu_graph::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One whole number for each of `N` spatial axes; a single number stands for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Size<const N: usize>(#[serde(serialize_with = "as_list")] pub [usize; N]);

fn as_list<S: Serializer, const N: usize>(
    sizes: &[usize; N],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    sizes.as_slice().serialize(serializer)
}

impl<const N: usize> Size<N> {
    /// Fails unless every number is at least 1.
    ///
    /// # Errors
    /// Names the argument and its value.
    pub(crate) fn positive(&self, what: &str) -> Result<&[usize; N]> {
        if self.0.contains(&0) {
            return Err(Error::argument(what, format!("must be positive, got {:?}", self.0)));
        }
        Ok(&self.0)
    }
}

impl<const N: usize> From<usize> for Size<N> {
    fn from(n: usize) -> Self {
        Size([n; N])
    }
}

impl<const N: usize> From<[usize; N]> for Size<N> {
    fn from(sizes: [usize; N]) -> Self {
        Size(sizes)
    }
}

impl From<(usize, usize)> for Size<2> {
    fn from((a, b): (usize, usize)) -> Self {
        Size([a, b])
    }
}

impl From<(usize, usize, usize)> for Size<3> {
    fn from((a, b, c): (usize, usize, usize)) -> Self {
        Size([a, b, c])
    }
}

impl<'de, const N: usize> Deserialize<'de> for Size<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a whole number, or one for each spatial axis")]
        enum Form {
            One(usize),
            Each(Vec<usize>),
        }
        match Form::deserialize(deserializer)? {
            Form::One(n) => Ok(n.into()),
            Form::Each(sizes) => {
                let count = sizes.len();
                let wrong = |_| serde::de::Error::custom(format!("expected {N} numbers, got {count}"));
                sizes.try_into().map(Size).map_err(wrong)
            }
        }
    }
}

/// Declares an argument that takes one of a few words, the first of which is the default; Keras's `None` is that, too,
/// unless said otherwise.
macro_rules! keyword {
    ($(#[$doc:meta])* $Name:ident as $what:literal { $($body:tt)* }) => {
        $crate::arguments::keyword! { $(#[$doc])* $Name as $what or $Name::default() => { $($body)* } }
    };
    (
        $(#[$doc:meta])*
        $Name:ident as $what:literal or $none:expr => {
            $(#[$fdoc:meta])* $First:ident $first:literal
            $(, $(#[$vdoc:meta])* $Variant:ident $word:literal)* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub enum $Name {
            $(#[$fdoc])*
            #[default]
            $First,
            $($(#[$vdoc])* $Variant,)*
            /// A word that is none of these; an error where it is used.
            Unknown(String),
        }

        impl From<&str> for $Name {
            fn from(word: &str) -> Self {
                match word {
                    $first => $Name::$First,
                    $($word => $Name::$Variant,)*
                    _ => $Name::Unknown(word.into()),
                }
            }
        }

        impl $Name {
            /// The word.
            pub fn as_str(&self) -> &str {
                match self {
                    $Name::$First => $first,
                    $($Name::$Variant => $word,)*
                    $Name::Unknown(word) => word,
                }
            }

            /// Fails when the word given is none.
            ///
            /// # Errors
            /// The unknown word, with the nearest known one.
            pub fn check(&self) -> cornu_graph::Result<&Self> {
                match self {
                    $Name::Unknown(word) => Err(cornu_graph::Error::unknown($what, word, [$first $(, $word)*])),
                    known => Ok(known),
                }
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let word = <Option<String> as serde::Deserialize>::deserialize(deserializer)?;
                Ok(word.map_or_else(|| $none, |w| w.to_lowercase().as_str().into()))
            }
        }
    };
}
pub(crate) use keyword;

keyword! {
    /// What surrounds the image.
    Padding as "padding" {
        /// Nothing: windows stay within the image.
        Valid "valid",
        /// Zeros, so that with stride 1 the size stays the same.
        Same "same",
        /// Zeros before the start only, so that no output sees the future (1-d convolutions).
        Causal "causal",
    }
}

keyword! {
    /// Where the channels are.
    DataFormat as "data_format" {
        /// `(batch, spatial.., channels)`
        ChannelsLast "channels_last",
        /// `(batch, channels, spatial..)`
        ChannelsFirst "channels_first",
    }
}

impl DataFormat {
    /// The axis of the channels.
    pub(crate) fn channel_axis(&self) -> i64 {
        if *self == DataFormat::ChannelsFirst { 1 } else { -1 }
    }
}
