//! Pictures, of a [`History`] among them.
mod panel;

use crate::training::History;
use crate::utils::{atomic, png};
use cornu_graph::{Error, Result};
use panel::{Curve, Panel};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;
use std::path::Path;
use std::sync::Once;

/// DejaVu Sans, reduced to Latin letters; see `DejaVuSans.LICENSE`.
static LETTERS: &[u8] = include_bytes!("DejaVuSans.ttf");
/// The name of our font, which programs that show an SVG look for on their own system.
pub(crate) const FONT: &str = "DejaVu Sans, sans-serif";

/// Size of a panel on paper.
const PANEL: (u32, u32) = (460, 320);
const PANELS_IN_A_ROW: usize = 3;
/// Of a curve on paper.
const WIDTH: u32 = 2;
/// Pixels of a PNG for each of paper: sharp on screens of high resolution.
const PIXELS: u32 = 2;
/// Each pixel is the mean of a square of this many pixels a side, which smooths slanted lines.
const SAMPLES: u32 = 2;

/// Something to draw.
pub(crate) trait Drawing {
    /// Width and height on paper.
    fn paper(&self) -> (u32, u32);

    /// Pixels of a PNG for each of paper.
    fn pixels(&self) -> u32 {
        PIXELS
    }

    /// Draws, with lengths `scale` times those on paper.
    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, scale: u32) -> Drawn;
}

pub(crate) type Drawn = std::result::Result<(), String>;

/// Draws to `path`: an SVG or a PNG, by its extension. A file that is there is replaced in one step; `what` asked for it.
pub(crate) fn save(drawing: &impl Drawing, path: &Path, what: &str) -> Result<()> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let bytes = match extension.as_str() {
        "svg" => svg(drawing).map(String::into_bytes),
        "png" => bitmap(drawing),
        _ => {
            let message = format!("`{}` names neither an SVG nor a PNG", path.display());
            return Err(Error::argument(what, message).help("end the name in .svg or .png"));
        }
    };
    let failed = |message| Error::Format { what: path.display().to_string(), message };
    atomic::write(path, &bytes.map_err(failed)?)
}

impl History {
    /// Draws every loss and metric by epoch, training and validation together, and writes the picture to `path`: an SVG or
    /// a PNG, by its extension. A file that is there is replaced in one step.
    ///
    /// # Errors
    /// When the extension is neither, no epoch was run, or the file cannot be written.
    ///
    /// ```no_run
    /// # use cornu::prelude::*;
    /// # let (mut model, x, y) = (Sequential::new(), Tensor::from([0f32]), Tensor::from([0f32]));
    /// let history = model.fit(&x, &y, Fit::new().epochs(10).validation_split(0.2))?;
    /// history.plot("history.png")?;
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<()> {
        picture(self.panels(), path.as_ref())
    }

    /// Draws several trainings over each other, a panel for each loss and metric, as [`History::plot`] does one: the same
    /// model with other settings, or on other engines. Earlier curves are broader, so that equal ones show both.
    ///
    /// # Errors
    /// When the extension is neither `.svg` nor `.png`, no epoch was run, or the file cannot be written.
    ///
    /// ```no_run
    /// # use cornu::prelude::*;
    /// # let (with_sgd, with_adam) = (History::default(), History::default());
    /// History::plot_together(&[("SGD", &with_sgd), ("Adam", &with_adam)], "optimizers.png")?;
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn plot_together(histories: &[(&str, &History)], path: impl AsRef<Path>) -> Result<()> {
        let mut names: Vec<&String> = histories.iter().flat_map(|(_, h)| h.history.keys()).collect();
        names.sort_by_key(|name| (*name != "loss", *name != "val_loss", *name));
        names.dedup();
        let panel = |name: &String| {
            let curve = |(i, (label, history)): (usize, &(&str, &History))| Curve {
                name: label.to_string(),
                width: WIDTH + 3 * (histories.len() - 1 - i) as u32,
                points: history.points(name),
            };
            let curves = histories.iter().enumerate().map(curve).filter(|c| !c.points.is_empty());
            Panel { title: name.replace('_', " "), curves: curves.collect() }
        };
        let panels: Vec<Panel> = names.into_iter().map(panel).filter(|p| !p.curves.is_empty()).collect();
        picture(panels, path.as_ref())
    }

    /// The loss first, then the others in alphabetical order, each with its `val_` counterpart.
    fn panels(&self) -> Vec<Panel> {
        let base = |name: &str| name.strip_prefix("val_").unwrap_or(name).to_string();
        let mut names: Vec<String> = self.history.keys().map(|name| base(name)).collect();
        names.sort_by_key(|name| (name != "loss", name.clone()));
        names.dedup();
        let panel = |title: String| {
            let curves = [("training", title.clone()), ("validation", format!("val_{title}"))];
            let curves = curves.map(|(name, key)| Curve {
                name: name.into(),
                width: WIDTH,
                points: self.points(&key),
            });
            let curves = curves.into_iter().filter(|c| !c.points.is_empty()).collect();
            Panel { title: title.replace('_', " "), curves }
        };
        names.into_iter().map(panel).filter(|p| !p.curves.is_empty()).collect()
    }

    /// Epochs, from 1, and finite values.
    fn points(&self, name: &str) -> Vec<(i32, f64)> {
        let epochs = self.epochs_of(name).iter().map(|&epoch| i32::try_from(epoch + 1).unwrap_or(i32::MAX));
        epochs.zip(self.get(name).iter().copied()).filter(|(_, y)| y.is_finite()).collect()
    }
}

/// Writes panels as what the extension of `path` says.
fn picture(panels: Vec<Panel>, path: &Path) -> Result<()> {
    if panels.is_empty() {
        return Err(Error::State("there is nothing to plot: the history has no epochs".into()));
    }
    save(&Panels(panels), path, "History::plot")
}

/// Side by side.
struct Panels(Vec<Panel>);

impl Panels {
    /// Columns and rows of panels.
    fn grid(&self) -> (usize, usize) {
        let columns = self.0.len().clamp(1, PANELS_IN_A_ROW);
        (columns, self.0.len().div_ceil(columns))
    }
}

impl Drawing for Panels {
    fn paper(&self) -> (u32, u32) {
        let (columns, rows) = self.grid();
        (PANEL.0 * columns as u32, PANEL.1 * rows as u32)
    }

    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, scale: u32) -> Drawn {
        let (columns, rows) = self.grid();
        let mut parts = self.0.iter().zip(area.split_evenly((rows, columns)));
        parts.try_for_each(|(panel, part)| panel.draw(&part, scale))
    }
}

fn svg(drawing: &impl Drawing) -> std::result::Result<String, String> {
    let mut text = String::new();
    draw(&SVGBackend::with_string(&mut text, drawing.paper()).into_drawing_area(), drawing, 1)?;
    Ok(text)
}

fn bitmap(drawing: &impl Drawing) -> std::result::Result<Vec<u8>, String> {
    let ((width, height), pixels) = (drawing.paper(), drawing.pixels());
    let scale = pixels * SAMPLES;
    let size = (width * scale, height * scale);
    let mut fine = vec![255; size.0 as usize * size.1 as usize * 3];
    draw(&BitMapBackend::with_buffer(&mut fine, size).into_drawing_area(), drawing, scale)?;
    let small = shrink(&fine, size.0 as usize);
    png::encode(width * pixels, height * pixels, 3, &small).map_err(|e| e.to_string())
}

fn draw<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, drawing: &impl Drawing, scale: u32) -> Drawn {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // Our own file is a font; were it none, drawing text would say so.
        let _ = register_font(FONT, FontStyle::Normal, LETTERS);
    });
    area.fill(&WHITE).map_err(|e| e.to_string())?;
    drawing.draw(area, scale)?;
    area.present().map_err(|e| e.to_string())
}

/// Means of squares of [`SAMPLES`] pixels a side.
fn shrink(fine: &[u8], width: usize) -> Vec<u8> {
    let n = SAMPLES as usize;
    let mut pixels = Vec::with_capacity(fine.len() / (n * n));
    for rows in fine.chunks_exact(width * 3 * n) {
        for x in 0..width / n {
            for channel in 0..3 {
                let at = |i: usize, j: usize| u32::from(rows[(i * width + x * n + j) * 3 + channel]);
                let sum: u32 = (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| at(i, j)).sum();
                pixels.push((sum / (SAMPLES * SAMPLES)) as u8);
            }
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::Logs;
    use std::fs;
    use std::path::PathBuf;

    /// Curves as training makes them; validation every other epoch.
    fn history(epochs: usize) -> History {
        let mut history = History::default();
        for epoch in 0..epochs {
            let t = epoch as f64;
            let mut logs = Logs::new();
            logs.set("accuracy", 1.0 - 0.6 * (-0.3 * t).exp());
            logs.set("loss", 2.2 * (-0.3 * t).exp() + 0.02);
            if epoch % 2 == 1 {
                logs.set("val_accuracy", 0.97 - 0.55 * (-0.35 * t).exp());
                logs.set("val_loss", 1.9 * (-0.35 * t).exp() + 0.1);
            }
            history.push(epoch, &logs);
        }
        history
    }

    fn temporary(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("cornu-plot-{}-{name}", std::process::id()))
    }

    #[test]
    fn svg_has_titles_curves_and_legend() {
        let path = temporary("a.svg");
        fs::write(&path, "old").unwrap();
        history(12).plot(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for word in ["<svg", "loss", "accuracy", "training", "validation", "epoch", "polyline"] {
            assert!(text.contains(word), "{word}");
        }
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn png_of_two_panels() {
        let path = temporary("b.PNG");
        history(12).plot(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes[..8], *b"\x89PNG\r\n\x1a\n");
        assert_eq!(bytes[16..24], [0, 0, 7, 48, 0, 0, 2, 128], "1840 by 640");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn short_and_odd_histories() {
        history(1).plot(temporary("c.svg")).unwrap();
        fs::remove_file(temporary("c.svg")).unwrap();
        let mut odd = History::default();
        let mut logs = Logs::new();
        for (epoch, loss) in [f64::NAN, 1e30, f64::INFINITY, -1e-30].into_iter().enumerate() {
            logs.set("loss", loss);
            odd.push(epoch, &logs);
        }
        odd.plot(temporary("d.svg")).unwrap();
        fs::remove_file(temporary("d.svg")).unwrap();
    }

    #[test]
    fn validation_stands_at_its_own_epochs() {
        let panels = history(6).panels();
        assert_eq!(panels.iter().map(|p| p.title.as_str()).collect::<Vec<_>>(), ["loss", "accuracy"]);
        let epochs: Vec<i32> = panels[0].curves[1].points.iter().map(|p| p.0).collect();
        assert_eq!(epochs, [2, 4, 6]);
    }

    #[test]
    fn several_trainings() {
        let (a, b) = (history(6), history(9));
        let path = temporary("h.svg");
        History::plot_together(&[("first", &a), ("second", &b)], &path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for word in ["first", "second", "val loss", "val accuracy"] {
            assert!(text.contains(word), "{word}");
        }
        fs::remove_file(path).unwrap();
        assert!(
            History::plot_together(&[], temporary("i.svg")).unwrap_err().to_string().contains("no epochs")
        );
    }

    #[test]
    fn mistakes() {
        let message = |history: History, name: &str| history.plot(temporary(name)).unwrap_err().to_string();
        let e = message(history(2), "e.gif");
        assert!(
            e.contains("neither an SVG nor a PNG") && e.ends_with("help: end the name in .svg or .png"),
            "{e}"
        );
        assert!(message(History::default(), "f.png").contains("no epochs"));
        let e = history(2).plot("/no/such/folder/g.svg").unwrap_err().to_string();
        assert!(e.contains("/no/such/folder/g.svg"), "{e}");
    }
}
