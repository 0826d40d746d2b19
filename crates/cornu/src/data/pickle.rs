//! Python's pickles, as far as they are data: numbers, bytes, text, lists, tuples, dicts, and NumPy arrays of these.
//!
//! A pickle is a program for a small machine with a stack. This one knows the instructions that put data together; the only
//! calls are the two by which NumPy stores arrays, and they are recognised by name, not made. Everything else is an error.
//!
//! Format: <https://docs.python.org/3/library/pickletools.html>.
mod machine;

use cornu_graph::{Error, Result, Tensor};
use machine::Machine;
use std::ops::Range;

/// A value. What is longer than a number lies in the arena, where it may be referred to from several places.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    At(usize),
}

#[derive(Debug)]
enum Object {
    /// A part of the file.
    Bytes(Range<usize>),
    Text(Range<usize>),
    List(Vec<Item>),
    Tuple(Vec<Item>),
    Dict(Vec<(Item, Item)>),
    Name(Name),
    Dtype {
        code: String,
        little: bool,
    },
    /// An array that has no content yet.
    Unfilled,
    Numbers(Tensor),
    Objects(Vec<Item>),
}

/// What may be named: the parts of NumPy's arrays.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    Array,
    Dtype,
    Reconstruct,
}

impl Name {
    fn of(module: &str, name: &str) -> Option<Name> {
        match (module, name) {
            ("numpy", "ndarray") => Some(Name::Array),
            ("numpy", "dtype") => Some(Name::Dtype),
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Some(Name::Reconstruct),
            _ => None,
        }
    }
}

/// The content of a pickle.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    file: &'a [u8],
    what: &'a str,
    arena: Vec<Object>,
    root: Item,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle; `what` names the file in errors.
    ///
    /// # Errors
    /// When it is damaged, or holds anything but data.
    pub fn read(file: &'a [u8], what: &'a str) -> Result<Pickle<'a>> {
        match Machine::new(file).run() {
            Ok((arena, root)) => Ok(Pickle { file, what, arena, root }),
            Err(message) => Err(Error::Format { what: what.into(), message: format!("pickle: {message}") }),
        }
    }

    fn bad(&self, message: impl Into<String>) -> Error {
        Error::Format { what: self.what.into(), message: message.into() }
    }

    fn object(&self, item: Item) -> Option<&Object> {
        if let Item::At(at) = item { self.arena.get(at) } else { None }
    }

    fn text(&self, item: Item) -> Option<&str> {
        match self.object(item)? {
            Object::Bytes(range) | Object::Text(range) => {
                std::str::from_utf8(self.file.get(range.clone())?).ok()
            }
            _ => None,
        }
    }

    /// The value of a key of the dict that the pickle is.
    fn entry(&self, key: &str) -> Result<Item> {
        let Some(Object::Dict(entries)) = self.object(self.root) else {
            return Err(self.bad("holds no dict"));
        };
        let found = entries.iter().rev().find(|(k, _)| self.text(*k) == Some(key));
        found.map(|(_, value)| *value).ok_or_else(|| self.bad(format!("has no `{key}`")))
    }

    /// The array of numbers under a key of the dict.
    ///
    /// # Errors
    /// When there is none.
    pub fn array(&self, key: &str) -> Result<&Tensor> {
        match self.object(self.entry(key)?) {
            Some(Object::Numbers(tensor)) => Ok(tensor),
            _ => Err(self.bad(format!("`{key}` in it is no array of numbers"))),
        }
    }

    /// The list of whole numbers under a key of the dict.
    ///
    /// # Errors
    /// When there is none.
    pub fn ints(&self, key: &str) -> Result<Vec<i64>> {
        let item = self.entry(key)?;
        self.whole(item).ok_or_else(|| self.bad(format!("`{key}` in it is no list of whole numbers")))
    }

    fn whole(&self, item: Item) -> Option<Vec<i64>> {
        let (Object::List(items) | Object::Tuple(items) | Object::Objects(items)) = self.object(item)? else {
            return None;
        };
        items.iter().map(|item| if let Item::Int(n) = item { Some(*n) } else { None }).collect()
    }

    /// The lists of whole numbers that the array is that the pickle is.
    ///
    /// # Errors
    /// When it is none, or is larger than its file: lists can be referred to many times.
    pub fn lists(&self) -> Result<Vec<Vec<i32>>> {
        let Some(Object::Objects(rows) | Object::List(rows)) = self.object(self.root) else {
            return Err(self.bad("holds no array of lists"));
        };
        let mut left = self.file.len();
        let row = |item: &Item| {
            let bad = || self.bad("has an entry that is no list of whole numbers of 32 bits");
            let row = self.whole(*item).ok_or_else(bad)?;
            // Each number takes two bytes or more.
            left =
                left.checked_sub(2 * row.len()).ok_or_else(|| self.bad("has more numbers than it holds"))?;
            row.into_iter().map(|n| i32::try_from(n).map_err(|_| bad())).collect()
        };
        rows.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(file: &[u8], word: &str) {
        let error = Pickle::read(file, "a").map(drop).unwrap_err().to_string();
        assert!(error.starts_with("a: pickle: ") && error.contains(word), "{word:?} not in {error}");
    }

    #[test]
    fn nothing_but_data() {
        for (file, word) in [
            (&b"cos\nsystem\n(X\x04\0\0\0truetR."[..], "names `os.system`"),
            (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "names `os.system`"),
            (b"c_codecs\nencode\n.", "names `_codecs.encode`"),
            (b"cnumpy\nload\n.", "names `numpy.load`"),
            (b"cnumpy.core.multiarray\nscalar\n.", "scalar"),
            (b"(ios\nsystem\n.", "0x69"),
            (b"(o.", "0x6f"),
            (b")\x81.", "0x81"),
            (b")}\x92.", "0x92"),
            (b"Pid\n.", "0x50"),
            (b"\x82\x01.", "0x82"),
            (b"S'text'\n.", "0x53"),
            (b"I1\n.", "0x49"),
            (b"\x97.", "0x97"),
            // The parts of arrays alone call nothing.
            (b"cnumpy\nndarray\n)R.", "calls what is no function"),
            (b"cnumpy.core.multiarray\n_reconstruct\nK\x01\x85R.", "takes a number for an object"),
            (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\n\x85R.", "another class"),
            (b"X\x01\0\0\0x)R.", "calls what is no name"),
            (b"])b.", "a state to what takes none"),
        ] {
            refused(file, word);
        }
    }

    #[test]
    fn damaged_and_absurd() {
        for (file, word) in [
            (&b""[..], "ends too early"),
            (b".", "takes what is not there"),
            (b"(.", "takes what is not there"),
            (b"t.", "without a mark"),
            (b"K\x01(\x85.", "takes what is not there"),
            (b"h\x05.", "refers to what is not there"),
            (b"\x94.", "keeps what is not there"),
            (b"K\x01K\x02a.", "changes what is not there"),
            (b"}K\x02a.", "is no list"),
            (b"](K\x02K\x03u.", "is no dict"),
            (b"}(K\x02u.", "a key without a value"),
            (b"T\xff\xff\xff\x7fx.", "ends too early"),
            (b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffx.", "ends too early"),
            (b"\x8a\xffx.", "ends too early"),
            (b"\x8a\x09\0\0\0\0\0\0\0\0\x01.", "a number of 9 bytes"),
            (b"X\x01\0\0\0\xff.", "no UTF-8"),
            (b"\x8a\x01\xff", "ends too early"),
        ] {
            refused(file, word);
        }
        let negative = Pickle::read(b"\x8a\x02\xfe\xff.", "a").unwrap();
        assert_eq!(negative.root, Item::Int(-2));
        // Deep, and in a ring: none is followed.
        let deep = [&b")"[..], &vec![0x85; 1_000_000], b"."].concat();
        assert!(Pickle::read(&deep, "a").unwrap().lists().is_err());
        assert!(Pickle::read(b"]q\x00h\x00a.", "a").unwrap().lists().is_err());
        // A list that is there a thousand times.
        let many = [&b"]]q\x00("[..], &b"K\x01".repeat(1000), b"ea(", &b"h\x00".repeat(1000), b"e."].concat();
        let error = Pickle::read(&many, "a").unwrap().lists().unwrap_err().to_string();
        assert!(error.contains("more numbers than it holds"), "{error}");
    }

    #[test]
    fn shapes_of_arrays() {
        let array = |shape: &[u8], code: &[u8], data: &[u8]| {
            let start = b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R(K\x01";
            let dtype =
                [b"cnumpy\ndtype\nX\x02\0\0\0", code, b"\x89\x88\x87R(K\x03X\x01\0\0\0<NNNK\0K\0K\0tb"]
                    .concat();
            [b"}X\x01\0\0\0x", &start[..], shape, &dtype, b"\x89", data, b"tbs."].concat()
        };
        let read = |file: &[u8]| Ok::<_, Error>(Pickle::read(file, "a")?.array("x")?.clone());
        let whole = array(b"K\x02\x85", b"i2", b"C\x04\x01\0\xff\xff");
        assert_eq!(read(&whole).unwrap(), Tensor::from([1i16, -1]));
        let huge = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x86";
        for (file, word) in [
            (array(huge, b"i2", b"C\x04\x01\0\xff\xff"), "are not int16"),
            (array(b"\x8a\x01\xff\x85", b"i2", b"C\x04\x01\0\xff\xff"), "shape is none"),
            (array(b"K\x03\x85", b"i2", b"C\x04\x01\0\xff\xff"), "4 bytes are not int16[3]"),
            (array(b"K\x04\x85", b"c8", b"C\x04\x01\0\xff\xff"), "`c8` are not supported"),
            (array(b"K\x02\x85", b"O8", b"](K\x01e"), "does not have its shape"),
        ] {
            let error = read(&file).unwrap_err().to_string();
            assert!(error.contains(word), "{word:?} not in {error}");
        }
        for end in 0..whole.len() {
            assert!(Pickle::read(&whole[..end], "a").is_err(), "cut at {end}");
        }
        for at in 0..whole.len() {
            for bits in 1..=255 {
                let mut file = whole.clone();
                file[at] ^= bits;
                let _ = read(&file);
            }
        }
    }
}
