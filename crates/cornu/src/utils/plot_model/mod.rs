//! Pictures of models.
mod graph;
mod layout;

use crate::models::Model;
use crate::training::plot::{Drawing, Drawn, FONT, save};
use crate::utils::atomic;
use cornu_graph::{Error, Result};
use graph::{Block, Kind, Level};
use layout::{Layout, lay_out};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt::Write;
use std::path::Path;

/// A model as text in Graphviz's language DOT, with the names of its layers. Keras's `model_to_dot` with its defaults;
/// [`PlotModel`] has the others.
///
/// # Errors
/// When the model is not built.
pub fn model_to_dot(model: &Model) -> Result<String> {
    PlotModel::new().show_layer_names(true).dot(model)
}

/// Draws a model: an SVG or a PNG, by the extension of the file; `.dot` gets [`model_to_dot`]'s text. Keras's `plot_model` with
/// its defaults; [`PlotModel`] has the others. Nothing needs to be installed.
///
/// # Errors
/// When the model is not built, the extension is another, or the file cannot be written.
///
/// ```no_run
/// use cornu::prelude::*;
/// let model = Sequential::new().add(Input::new([4])).add(Dense::new(2));
/// utils::plot_model(&model, "model.svg")?;
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn plot_model(model: &Model, to_file: impl AsRef<Path>) -> Result<()> {
    PlotModel::new().save(model, to_file)
}

/// Settings of [`plot_model`] and [`model_to_dot`].
#[derive(Clone, Debug)]
pub struct PlotModel {
    show_shapes: bool,
    show_dtype: bool,
    show_layer_names: bool,
    rankdir: String,
    expand_nested: bool,
    dpi: u32,
    show_layer_activations: bool,
    show_trainable: bool,
    splines: String,
}

impl Default for PlotModel {
    fn default() -> Self {
        PlotModel {
            show_shapes: false,
            show_dtype: false,
            show_layer_names: false,
            rankdir: "TB".into(),
            expand_nested: false,
            dpi: 200,
            show_layer_activations: false,
            show_trainable: false,
            splines: "ortho".into(),
        }
    }
}

impl PlotModel {
    /// The classes of the layers, from top to bottom.
    pub fn new() -> PlotModel {
        PlotModel::default()
    }

    /// Whether to show the shapes of inputs and outputs.
    pub fn show_shapes(mut self, show_shapes: bool) -> Self {
        self.show_shapes = show_shapes;
        self
    }

    /// Whether to show the dtypes of outputs.
    pub fn show_dtype(mut self, show_dtype: bool) -> Self {
        self.show_dtype = show_dtype;
        self
    }

    /// Whether to show the names of layers.
    pub fn show_layer_names(mut self, show_layer_names: bool) -> Self {
        self.show_layer_names = show_layer_names;
        self
    }

    /// `"TB"` (default): from top to bottom; `"LR"`: from left to right; `"BT"`, `"RL"`.
    pub fn rankdir(mut self, rankdir: &str) -> Self {
        self.rankdir = rankdir.into();
        self
    }

    /// Whether to show the layers of models within the model.
    pub fn expand_nested(mut self, expand_nested: bool) -> Self {
        self.expand_nested = expand_nested;
        self
    }

    /// Dots an inch of a PNG, to the nearest hundred; 200 by default.
    pub fn dpi(mut self, dpi: u32) -> Self {
        self.dpi = dpi;
        self
    }

    /// Whether to show the activations of layers that have one.
    pub fn show_layer_activations(mut self, show_layer_activations: bool) -> Self {
        self.show_layer_activations = show_layer_activations;
        self
    }

    /// Whether to show which layers are trained.
    pub fn show_trainable(mut self, show_trainable: bool) -> Self {
        self.show_trainable = show_trainable;
        self
    }

    /// How Graphviz draws arrows: `"ortho"` (default), `"curved"`, `"polyline"`, `"spline"`, `"line"`. Pictures drawn here have
    /// straight ones.
    pub fn splines(mut self, splines: &str) -> Self {
        self.splines = splines.into();
        self
    }

    fn check(&self) -> Result<()> {
        const SIDES: [&str; 4] = ["TB", "LR", "BT", "RL"];
        const LINES: [&str; 5] = ["ortho", "curved", "polyline", "spline", "line"];
        for (what, word, known) in
            [("rankdir", &self.rankdir, &SIDES[..]), ("splines", &self.splines, &LINES)]
        {
            if !known.contains(&word.as_str()) {
                return Err(Error::unknown(what, word, known.iter().copied()));
            }
        }
        if !(25..=1200).contains(&self.dpi) {
            return Err(Error::argument("dpi", format!("must be between 25 and 1200, got {}", self.dpi)));
        }
        Ok(())
    }

    /// The model as text in DOT.
    ///
    /// # Errors
    /// When the model is not built, or a setting is unknown.
    pub fn dot(&self, model: &Model) -> Result<String> {
        self.check()?;
        let (level, arrows) = graph::of(model, self)?;
        let mut text = String::from("digraph G {\n");
        let _ = writeln!(
            text,
            "rankdir={};\nconcentrate=true;\ndpi={};\nsplines={};",
            self.rankdir, self.dpi, self.splines
        );
        text += "node [shape=record];\n";
        write_level(&mut text, &level);
        arrows.iter().for_each(|(from, to)| text += &format!("{from} -> {to} [penwidth=2];\n"));
        text += "}\n";
        Ok(text)
    }

    /// Draws the model to a file: `.svg`, `.png`, or `.dot` for the text.
    ///
    /// # Errors
    /// As [`plot_model`]; when a setting is unknown.
    pub fn save(&self, model: &Model, to_file: impl AsRef<Path>) -> Result<()> {
        self.check()?;
        let path = to_file.as_ref();
        match path.extension().map(|e| e.to_string_lossy().to_lowercase()).as_deref() {
            Some("dot" | "gv") => return atomic::write(path, self.dot(model)?.as_bytes()),
            Some("svg" | "png") => {}
            _ => {
                let message = format!("`{}` names neither an SVG, a PNG nor a DOT file", path.display());
                let error = Error::argument("plot_model", message);
                return Err(error.help("Graphviz makes others of a .dot file: `dot -Tpdf -O model.dot`"));
            }
        }
        let (level, arrows) = graph::of(model, self)?;
        let blocks = level.all();
        let at = |id: u64| blocks.iter().position(|b| b.id == id).unwrap_or(0);
        let arrows: Vec<(usize, usize)> = arrows.iter().map(|&(from, to)| (at(from), at(to))).collect();
        let sideways = ["LR", "RL"].contains(&self.rankdir.as_str());
        let turn = |(a, b): (f64, f64)| if sideways { (b, a) } else { (a, b) };
        let sizes: Vec<(f64, f64)> = blocks.iter().map(|b| turn(size(b))).collect();
        let mut layout = lay_out(&sizes, &arrows);
        if ["BT", "RL"].contains(&self.rankdir.as_str()) {
            let far = layout.size.1;
            layout.places().for_each(|p| p.1 = far - p.1);
        }
        if sideways {
            layout.places().for_each(|p| *p = (p.1, p.0));
            layout.size = turn(layout.size);
        }
        save(
            &Plan { blocks, layout, pixels: (self.dpi as f64 / 100.0).round().max(1.0) as u32 },
            path,
            "plot_model",
        )
    }
}

impl Layout {
    fn places(&mut self) -> impl Iterator<Item = &mut (f64, f64)> {
        self.blocks.iter_mut().chain(self.arrows.iter_mut().flatten())
    }
}

fn write_level(text: &mut String, level: &Level) {
    for block in &level.blocks {
        let _ = writeln!(text, "{} [label={}, fontname=Helvetica, margin=0];", block.id, label(block));
    }
    for within in &level.levels {
        let name = within.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let _ = writeln!(
            text,
            "subgraph cluster_{name} {{\nstyle=dashed;\nlabel=\"{}\";\nlabeljust=l;",
            within.name
        );
        write_level(text, within);
        text.push_str("}\n");
    }
}

/// A table in Graphviz's HTML.
fn label(block: &Block) -> String {
    let columns = block.lines.iter().map(Vec::len).max().unwrap_or(1);
    let mut table =
        String::from("<<table border=\"0\" cellborder=\"1\" bgcolor=\"black\" cellpadding=\"10\">");
    for line in &block.lines {
        table += "<tr>";
        for cell in line {
            let (back, front, points) = match cell.kind {
                Kind::Title => ("black", "white", 16),
                Kind::Plain => ("white", "black", 14),
                Kind::Trainable => ("forestgreen", "white", 14),
                Kind::Frozen => ("firebrick", "white", 14),
            };
            let span = columns / line.len();
            let text = cell.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let _ = write!(
                table,
                "<td colspan=\"{span}\" bgcolor=\"{back}\"><font point-size=\"{points}\" color=\"{front}\">{text}</font></td>"
            );
        }
        table += "</tr>";
    }
    table + "</table>>"
}

const LINE: f64 = 26.0;
const LETTERS: f64 = 13.0;

/// The room that a text takes.
fn width(text: &str) -> f64 {
    text.chars().count() as f64 * LETTERS * 0.6 + 16.0
}

/// Width and height of a block.
fn size(block: &Block) -> (f64, f64) {
    let wide = |line: &Vec<graph::Cell>| line.iter().map(|cell| width(&cell.text)).sum::<f64>();
    (block.lines.iter().map(wide).fold(60.0, f64::max), LINE * block.lines.len() as f64)
}

/// A picture of a model.
struct Plan<'a> {
    blocks: Vec<&'a Block>,
    layout: Layout,
    pixels: u32,
}

impl Drawing for Plan<'_> {
    fn paper(&self) -> (u32, u32) {
        (self.layout.size.0.ceil() as u32, self.layout.size.1.ceil() as u32)
    }

    fn pixels(&self) -> u32 {
        self.pixels
    }

    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, scale: u32) -> Drawn {
        let at = |(x, y): (f64, f64)| ((x * f64::from(scale)) as i32, (y * f64::from(scale)) as i32);
        let failed = |e: DrawingAreaErrorKind<DB::ErrorType>| e.to_string();
        let line = BLACK.stroke_width(scale);
        for way in &self.layout.arrows {
            area.draw(&PathElement::new(way.iter().copied().map(at).collect::<Vec<_>>(), line))
                .map_err(failed)?;
            if let [.., from, to] = way[..] {
                let head = arrow_head(from, to).map(at);
                area.draw(&Polygon::new(head.to_vec(), BLACK.filled())).map_err(failed)?;
            }
        }
        for (block, &(x, y)) in self.blocks.iter().zip(&self.layout.blocks) {
            let (wide, high) = size(block);
            let (left, top) = (x - wide / 2.0, y - high / 2.0);
            for (i, cells) in block.lines.iter().enumerate() {
                let needed: f64 = cells.iter().map(|cell| width(&cell.text)).sum();
                let (mut from, top) = (left, top + LINE * i as f64);
                for cell in cells {
                    let to = from + width(&cell.text) * wide / needed;
                    let (back, front) = match cell.kind {
                        Kind::Title => (BLACK, WHITE),
                        Kind::Plain => (WHITE, BLACK),
                        Kind::Trainable => (RGBColor(34, 139, 34), WHITE),
                        Kind::Frozen => (RGBColor(178, 34, 34), WHITE),
                    };
                    let corners = [at((from, top)), at((to, top + LINE))];
                    area.draw(&Rectangle::new(corners, back.filled())).map_err(failed)?;
                    area.draw(&Rectangle::new(corners, line)).map_err(failed)?;
                    let middle = at(((from + to) / 2.0, top + LINE / 2.0));
                    let style = (FONT, LETTERS * f64::from(scale)).into_font().color(&front);
                    let style = style.pos(Pos::new(HPos::Center, VPos::Center));
                    area.draw(&Text::new(cell.text.clone(), middle, style)).map_err(failed)?;
                    from = to;
                }
            }
        }
        Ok(())
    }
}

/// The corners of the head of an arrow that ends at `to`.
fn arrow_head(from: (f64, f64), to: (f64, f64)) -> [(f64, f64); 3] {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1e-9);
    let (dx, dy) = (dx / length * 9.0, dy / length * 9.0);
    let back = (to.0 - dx, to.1 - dy);
    [to, (back.0 - dy * 0.4, back.1 + dx * 0.4), (back.0 + dy * 0.4, back.1 - dx * 0.4)]
}
