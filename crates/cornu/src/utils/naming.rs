//! Names for layers and models that were given none.
use cornu_graph::{Error, Result};
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    static COUNTS: RefCell<HashMap<String, usize>> = RefCell::default();
}

/// The class in snake case, with a number from its second use on: `dense`, `dense_1`.
pub(crate) fn unique(class: &str) -> String {
    let name = snake_case(class);
    COUNTS.with_borrow_mut(|counts| {
        let count = counts.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { name } else { format!("{name}_{}", *count - 1) }
    })
}

/// Fails on a name that would be two in the path of a weight.
///
/// # Errors
/// When it has a `/`.
pub(crate) fn check(name: &str) -> Result<()> {
    if name.contains('/') {
        return Err(Error::argument("name", format!("cannot contain the character `/`, got `{name}`")));
    }
    Ok(())
}

/// Starts names over: the next `Dense` is `dense` again. Keras's `keras.utils.clear_session`, for this thread.
pub fn clear_session() {
    COUNTS.with_borrow_mut(HashMap::clear);
}

/// The one class that Keras's own code calls otherwise than it is exported.
const EXPORTED: &str = "GroupQueryAttention";
const IN_PYTHON: &str = "GroupedQueryAttention";

/// The class as Keras's own code calls it, which it shows, makes names from, and writes into `.h5` files.
pub(crate) fn python_class(class: &str) -> &str {
    if class == EXPORTED { IN_PYTHON } else { class }
}

/// The name under which Keras exports a class that its own code calls so.
pub(crate) fn exported_class(class: &str) -> &str {
    if class == IN_PYTHON { EXPORTED } else { class }
}

/// Keras's `to_snake_case`: `MaxPooling2D` to `max_pooling2d`, `LSTM` to `lstm`.
pub(crate) fn snake_case(class: &str) -> String {
    let chars: Vec<char> = python_class(class).chars().collect();
    let mut name = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let starts_word = chars.get(i + 1).is_some_and(|next| next.is_lowercase());
        let after_small = i > 0 && chars[i - 1].is_lowercase();
        if i > 0 && c.is_uppercase() && (starts_word || after_small) {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_in_keras() {
        for (class, name) in [
            ("Dense", "dense"),
            ("MaxPooling2D", "max_pooling2d"),
            ("LSTM", "lstm"),
            ("SimpleRNN", "simple_rnn"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("ReLU", "re_lu"),
            ("GRUCell", "gru_cell"),
            ("ZeroPadding1D", "zero_padding1d"),
            ("MultiHeadAttention", "multi_head_attention"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
        ] {
            assert_eq!(snake_case(class), name);
        }
    }
}
