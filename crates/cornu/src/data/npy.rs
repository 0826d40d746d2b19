//! NumPy's `.npy` files: one array each.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
use super::elements;
use cornu_graph::{DType, Error, Result, Tensor, with_dtype};
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::Path;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// NumPy aligns the data to this many bytes.
const ALIGNMENT: usize = 64;
/// NumPy itself refuses longer headers by default.
const MAX_HEADER: u64 = 10_000;

/// Reads an array from a `.npy` file. Fortran order and big-endian numbers are converted.
///
/// # Errors
/// When the file cannot be read, is not what it should be, or holds elements that a [`Tensor`] does not (complex
/// numbers, strings, objects, ...).
///
/// ```
/// use cornu::data::npy;
/// use cornu_graph::Tensor;
///
/// let path = std::env::temp_dir().join(format!("cornu-doc-{}.npy", std::process::id()));
/// npy::save(&path, &Tensor::from([[1f32, 2.0], [3.0, 4.0]]))?;
/// assert_eq!(npy::load(&path)?.shape(), [2, 2]);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), cornu_graph::Error>(())
/// ```
pub fn load(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    let mut file = File::open(path).map_err(|e| Error::io(path, e))?;
    let size = file.metadata().map_err(|e| Error::io(path, e))?.len();
    read(&mut file, size, &path.display().to_string())
}

/// Writes `tensor` to a `.npy` file.
///
/// # Errors
/// When the file cannot be written, or for `bfloat16`, which NumPy does not have.
pub fn save(path: impl AsRef<Path>, tensor: &Tensor) -> Result<()> {
    let path = path.as_ref();
    let header = header(tensor, &path.display().to_string())?;
    let written = File::create(path).map(BufWriter::new).and_then(|mut file| {
        file.write_all(&header)?;
        elements::write(&mut file, tensor)?;
        file.flush()
    });
    written.map_err(|e| Error::io(path, e))
}

/// Reads an array from `size` bytes of `input`; `what` names them in errors.
pub(crate) fn read(input: &mut impl Read, size: u64, what: &str) -> Result<Tensor> {
    let bad = |message: String| Error::Format { what: what.to_string(), message };
    let mut fill = |bytes: &mut [u8]| {
        input.read_exact(bytes).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => bad("ends too early".into()),
            _ => bad(format!("cannot be read: {e}")),
        })
    };
    let mut take = |n: u64| -> Result<Vec<u8>> {
        // A header, or less.
        let mut bytes = vec![0; n as usize];
        fill(&mut bytes).map(|()| bytes)
    };
    let start = take(8)?;
    if &start[..6] != MAGIC {
        return Err(bad("is no .npy file: it does not start with \\x93NUMPY".into()));
    }
    let length_bytes: u64 = match start[6] {
        1 => 2,
        2 | 3 => 4,
        version => return Err(bad(format!("has format version {version}, known are 1 to 3"))),
    };
    let length = take(length_bytes)?.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
    if length > MAX_HEADER {
        return Err(bad(format!("has a header of {length} bytes, more than {MAX_HEADER}")));
    }
    let header = take(length)?;
    let header = Header::parse(&String::from_utf8_lossy(&header)).map_err(bad)?;
    let bytes = header.shape.iter().try_fold(header.dtype.size() as u64, |n, &d| n.checked_mul(d as u64));
    let there = size.saturating_sub(8 + length_bytes + length);
    if bytes != Some(there) {
        let Header { dtype, shape, .. } = header;
        return Err(bad(format!("holds {there} bytes of data, which is not {dtype}{shape:?}")));
    }
    header.tensor(&mut fill)?.map_err(bad)
}

/// What follows the header of a file that holds Python objects: a pickle. `None` for a file of numbers.
///
/// # Errors
/// When it is no `.npy` file.
pub(crate) fn pickled<'a>(file: &'a [u8], what: &str) -> Result<Option<&'a [u8]>> {
    let bad = || Error::Format { what: what.to_string(), message: "is no readable .npy file".into() };
    let (start, rest) = file.split_at_checked(8).filter(|(start, _)| &start[..6] == MAGIC).ok_or_else(bad)?;
    let length_bytes = if start[6] == 1 { 2 } else { 4 };
    let (length, rest) = rest.split_at_checked(length_bytes).ok_or_else(bad)?;
    let length = length.iter().rev().fold(0, |n, &b| n << 8 | usize::from(b));
    let (header, rest) = rest.split_at_checked(length).ok_or_else(bad)?;
    let header = String::from_utf8_lossy(header);
    Ok(["'descr': '|O'", "'descr': '|O8'"].iter().any(|of| header.contains(of)).then_some(rest))
}

/// Numbers of NumPy's type `code` (`u1`) from their bytes.
///
/// # Errors
/// When there is no such type here, or not as many bytes.
pub(crate) fn from_bytes(
    code: &str,
    little: bool,
    fortran: bool,
    shape: Vec<usize>,
    bytes: &[u8],
) -> Result<Tensor> {
    let known = CODES.iter().find(|(_, c)| *c == code).map(|(dtype, _)| *dtype);
    let dtype =
        known.ok_or_else(|| Error::Data(format!("elements of NumPy's type `{code}` are not supported")))?;
    let size = shape.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d));
    if size != Some(bytes.len()) {
        return Err(Error::Data(format!("{} bytes are not {dtype}{shape:?}", bytes.len())));
    }
    let mut left = bytes;
    let mut fill = |piece: &mut [u8]| {
        let (first, rest) = left.split_at_checked(piece.len()).ok_or("too few bytes")?;
        piece.copy_from_slice(first);
        left = rest;
        Ok(())
    };
    let tensor: Result<_, &str> = Header { dtype, little, fortran, shape }.tensor(&mut fill);
    tensor.map_err(|e| Error::Data(e.into()))?.map_err(Error::Data)
}

/// What is before the elements in a file of `tensor`; `what` names it in errors.
pub(crate) fn header(tensor: &Tensor, what: &str) -> Result<Vec<u8>> {
    let Some((_, code)) = CODES.iter().find(|(dtype, _)| *dtype == tensor.dtype()) else {
        let message = format!("NumPy has no {}", tensor.dtype());
        return Err(Error::Format { what: what.to_string(), message }.help("cast it to float32"));
    };
    header_of(tensor, tensor.shape(), code, what)
}

/// What is before the elements in a file of the strings of a tensor of [`text`](super::text).
pub(crate) fn text_header(tensor: &Tensor, what: &str) -> Result<Vec<u8>> {
    let Some((width, shape)) = tensor.shape().split_last().filter(|_| tensor.dtype() == DType::U32) else {
        let message = format!("is no text, but {}{:?}", tensor.dtype(), tensor.shape());
        return Err(Error::Format { what: what.to_string(), message });
    };
    header_of(tensor, shape, &format!("U{width}"), what)
}

/// The header for elements of this type of NumPy.
fn header_of(tensor: &Tensor, shape: &[usize], code: &str, what: &str) -> Result<Vec<u8>> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = if sizes.len() == 1 { format!("{},", sizes[0]) } else { sizes.join(", ") };
    let order = if tensor.dtype().size() == 1 { '|' } else { '<' };
    let mut header = format!("{{'descr': '{order}{code}', 'fortran_order': False, 'shape': ({shape}), }}");
    let start = MAGIC.len() + 4;
    let padded = (start + header.len() + 1).next_multiple_of(ALIGNMENT) - start;
    header.push_str(&" ".repeat(padded - 1 - header.len()));
    header.push('\n');
    let length = u16::try_from(padded).map_err(|_| Error::Format {
        what: what.to_string(),
        message: format!("{} axes are too many for a .npy header", tensor.rank()),
    })?;

    Ok([MAGIC, &[1, 0][..], &length.to_le_bytes(), header.as_bytes()].concat())
}

/// NumPy's codes without the byte order.
const CODES: [(DType, &str); 12] = [
    (DType::Bool, "b1"),
    (DType::I8, "i1"),
    (DType::I16, "i2"),
    (DType::I32, "i4"),
    (DType::I64, "i8"),
    (DType::U8, "u1"),
    (DType::U16, "u2"),
    (DType::U32, "u4"),
    (DType::U64, "u8"),
    (DType::F16, "f2"),
    (DType::F32, "f4"),
    (DType::F64, "f8"),
];

/// What the header says.
struct Header {
    dtype: DType,
    little: bool,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
    fn parse(text: &str) -> Result<Header, String> {
        let bad = || format!("has a header that cannot be read: {}", text.trim());
        let value = |key: &str| {
            let at =
                [format!("'{key}'"), format!("\"{key}\"")].iter().find_map(|k| Some(text.find(k)? + k.len()));
            at.and_then(|at| text[at..].trim_start().strip_prefix(':')).map(str::trim_start).ok_or_else(bad)
        };
        let descr = value("descr")?;
        let quote = descr.chars().next().filter(|c| "'\"".contains(*c)).ok_or_else(|| {
            // Records have a list here.
            if descr.starts_with('[') { "holds records, not numbers".to_string() } else { bad() }
        })?;
        let descr = descr[1..].split(quote).next().unwrap_or_default();
        let (order, code) = descr.split_at_checked(1).ok_or_else(bad)?;
        // Text is code points along an axis more.
        let width = code.strip_prefix('U').and_then(|width| width.parse::<usize>().ok());
        let known = CODES.iter().find(|(_, c)| *c == code).map(|(dtype, _)| *dtype);
        let dtype = width.map_or(known, |_| Some(DType::U32));
        let little = match order {
            "<" | "|" => true,
            ">" => false,
            "=" => cfg!(target_endian = "little"),
            _ => return Err(bad()),
        };
        let dtype = dtype
            .ok_or_else(|| format!("holds elements of NumPy's type `{descr}`, which are not supported"))?;
        let fortran = match value("fortran_order")? {
            v if v.starts_with("True") => true,
            v if v.starts_with("False") => false,
            _ => return Err(bad()),
        };
        let shape = value("shape")?.strip_prefix('(').and_then(|v| v.split_once(')')).ok_or_else(bad)?.0;
        let sizes = shape.split(',').map(str::trim).filter(|s| !s.is_empty());
        // Python 2 wrote long integers with an L.
        let sizes: Result<Vec<usize>, _> = sizes.map(|s| s.trim_end_matches('L').parse()).collect();
        let mut shape = sizes.map_err(|_| bad())?;
        if fortran && width.is_some() && shape.len() > 1 {
            return Err("holds text in Fortran order, which is not supported".into());
        }
        shape.extend(width);
        Ok(Header { dtype, little, fortran: fortran && width.is_none(), shape })
    }

    /// The tensor whose elements `fill` gives, piece by piece: it takes memory as they come. Errors of `fill`, or what is wrong
    /// with the elements.
    fn tensor<E>(
        &self,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Result<Tensor, String>, E> {
        let tensor = elements::read(&self.shape, self.dtype, self.little, fill)?;
        if !self.fortran {
            return Ok(tensor);
        }
        let turned = |tensor: Tensor| {
            with_dtype!(self.dtype, T => {
                Tensor::new(self.shape.clone(), from_fortran(tensor.as_slice::<T>()?, &self.shape))
            })
        };
        Ok(tensor.and_then(|tensor| turned(tensor).map_err(|e| e.to_string())))
    }
}

/// Elements in row-major order from elements whose first axis runs fastest.
fn from_fortran<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut out = Vec::with_capacity(values.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..values.len() {
        let at = index.iter().zip(shape).rev().fold(0, |at, (&i, &n)| at * n + i);
        out.push(values[at]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Tensor> {
        read(&mut &bytes[..], bytes.len() as u64, "a.npy")
    }

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC, &[1, 0][..], &length, header.as_bytes(), data].concat()
    }

    #[test]
    fn every_dtype_comes_back() {
        for dtype in DType::ALL {
            for shape in [vec![], vec![3], vec![2, 0], vec![2, 3, 2]] {
                let n: usize = shape.iter().product();
                let values: Vec<f64> = (0..n).map(|i| (i % 2) as f64).collect();
                let t = Tensor::from_f64(shape, dtype, &values).unwrap();
                match header(&t, "a.npy") {
                    Ok(header) => assert_eq!(parse(&[&header, t.bytes()].concat()).unwrap(), t),
                    Err(e) => {
                        assert_eq!(dtype, DType::BF16);
                        assert_eq!(e.to_string(), "a.npy: NumPy has no bfloat16\n  help: cast it to float32");
                    }
                }
            }
        }
    }

    #[test]
    fn the_header_is_numpy_s() {
        let bytes = header(&Tensor::from([1u8, 2]), "").unwrap();
        assert_eq!(bytes.len(), 128);
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert!(bytes[10..].starts_with(b"{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }  "));
    }

    #[test]
    fn orders() {
        let header = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3L), }\n";
        let t = parse(&file(header, &[0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 1, 6])).unwrap();
        assert_eq!(t, Tensor::from([[1i16, 3, 5], [2, 4, 262]]));
        let header = "{\"shape\": (), \"fortran_order\": False, \"descr\": \"<f4\"}";
        assert_eq!(parse(&file(header, &1.5f32.to_le_bytes())).unwrap(), Tensor::scalar(1.5f32));
    }

    #[test]
    fn errors() {
        let header = |descr: &str, shape: &str| {
            format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}")
        };
        let huge = header("'<f8'", "(4294967295, 4294967295, 4294967295)");
        for (bytes, want) in [
            (b"abcdefghij".to_vec(), "a.npy: is no .npy file: it does not start with \\x93NUMPY"),
            (b"\x93NUM".to_vec(), "a.npy: ends too early"),
            (b"\x93NUMPY\x09\x00\x76\x00".to_vec(), "a.npy: has format version 9, known are 1 to 3"),
            (
                b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(),
                "a.npy: has a header of 4294967295 bytes, more than 10000",
            ),
            (file("{}", &[]), "a.npy: has a header that cannot be read: {}"),
            (file(&header("'<f4'", "(2)"), &[0; 7]), "a.npy: holds 7 bytes of data, which is not float32[2]"),
            (
                file(&huge, &[0; 7]),
                "a.npy: holds 7 bytes of data, which is not float64[4294967295, 4294967295, 4294967295]",
            ),
            (file(&header("'|b1'", "(1)"), &[7]), "a.npy: a bool is neither 0 nor 1"),
            (
                file(&header("'|O'", "(1)"), &[7]),
                "a.npy: holds elements of NumPy's type `|O`, which are not supported",
            ),
            (file(&header("[('a', '<f4')]", "(1)"), &[7]), "a.npy: holds records, not numbers"),
        ] {
            assert_eq!(parse(&bytes).unwrap_err().to_string(), want);
        }
    }
}
