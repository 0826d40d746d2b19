//! TensorBoard's event files: records of protocol buffers, each with its checksums.
//!
//! Records: TensorFlow's `TFRecord`. Messages: `event.proto`, `summary.proto` and `tensor.proto` of TensorFlow, of which a few
//! fields are needed.
use crate::utils::png;
use cornu_graph::{Error, Result, Tensor};
use std::fs::{File, create_dir_all};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A file that grows by one event after another.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// A new file in this folder, which is made if need be.
    pub fn create(folder: &Path) -> Result<EventFile> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = Some(host.trim()).filter(|h| !h.is_empty() && !h.contains('/')).unwrap_or("localhost");
        let (count, process) = (COUNT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let seconds = now() as u64;
        let path = folder.join(format!("events.out.tfevents.{seconds}.{host}.{process}.{count}.v2"));
        let file = File::create(&path).map_err(|e| Error::io(&path, e))?;
        let mut events = EventFile { path, file };
        events.event(None, Message::new().text(3, "brain.Event:2"))?;
        Ok(events)
    }

    /// A number at a step.
    pub fn scalar(&mut self, tag: &str, value: f64, step: i64) -> Result<()> {
        let bytes = (value as f32).to_le_bytes();
        self.summary(tag, "scalars", b"", tensor(FLOAT, &[]).bytes(4, &bytes), step)
    }

    /// How the values of a tensor are spread.
    pub fn histogram(&mut self, tag: &str, values: &[f64], step: i64) -> Result<()> {
        let buckets = buckets(values);
        let bytes: Vec<u8> = buckets.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
        self.summary(tag, "histograms", b"", tensor(DOUBLE, &[buckets.len(), 3]).bytes(4, &bytes), step)
    }

    /// Pictures `(n, rows, columns, channels)` of numbers from 0 to 1, at most three.
    pub fn images(&mut self, tag: &str, images: &Tensor, step: i64) -> Result<()> {
        const MOST: usize = 3;
        let &[count, rows, columns, channels] = images.shape() else { return Ok(()) };
        let pixels: Vec<u8> = images.to_f64().iter().map(|v| (v * 255.5).clamp(0.0, 255.0) as u8).collect();
        let shown = count.min(MOST);
        let mut message =
            tensor(STRING, &[2 + shown]).text(8, &columns.to_string()).text(8, &rows.to_string());
        for picture in pixels.chunks_exact((rows * columns * channels).max(1)).take(shown) {
            let file = png::encode(columns as u32, rows as u32, channels, picture);
            message = message.bytes(8, &file.map_err(|e| Error::io(&self.path, e))?);
        }
        self.summary(tag, "images", b"", message, step)
    }

    /// A text that a plugin of TensorBoard knows.
    pub fn text(&mut self, tag: &str, plugin: &str, content: &[u8], text: &str, step: i64) -> Result<()> {
        self.summary(tag, plugin, content, tensor(STRING, &[]).text(8, text), step)
    }

    fn summary(&mut self, tag: &str, plugin: &str, content: &[u8], tensor: Message, step: i64) -> Result<()> {
        let mut plugin = Message::new().text(1, plugin);
        if !content.is_empty() {
            plugin = plugin.bytes(2, content);
        }
        let metadata = Message::new().message(1, &plugin);
        let value = Message::new().text(1, tag).message(8, &tensor).message(9, &metadata);
        self.event(Some(step), Message::new().message(5, &Message::new().message(1, &value)))
    }

    /// Writes an event: time, step and what it says.
    fn event(&mut self, step: Option<i64>, what: Message) -> Result<()> {
        let mut event = Message::new().double(1, now());
        if let Some(step) = step.filter(|&step| step != 0) {
            event = event.number(2, step as u64);
        }
        event.0.extend(what.0);
        let record = record(&event.0);
        self.file.write_all(&record).map_err(|e| Error::io(&self.path, e))
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Thirty buckets of one width: from, to, how many.
fn buckets(values: &[f64]) -> Vec<[f64; 3]> {
    const COUNT: usize = 30;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() {
        return vec![[0.0; 3]; COUNT];
    }
    if low == high || !(high - low).is_finite() {
        let mut all = vec![[low, high, 0.0]; COUNT];
        all[COUNT - 1][2] = values.len() as f64;
        return all;
    }
    let width = (high - low) / COUNT as f64;
    let edge = |i: usize| if i == COUNT { high } else { low + width * i as f64 };
    let mut all: Vec<[f64; 3]> = (0..COUNT).map(|i| [edge(i), edge(i + 1), 0.0]).collect();
    values.iter().for_each(|v| all[(((v - low) / width) as usize).min(COUNT - 1)][2] += 1.0);
    all
}

/// TensorFlow's numbers of types.
const FLOAT: u64 = 1;
const DOUBLE: u64 = 2;
const STRING: u64 = 7;

/// The head of a `TensorProto`.
fn tensor(dtype: u64, shape: &[usize]) -> Message {
    let dims = shape.iter().fold(Message::new(), |m, &n| m.message(2, &Message::new().number(1, n as u64)));
    Message::new().number(1, dtype).message(2, &dims)
}

/// A protocol buffer in the making.
struct Message(Vec<u8>);

impl Message {
    fn new() -> Message {
        Message(vec![])
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: u64) -> Message {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn double(mut self, field: u64, value: f64) -> Message {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Message {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn text(self, field: u64, text: &str) -> Message {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, message: &Message) -> Message {
        self.bytes(field, &message.0)
    }
}

/// Length, its checksum, data, its checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length, &masked(&length).to_le_bytes()[..], data, &masked(data).to_le_bytes()].concat()
}

/// A checksum that may itself be part of what is summed.
fn masked(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Castagnoli's checksum (RFC 3720, appendix B.4).
fn crc32c(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut rest = i as u32;
            let mut bit = 0;
            while bit < 8 {
                rest = if rest & 1 == 1 { rest >> 1 ^ 0x82f6_3b78 } else { rest >> 1 };
                bit += 1;
            }
            table[i] = rest;
            i += 1;
        }
        table
    };
    !data.iter().fold(!0, |sum, &byte| TABLE[((sum ^ u32::from(byte)) & 0xff) as usize] ^ sum >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums() {
        // RFC 3720's examples.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(record(b"abc").len(), 8 + 4 + 3 + 4);
    }

    #[test]
    fn messages() {
        let message = Message::new().number(2, 300).text(1, "ab").double(3, 1.0);
        assert_eq!(message.0, [0x10, 0xac, 0x02, 0x0a, 2, b'a', b'b', 0x19, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    }

    #[test]
    fn spread() {
        let found = buckets(&[0.0, 0.5, 3.0, 2.95, 0.05]);
        assert_eq!(found[0], [0.0, 0.1, 2.0]);
        assert_eq!(found[29][2], 2.0);
        assert_eq!(found[29][1], 3.0);
        assert_eq!(found.iter().map(|b| b[2]).sum::<f64>(), 5.0);
        assert_eq!(buckets(&[2.0, 2.0])[29], [2.0, 2.0, 2.0]);
        assert_eq!(buckets(&[2.0, 2.0])[0], [2.0, 2.0, 0.0]);
        assert_eq!(buckets(&[])[3], [0.0; 3]);
    }
}
