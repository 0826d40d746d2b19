//! Building a graph: values, operators and sticky errors.
//!
//! Arithmetic never panics and needs no `?`: the first error is kept in the builder with the caller's source line,
//! later ops on it do nothing, and it comes out of [`Builder::finish`] or [`Builder::check`].
use crate::graph::{Graph, Node, Source, Spec, ValueId};
use crate::{DType, Error, Op, Result, Tensor, broadcast_shapes, memory, normalize_axis, ops};
use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

/// A graph under construction. Cloning gives another handle on the same graph.
#[derive(Clone, Default)]
pub struct Builder(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    nodes: Vec<Node>,
    inputs: Vec<ValueId>,
    error: Option<Error>,
    /// The builder around this one, when this one builds the body of a `scan` or `while`.
    parent: Option<Builder>,
    depth: usize,
    /// Values of the parent used in here, and the inputs that stand for them.
    captures: Vec<(Value, ValueId)>,
}

/// A handle on one value of a graph under construction.
#[derive(Clone)]
pub struct Value {
    builder: Builder,
    id: ValueId,
    spec: Rc<Spec>,
}

/// The node of values that an error left without meaning.
const FAILED: u32 = u32::MAX;

impl Builder {
    /// An empty graph.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// A builder for the body of an op of this graph. Values of this graph may be used in it; they become extra inputs.
    pub(crate) fn nested(&self) -> Builder {
        let depth = self.0.borrow().depth + 1;
        Builder(Rc::new(RefCell::new(State { parent: Some(self.clone()), depth, ..State::default() })))
    }

    /// Declares the next input.
    #[track_caller]
    pub fn input(&self, spec: Spec) -> Value {
        let id = self.push(Op::Input, vec![], vec![spec.clone()], Location::caller());
        self.0.borrow_mut().inputs.push(id);
        Value { builder: self.clone(), id, spec: Rc::new(spec) }
    }

    /// A constant.
    #[track_caller]
    pub fn constant(&self, tensor: impl Into<Tensor>) -> Value {
        self.emit1(ops::Constant { value: tensor.into() }, &[])
    }

    /// A constant of one value, broadcast to `shape`.
    #[track_caller]
    pub fn full(&self, spec: Spec, value: f64) -> Value {
        self.constant(Tensor::full(vec![], spec.dtype, value)).broadcast_to(&spec.shape)
    }

    /// Adds `op` on `inputs`; its outputs. When the graph has failed already, values without meaning.
    #[track_caller]
    pub fn emit(&self, op: impl Into<Op>, inputs: &[&Value]) -> Vec<Value> {
        self.emit_at(op.into(), inputs, Location::caller())
    }

    /// [`Builder::emit`] for an op with one output.
    #[track_caller]
    pub fn emit1(&self, op: impl Into<Op>, inputs: &[&Value]) -> Value {
        let at = Location::caller();
        let mut outputs = self.emit_at(op.into(), inputs, at);
        if outputs.len() == 1 { outputs.remove(0) } else { self.failed() }
    }

    fn emit_at(&self, op: Op, inputs: &[&Value], at: &'static Location<'static>) -> Vec<Value> {
        if self.0.borrow().error.is_some() {
            return vec![self.failed(); op.arity_out()];
        }
        let attempt = || -> Result<(Vec<ValueId>, Vec<Spec>)> {
            let ids = inputs.iter().map(|v| self.import(v)).collect::<Result<Vec<_>>>()?;
            let specs: Vec<&Spec> = inputs.iter().map(|v| &*v.spec).collect();
            let outputs = op.infer(&specs)?;
            outputs.iter().try_for_each(|spec| memory::check(spec).map(drop))?;
            Ok((ids, outputs))
        };
        match attempt() {
            Ok((ids, specs)) => {
                let outputs: Vec<Rc<Spec>> = specs.iter().cloned().map(Rc::new).collect();
                let node = self.push(op, ids, specs, at).node;
                let value =
                    |(i, spec)| Value { builder: self.clone(), id: ValueId { node, output: i as u32 }, spec };
                outputs.into_iter().enumerate().map(value).collect()
            }
            Err(e) => {
                self.set_error(e.at(at));
                vec![self.failed(); op.arity_out()]
            }
        }
    }

    fn push(
        &self,
        op: Op,
        inputs: Vec<ValueId>,
        outputs: Vec<Spec>,
        at: &'static Location<'static>,
    ) -> ValueId {
        let nodes = &mut self.0.borrow_mut().nodes;
        nodes.push(Node { op, inputs, outputs, source: Source(Some(at)) });
        ValueId::new(nodes.len() - 1, 0)
    }

    /// The id of `value` in this graph; a value of a graph around this one becomes an input.
    pub(crate) fn import(&self, value: &Value) -> Result<ValueId> {
        if Rc::ptr_eq(&self.0, &value.builder.0) {
            return Ok(value.id);
        }
        let known = self.0.borrow().captures.iter().find(|(v, _)| v.same(value)).map(|c| c.1);
        if let Some(id) = known {
            return Ok(id);
        }
        let parent = self.0.borrow().parent.clone();
        let Some(parent) = parent.filter(|_| value.builder.depth() < self.depth()) else {
            // One that failed on its own says why.
            value.builder.check()?;
            return Err(Error::Graph("a value of one graph is used in another".into()));
        };
        let outer = Value { id: parent.import(value)?, builder: parent, spec: value.spec.clone() };
        let at = Location::caller();
        let id = self.push(Op::Input, vec![], vec![(*value.spec).clone()], at);
        self.0.borrow_mut().captures.push((outer, id));
        Ok(id)
    }

    fn depth(&self) -> usize {
        self.0.borrow().depth
    }

    /// Keeps `error` unless one is kept already; a value without meaning.
    #[track_caller]
    pub fn fail(&self, error: Error) -> Value {
        self.set_error(error.at(Location::caller()));
        self.failed()
    }

    fn set_error(&self, error: Error) {
        self.0.borrow_mut().error.get_or_insert(error);
    }

    pub(crate) fn failed(&self) -> Value {
        let id = ValueId { node: FAILED, output: 0 };
        Value { builder: self.clone(), id, spec: Rc::new(Spec::new(DType::F32, [])) }
    }

    /// The error that was kept, if any.
    ///
    /// # Errors
    /// The first error met while building.
    pub fn check(&self) -> Result<()> {
        self.0.borrow().error.clone().map_or(Ok(()), Err)
    }

    /// The graph with these outputs.
    ///
    /// # Errors
    /// The first error met while building.
    pub fn finish(&self, outputs: &[Value]) -> Result<Graph> {
        self.check()?;
        let outputs = outputs.iter().map(|v| self.import(v)).collect::<Result<Vec<_>>>()?;
        let state = self.0.borrow();
        Ok(Graph { nodes: state.nodes.clone(), inputs: state.inputs.clone(), outputs, state: 0 })
    }

    /// The body graph with these outputs, and the outer values it captured, which are its last inputs.
    pub(crate) fn finish_body(&self, outputs: &[Value]) -> Result<(Graph, Vec<Value>)> {
        let mut graph = self.finish(outputs)?;
        let state = self.0.borrow();
        graph.inputs.extend(state.captures.iter().map(|c| c.1));
        Ok((graph, state.captures.iter().map(|c| c.0.clone()).collect()))
    }

    /// Copies the nodes of `graph` into this one with `inputs` in place of its inputs; its outputs.
    pub fn inline(&self, graph: &Graph, inputs: &[Value]) -> Vec<Value> {
        let values = self.inline_all(graph, inputs);
        graph.outputs.iter().map(|o| values[o.index()][o.output as usize].clone()).collect()
    }

    /// [`Builder::inline`], giving the copy of every value of `graph`.
    pub(crate) fn inline_all(&self, graph: &Graph, inputs: &[Value]) -> Vec<Vec<Value>> {
        let mut values: Vec<Vec<Value>> = Vec::with_capacity(graph.nodes.len());
        for (i, node) in graph.nodes.iter().enumerate() {
            let outputs = if node.op == Op::Input {
                let position = graph.inputs.iter().position(|v| v.index() == i);
                vec![position.and_then(|p| inputs.get(p)).cloned().unwrap_or_else(|| self.failed())]
            } else {
                let args: Vec<&Value> =
                    node.inputs.iter().map(|v| &values[v.index()][v.output as usize]).collect();
                match node.source.0 {
                    Some(at) => self.emit_at(node.op.clone(), &args, at),
                    None => self.emit(node.op.clone(), &args),
                }
            };
            values.push(outputs);
        }
        values
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().nodes.len()
    }

    pub(crate) fn node(&self, index: usize) -> Node {
        self.0.borrow().nodes[index].clone()
    }

    pub(crate) fn value(&self, id: ValueId) -> Value {
        let spec = self.0.borrow().nodes[id.index()].outputs[id.output as usize].clone();
        Value { builder: self.clone(), id, spec: Rc::new(spec) }
    }

    /// Replaces the op of a node by one that computes the same outputs and more after them.
    pub(crate) fn extend_node(&self, index: usize, op: Op, inputs: Vec<ValueId>, outputs: Vec<Spec>) {
        let node = &mut self.0.borrow_mut().nodes[index];
        (node.op, node.inputs, node.outputs) = (op, inputs, outputs);
    }
}

impl Value {
    /// The graph this value belongs to.
    pub fn builder(&self) -> &Builder {
        &self.builder
    }

    /// Which value of its graph.
    pub fn id(&self) -> ValueId {
        self.id
    }

    /// The innermost of the graphs that these values belong to.
    pub fn innermost(values: &[Value]) -> Option<&Builder> {
        values.iter().map(Value::builder).max_by_key(|builder| builder.depth())
    }

    pub(crate) fn same(&self, other: &Value) -> bool {
        Rc::ptr_eq(&self.builder.0, &other.builder.0) && self.id == other.id
    }

    /// Shape and dtype. A scalar when the graph has failed.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Sizes of the axes. Empty when the graph has failed: prefer [`Value::dim`] to indexing.
    pub fn shape(&self) -> &[usize] {
        &self.spec.shape
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.spec.dtype
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.spec.shape.len()
    }

    /// Size of one axis, counted from the end when negative; 1 where there is no such axis.
    pub fn dim(&self, axis: i64) -> usize {
        normalize_axis("dim", axis, self.rank()).map_or(1, |a| self.spec.shape[a])
    }

    /// Keeps `error` in the graph; a value without meaning.
    #[track_caller]
    pub fn fail(&self, error: Error) -> Value {
        self.builder.fail(error)
    }

    /// Adds `op` on these inputs, in the innermost of their graphs.
    #[track_caller]
    pub fn emit(op: impl Into<Op>, inputs: &[&Value]) -> Vec<Value> {
        let Some(innermost) = inputs.iter().max_by_key(|v| v.builder.depth()) else { return vec![] };
        innermost.builder.emit(op, inputs)
    }

    /// [`Value::emit`] for an op with one output.
    ///
    /// `inputs` must not be empty.
    #[track_caller]
    pub fn emit1(op: impl Into<Op>, inputs: &[&Value]) -> Value {
        let innermost = inputs.iter().max_by_key(|v| v.builder.depth()).map(|v| v.builder.clone());
        innermost.unwrap_or_default().emit1(op, inputs)
    }

    /// A scalar constant of this value's dtype, in its graph.
    #[track_caller]
    pub fn scalar(&self, value: f64) -> Value {
        self.builder.constant(Tensor::full(vec![], self.dtype(), value))
    }

    /// This shape and dtype, filled with `value`.
    #[track_caller]
    pub fn full_like(&self, value: f64) -> Value {
        self.scalar(value).broadcast_to(self.shape())
    }

    /// NumPy broadcasting and JAX promotion, for ops on two values.
    #[track_caller]
    pub(crate) fn join(&self, other: &Value) -> (Value, Value) {
        let dtype = DType::promote(self.dtype(), other.dtype());
        match broadcast_shapes(self.shape(), other.shape()) {
            Ok(shape) => (self.cast(dtype).broadcast_to(&shape), other.cast(dtype).broadcast_to(&shape)),
            Err(e) => {
                let failed = self.fail(e);
                (failed.clone(), failed)
            }
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Builder({} nodes)", self.len())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id.node {
            FAILED => f.write_str("%failed"),
            node => write!(f, "%{node}.{}: {}", self.id.output, self.spec),
        }
    }
}

/// A number that arithmetic with values takes: `&x * 2.0`, `1 - &x`. It takes the value's dtype.
pub trait Scalar: Copy {
    /// The number.
    fn get(self) -> f64;
}

macro_rules! operators {
    ($($Trait:ident $f:ident),*) => { $(
        impl std::ops::$Trait<&Value> for &Value {
            type Output = Value;
            #[track_caller]
            fn $f(self, other: &Value) -> Value { Value::$f(self, other) }
        }
        impl std::ops::$Trait<Value> for &Value {
            type Output = Value;
            #[track_caller]
            fn $f(self, other: Value) -> Value { Value::$f(self, &other) }
        }
        impl std::ops::$Trait<&Value> for Value {
            type Output = Value;
            #[track_caller]
            fn $f(self, other: &Value) -> Value { Value::$f(&self, other) }
        }
        impl std::ops::$Trait<Value> for Value {
            type Output = Value;
            #[track_caller]
            fn $f(self, other: Value) -> Value { Value::$f(&self, &other) }
        }
        operators!(@scalar $Trait $f: f64 usize);
    )* };
    (@scalar $Trait:ident $f:ident: $($t:ty)*) => { $(
        impl std::ops::$Trait<$t> for &Value {
            type Output = Value;
            #[track_caller]
            fn $f(self, other: $t) -> Value { Value::$f(self, &self.scalar(other.get())) }
        }
        impl std::ops::$Trait<$t> for Value {
            type Output = Value;
            #[track_caller]
            fn $f(self, other: $t) -> Value { Value::$f(&self, &self.scalar(other.get())) }
        }
        impl std::ops::$Trait<&Value> for $t {
            type Output = Value;
            #[track_caller]
            fn $f(self, other: &Value) -> Value { Value::$f(&other.scalar(self.get()), other) }
        }
        impl std::ops::$Trait<Value> for $t {
            type Output = Value;
            #[track_caller]
            fn $f(self, other: Value) -> Value { Value::$f(&other.scalar(self.get()), &other) }
        }
    )* };
}
operators!(Add add, Sub sub, Mul mul, Div div, Rem rem);

macro_rules! scalars {
    ($($t:ty)*) => { $(
        impl Scalar for $t {
            fn get(self) -> f64 { self as f64 }
        }
    )* };
}
scalars!(f64 usize);

impl std::ops::Neg for &Value {
    type Output = Value;
    #[track_caller]
    fn neg(self) -> Value {
        Value::neg(self)
    }
}

impl std::ops::Neg for Value {
    type Output = Value;
    #[track_caller]
    fn neg(self) -> Value {
        Value::neg(&self)
    }
}
