//! Small pictures in colour, in Python's pickles.
use crate::data::pickle::Pickle;
use cornu_graph::{Error, Result, Tensor};
use std::path::Path;

const SIDE: usize = 32;
const CHANNELS: usize = 3;

/// One file: pictures `uint8` `[n, 32, 32, 3]` and what is under `labels`.
pub(super) fn read(path: &Path, labels: &str) -> Result<(Tensor, Vec<i64>)> {
    let what = path.display().to_string();
    let bad = |message: String| Error::Format { what: what.clone(), message };
    let file = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let pickle = Pickle::read(&file, &what)?;
    let data = pickle.array("data")?;
    let labels = pickle.ints(labels)?;
    let bytes = data.as_slice::<u8>().map_err(|e| bad(e.to_string()))?;
    let count = data.shape().first().copied().unwrap_or_default();
    let area = SIDE * SIDE;
    if count.checked_mul(CHANNELS * area) != Some(bytes.len()) || labels.len() != count {
        return Err(bad(format!("has pictures of shape {:?} and {} labels", data.shape(), labels.len())));
    }
    // Each picture lies there colour by colour.
    let picture =
        |p: &[u8]| (0..area * CHANNELS).map(|i| p[i % CHANNELS * area + i / CHANNELS]).collect::<Vec<u8>>();
    let pixels: Vec<u8> = bytes.chunks_exact(CHANNELS * area).flat_map(picture).collect();
    Ok((Tensor::new([count, SIDE, SIDE, CHANNELS], pixels)?, labels))
}
