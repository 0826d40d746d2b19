//! Symbolic tensors: what layers are applied to in the functional API.
use crate::layers::{Given, Layer, LayerRef, Trace};
use crate::models::host_stage::model_on_host;
use crate::shape::Shape;
use cornu_graph::{Builder, DType, Error, Result, Spec, Value};
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A tensor that stands for data to come: a shape, a dtype, and the layers it comes from. Cheap to clone.
///
/// An error made on the way (a layer on a shape that it does not take) is kept in it and comes out of
/// [`Model::new`](crate::models::Model::new).
#[derive(Clone)]
pub struct KerasTensor(Arc<Symbol>);

struct Symbol {
    shape: Shape,
    dtype: DType,
    node: Arc<Node>,
    index: usize,
    error: Option<Error>,
}

/// One call of a layer.
pub(crate) struct Node {
    pub id: u64,
    pub layer: LayerRef,
    pub given: Given,
    pub inputs: Vec<KerasTensor>,
    /// Shapes and dtypes of what came out, once that is known.
    outputs: OnceLock<Vec<(Shape, DType)>>,
}

impl Node {
    fn new(layer: LayerRef, given: Given, inputs: Vec<KerasTensor>) -> Arc<Node> {
        Arc::new(Node { id: next_id(), layer, given, inputs, outputs: OnceLock::new() })
    }

    /// Keeps what came out, and that the layer was called.
    fn done(self: &Arc<Self>, outputs: Vec<(Shape, DType)>) -> Vec<KerasTensor> {
        self.outputs.get_or_init(|| outputs);
        self.layer.base().called(self);
        self.outputs()
    }

    /// What came out; nothing before that is known.
    pub fn outputs(self: &Arc<Self>) -> Vec<KerasTensor> {
        let tensor = |(index, (shape, dtype)): (usize, &(Shape, DType))| {
            let (shape, node) = (shape.clone(), self.clone());
            KerasTensor(Arc::new(Symbol { shape, dtype: *dtype, node, index, error: None }))
        };
        self.outputs.get().into_iter().flatten().enumerate().map(tensor).collect()
    }
}

impl KerasTensor {
    /// The shape, with `None` for the batch axis.
    pub fn shape(&self) -> &Shape {
        &self.0.shape
    }

    /// The shape as Keras has it, without the code points of text.
    pub(crate) fn saved_shape(&self) -> Shape {
        let dims = self.0.shape.dims();
        Shape(dims[..dims.len() - usize::from(self.is_text()).min(dims.len())].to_vec())
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// Name of the layer that made it.
    pub fn name(&self) -> &str {
        let layer = &self.0.node.layer;
        layer.base().resolved_name(layer.class_name())
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.0.node
    }

    /// Which output of its node.
    pub(crate) fn index(&self) -> usize {
        self.0.index
    }

    pub(crate) fn same(&self, other: &KerasTensor) -> bool {
        Arc::ptr_eq(&self.0.node, &other.0.node) && self.0.index == other.0.index
    }

    /// Another tensor of this name, shape and dtype, which comes from nowhere.
    pub(crate) fn stand_in(&self) -> KerasTensor {
        let node = Node::new(self.node().layer.clone(), Given::in_order(), vec![]);
        let (shape, dtype) = (self.shape().clone(), self.dtype());
        KerasTensor(Arc::new(Symbol { shape, dtype, node, index: 0, error: None }))
    }

    pub(crate) fn error(&self) -> Option<&Error> {
        self.0.error.as_ref()
    }

    /// A tensor in place of this one that keeps an error: this one's, if it has one already.
    #[track_caller]
    pub(crate) fn fail(&self, error: Error) -> KerasTensor {
        let at = Some(Location::caller());
        let error = self.error().cloned().unwrap_or_else(|| error.at_user(at, library()));
        failed(self.node().clone(), error)
    }
}

impl fmt::Debug for KerasTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<KerasTensor shape={}, dtype={}, name={}>", self.shape(), self.dtype(), self.name())
    }
}

/// What a layer can be applied to: one symbolic tensor or several.
#[derive(Debug)]
pub struct Inputs(pub(crate) Vec<KerasTensor>);

impl From<&KerasTensor> for Inputs {
    fn from(x: &KerasTensor) -> Inputs {
        Inputs(vec![x.clone()])
    }
}

impl From<KerasTensor> for Inputs {
    fn from(x: KerasTensor) -> Inputs {
        Inputs(vec![x])
    }
}

impl From<Vec<KerasTensor>> for Inputs {
    fn from(x: Vec<KerasTensor>) -> Inputs {
        Inputs(x)
    }
}

impl From<&[KerasTensor]> for Inputs {
    fn from(x: &[KerasTensor]) -> Inputs {
        Inputs(x.to_vec())
    }
}

impl<const N: usize> From<[&KerasTensor; N]> for Inputs {
    fn from(x: [&KerasTensor; N]) -> Inputs {
        Inputs(x.into_iter().cloned().collect())
    }
}

impl<const N: usize> From<[KerasTensor; N]> for Inputs {
    fn from(x: [KerasTensor; N]) -> Inputs {
        Inputs(x.to_vec())
    }
}

/// Calling a layer on symbolic tensors, Keras's `layer(x)`: one just made, or one of another model.
pub trait Apply: Layer {
    /// The output of this layer on these inputs. Applying the same layer again shares its weights.
    #[track_caller]
    fn apply(&self, inputs: impl Into<Inputs>) -> KerasTensor {
        one_output(apply_layer(self.share(), Given::in_order(), inputs.into().0, Some(Location::caller())))
    }

    /// The outputs of a layer that has several.
    #[track_caller]
    fn apply_many(&self, inputs: impl Into<Inputs>) -> Vec<KerasTensor> {
        apply_layer(self.share(), Given::in_order(), inputs.into().0, Some(Location::caller()))
    }

    /// [`Apply::apply_many`] with arguments that are no tensors, or tensors by the names of Keras's `call`.
    #[track_caller]
    fn apply_given(&self, inputs: impl Into<Inputs>, given: Given) -> Vec<KerasTensor> {
        apply_layer(self.share(), given, inputs.into().0, Some(Location::caller()))
    }
}
impl<L: Layer + ?Sized> Apply for L {}

/// Where a layer stands in models.
impl dyn Layer {
    /// What came out when the layer was first called on symbolic tensors, as an output for another model. Keras's `output`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let base = Sequential::new()
    ///     .add(Input::new([8]))
    ///     .add(Dense::new(4).activation("relu").name("features"))
    ///     .add(Dense::new(2));
    /// let features = Model::new(base.inputs()?, base.get_layer("features")?.output()?)?;
    /// assert_eq!(features.outputs()?[0].shape().to_string(), "(None, 4)");
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the layer was not called on symbolic tensors, or gave several; `outputs` has these.
    pub fn output(&self) -> Result<KerasTensor> {
        self.only("output", self.outputs()?)
    }

    /// All that came out when the layer was first called on symbolic tensors.
    ///
    /// # Errors
    /// When it was not.
    pub fn outputs(&self) -> Result<Vec<KerasTensor>> {
        Ok(self.first_call()?.outputs())
    }

    /// What the layer was first called on. Keras's `input`.
    ///
    /// # Errors
    /// When the layer was not called on symbolic tensors, or on several; `inputs` has these.
    pub fn input(&self) -> Result<KerasTensor> {
        self.only("input", self.inputs()?)
    }

    /// All that the layer was first called on.
    ///
    /// # Errors
    /// When it was not called on symbolic tensors.
    pub fn inputs(&self) -> Result<Vec<KerasTensor>> {
        let call = self.first_call()?;
        Ok(if call.inputs.is_empty() { call.outputs() } else { call.inputs.clone() })
    }

    fn first_call(&self) -> Result<Arc<Node>> {
        let message = || format!("layer `{}` is connected to no symbolic tensors", self.name());
        let error = || Error::State(message()).help("`apply` it, or build the model that it stands in");
        self.base().first_call().ok_or_else(error)
    }

    fn only(&self, what: &str, mut tensors: Vec<KerasTensor>) -> Result<KerasTensor> {
        match tensors.len() {
            1 => Ok(tensors.remove(0)),
            n => Err(Error::State(format!("layer `{}` has {n} {what}s", self.name()))
                .help(format!("use `{what}s`"))),
        }
    }
}

/// The only output; several are an error that the tensor keeps.
pub(crate) fn one_output(mut outputs: Vec<KerasTensor>) -> KerasTensor {
    let first = outputs.remove(0);
    if outputs.is_empty() || first.error().is_some() {
        return first;
    }
    let n = outputs.len() + 1;
    let error = Error::State(format!("layer `{}` gives {n} outputs", first.name())).help("use `apply_many`");
    failed(first.node().clone(), error)
}

/// Records a call of `layer`, made in the user's line `at` if there is one. Never empty: an error gives one tensor that keeps it.
pub(crate) fn apply_layer(
    layer: LayerRef,
    given: Given,
    inputs: Vec<KerasTensor>,
    at: Option<&'static Location<'static>>,
) -> Vec<KerasTensor> {
    let earlier = inputs.iter().find_map(|x| x.error().cloned());
    let node = Node::new(layer, given, inputs);
    let specs = match earlier {
        Some(error) => Err(error),
        None => output_specs(&node).map_err(|e| e.at_user(at, library())),
    };
    match specs {
        Ok(specs) if specs.is_empty() => {
            let layer = &*node.layer;
            let error = Error::State("its `call_many` gives no output".into());
            let error = crate::layers::in_layer(layer, error).at_user(at, library());
            vec![failed(node, error)]
        }
        Ok(specs) => node.done(specs),
        Err(error) => vec![failed(node, error)],
    }
}

/// The folder of this crate's sources, as locations name it.
pub(crate) fn library() -> &'static str {
    file!().trim_end_matches("models/keras_tensor.rs")
}

/// A number that no other call has.
fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn failed(node: Arc<Node>, error: Error) -> KerasTensor {
    let symbol = Symbol { shape: Shape::default(), dtype: DType::F32, node, index: 0, error: Some(error) };
    KerasTensor(Arc::new(symbol))
}

/// A tensor of this shape made by a layer without inputs.
pub(crate) fn source(layer: LayerRef, shape: Shape, dtype: DType, error: Option<Error>) -> KerasTensor {
    let node = Node::new(layer, Given::in_order(), vec![]);
    if error.is_none() {
        node.done(vec![(shape.clone(), dtype)]);
    }
    KerasTensor(Arc::new(Symbol { shape, dtype, node, index: 0, error }))
}

/// Traces the layer with two stand-ins for each `None`: sizes that differ between the two are `None` in the output.
pub(crate) fn output_specs(node: &Node) -> Result<Vec<(Shape, DType)>> {
    if let Some(host) = node.layer.on_host() {
        let specs: Vec<_> = node.inputs.iter().map(|x| (x.shape().clone(), x.dtype())).collect();
        let shapes: Vec<Shape> = node.inputs.iter().map(KerasTensor::saved_shape).collect();
        crate::layers::ensure_built(&*node.layer, &shapes)?;
        return Ok(vec![host.output_spec(&specs).map_err(|e| crate::layers::in_layer(&*node.layer, e))?]);
    }
    let free = in_graph(node).iter().any(|x| x.shape().dims().contains(&None));
    // Powers of two, so that layers that halve or group the axis can be traced; far apart, so that sizes stay apart.
    let sizes = |small: [usize; 2], large: [usize; 2]| {
        let small = trace_specs(node, small)?;
        let large = if free { trace_specs(node, large)? } else { small.clone() };
        Ok::<_, Error>((small, large))
    };
    let (small, large) = match sizes([2, 256], [3, 512]) {
        Ok(found) => found,
        // What cuts the axis into thirds or sevenths, say, takes another size.
        Err(e) if free => sizes([840, 720], [2520, 1440]).map_err(|_| e)?,
        Err(e) => return Err(e),
    };
    let join = |(a, b): (&Spec, &Spec)| {
        let sizes = a.shape.iter().zip(&b.shape).map(|(&a, &b)| (a == b).then_some(a)).collect();
        (Shape(sizes), a.dtype)
    };
    Ok(small.iter().zip(&large).map(join).collect())
}

/// [`output_specs`] as Keras has them: text is `string` and has no axis of code points.
pub(crate) fn shown_specs(node: &Node) -> Result<Vec<(Shape, &'static str)>> {
    let on_host = node.layer.on_host().is_some();
    let shown = |(mut shape, dtype): (Shape, DType)| {
        if on_host && dtype == DType::U32 {
            shape.0.pop();
            return (shape, "string");
        }
        (shape, dtype.name())
    };
    Ok(output_specs(node)?.into_iter().map(shown).collect())
}

/// What the call reads in the graph: of a model with text, what it makes of that before.
fn in_graph(node: &Node) -> &[KerasTensor] {
    model_on_host(&node.layer).map_or(&node.inputs, |model| model.graph_inputs())
}

/// With these sizes of the batch and of other axes in place of `None`.
fn trace_specs(node: &Node, [batch, other]: [usize; 2]) -> Result<Vec<Spec>> {
    let builder = Builder::new();
    let trace = Trace::new(builder.clone(), false);
    let stand_in = |x: &KerasTensor| {
        let mut sizes = x.shape().with(other);
        if let (Some(first), Some(None)) = (sizes.first_mut(), x.shape().dims().first()) {
            *first = batch;
        }
        builder.input(Spec::new(x.dtype(), sizes))
    };
    let inputs: Vec<Value> = in_graph(node).iter().map(stand_in).collect();
    let shapes = node.given.built_on(node.inputs.iter().map(KerasTensor::saved_shape));
    crate::layers::ensure_built(&*node.layer, &shapes)?;
    let (outputs, _) = trace.apply(&*node.layer, &node.given, &inputs, &vec![None; inputs.len()])?;
    Ok(outputs.iter().map(|v| v.spec().clone()).collect())
}
