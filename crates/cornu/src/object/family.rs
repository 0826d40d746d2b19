//! Families of classes, any of which can be given by name, by object or by user code.
use crate::object::{excerpt, read_config};
use cornu_graph::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

/// A name or saved object that is not of the family: kept as it came, an error where it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Unknown {
    name: String,
    /// The envelope, when it was one.
    saved: Option<Json>,
}

impl Unknown {
    pub(crate) fn name(name: &str) -> Unknown {
        Unknown { name: name.into(), saved: None }
    }

    pub(crate) fn saved(name: &str, saved: Json) -> Unknown {
        Unknown { name: name.into(), saved: Some(saved) }
    }

    /// The error to report where it is used.
    pub(crate) fn error<'a>(&self, kind: &'static str, known: impl IntoIterator<Item = &'a str>) -> Error {
        let known: Vec<&str> = known.into_iter().collect();
        if known.contains(&self.name.as_str()) {
            let message = format!("`{}` has arguments without a default", self.name);
            return Error::argument(kind, message)
                .help(format!("give it as an object: `{}::new(..)`", self.name));
        }
        Error::unknown(kind, &self.name, known)
    }
}

impl Serialize for Unknown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.saved {
            Some(saved) => saved.serialize(serializer),
            None => serializer.serialize_str(&self.name),
        }
    }
}

/// What a member of a family is saved as.
pub(crate) enum Form {
    Name(String),
    Envelope { class_name: String, saved: Json },
}

impl Form {
    pub(crate) fn read<'de, D: Deserializer<'de>>(kind: &str, deserializer: D) -> Result<Form, D::Error> {
        let saved = Json::deserialize(deserializer)?;
        let class_name = saved.get("class_name").and_then(Json::as_str).map(str::to_string);
        match (saved, class_name) {
            (Json::String(name), _) => Ok(Form::Name(name)),
            // Keras's envelope of a function holds its name.
            (saved, Some(class)) if class == "function" && saved["config"].is_string() => {
                Ok(Form::Name(saved["config"].as_str().unwrap_or_default().into()))
            }
            (saved, Some(class_name)) => Ok(Form::Envelope { class_name, saved }),
            (saved, None) => {
                let message =
                    format!("expected the name of a {kind} or a saved one, got {}", excerpt(&saved));
                Err(serde::de::Error::custom(message))
            }
        }
    }

    pub(crate) fn config<T: serde::de::DeserializeOwned, E: serde::de::Error>(saved: &Json) -> Result<T, E> {
        read_config(saved).map_err(E::custom)
    }
}

/// Declares a family from one list: the enum, its names, conversions and saved form.
///
/// Each class is a `#[config]` struct that implements the trait of the family, which must extend
/// `Saved + Debug + Send + Sync`. The names after a class are those by which Keras finds it; a class without names has
/// required arguments. A method of the family given after its kind may put another member in place of the one that was
/// found by a name. A variant given after that keeps the name by which a member was asked for: it is saved by it, as Keras saves
/// what `compile` was given.
macro_rules! family {
    (
        $(#[$doc:meta])*
        $Family:ident($kind:literal $(, $by_name:ident $(, $Named:ident)?)?): $Trait:ident {
            $($Class:ident $(= $first:literal $(| $more:literal)*)?),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum $Family {
            $(#[doc = concat!("See [`", stringify!($Class), "`](struct@", stringify!($Class), ").")]
            $Class($Class),)*
            /// User code.
            Custom(std::sync::Arc<dyn $Trait>),
            $($(/// One of the others, under the name by which it was asked for.
            $Named(String, Box<$Family>),)?)?
            /// A name or saved object that is none of these: an error where it is used.
            Unknown($crate::object::Unknown),
        }

        impl $Family {
            /// The names that are known.
            pub const NAMES: &'static [&'static str] = &[$($($first, $($more,)*)? stringify!($Class),)*];

            /// User code in place of a class of Keras.
            pub fn custom(object: impl $Trait + 'static) -> $Family {
                $Family::Custom(std::sync::Arc::new(object))
            }

            /// The object behind the name.
            ///
            /// # Errors
            /// When the name is unknown; the nearest known one is suggested.
            pub fn get(&self) -> cornu_graph::Result<&dyn $Trait> {
                match self {
                    $($Family::$Class(object) => Ok(object),)*
                    $Family::Custom(object) => Ok(&**object),
                    $($($Family::$Named(_, object) => object.get(),)?)?
                    $Family::Unknown(unknown) => Err(unknown.error($kind, Self::NAMES.iter().copied())),
                }
            }
        }

        $(impl From<$Class> for $Family {
            fn from(object: $Class) -> $Family {
                $Family::$Class(object)
            }
        })*

        /// By Keras's name; an unknown one is reported where it is used.
        impl From<&str> for $Family {
            fn from(name: &str) -> $Family {
                let found = match name {
                    $($($first $(| $more)* | stringify!($Class) => $Family::$Class(<$Class>::default()),)?)*
                    _ => $Family::Unknown($crate::object::Unknown::name(name)),
                };
                $(
                let found = $Family::$by_name(found, name);
                $(
                let found = match found {
                    $Family::Unknown(_) => found,
                    known => $Family::$Named(name.into(), Box::new(known)),
                };
                )?
                )?
                found
            }
        }

        impl From<String> for $Family {
            fn from(name: String) -> $Family {
                name.as_str().into()
            }
        }

        impl PartialEq for $Family {
            fn eq(&self, other: &$Family) -> bool {
                match (self, other) {
                    $($(
                    ($Family::$Named(_, a), b) => **a == *b,
                    (a, $Family::$Named(_, b)) => *a == **b,
                    )?)?
                    $(($Family::$Class(a), $Family::$Class(b)) => a == b,)*
                    ($Family::Custom(a), $Family::Custom(b)) => {
                        std::sync::Arc::ptr_eq(a, b) || matches!((a.saved(), b.saved()), (Ok(a), Ok(b)) if a == b)
                    }
                    ($Family::Unknown(a), $Family::Unknown(b)) => a == b,
                    _ => false,
                }
            }
        }

        impl serde::Serialize for $Family {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let saved = match self {
                    $($Family::$Class(object) => $crate::object::Saved::saved(object),)*
                    $Family::Custom(object) => object.saved(),
                    $($($Family::$Named(name, _) => return serializer.serialize_str(name),)?)?
                    $Family::Unknown(unknown) => return unknown.serialize(serializer),
                };
                saved.map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Family {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use $crate::object::Form;
                let (class_name, saved) = match Form::read($kind, deserializer)? {
                    Form::Name(name) => return Ok(name.into()),
                    Form::Envelope { class_name, saved } => (class_name, saved),
                };
                Ok(match class_name.as_str() {
                    $(stringify!($Class) $(| $first $(| $more)*)? => $Family::$Class(Form::config(&saved)?),)*
                    _ => $Family::Unknown($crate::object::Unknown::saved(&class_name, saved)),
                })
            }
        }
    };
}
pub(crate) use family;
