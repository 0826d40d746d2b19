//! Keras 3's table of a model.
use crate::layers::{Layer, LayerRef};
use crate::models::Model;
use crate::models::functional::as_input;
use crate::models::keras_tensor::{Node, output_specs};
use crate::models::weights::layer_params;
use crate::shape::Shape;
use cornu_graph::{Error, Spec};
use std::fmt::Write;
use std::sync::Arc;

/// One row: a text for each column.
type Row = Vec<String>;

/// The table, `line_length` wide if that is given; with a mistake in the layers, what is known and the mistake.
pub(crate) fn table(model: &Model, line_length: Option<usize>, mistake: Option<Error>) -> String {
    let nodes: &[Arc<Node>] = model.functional().map_or(&[], |f| &f.nodes);
    let stacked = model.class_name() == "Sequential" || is_stack(nodes);
    let (positions, header): (&[f64], &[&str]) = if stacked {
        (&[0.45, 0.80, 1.0], &["Layer (type)", "Output Shape", "Param #"])
    } else {
        (&[0.3, 0.56, 0.74, 1.0], &["Layer (type)", "Output Shape", "Param #", "Connected to"])
    };
    let widest = if stacked { 88 } else { 108 };
    let width = line_length.unwrap_or_else(|| widest.min(screen_width().saturating_sub(4)));
    let widths = column_widths(positions, width.max(40));

    let rows: Vec<Row> = model
        .operations()
        .iter()
        .map(|layer| {
            let calls = calls_of(&**layer, nodes);
            let name = format!("{} ({})", layer.name(), layer.shown_class());
            let mut row = vec![name, output_shapes(layer, &calls), parameters(layer)];
            if !stacked {
                row.push(connections(&calls, nodes));
            }
            row
        })
        .collect();

    let mut text = format!("Model: \"{}\"\n", model.name());
    draw(&mut text, &widths, header, &rows);
    totals(&mut text, model);
    if let Some(mistake) = mistake {
        let _ = writeln!(text, " The model cannot be built: {mistake}");
    }
    text
}

/// Whether every depth has one call with one input, and no layer is called twice.
fn is_stack(nodes: &[Arc<Node>]) -> bool {
    let mut before: Option<u64> = None;
    let mut layers = std::collections::HashSet::new();
    nodes.iter().all(|node| {
        let follows = match (node.inputs.as_slice(), before) {
            ([], None) => true,
            ([x], Some(id)) => x.node().id == id,
            _ => false,
        };
        before = Some(node.id);
        follows && layers.insert(node.layer.base().id())
    })
}

/// The calls of a layer in the order they were made.
fn calls_of<'a>(layer: &dyn Layer, nodes: &'a [Arc<Node>]) -> Vec<&'a Arc<Node>> {
    let mut calls: Vec<&Arc<Node>> =
        nodes.iter().filter(|n| n.layer.base().id() == layer.base().id()).collect();
    calls.sort_by_key(|n| n.id);
    calls
}

/// The shapes that the last call of a layer gave.
fn output_shapes(layer: &LayerRef, calls: &[&Arc<Node>]) -> String {
    if let Some(input) = as_input(layer) {
        return shape_text(input.batch_shape());
    }
    let Some(last) = calls.last() else { return "?".into() };
    let shapes = output_specs(last).unwrap_or_default();
    let texts: Vec<String> = shapes.iter().map(|(shape, _)| shape_text(shape)).collect();
    match texts.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// `(None, 4)`, and `(None)` where Python would write `(None,)`.
fn shape_text(shape: &Shape) -> String {
    shape.to_string().replace(",)", ")")
}

fn parameters(layer: &LayerRef) -> String {
    if layer.base().built().is_none() && as_input(layer).is_none() {
        return "0 (unbuilt)".into();
    }
    thousands(layer_params(&**layer))
}

/// `dense[0][0]`: layer, which of its calls, which output of it.
fn connections(calls: &[&Arc<Node>], nodes: &[Arc<Node>]) -> String {
    let mut sources = vec![];
    for x in calls.iter().flat_map(|n| &n.inputs) {
        let call =
            calls_of(&*x.node().layer, nodes).iter().position(|n| Arc::ptr_eq(n, x.node())).unwrap_or(0);
        sources.push(format!("{}[{call}][{}]", x.name(), x.index()));
    }
    if sources.is_empty() { "-".into() } else { sources.join(", ") }
}

/// Widths of the columns with their padding, as `rich` fits them into a line of this length.
fn column_widths(positions: &[f64], line: usize) -> Vec<usize> {
    let mut widths = vec![];
    let mut before = 0;
    for p in positions {
        let end = (p * line as f64) as usize;
        widths.push(end.saturating_sub(before) + 2);
        before = end;
    }
    let borders = widths.len() + 1;
    let mut excess = (widths.iter().sum::<usize>() + borders).saturating_sub(line);
    let columns = widths.len();
    for (i, width) in widths.iter_mut().enumerate() {
        let share = (excess as f64 / (columns - i) as f64).round_ties_even() as usize;
        let cut = share.min(*width);
        *width -= cut;
        excess -= cut;
    }
    widths
}

/// Characters of a line of the terminal: `COLUMNS`, else 80.
fn screen_width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).filter(|&c| c > 0).unwrap_or(80)
}

fn draw(text: &mut String, widths: &[usize], header: &[&str], rows: &[Row]) {
    let rule = |left: char, line: &str, joint: char, right: char| {
        let cells: Vec<String> = widths.iter().map(|&w| line.repeat(w)).collect();
        format!("{left}{}{right}\n", cells.join(&joint.to_string()))
    };
    text.push_str(&rule('┏', "━", '┳', '┓'));
    let header: Row = header.iter().map(|h| h.to_string()).collect();
    draw_row(text, widths, &header, '┃');
    text.push_str(&rule('┡', "━", '╇', '┩'));
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            text.push_str(&rule('├', "─", '┼', '┤'));
        }
        draw_row(text, widths, row, '│');
    }
    text.push_str(&rule('└', "─", '┴', '┘'));
}

fn draw_row(text: &mut String, widths: &[usize], row: &Row, border: char) {
    let cells: Vec<Vec<String>> =
        row.iter().zip(widths).map(|(cell, &w)| wrap(cell, w.saturating_sub(2))).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(1);
    for line in 0..height {
        text.push(border);
        for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
            let inner = width.saturating_sub(2);
            let content = cell.get(line).map_or("", String::as_str);
            // Numbers stand to the right.
            let padded =
                if column == 2 { format!("{content:>inner$}") } else { format!("{content:<inner$}") };
            let _ = write!(text, " {padded} {border}");
        }
        text.push('\n');
    }
}

/// Breaks a text between words; a word that is too long ends in `…`.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split(' ') {
        let length = word.chars().count();
        let word = if length > width && width > 0 {
            word.chars().take(width - 1).chain(['…']).collect()
        } else {
            word.to_string()
        };
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

fn totals(text: &mut String, model: &Model) {
    let weights = model.weights().unwrap_or_default();
    let sums = |specs: &mut dyn Iterator<Item = &Spec>| {
        specs.fold((0, 0), |(count, bytes), s| (count + s.len(), bytes + s.bytes()))
    };
    let of = |trainable: bool| {
        sums(&mut weights.iter().filter(|w| w.trainable == trainable).map(|w| &w.variable.spec))
    };
    let (trainable, fixed) = (of(true), of(false));
    let optimizer = model.trainer.ready.as_ref().map(|r| sums(&mut r.optimizer.iter().map(|v| &v.spec)));
    let extra = optimizer.unwrap_or((0, 0));
    let total = (trainable.0 + fixed.0 + extra.0, trainable.1 + fixed.1 + extra.1);
    let mut line = |what: &str, (count, bytes): (usize, usize)| {
        let _ = writeln!(text, " {what} params: {} ({})", thousands(count), memory(bytes));
    };
    line("Total", total);
    line("Trainable", trainable);
    line("Non-trainable", fixed);
    if let Some(optimizer) = optimizer {
        line("Optimizer", optimizer);
    }
}

/// `1,234,567`
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    text
}

/// `212.54 KB`
fn memory(bytes: usize) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KB", "MB", "GB", "TB"] {
        if size < 1024.0 {
            return format!("{size:.2} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.2} PB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_80_characters() {
        assert_eq!(column_widths(&[0.45, 0.80, 1.0], 76), [33, 24, 15]);
        assert_eq!(column_widths(&[0.3, 0.56, 0.74, 1.0], 76), [21, 19, 12, 19]);
    }

    #[test]
    fn cells() {
        assert_eq!(
            wrap("[(None, 3), (None, 3), (None, 3)]", 17),
            ["[(None, 3),", "(None, 3), (None,", "3)]"]
        );
        assert_eq!(wrap("a_very_long_layer_name (Dense)", 10), ["a_very_lo…", "(Dense)"]);
        assert_eq!((thousands(54410), memory(217640)), ("54,410".into(), "212.54 KB".into()));
    }
}
