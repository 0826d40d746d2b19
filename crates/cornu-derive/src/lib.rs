//! `#[config]` and `#[layer]`: constructor, keyword setters and Keras's saved form from one struct.
//!
//! ```ignore
//! /// Stochastic gradient descent.
//! #[config("keras.optimizers")]
//! pub struct SGD {
//!     /// Step size.
//!     #[default(0.01)]
//!     pub learning_rate: f64,
//! }
//! let sgd = SGD::new().learning_rate(0.1);
//! assert_eq!(serde_json::to_string(&sgd)?, r#"{"learning_rate":0.1}"#);
//! ```
//!
//! The fields are Keras's arguments, in the order of Keras's `get_config`. Fields without `#[default(..)]` are the
//! arguments of `new`, in their order; each of the others has a setter of its name, whose doc is the field's.
//!
//! | type of the field | argument of `new` or of the setter |
//! |---|---|
//! | numbers and `bool` | by value, so that literals need no suffix |
//! | `Option<T>` | as for `T` |
//! | anything else | `impl Into` |
//!
//! `#[save_as(Type)]` on a field saves and reads it as `Type`, with `From` both ways. `#[omit_default]`
//! leaves a field out of the saved form while it has its default; `#[unsaved]` leaves it out always, where Keras does. `#[no_setter]` is
//! for what Keras writes and nobody gives.
//!
//! Where Keras saves its arguments in another order than it takes them, `order(key, ..)` after the package gives the keys
//! that are written; for a layer, `dtype_name` there writes the dtype as a plain string.
//!
//! Reading a config takes missing keys with a default as that default, and refuses unknown keys by name.
mod expand;
mod field;

use proc_macro::TokenStream;

/// A Keras object that is its config: see the [crate].
#[proc_macro_attribute]
pub fn config(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(arguments.into(), item.into(), expand::Kind::Config)
        .unwrap_or_else(|e| e.to_compile_error())
        .into()
}

/// A layer: a [`macro@config`] with the arguments that all layers share before its own. `name`, `trainable`, `dtype` and
/// `activity_regularizer` become setters.
#[proc_macro_attribute]
pub fn layer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(arguments.into(), item.into(), expand::Kind::Layer)
        .unwrap_or_else(|e| e.to_compile_error())
        .into()
}
