//! Python's pickles, as far as they are data: numbers, bytes, text, lists, tuples, dicts, and NumPy arrays of these.
//!
//! A pickle is a program for a small machine with a stack. This one knows the instructions that put data together; the only
//! calls are the two by which NumPy stores arrays, and they are recognised by name, not made. Everything else is an error.
//!
//! Format: <https://docs.python.org/3/library/pickletools.html>.
use super::npy;
use cornu_graph::{Error, Result, Tensor};
use std::collections::HashMap;
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
        let machine =
            Machine { file, at: 0, arena: vec![], stack: vec![], marks: vec![], memo: HashMap::new() };
        match machine.run() {
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

/// The machine that a pickle is a program of.
struct Machine<'a> {
    file: &'a [u8],
    at: usize,
    arena: Vec<Object>,
    stack: Vec<Item>,
    /// Where on the stack what is to be gathered begins.
    marks: Vec<usize>,
    memo: HashMap<usize, Item>,
}

type Step<T> = std::result::Result<T, String>;

impl<'a> Machine<'a> {
    fn run(mut self) -> Step<(Vec<Object>, Item)> {
        loop {
            let op = self.number(1)? as u8;
            if op == b'.' {
                let root = self.pop()?;
                return Ok((self.arena, root));
            }
            self.step(op)?;
        }
    }

    fn step(&mut self, op: u8) -> Step<()> {
        match op {
            // The protocol, and lengths of parts.
            0x80 => drop(self.number(1)?),
            0x95 => drop(self.number(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.stack.push(Item::None),
            0x88 | 0x89 => self.stack.push(Item::Bool(op == 0x88)),
            b'J' => {
                let n = self.number(4)? as u32 as i32;
                self.stack.push(Item::Int(n.into()));
            }
            b'K' | b'M' => {
                let n = self.number(if op == b'K' { 1 } else { 2 })?;
                self.stack.push(Item::Int(n as i64));
            }
            0x8a => self.long()?,
            b'G' => {
                let bytes = self.take(8)?;
                let bits = bytes.iter().fold(0, |n, &b| n << 8 | u64::from(b));
                self.stack.push(Item::Float(f64::from_bits(bits)));
            }
            b'U' | b'C' | b'T' | b'B' | 0x8e => {
                let range = self.counted(op)?;
                self.put(Object::Bytes(range));
            }
            0x8c | b'X' | 0x8d => {
                let range = self.counted(op)?;
                std::str::from_utf8(&self.file[range.clone()]).map_err(|_| "text that is no UTF-8")?;
                self.put(Object::Text(range));
            }
            b']' => self.put(Object::List(vec![])),
            b')' => self.put(Object::Tuple(vec![])),
            b'}' => self.put(Object::Dict(vec![])),
            b'l' | b't' => {
                let items = self.gathered()?;
                self.put(if op == b'l' { Object::List(items) } else { Object::Tuple(items) });
            }
            0x85..=0x87 => {
                let items = self.pop_several(usize::from(op - 0x84))?;
                self.put(Object::Tuple(items));
            }
            b'd' => {
                let items = self.gathered()?;
                self.put(Object::Dict(pairs(&items)?));
            }
            b'a' | b'e' => {
                let items = if op == b'a' { vec![self.pop()?] } else { self.gathered()? };
                match self.top()? {
                    Object::List(list) => list.extend(items),
                    _ => return Err("appends to what is no list".into()),
                }
            }
            b's' | b'u' => {
                let items = if op == b's' { self.pop_several(2)? } else { self.gathered()? };
                match self.top()? {
                    Object::Dict(dict) => dict.extend(pairs(&items)?),
                    _ => return Err("sets an item of what is no dict".into()),
                }
            }
            b'q' | b'r' => {
                let key = self.number(if op == b'q' { 1 } else { 4 })? as usize;
                self.keep(key)?;
            }
            0x94 => self.keep(self.memo.len())?,
            b'h' | b'j' => {
                let key = self.number(if op == b'h' { 1 } else { 4 })? as usize;
                let item = self.memo.get(&key).ok_or("refers to what is not there")?;
                self.stack.push(*item);
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.name(module, name)?;
            }
            0x93 => {
                let name = self.pop()?;
                let module = self.pop()?;
                let (module, name) = (self.text(module)?, self.text(name)?);
                self.name(module, name)?;
            }
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            other => return Err(format!("instruction {other:#04x} is none of those that data need")),
        }
        Ok(())
    }

    fn take(&mut self, count: usize) -> Step<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.file.len()).ok_or("ends too early")?;
        let bytes = &self.file[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    /// A number of so many bytes.
    fn number(&mut self, bytes: usize) -> Step<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    /// The place of bytes or text after their length.
    fn counted(&mut self, op: u8) -> Step<Range<usize>> {
        let width = match op {
            b'U' | b'C' | 0x8c => 1,
            b'T' | b'B' | b'X' => 4,
            _ => 8,
        };
        let count = usize::try_from(self.number(width)?).map_err(|_| "ends too early")?;
        let start = self.at;
        self.take(count)?;
        Ok(start..self.at)
    }

    /// A whole number of up to eight bytes.
    fn long(&mut self) -> Step<()> {
        let count = self.number(1)? as usize;
        let bytes = self.take(count)?;
        let Some((&last, _)) = bytes.split_last().filter(|_| count <= 8) else {
            return match count {
                0 => {
                    self.stack.push(Item::Int(0));
                    Ok(())
                }
                _ => Err(format!("a number of {count} bytes")),
            };
        };
        let sign = if last & 0x80 == 0 { 0 } else { -1 };
        self.stack.push(Item::Int(bytes.iter().rev().fold(sign, |n, &b| n << 8 | i64::from(b))));
        Ok(())
    }

    fn line(&mut self) -> Step<&'a str> {
        let rest = &self.file[self.at..];
        let end = rest.iter().position(|&b| b == b'\n').ok_or("ends too early")?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| "a name that is no text".into())
    }

    fn name(&mut self, module: &str, name: &str) -> Step<()> {
        let excerpt = |text: &str| text.chars().take(100).collect::<String>();
        let known = Name::of(module, name)
            .ok_or_else(|| format!("names `{}.{}`, which is not data", excerpt(module), excerpt(name)))?;
        self.put(Object::Name(known));
        Ok(())
    }

    fn put(&mut self, object: Object) {
        self.arena.push(object);
        self.stack.push(Item::At(self.arena.len() - 1));
    }

    fn keep(&mut self, key: usize) -> Step<()> {
        let item = *self.stack.last().ok_or("keeps what is not there")?;
        self.memo.insert(key, item);
        Ok(())
    }

    /// The lowest place that may be taken off the stack.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Step<Item> {
        if self.stack.len() <= self.floor() {
            return Err("takes what is not there".into());
        }
        self.stack.pop().ok_or_else(|| "takes what is not there".into())
    }

    fn pop_several(&mut self, count: usize) -> Step<Vec<Item>> {
        let start = self.stack.len().checked_sub(count).filter(|&start| start >= self.floor());
        Ok(self.stack.split_off(start.ok_or("takes what is not there")?))
    }

    /// What was put since the last mark.
    fn gathered(&mut self) -> Step<Vec<Item>> {
        let start = self.marks.pop().ok_or("gathers without a mark")?;
        if start > self.stack.len() {
            return Err("gathers what is not there".into());
        }
        Ok(self.stack.split_off(start))
    }

    fn top(&mut self) -> Step<&mut Object> {
        match self.stack.last() {
            Some(Item::At(at)) => self.arena.get_mut(*at).ok_or_else(|| "changes what is not there".into()),
            _ => Err("changes what is not there".into()),
        }
    }

    fn object(&self, item: Item) -> Step<&Object> {
        match item {
            Item::At(at) => self.arena.get(at).ok_or_else(|| "refers to what is not there".into()),
            _ => Err("takes a number for an object".into()),
        }
    }

    fn text(&self, item: Item) -> Step<&'a str> {
        match self.object(item)? {
            Object::Bytes(range) | Object::Text(range) => {
                std::str::from_utf8(&self.file[range.clone()]).map_err(|_| "a name that is no text".into())
            }
            _ => Err("a name that is no text".into()),
        }
    }

    fn tuple(&self, item: Item) -> Step<Vec<Item>> {
        match self.object(item)? {
            Object::Tuple(items) => Ok(items.clone()),
            _ => Err("arguments that are no tuple".into()),
        }
    }

    /// The two calls of NumPy's arrays: an array without content, and the type of its elements.
    fn reduce(&mut self) -> Step<()> {
        let arguments = self.pop()?;
        let called = self.pop()?;
        let arguments = self.tuple(arguments)?;
        let Object::Name(name) = *self.object(called)? else {
            return Err("calls what is no name".into());
        };
        match (name, arguments.first()) {
            (Name::Reconstruct, Some(first)) => match self.object(*first)? {
                Object::Name(Name::Array) => self.put(Object::Unfilled),
                _ => return Err("makes an array of another class".into()),
            },
            (Name::Dtype, Some(first)) => {
                let code = self.text(*first)?.to_string();
                self.put(Object::Dtype { code, little: true });
            }
            _ => return Err("calls what is no function".into()),
        }
        Ok(())
    }

    /// Gives an array its content, or a type its order of bytes.
    fn build(&mut self) -> Step<()> {
        let state = self.pop()?;
        let state = self.tuple(state)?;
        let filled = match (self.top()?, state.as_slice()) {
            (Object::Dtype { code, .. }, [_, order, parts, names, fields, ..]) => {
                if [parts, names, fields].iter().any(|part| **part != Item::None) {
                    return Err("an array of records".into());
                }
                let (code, order) = (code.clone(), *order);
                Object::Dtype { code, little: self.text(order)? != ">" }
            }
            (Object::Unfilled, [_, shape, dtype, fortran, data]) => {
                let (shape, dtype, fortran, data) = (*shape, *dtype, *fortran, *data);
                self.array(shape, dtype, fortran == Item::Bool(true) || fortran == Item::Int(1), data)?
            }
            _ => return Err("gives a state to what takes none".into()),
        };
        *self.top()? = filled;
        Ok(())
    }

    fn array(&self, shape: Item, dtype: Item, fortran: bool, data: Item) -> Step<Object> {
        let size = |item: &Item| match item {
            Item::Int(n) => usize::try_from(*n).ok(),
            _ => None,
        };
        let shape: Option<Vec<usize>> = self.tuple(shape)?.iter().map(size).collect();
        let shape = shape.ok_or("an array whose shape is none")?;
        let Object::Dtype { code, little } = self.object(dtype)? else {
            return Err("an array without a type".into());
        };
        let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        match self.object(data)? {
            Object::List(items) if code.starts_with('O') && Some(items.len()) == count => {
                Ok(Object::Objects(items.clone()))
            }
            Object::Bytes(range) => {
                let bytes = &self.file[range.clone()];
                npy::from_bytes(code, *little, fortran, shape, bytes)
                    .map(Object::Numbers)
                    .map_err(|e| e.to_string())
            }
            _ => Err("an array whose content does not have its shape".into()),
        }
    }
}

fn pairs(items: &[Item]) -> Step<Vec<(Item, Item)>> {
    if items.len() % 2 == 1 {
        return Err("a key without a value".into());
    }
    Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
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
