//! Einstein's sum over any number of tensors.
use super::build::diagonal_of;
use crate::layers::einsum::einsum as of_two;
use cornu_graph::{Error, Result, Value};

/// The sum of products over the letters that the output lacks. A letter twice in one term is a diagonal, `...` the axes that
/// have no letter; without `->`, the output has those and the letters that appear once, in order.
///
/// # Errors
/// When the equation does not fit the tensors.
pub(super) fn einsum(equation: &str, xs: &[Value]) -> Result<Value> {
    let error = |why: String| Error::argument(format!("equation `{equation}`"), why);
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, output) = match text.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (text.as_str(), None),
    };
    let terms: Vec<&str> = inputs.split(',').collect();
    if terms.len() != xs.len() {
        return Err(error(format!("has {} terms for {} tensors", terms.len(), xs.len())));
    }
    let used = |c: &char| text.contains(*c);
    let mut spare = ('a'..='z').chain('A'..='Z').filter(|c| !used(c));
    // The axes of `...` count from the end.
    let elided =
        |term: &str, x: &Value| (x.rank() + 3).checked_sub(term.len()).filter(|_| term.contains("..."));
    let most = terms.iter().zip(xs).filter_map(|(t, x)| elided(t, x)).max().unwrap_or(0);
    let hidden: String = spare.by_ref().take(most).collect();
    if hidden.len() < most {
        return Err(error("has too many axes for the letters there are".into()));
    }

    let mut operands = vec![];
    for (term, x) in terms.iter().zip(xs) {
        let count = elided(term, x).unwrap_or(0);
        let mut labels: Vec<char> = term.replacen("...", &hidden[most - count..], 1).chars().collect();
        if let Some(c) = labels.iter().find(|c| !c.is_ascii_alphabetic()) {
            return Err(error(format!("`{c}` is no letter")));
        }
        if labels.len() != x.rank() {
            return Err(error(format!("names {} axes of a tensor that has {}", labels.len(), x.rank())));
        }
        let mut x = x.clone();
        let twice = |labels: &[char]| {
            let pair = |i: usize| labels[..i].iter().position(|c| *c == labels[i]).map(|first| (first, i));
            (0..labels.len()).find_map(pair)
        };
        while let Some((first, second)) = twice(&labels) {
            x = diagonal_of(&x, 0, first as i64, second as i64);
            let letter = labels.remove(second);
            labels.remove(first);
            labels.push(letter);
        }
        operands.push((labels, x));
    }
    let output: Vec<char> = match output {
        Some(output) => output.replacen("...", &hidden, 1).chars().collect(),
        None => {
            let mut once: Vec<char> = inputs.chars().filter(|c| c.is_ascii_alphabetic()).collect();
            once.retain(|c| inputs.matches(*c).count() == 1);
            once.sort_unstable();
            hidden.chars().chain(once).collect()
        }
    };
    let known = |c: &char| operands.iter().any(|(labels, _)| labels.contains(c));
    if let Some(c) = output.iter().find(|c| !known(c)) {
        return Err(error(format!("`{c}` of the output is in no operand")));
    }
    if let Some((i, c)) = output.iter().enumerate().find(|(i, c)| output[..*i].contains(c)) {
        return Err(error(format!("`{c}` stands twice in the output, the second time at {i}")));
    }

    let mut rest = operands.into_iter();
    let Some((mut labels, mut y)) = rest.next() else { return Err(error("needs a tensor".into())) };
    while let Some((others, x)) = rest.next() {
        let later =
            |c: &char| output.contains(c) || rest.as_slice().iter().any(|(labels, _)| labels.contains(c));
        let mut kept: Vec<char> =
            labels.iter().chain(others.iter().filter(|c| !labels.contains(c))).copied().collect();
        kept.retain(later);
        if rest.as_slice().is_empty() {
            kept.clone_from(&output);
        }
        let word = |labels: &[char]| labels.iter().collect::<String>();
        y = of_two(&format!("{},{}->{}", word(&labels), word(&others), word(&kept)), &y, &x)?;
        labels = kept;
    }
    let gone =
        (0..labels.len()).filter(|&i| !output.contains(&labels[i])).map(|i| i as i64).collect::<Vec<_>>();
    let y = if gone.is_empty() { y } else { y.sum(gone) };
    labels.retain(|c| output.contains(c));
    let order: Vec<usize> = output.iter().filter_map(|c| labels.iter().position(|l| l == c)).collect();
    Ok(if order.iter().copied().eq(0..order.len()) { y } else { y.transpose(&order) })
}
