//! Small functions of dtypes and symbolic tensors.
use crate::models::KerasTensor;
use cornu_graph::{DType, Error, Result};

/// The dtype of this name; without a name float32, and Python's `int`, `float` and `bool` as Keras takes them. Keras's
/// `standardize_dtype`.
///
/// # Errors
/// When there is no such dtype.
///
/// ```
/// use cornu::{DType, utils::standardize_dtype};
/// assert_eq!(standardize_dtype(Some("int"))?, DType::I32);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn standardize_dtype(dtype: Option<&str>) -> Result<DType> {
    let name = match dtype {
        None | Some("float") => "float32",
        Some("int") => "int32",
        Some(name) => name,
    };
    let names: Vec<String> = DType::ALL.iter().map(ToString::to_string).collect();
    let found = names.iter().position(|n| n == name);
    found
        .map(|i| DType::ALL[i])
        .ok_or_else(|| Error::unknown("dtype", name, names.iter().map(String::as_str)))
}

/// The inputs that a symbolic tensor comes from. Keras's `get_source_inputs`.
///
/// ```
/// use cornu::prelude::*;
/// let (a, b) = (Input::new([2]).name("a").tensor(), Input::new([2]).name("b").tensor());
/// let y = Dense::new(1).apply(&(&a + &b));
/// let names: Vec<String> = utils::get_source_inputs(&y).iter().map(|x| x.name().to_string()).collect();
/// assert_eq!(names, ["a", "b"]);
/// ```
pub fn get_source_inputs(tensor: &KerasTensor) -> Vec<KerasTensor> {
    let mut found: Vec<KerasTensor> = vec![];
    let mut seen = std::collections::HashSet::new();
    let mut rest = vec![tensor.clone()];
    while let Some(x) = rest.pop() {
        if !seen.insert((x.node().id, x.index())) {
            continue;
        }
        if x.node().inputs.is_empty() {
            found.push(x);
        } else {
            rest.extend(x.node().inputs.iter().rev().cloned());
        }
    }
    found
}
