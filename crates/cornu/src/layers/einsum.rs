//! Products of two tensors by Einstein's summation.
use crate::layers::prelude::*;
use cornu_graph::ops::Dot;
use std::ops::Range;

/// An equation with a letter for each axis; those of `...` are given letters of their own.
#[derive(Debug, PartialEq)]
pub(crate) struct Equation {
    pub left: Vec<char>,
    pub right: Vec<char>,
    pub output: Vec<char>,
    /// The axes of the left operand that `...` stands for.
    pub elided: Range<usize>,
}

impl Equation {
    /// Reads `left,right->output`; the left operand, which has `rank` axes, and the output may have one `...`.
    ///
    /// # Errors
    /// When it has another form, or a letter stands where it cannot.
    pub fn parse(equation: &str, rank: usize) -> Result<Equation> {
        let error = |why: &str| Error::argument(format!("equation `{equation}`"), why);
        let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
        let (operands, output) = text.split_once("->").ok_or_else(|| error("there is no `->`"))?;
        let (left, right) = operands.split_once(',').ok_or_else(|| error("there must be two operands"))?;
        let named = left.replace("...", "").chars().count();
        let has_ellipsis = left.contains("...");
        if rank < named || (rank > named && !has_ellipsis) {
            return Err(error(&format!("names {named} axes of an input that has {rank}")));
        }
        // Letters that no one can have written.
        let hidden: String = (0..rank - named).filter_map(|i| char::from_u32(0xE000 + i as u32)).collect();
        let start = left.find("...").unwrap_or(left.len());
        let read = |part: &str| -> Result<Vec<char>> {
            let labels: Vec<char> = part.replacen("...", &hidden, 1).chars().collect();
            let known = |c: &char| c.is_ascii_alphabetic() || hidden.contains(*c);
            if let Some(c) = labels.iter().find(|c| !known(c)) {
                return Err(error(&format!("`{c}` is no letter")));
            }
            if let Some((_, c)) = labels.iter().enumerate().find(|(i, c)| labels[..*i].contains(c)) {
                return Err(error(&format!("`{c}` appears twice in one term")));
            }
            Ok(labels)
        };
        let parsed = Equation {
            left: read(left)?,
            right: read(right)?,
            output: read(output)?,
            elided: start..start + (rank - named),
        };
        if has_ellipsis != output.contains("...") || right.contains("...") {
            return Err(error("`...` must be in the input and in the output, and nowhere else"));
        }
        let lost = |c: &&char| !parsed.left.contains(c) && !parsed.right.contains(c);
        if let Some(c) = parsed.output.iter().find(lost) {
            return Err(error(&format!("`{c}` of the output is in no operand")));
        }
        Ok(parsed)
    }
}

/// The product of `a` and `b` summed over the axes that the output lacks: one `dot` with a transpose.
///
/// # Errors
/// When the equation has another form than `left,right->output`, or does not fit the operands.
pub(crate) fn einsum(equation: &str, a: &Value, b: &Value) -> Result<Value> {
    let Equation { mut left, mut right, output, .. } = Equation::parse(equation, a.rank())?;
    if right.len() != b.rank() {
        let message = format!("names {} axes of an operand that has {}", right.len(), b.rank());
        return Err(Error::argument(format!("equation `{equation}`"), message));
    }
    let a = sum_out(a, &mut left, |c| right.contains(c) || output.contains(c));
    let b = sum_out(b, &mut right, |c| left.contains(c) || output.contains(c));
    let shared = left.iter().filter(|c| right.contains(c));
    let (batch, contract): (Vec<char>, Vec<char>) = shared.partition(|c| output.contains(c));
    let axes = |labels: &[char], of: &[char]| -> Vec<usize> {
        labels.iter().filter_map(|c| of.iter().position(|l| l == c)).collect()
    };
    let dot = Dot {
        a_batch: axes(&batch, &left),
        b_batch: axes(&batch, &right),
        a_contract: axes(&contract, &left),
        b_contract: axes(&contract, &right),
    };
    let y = Value::emit1(dot, &[&a, &b]);
    let free = left.iter().chain(&right).filter(|c| !batch.contains(c) && !contract.contains(c));
    let got: Vec<char> = batch.iter().chain(free).copied().collect();
    let order = axes(&output, &got);
    Ok(if order.iter().copied().eq(0..order.len()) { y } else { y.transpose(&order) })
}

/// Sums over the axes whose letter no other term has, and removes them from `labels`.
fn sum_out(x: &Value, labels: &mut Vec<char>, is_used: impl Fn(&char) -> bool) -> Value {
    let alone: Vec<i64> = (0..labels.len()).filter(|&i| !is_used(&labels[i])).map(|i| i as i64).collect();
    if alone.is_empty() {
        return x.clone();
    }
    labels.retain(is_used);
    x.sum(alone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornu_graph::{Builder, Spec};

    #[test]
    fn shapes() {
        for (equation, a, b, expected) in [
            ("ab,bc->ac", &[2, 3][..], &[3, 4][..], &[2, 4][..]),
            ("abc,cde->abde", &[2, 3, 4], &[4, 5, 6], &[2, 3, 5, 6]),
            ("...x,xy->...y", &[2, 3, 4], &[4, 5], &[2, 3, 5]),
            ("...x,xy->...y", &[2, 4], &[4, 5], &[2, 5]),
            ("abc...,cd->abd...", &[2, 3, 4, 5], &[4, 6], &[2, 3, 6, 5]),
            ("abc,bcd->adb", &[2, 3, 4], &[3, 4, 5], &[2, 5, 3]),
            ("abc,cd->ad", &[2, 3, 4], &[4, 5], &[2, 5]),
        ] {
            let builder = Builder::new();
            let y = einsum(equation, &builder.input(Spec::f32(a)), &builder.input(Spec::f32(b))).unwrap();
            builder.check().unwrap();
            assert_eq!(y.shape(), expected, "{equation}");
        }
    }

    #[test]
    fn wrong_equations() {
        for (equation, why) in [
            ("ab,bc", "there is no `->`"),
            ("ab->a", "there must be two operands"),
            ("abc,cd->abd", "names 3 axes of an input that has 2"),
            ("aa,ab->b", "`a` appears twice in one term"),
            ("ab,bc->ad", "`d` of the output is in no operand"),
            ("a...,ab->b", "`...` must be in the input and in the output, and nowhere else"),
            ("a1,1b->ab", "`1` is no letter"),
        ] {
            let error = Equation::parse(equation, 2).unwrap_err().to_string();
            assert_eq!(error, format!("equation `{equation}`: {why}"));
        }
    }
}
