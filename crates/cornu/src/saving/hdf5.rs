//! Trees of arrays in HDF5 files.
use super::array::Array;
use super::stored::Stored as Bytes;
use crate::utils::allowance::Allowance;
use crate::utils::atomic;
use cornu_graph::{DType, Error, Result, Tensor, bf16, f16};
use hdf5_pure::{
    AttrValue, DType as Stored, Dataset, Datatype, DatatypeByteOrder, FileBuilder, FloatingPointLayout,
    Group as Handle,
};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

/// A group: arrays, groups within, and texts that describe it.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub attributes: Vec<(String, Attribute)>,
    pub arrays: Vec<(String, Array)>,
    pub groups: Vec<(String, Group)>,
}

/// What describes a group.
#[derive(Debug)]
pub(super) enum Attribute {
    Text(String),
    Texts(Vec<String>),
}

impl Attribute {
    /// The text, if it is one.
    pub fn text(&self) -> Option<String> {
        match self {
            Attribute::Text(text) => Some(text.clone()),
            Attribute::Texts(_) => None,
        }
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Attribute {
        Attribute::Text(text.into())
    }
}

impl Group {
    /// The group at a path within this one, made where it is not there.
    pub fn at(&mut self, path: &str) -> &mut Group {
        path.split('/').fold(self, |group, name| {
            let place = group.groups.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
                group.groups.push((name.into(), Group::default()));
                group.groups.len() - 1
            });
            &mut group.groups[place].1
        })
    }
}

/// Levels of groups; Keras's files have a handful.
const MAX_DEPTH: usize = 64;
/// Headers of groups hold 64 KiB; what is longer lies elsewhere in the file, or is cut into several lists.
const MAX_ATTRIBUTE: usize = 32 << 10;
/// The attribute by which Keras marks arrays whose type HDF5 lacks.
const DTYPE: &str = "dtype";

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// By path: `layers/dense/vars/0`.
    pub arrays: BTreeMap<String, Tensor>,
    /// Texts and lists of texts that describe groups, by path of the group and name.
    pub texts: BTreeMap<(String, String), Vec<String>>,
}

/// Whether a file begins as HDF5 files do.
pub(super) fn is_hdf5(path: &Path) -> bool {
    const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
    let mut start = [0; SIGNATURE.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *SIGNATURE
}

/// Every array of a file in an archive of `stored` bytes, by its path; `what` names the file in errors.
///
/// # Errors
/// As [`read_all`].
pub(super) fn read(bytes: Bytes, stored: u64, what: &str) -> Result<BTreeMap<String, Tensor>> {
    Ok(read_within(bytes, stored, what)?.arrays)
}

/// Arrays and texts of the file at a path.
///
/// # Errors
/// As [`read_all`], and when the file cannot be read.
pub(super) fn read_file(path: &Path) -> Result<Contents> {
    let bytes = std::fs::File::open(path).and_then(Bytes::file).map_err(|e| Error::io(path, e))?;
    read_all(bytes, &path.display().to_string())
}

/// Arrays and texts of a file.
///
/// # Errors
/// When the bytes are no HDF5 file, the file is cut off, or an array claims more than the file can hold.
pub(super) fn read_all(bytes: Bytes, what: &str) -> Result<Contents> {
    let stored = bytes.size();
    read_within(bytes, stored, what)
}

fn read_within(bytes: Bytes, stored: u64, what: &str) -> Result<Contents> {
    let size = bytes.size();
    let bad = |message: String| Error::Format { what: what.into(), message };
    let file = bytes.open().map_err(|e| bad(format!("is no readable HDF5 file: {e}")))?;
    let expected = file.superblock().eof_address;
    if expected > size {
        return Err(bad(format!("is cut off: it holds {size} bytes of {expected}")));
    }
    let allowance = Allowance::of(stored);
    let mut reader = Reader { size, allowance, groups: 0, what, contents: Contents::default() };
    reader.group(&file.root(), "", 0)?;
    Ok(reader.contents)
}

struct Reader<'a> {
    /// Bytes in the file.
    size: u64,
    allowance: Allowance,
    /// Groups seen: one can be reached by many ways.
    groups: u64,
    what: &'a str,
    contents: Contents,
}

impl Reader<'_> {
    fn bad(&self, path: &str, message: impl std::fmt::Display) -> Error {
        Error::Format { what: format!("{}: {path}", self.what), message: message.to_string() }
    }

    fn group(&mut self, group: &Handle, path: &str, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(self.bad(path, "groups within groups without end"));
        }
        // Each takes some bytes of the file.
        self.groups += 1;
        if self.groups > self.size / 16 {
            return Err(self.bad(path, "more groups than a file of this size can hold"));
        }
        let below = |name: &str| if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
        for (name, value) in group.attrs().map_err(|e| self.bad(path, e))? {
            if let Some(texts) = texts(value) {
                self.contents.texts.insert((path.to_string(), name), texts);
            }
        }
        for name in group.datasets().map_err(|e| self.bad(path, e))? {
            let path = below(&name);
            let dataset = group.dataset(&name).map_err(|e| self.bad(&path, e))?;
            if let Some(tensor) = self.array(&dataset, &path)? {
                self.contents.arrays.insert(path, tensor);
            }
        }
        for name in group.groups().map_err(|e| self.bad(path, e))? {
            let path = below(&name);
            let inner = group.group(&name).map_err(|e| self.bad(&path, e))?;
            self.group(&inner, &path, depth + 1)?;
        }
        Ok(())
    }

    /// The array, or `None` for one that holds no numbers.
    fn array(&mut self, dataset: &Dataset, path: &str) -> Result<Option<Tensor>> {
        let shape = dataset.shape().map_err(|e| self.bad(path, e))?;
        let element = dataset.element_size().map_err(|e| self.bad(path, e))?;
        // Empty axes count, so that distances between elements can be numbers.
        let bytes = shape.iter().try_fold(element.max(1), |n, &d| n.checked_mul(d.max(1)));
        let fits = |n: u64| (dataset.is_chunked() || n <= self.size.max(element)) && self.allowance.take(n);
        if !bytes.is_some_and(fits) {
            let message = format!("claims shape {shape:?}, more than a file of {} bytes can hold", self.size);
            return Err(self.bad(path, message));
        }
        let bad = |e: hdf5_pure::Error| self.bad(path, e);
        let shape: Vec<usize> = shape.into_iter().map(|d| d as usize).collect();
        let tensor = match dataset.dtype().map_err(bad)? {
            Stored::F32 => Tensor::new(shape, dataset.read_f32().map_err(bad)?),
            Stored::F64 => Tensor::new(shape, dataset.read_f64().map_err(bad)?),
            Stored::I8 => Tensor::new(shape, dataset.read_i8().map_err(bad)?),
            Stored::I16 => Tensor::new(shape, dataset.read_i16().map_err(bad)?),
            Stored::I32 => Tensor::new(shape, dataset.read_i32().map_err(bad)?),
            Stored::I64 => Tensor::new(shape, dataset.read_i64().map_err(bad)?),
            Stored::U8 => Tensor::new(shape, dataset.read_u8().map_err(bad)?),
            Stored::U16 => Tensor::new(shape, dataset.read_u16().map_err(bad)?),
            Stored::U32 => Tensor::new(shape, dataset.read_u32().map_err(bad)?),
            Stored::U64 => Tensor::new(shape, dataset.read_u64().map_err(bad)?),
            // As h5py stores bool.
            Stored::Enum(names) if names == ["FALSE", "TRUE"] && element == 1 => {
                let bits = dataset.read_raw().map_err(bad)?;
                Tensor::new(shape, bits.into_iter().map(|b| b != 0).collect::<Vec<bool>>())
            }
            _ if element == 2 => {
                let raw = dataset.read_raw().map_err(bad)?;
                let halves = raw.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
                match dataset.datatype().map_err(bad)? {
                    Datatype::FloatingPoint { .. } => {
                        Tensor::new(shape, halves.map(f16::from_bits).collect::<Vec<f16>>())
                    }
                    Datatype::Opaque { .. } => {
                        Tensor::new(shape, halves.map(bf16::from_bits).collect::<Vec<bf16>>())
                    }
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        tensor.map(Some).map_err(|e| self.bad(path, e))
    }
}

/// The texts of an attribute, if it has some; h5py writes a list of none as no numbers.
fn texts(value: AttrValue) -> Option<Vec<String>> {
    match value {
        AttrValue::String(one)
        | AttrValue::AsciiString(one)
        | AttrValue::VarLenString(one)
        | AttrValue::VarLenAsciiString(one)
        | AttrValue::StringSized { value: one, .. }
        | AttrValue::AsciiStringSized { value: one, .. } => Some(vec![one]),
        AttrValue::StringArray(all)
        | AttrValue::AsciiStringArray(all)
        | AttrValue::VarLenAsciiCharArray(all)
        | AttrValue::VarLenStringArray(all)
        | AttrValue::VarLenAsciiStringArray(all)
        | AttrValue::StringArraySized { values: all, .. }
        | AttrValue::AsciiStringArraySized { values: all, .. } => Some(all),
        AttrValue::F64Array(none) if none.is_empty() => Some(vec![]),
        _ => None,
    }
}

/// An HDF5 file that is still to be written: it holds one copy of the arrays, and goes to its place piece by piece.
pub(super) struct Image {
    file: FileBuilder,
    /// Bytes of the arrays.
    arrays: u64,
}

impl Image {
    /// A file of this tree.
    ///
    /// # Errors
    /// When a device that has an array fails.
    pub fn of(root: &Group) -> Result<Image> {
        let mut file = FileBuilder::new();
        let mut size = 0;
        for (name, value) in root.attributes.iter().flat_map(attributes) {
            file.set_attr(&name, value);
        }
        for (name, array) in &root.arrays {
            size += fill(file.create_dataset(name), array)?;
        }
        for (name, group) in &root.groups {
            let mut builder = file.create_group(name);
            size += fill_group(&mut builder, group)?;
            file.add_group(builder.finish());
        }
        Ok(Image { file, arrays: size })
    }

    /// Bytes of the arrays; the file has some more.
    pub fn arrays(&self) -> u64 {
        self.arrays
    }

    /// Writes it, from its start to its end; `path` is what errors name.
    ///
    /// # Errors
    /// When the library refuses the tree, or `out` fails.
    pub fn write(self, out: &mut dyn Write, path: &Path) -> Result<()> {
        self.file.finish_to(out).map_err(|e| match e {
            hdf5_pure::Error::Io(e) => Error::io(path, e),
            e => Error::Format { what: "HDF5".into(), message: e.to_string() },
        })
    }

    /// Writes it to a file, which is replaced whole or not at all.
    ///
    /// # Errors
    /// As [`Image::write`].
    pub fn save(self, path: &Path) -> Result<()> {
        atomic::write_with(path, |file| self.write(file, path))
    }
}

/// An attribute as Keras stores it: texts of any length, as h5py writes `str`; long lists in parts with a number behind the
/// name, empty ones not at all.
fn attributes((name, value): &(String, Attribute)) -> Vec<(String, AttrValue)> {
    match value {
        Attribute::Text(text) => vec![(name.clone(), AttrValue::VarLenString(text.clone()))],
        Attribute::Texts(texts) => {
            let width = texts.iter().map(String::len).max().unwrap_or_default().max(1);
            let parts: Vec<&[String]> = texts.chunks((MAX_ATTRIBUTE / width).max(1)).collect();
            let part = |(i, part): (usize, &&[String])| {
                let name = if parts.len() == 1 { name.clone() } else { format!("{name}{i}") };
                (name, AttrValue::VarLenStringArray(part.to_vec()))
            };
            parts.iter().enumerate().map(part).collect()
        }
    }
}

/// Fills a group; the bytes of its arrays.
fn fill_group(builder: &mut hdf5_pure::GroupBuilder, group: &Group) -> Result<u64> {
    let mut size = 0;
    for (name, value) in group.attributes.iter().flat_map(attributes) {
        builder.set_attr(&name, value);
    }
    for (name, array) in &group.arrays {
        size += fill(builder.create_dataset(name), array)?;
    }
    for (name, inner) in &group.groups {
        let mut within = builder.create_group(name);
        size += fill_group(&mut within, inner)?;
        builder.add_group(within.finish());
    }
    Ok(size)
}

/// Copies an array into the file; its bytes.
fn fill(dataset: &mut hdf5_pure::DatasetBuilder, array: &Array) -> Result<u64> {
    let tensor = array.tensor()?;
    let shape: Vec<u64> = tensor.shape().iter().map(|&d| d as u64).collect();
    match tensor.dtype() {
        DType::Bool => dataset
            .with_u8_data(&tensor.as_slice::<bool>()?.iter().map(|&b| u8::from(b)).collect::<Vec<u8>>()),
        DType::I8 => dataset.with_data(tensor.as_slice::<i8>()?),
        DType::I16 => dataset.with_data(tensor.as_slice::<i16>()?),
        DType::I32 => dataset.with_data(tensor.as_slice::<i32>()?),
        DType::I64 => dataset.with_data(tensor.as_slice::<i64>()?),
        DType::U8 => dataset.with_data(tensor.as_slice::<u8>()?),
        DType::U16 => dataset.with_data(tensor.as_slice::<u16>()?),
        DType::U32 => dataset.with_data(tensor.as_slice::<u32>()?),
        DType::U64 => dataset.with_data(tensor.as_slice::<u64>()?),
        DType::F32 => dataset.with_data(tensor.as_slice::<f32>()?),
        DType::F64 => dataset.with_data(tensor.as_slice::<f64>()?),
        DType::F16 => dataset.with_raw_data(half_type(), tensor.bytes().to_vec(), tensor.len() as u64),
        DType::BF16 => {
            let opaque = Datatype::Opaque { size: 2, tag: vec![] };
            dataset.with_raw_data(opaque, tensor.bytes().to_vec(), tensor.len() as u64);
            dataset.set_attr(DTYPE, AttrValue::VarLenString("bfloat16".into()))
        }
    };
    dataset.with_shape(&shape);
    Ok(tensor.bytes().len() as u64)
}

/// IEEE half precision.
fn half_type() -> Datatype {
    let layout = FloatingPointLayout {
        bit_offset: 0,
        bit_precision: 16,
        exponent_location: 10,
        exponent_size: 5,
        mantissa_location: 0,
        mantissa_size: 10,
        exponent_bias: 15,
    };
    Datatype::FloatingPoint { size: 2, byte_order: DatatypeByteOrder::LittleEndian, layout }
}
