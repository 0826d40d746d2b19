//! Keras 3's table of a model.
mod cells;

use cells::{Overflow, wrap};

use crate::layers::{Given, Layer, LayerRef};
use crate::models::Model;
use crate::models::functional::{as_input, is_operation};
use crate::models::keras_tensor::{Node, apply_layer, shown_specs};
use crate::models::nested::NestedModel;
use crate::models::weights::layer_params;
use crate::shape::Shape;
use crate::variable::Variable;
use cornu_graph::{DType, Error, Result, Spec};
use regex_lite::Regex;
use std::any::Any;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;
use unicode_width::UnicodeWidthStr;

/// One row: a text for each column.
type Row = Vec<String>;

/// What [`Model::summary`] shows, and how wide.
///
/// ```
/// use cornu::prelude::*;
/// use cornu::models::Summary;
///
/// let model = Sequential::new().add(Input::new([4])).add(Dense::new(3).name("a")).add(Dense::new(2).name("b"));
/// let text = Summary::new().show_trainable(true).layer_range("b", "b").line_length(80).of(&model)?;
/// assert!(text.contains("b (Dense)") && !text.contains("a (Dense)"));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Summary {
    line_length: Option<usize>,
    positions: Option<Vec<f64>>,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Option<(String, String)>,
}

impl Summary {
    /// Keras's defaults: all layers of the model, models within it as one each.
    pub fn new() -> Summary {
        Summary::default()
    }

    /// Characters in a line; as the terminal has by default.
    pub fn line_length(mut self, line_length: usize) -> Summary {
        self.line_length = Some(line_length);
        self
    }

    /// Where each column ends, as parts of a line, without that of `show_trainable`: `[0.45, 0.8, 1.0]` by default, for
    /// models that are no stack of layers `[0.3, 0.56, 0.74, 1.0]`.
    pub fn positions(mut self, positions: impl Into<Vec<f64>>) -> Summary {
        self.positions = Some(positions.into());
        self
    }

    /// Whether to show the layers of models within the model; false by default.
    pub fn expand_nested(mut self, expand_nested: bool) -> Summary {
        self.expand_nested = expand_nested;
        self
    }

    /// Whether to show which layers are trainable; false by default.
    pub fn show_trainable(mut self, show_trainable: bool) -> Summary {
        self.show_trainable = show_trainable;
        self
    }

    /// Shows the layers from the first whose name begins as `from` says to the last that begins as `to`: names or regular
    /// expressions.
    pub fn layer_range(mut self, from: impl Into<String>, to: impl Into<String>) -> Summary {
        self.layer_range = Some((from.into(), to.into()));
        self
    }

    /// The text.
    ///
    /// # Errors
    /// When the columns are too narrow or of another number, or no layer has such a name.
    pub fn of(&self, model: &Model) -> Result<String> {
        let mistake = model.build_if_known().err();
        let nodes: &[Arc<Node>] = model.functional().map_or(&[], |f| &f.nodes);
        let stacked = model.class_name() == "Sequential" || is_stack(nodes);
        let mut columns = Columns::new(stacked);
        if let Some(positions) = &self.positions {
            if positions.len() != columns.header.len() {
                let message = format!("{} are needed, got {}", columns.header.len(), positions.len());
                return Err(Error::argument("Summary.positions", message));
            }
            if !positions.iter().all(|p| (0.0..=1.0).contains(p)) {
                let message = format!("are parts of a line, from 0 to 1, got {positions:?}");
                return Err(Error::argument("Summary.positions", message));
            }
            columns.positions.clone_from(positions);
        }
        if self.show_trainable {
            columns.add_trainable();
        }
        let widest = columns.widest.min(screen_width().saturating_sub(4));
        columns.line = self.line_length.unwrap_or(widest.max(40));
        columns.widths = column_widths(&columns.positions, columns.line)?;

        let layers = model.operations();
        let range = self.range(&layers)?;
        let mut rows = vec![];
        layers[range].iter().for_each(|layer| self.add_rows(layer, nodes, stacked, 0, &mut rows));
        let title = format!("Model: \"{}\"", model.name());
        let room = columns.line.max(screen_width());
        let mut text = wrap(&title, room, Overflow::Fold).join("\n") + "\n";
        columns.draw(&mut text, &rows);
        totals(&mut text, model);
        // A mistake in the layers shows in the table as unknown shapes, and as an error in `compile`.
        if let Some(mistake) = mistake {
            let _ = writeln!(text, " The model cannot be built: {mistake}");
        }
        Ok(text)
    }

    /// Which of the layers to show.
    fn range(&self, layers: &[LayerRef]) -> Result<Range<usize>> {
        let Some((from, to)) = &self.layer_range else { return Ok(0..layers.len()) };
        let find = |pattern: &str| {
            let bad = |e: regex_lite::Error| Error::argument("Summary.layer_range", e.to_string());
            let pattern = Regex::new(&format!("^(?:{pattern})")).map_err(bad)?;
            let found = (0..layers.len()).filter(|&i| pattern.is_match(layers[i].name()));
            Ok::<Vec<usize>, Error>(found.collect())
        };
        let (lower, upper) = (find(from)?, find(to)?);
        match (lower.first(), lower.last(), upper.first(), upper.last()) {
            (Some(&first), Some(&last), Some(&start), Some(&end)) => {
                Ok(if first > end { start..last + 1 } else { first..end + 1 })
            }
            _ => {
                let message = format!("the names of no layers begin as {from:?} and {to:?} say");
                Err(Error::argument("Summary.layer_range", message))
            }
        }
    }

    /// The row of a layer, and those of the layers of a model.
    fn add_rows(
        &self,
        layer: &LayerRef,
        nodes: &[Arc<Node>],
        stacked: bool,
        level: usize,
        rows: &mut Vec<Row>,
    ) {
        let calls = calls_of(&**layer, nodes);
        let prefix = if level > 0 { format!("{}└ ", "   ".repeat(level)) } else { String::new() };
        let name = format!("{prefix}{} ({})", layer.name(), layer.shown_class());
        let mut row = vec![name, output_shapes(layer, &calls), parameters(layer)];
        if !stacked {
            row.push(if level > 0 { "-".into() } else { connections(&calls, nodes) });
        }
        if self.show_trainable {
            let trainable = if layer.base().is_trainable() { "Y" } else { "N" };
            row.push(if layer.weights().is_empty() { "-" } else { trainable }.into());
        }
        rows.push(row);
        if !self.expand_nested {
            return;
        }
        let nested = (&**layer as &dyn Any).downcast_ref::<NestedModel>();
        let within = if nested.is_none() { calls_within(layer, &calls) } else { vec![] };
        let inner: &[Arc<Node>] = nested.map_or(&within, |nested| &nested.functional.nodes);
        let is_stack = layer.class_name() == "Sequential";
        for child in layer.sublayers() {
            if !(is_operation(&child) || is_stack && as_input(&child).is_some()) {
                self.add_rows(&child, inner, stacked, level + 1, rows);
            }
        }
    }
}

impl Model {
    /// Keras's table of layers, output shapes and parameters. [`Summary`] has its other arguments.
    pub fn summary(&self) -> String {
        Summary::new().of(self).unwrap_or_else(|e| e.to_string())
    }

    /// [`Model::summary`] in lines of this length, 40 at least.
    pub fn summary_of_width(&self, line_length: usize) -> String {
        Summary::new().line_length(line_length.max(40)).of(self).unwrap_or_else(|e| e.to_string())
    }
}

/// The columns of a table.
struct Columns {
    header: Vec<&'static str>,
    positions: Vec<f64>,
    /// With their padding.
    widths: Vec<usize>,
    /// The length of a line where the screen has room.
    widest: usize,
    /// The length of a line.
    line: usize,
}

impl Columns {
    fn new(stacked: bool) -> Columns {
        let mut header = vec!["Layer (type)", "Output Shape", PARAMETERS];
        if stacked {
            return Columns { header, positions: vec![0.45, 0.80, 1.0], widths: vec![], widest: 88, line: 0 };
        }
        header.push("Connected to");
        Columns { header, positions: vec![0.3, 0.56, 0.74, 1.0], widths: vec![], widest: 108, line: 0 }
    }

    fn add_trainable(&mut self) {
        self.widest += 12;
        self.positions.iter_mut().for_each(|p| *p *= 0.9);
        self.positions.push(1.0);
        self.header.push(TRAINABLE);
    }

    fn draw(&self, text: &mut String, rows: &[Row]) {
        let rule = |left: char, line: &str, joint: char, right: char| {
            let cells: Vec<String> = self.widths.iter().map(|&w| line.repeat(w)).collect();
            format!("{left}{}{right}\n", cells.join(&joint.to_string()))
        };
        text.push_str(&rule('┏', "━", '┳', '┓'));
        let header: Row = self.header.iter().map(|h| h.to_string()).collect();
        self.draw_row(text, &header, HEAVY);
        text.push_str(&rule('┡', "━", '╇', '┩'));
        for (i, row) in rows.iter().enumerate() {
            if i > 0 {
                text.push_str(&rule('├', "─", '┼', '┤'));
            }
            self.draw_row(text, row, '│');
        }
        text.push_str(&rule('└', "─", '┴', '┘'));
    }

    fn draw_row(&self, text: &mut String, row: &Row, border: char) {
        let cells: Vec<Vec<String>> = row
            .iter()
            .zip(&self.widths)
            .map(|(cell, &w)| wrap(cell, w.saturating_sub(2), Overflow::Cut))
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(1);
        for line in 0..height {
            text.push(border);
            for ((title, cell), &width) in self.header.iter().zip(&cells).zip(&self.widths) {
                let inner = width.saturating_sub(2);
                // Titles stand at the bottom, all else at the top.
                let above = if border == HEAVY { height - cell.len() } else { 0 };
                let content = line.checked_sub(above).and_then(|line| cell.get(line));
                let content = content.map_or("", String::as_str);
                let free = inner.saturating_sub(content.width());
                let before = match *title {
                    PARAMETERS => free,
                    TRAINABLE => free / 2,
                    _ => 0,
                };
                let _ = write!(text, " {:before$}{content}{:after$} {border}", "", "", after = free - before);
            }
            text.push('\n');
        }
    }
}

/// The border of titles.
const HEAVY: char = '┃';
/// The title of a column of numbers, which stand to the right.
const PARAMETERS: &str = "Param #";
/// The title of a column of letters, which stand in the middle.
const TRAINABLE: &str = "Trainable";

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

/// The calls that layers which follow each other within a layer have at its last call.
fn calls_within(layer: &LayerRef, calls: &[&Arc<Node>]) -> Vec<Arc<Node>> {
    let Some(last) = calls.last() else { return vec![] };
    let mut x = last.inputs.clone();
    let mut nodes = vec![];
    for child in layer.sublayers() {
        x = apply_layer(child.share(), Given::in_order(), x, None);
        nodes.extend(x.first().map(|x| x.node().clone()));
    }
    nodes
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
    let shapes = shown_specs(last).unwrap_or_default();
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

/// Characters in a line; more serve nobody.
const WIDEST: usize = 10_000;

/// Widths of the columns with their padding, as `rich` fits them into a line of this length.
///
/// # Errors
/// When one would be narrower than its padding, or the line is longer than any.
fn column_widths(positions: &[f64], line: usize) -> Result<Vec<usize>> {
    if line > WIDEST {
        let message = format!("must be at most {WIDEST}, got {line}");
        return Err(Error::argument("Summary.line_length", message));
    }
    let mut widths = vec![];
    let mut before = 0;
    for p in positions {
        let end = (p * line as f64) as usize;
        if end < before + 4 {
            let message = format!("lines of {line} characters have no room for the columns");
            return Err(Error::argument("Summary.line_length", message));
        }
        widths.push(end - before + 2);
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
    // Where the last column ends before the line does, each gets its share of the rest.
    let mut total: usize = widths.iter().sum();
    let mut rest = line.saturating_sub(total + borders);
    for width in &mut widths {
        let share = (*width * rest).div_ceil(total.max(1)).min(rest);
        total -= *width;
        *width += share;
        rest -= share;
    }
    Ok(widths)
}

/// Characters of a line of the terminal: `COLUMNS`, else 80.
fn screen_width() -> usize {
    cornu_graph::environment::text("COLUMNS").and_then(|c| c.parse().ok()).filter(|&c| c > 0).unwrap_or(80)
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
    let optimizer = model.optimizer_variables().map(<[_]>::to_vec).or_else(|| optimizer_of_file(model));
    let optimizer = optimizer.map(|all| {
        let (count, bytes) = sums(&mut all.iter().map(|v| &v.spec));
        // Counters are of the dtype that the file has: Keras's backends differ in it.
        let is_short = model.compiled().is_ok_and(|compile| compile.counters == DType::I32);
        let counters = all.iter().filter(|v| is_short && v.spec.dtype == DType::I64);
        (count, bytes - counters.map(|v| v.spec.bytes() / 2).sum::<usize>())
    });
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

/// What the optimizer will have of a model that comes from a file: in Keras it has it as soon as the file is read.
fn optimizer_of_file(model: &Model) -> Option<Vec<Arc<Variable>>> {
    let compile = model.compiled().ok().filter(|compile| compile.saved.is_some())?;
    let trainable: Vec<_> = model.variables().ok()?.into_iter().filter(|v| v.trainable).collect();
    compile.optimizer.variables(&trainable).ok()
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
        assert_eq!(column_widths(&[0.45, 0.80, 1.0], 76).unwrap(), [33, 24, 15]);
        assert_eq!(column_widths(&[0.3, 0.56, 0.74, 1.0], 76).unwrap(), [21, 19, 12, 19]);
        assert_eq!(column_widths(&[0.5, 0.7, 0.8], 70).unwrap(), [40, 17, 9]);
    }

    #[test]
    fn numbers() {
        assert_eq!((thousands(54410), memory(217640)), ("54,410".into(), "212.54 KB".into()));
    }
}
