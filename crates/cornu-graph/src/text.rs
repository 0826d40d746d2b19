//! The text form of graphs: printed for people and tests, parsed back to the same graph.
//!
//! ```text
//! graph state=1 (%0: float32[3], %1: float32[3]) {
//!   %2 = binary(%0, %1) kind=add : float32[3]
//!   return %2
//! }
//! ```
use crate::graph::{Graph, Node, Source, Spec, ValueId};
use crate::{DType, Error, Op, Result, Tensor};
use std::collections::HashMap;
use std::fmt::{self, Write};

/// A value that can stand as an attribute in text.
pub trait Attribute: Sized {
    /// Appends the text.
    fn print(&self, out: &mut String);
    /// Reads what [`Attribute::print`] wrote.
    ///
    /// # Errors
    /// When the text is something else.
    fn parse(text: &mut Cursor) -> Result<Self>;
}

/// A place in a text that is being parsed.
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The start of `text`.
    pub fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        &self.text[self.at..]
    }

    /// Skips `token` if it comes next.
    pub fn accept(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Skips `token`.
    ///
    /// # Errors
    /// When something else comes next.
    pub fn expect(&mut self, token: &str) -> Result<()> {
        if self.accept(token) { Ok(()) } else { Err(self.error(&format!("expected `{token}`"))) }
    }

    /// Takes letters, digits, `_`, `.`, `-` and `+`.
    ///
    /// # Errors
    /// When none comes next.
    pub fn word(&mut self) -> Result<String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_.-+".contains(c))).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error("expected a word"));
        }
        self.at += end;
        Ok(rest[..end].to_string())
    }

    /// An error that names the line and what stands there.
    pub fn error(&self, message: &str) -> Error {
        let line = self.text[..self.at].lines().count().max(1);
        let near: String = self.text[self.at..].chars().take(24).collect();
        Error::Format { what: "graph text".into(), message: format!("line {line}: {message}, got `{near}`") }
    }
}

macro_rules! plain_attributes {
    ($($t:ty),*) => { $(
        impl Attribute for $t {
            fn print(&self, out: &mut String) { out.push_str(&self.to_string()); }
            fn parse(text: &mut Cursor) -> Result<$t> {
                let word = text.word()?;
                word.parse().map_err(|_| text.error(concat!("expected a ", stringify!($t))))
            }
        }
    )* };
}
plain_attributes!(usize, i64, bool, DType);

impl<T: Attribute> Attribute for Vec<T> {
    fn print(&self, out: &mut String) {
        out.push('[');
        for (i, item) in self.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            item.print(out);
        }
        out.push(']');
    }

    fn parse(text: &mut Cursor) -> Result<Vec<T>> {
        text.expect("[")?;
        let mut items = vec![];
        while !text.accept("]") {
            if !items.is_empty() {
                text.expect(",")?;
            }
            items.push(T::parse(text)?);
        }
        Ok(items)
    }
}

impl<A: Attribute, B: Attribute> Attribute for (A, B) {
    fn print(&self, out: &mut String) {
        out.push('(');
        self.0.print(out);
        out.push(':');
        self.1.print(out);
        out.push(')');
    }

    fn parse(text: &mut Cursor) -> Result<(A, B)> {
        text.expect("(")?;
        let a = A::parse(text)?;
        text.expect(":")?;
        let b = B::parse(text)?;
        text.expect(")")?;
        Ok((a, b))
    }
}

impl Attribute for Spec {
    fn print(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }

    fn parse(text: &mut Cursor) -> Result<Spec> {
        Ok(Spec { dtype: DType::parse(text)?, shape: Vec::parse(text)? })
    }
}

/// `float32[2]{0.5,1}`; one value in braces stands for all elements when they have the same bits.
impl Attribute for Tensor {
    fn print(&self, out: &mut String) {
        Spec::new(self.dtype(), self.shape()).print(out);
        out.push('{');
        // 64-bit integers are exact in text only as integers.
        let values: Vec<String> = match self.dtype() {
            DType::U64 => self.to_vec::<u64>().unwrap_or_default().iter().map(u64::to_string).collect(),
            DType::I64 => self.to_vec::<i64>().unwrap_or_default().iter().map(i64::to_string).collect(),
            _ => self.to_f64().iter().map(f64::to_string).collect(),
        };
        let size = self.dtype().size();
        let same = self.bytes().chunks_exact(size).all(|c| c == &self.bytes()[..size]);
        out.push_str(&if same && !values.is_empty() { values[0].clone() } else { values.join(",") });
        out.push('}');
    }

    fn parse(text: &mut Cursor) -> Result<Tensor> {
        let spec = Spec::parse(text)?;
        text.expect("{")?;
        let mut words = vec![];
        while !text.accept("}") {
            if !words.is_empty() {
                text.expect(",")?;
            }
            words.push(text.word()?);
        }
        if words.len() == 1 && spec.len() > 1 {
            words = vec![words[0].clone(); spec.len()];
        }
        let bad = |_| text.error("expected a number");
        match spec.dtype {
            DType::U64 => {
                let v: std::result::Result<Vec<u64>, _> = words.iter().map(|w| w.parse()).collect();
                Tensor::new(spec.shape, v.map_err(|_| text.error("expected a number"))?)
            }
            DType::I64 => {
                let v: std::result::Result<Vec<i64>, _> = words.iter().map(|w| w.parse()).collect();
                Tensor::new(spec.shape, v.map_err(|_| text.error("expected a number"))?)
            }
            dtype => {
                let v: std::result::Result<Vec<f64>, _> = words.iter().map(|w| w.parse()).collect();
                Tensor::from_f64(spec.shape, dtype, &v.map_err(bad)?)
            }
        }
    }
}

/// A graph within an attribute, as `scan` has it.
impl Attribute for Graph {
    fn print(&self, out: &mut String) {
        let text = self.to_string();
        out.push_str(text.trim_end().replace('\n', "\n  ").as_str());
    }

    fn parse(text: &mut Cursor) -> Result<Graph> {
        parse_graph(text)
    }
}

/// Prints the text form.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nodes are numbered without the inputs, which come first, so that the text does not depend on their place.
        let mut names: Vec<usize> = vec![0; self.nodes.len()];
        let inputs = self.inputs.iter().map(|v| v.index());
        let rest = (0..self.nodes.len()).filter(|&i| self.nodes[i].op != Op::Input);
        inputs.chain(rest).enumerate().for_each(|(name, node)| names[node] = name);
        let value = |v: &ValueId| match self.nodes[v.index()].outputs.len() {
            1 => format!("%{}", names[v.index()]),
            _ => format!("%{}.{}", names[v.index()], v.output),
        };
        let values = |vs: &[ValueId]| vs.iter().map(value).collect::<Vec<_>>().join(", ");

        let inputs: Vec<String> =
            self.inputs.iter().map(|v| format!("{}: {}", value(v), self.spec(*v))).collect();
        f.write_str("graph ")?;
        if self.state > 0 {
            write!(f, "state={} ", self.state)?;
        }
        writeln!(f, "({}) {{", inputs.join(", "))?;
        for (i, node) in self.nodes.iter().enumerate().filter(|(_, n)| n.op != Op::Input) {
            let mut line = String::new();
            write!(line, "  %{} = {}({})", names[i], node.op.name(), values(&node.inputs))?;
            node.op.print_attributes(&mut line);
            let specs: Vec<String> = node.outputs.iter().map(Spec::to_string).collect();
            writeln!(f, "{line} : {}", specs.join(", "))?;
        }
        writeln!(f, "  return {}", values(&self.outputs))?;
        writeln!(f, "}}")
    }
}

/// Parses the text form.
///
/// # Errors
/// When the text is no graph, or a line states a spec that its op does not give.
///
/// ```
/// let text = "graph (%0: float32[2]) {\n  %1 = unary(%0) kind=exp : float32[2]\n  return %1\n}\n";
/// assert_eq!(cornu_graph::text::parse(text)?.to_string(), text);
/// # Ok::<(), cornu_graph::Error>(())
/// ```
pub fn parse(text: &str) -> Result<Graph> {
    let mut cursor = Cursor::new(text);
    let graph = parse_graph(&mut cursor)?;
    if cursor.rest().is_empty() { Ok(graph) } else { Err(cursor.error("expected the end")) }
}

fn parse_graph(text: &mut Cursor) -> Result<Graph> {
    let mut graph = Graph::default();
    let mut names: HashMap<String, usize> = HashMap::new();
    text.expect("graph")?;
    if text.accept("state=") {
        graph.state = usize::parse(text)?;
    }
    text.expect("(")?;
    while !text.accept(")") {
        if !graph.inputs.is_empty() {
            text.expect(",")?;
        }
        text.expect("%")?;
        names.insert(text.word()?, graph.nodes.len());
        text.expect(":")?;
        let outputs = vec![Spec::parse(text)?];
        graph.inputs.push(ValueId::new(graph.nodes.len(), 0));
        graph.nodes.push(Node { op: Op::Input, inputs: vec![], outputs, source: Source(None) });
    }
    text.expect("{")?;
    while text.accept("%") {
        let name = text.word()?;
        text.expect("=")?;
        let op_name = text.word()?;
        text.expect("(")?;
        let inputs = parse_values(text, &names, &graph, ")")?;
        let op = Op::parse_attributes(&op_name, text)?;
        text.expect(":")?;
        let mut stated = vec![Spec::parse(text)?];
        while text.accept(",") {
            stated.push(Spec::parse(text)?);
        }
        let specs: Vec<&Spec> = inputs.iter().map(|&v| graph.spec(v)).collect();
        let outputs = op.infer(&specs)?;
        if outputs != stated {
            return Err(text.error(&format!("`{op_name}` gives {outputs:?}, not {stated:?}, before this")));
        }
        names.insert(name, graph.nodes.len());
        graph.nodes.push(Node { op, inputs, outputs, source: Source(None) });
    }
    text.expect("return")?;
    graph.outputs = parse_values(text, &names, &graph, "}")?;
    Ok(graph)
}

fn parse_values(
    text: &mut Cursor,
    names: &HashMap<String, usize>,
    graph: &Graph,
    end: &str,
) -> Result<Vec<ValueId>> {
    let mut values = vec![];
    while !text.accept(end) {
        if !values.is_empty() {
            text.expect(",")?;
        }
        text.expect("%")?;
        let word = text.word()?;
        let (name, output) = word.split_once('.').unwrap_or((&word, "0"));
        let node = names.get(name).copied();
        let output: Option<usize> = output.parse().ok();
        match (node, output) {
            (Some(node), Some(output)) if output < graph.nodes[node].outputs.len() => {
                values.push(ValueId::new(node, output));
            }
            _ => return Err(text.error(&format!("no value `%{word}` before this"))),
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Builder;

    #[test]
    fn prints_and_parses() {
        let b = Builder::new();
        let x = b.input(Spec::f32([2, 3]));
        let c = b.constant(Tensor::from([u64::MAX, 1]));
        let y = (&x * 0.1).exp().sum([1]);
        let mut graph = b.finish(&[y, c]).unwrap();
        graph.state = 1;
        let text = graph.to_string();
        assert_eq!(parse(&text).unwrap().to_string(), text);
    }

    #[test]
    fn errors_name_the_line() {
        let e = parse("graph (%0: float32[2]) {\n  %1 = exq(%0) : float32[2]\n").unwrap_err();
        assert!(e.to_string().starts_with("unknown op `exq`"), "{e}");
        let e = parse("graph (%0: float32[2]) {\n  return %4\n}").unwrap_err();
        assert!(e.to_string().contains("line 2: no value `%4` before this"), "{e}");
        let e = parse("graph (%0: float32[2]) {\n  %1 = unary(%0) kind=exp : float32[3]\n return %1 }")
            .unwrap_err();
        assert!(e.to_string().contains("gives [float32[2]], not [float32[3]]"), "{e}");
    }
}
