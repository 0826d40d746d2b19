//! The machine that pickles are programs of, as far as they put data together.
use super::{Item, Name, Object};
use crate::data::npy;
use std::collections::HashMap;
use std::ops::Range;

/// The machine that a pickle is a program of.
pub(super) struct Machine<'a> {
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
    pub fn new(file: &'a [u8]) -> Machine<'a> {
        Machine { file, at: 0, arena: vec![], stack: vec![], marks: vec![], memo: HashMap::new() }
    }

    /// The objects, and which of them the pickle is.
    pub fn run(mut self) -> Step<(Vec<Object>, Item)> {
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
