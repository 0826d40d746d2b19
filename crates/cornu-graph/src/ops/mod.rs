//! Every op: one file each with its attributes, shape rule, gradient and decomposition, and its name in one list.
//!
//! Semantics are StableHLO's wherever StableHLO has the op.
use crate::text::Cursor;
use crate::{Error, Graph, Result, Spec, Value};
use std::fmt::Debug;
use std::hash::Hash;

/// What an op says about itself. Kernels live with the engines.
pub trait OpRule: Attributes + Clone + Debug + Eq + Hash {
    /// Number of outputs.
    fn arity_out(&self) -> usize {
        1
    }

    /// Specs of the outputs.
    ///
    /// # Errors
    /// When the op does not take inputs of these specs.
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>>;

    /// For an op with one output: the gradients of its inputs `x`, given the output `y` and its gradient `g`. `None`
    /// stands for zero. By default the gradient of the decomposition.
    fn grad(&self, x: &[Value], y: &Value, g: &Value) -> Vec<Option<Value>> {
        let _ = y;
        self.vjp_of_decomposition(x, &[Some(g.clone())])
    }

    /// The same for any number of outputs, some of which may not matter to the result.
    fn vjp(&self, x: &[Value], y: &[Value], g: &[Option<Value>]) -> Vec<Option<Value>> {
        match (y, g) {
            ([y], [Some(g)]) => self.grad(x, y, g),
            _ => self.vjp_of_decomposition(x, g),
        }
    }

    /// The same results from simpler ops, for engines without a kernel of their own.
    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        let _ = inputs;
        None
    }

    /// The graphs inside the op.
    fn bodies(&self) -> Vec<&Graph> {
        vec![]
    }

    /// Floating point operations, where the op is made of matrix products or convolutions: two for each multiply-add.
    fn flops(&self, inputs: &[&Spec], outputs: &[Spec]) -> f64 {
        let _ = (inputs, outputs);
        0.0
    }

    /// Differentiates the decomposition instead of the op.
    fn vjp_of_decomposition(&self, x: &[Value], g: &[Option<Value>]) -> Vec<Option<Value>> {
        let Some(first) = x.first() else { return vec![] };
        let inner = |x: &[Value]| self.decompose(x);
        match crate::grad::vjp_of(inner, x, g) {
            Some(Ok(grads)) => grads,
            Some(Err(e)) => {
                first.fail(e);
                vec![None; x.len()]
            }
            None => {
                first.fail(Error::op(Self::NAME, "has no gradient"));
                vec![None; x.len()]
            }
        }
    }
}

/// The attributes of an op as text; made by `op!`.
pub trait Attributes: Sized {
    /// Name in the text form.
    const NAME: &'static str;
    /// Appends ` key=value` for each attribute.
    fn print(&self, out: &mut String);
    /// Reads what [`Attributes::print`] wrote.
    ///
    /// # Errors
    /// When the text is something else.
    fn parse(text: &mut Cursor) -> Result<Self>;
}

/// Declares the struct of an op and its text form.
macro_rules! op {
    ($(#[$doc:meta])* $Op:ident $name:literal { $($(#[$fdoc:meta])* $field:ident: $t:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $Op { $($(#[$fdoc])* pub $field: $t),* }
        impl $crate::ops::Attributes for $Op {
            const NAME: &'static str = $name;
            #[allow(unused_variables)]
            fn print(&self, out: &mut String) {
                $(
                    out.push_str(concat!(" ", stringify!($field), "="));
                    $crate::text::Attribute::print(&self.$field, out);
                )*
            }
            #[allow(unused_variables)]
            fn parse(text: &mut $crate::text::Cursor) -> $crate::Result<Self> {
                Ok($Op { $($field: {
                    text.expect(concat!(stringify!($field), "="))?;
                    $crate::text::Attribute::parse(text)?
                }),* })
            }
        }
    };
}

/// Declares an enum of the variants of an op, each with its word in the text form.
macro_rules! kinds {
    ($(#[$doc:meta])* $Kind:ident { $($(#[$vdoc:meta])* $v:ident $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $Kind { $($(#[$vdoc])* $v),* }
        impl $Kind {
            /// Every kind.
            pub const ALL: &'static [$Kind] = &[$($Kind::$v),*];
            /// The word in the text form.
            pub fn name(self) -> &'static str {
                match self { $($Kind::$v => $word),* }
            }
        }
        impl $crate::text::Attribute for $Kind {
            fn print(&self, out: &mut String) { out.push_str(self.name()); }
            fn parse(text: &mut $crate::text::Cursor) -> $crate::Result<Self> {
                let word = text.word()?;
                $Kind::ALL.iter().copied().find(|k| k.name() == word).ok_or_else(|| {
                    $crate::Error::unknown("kind", &word, $Kind::ALL.iter().map(|k| k.name()))
                })
            }
        }
    };
}

/// Declares the modules, the `Op` enum and its dispatch from one list.
macro_rules! ops {
    ($($module:ident { $($Op:ident)+ })*) => {
        $(mod $module;)*
        $(pub use $module::*;)*

        /// Any op.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Op {
            /// A value that comes from outside.
            Input,
            $($($Op($Op),)+)*
        }

        impl Op {
            /// Name in the text form.
            pub fn name(&self) -> &'static str {
                match self { Op::Input => "input", $($(Op::$Op(_) => $Op::NAME,)+)* }
            }

            /// Number of outputs.
            pub fn arity_out(&self) -> usize {
                match self { Op::Input => 1, $($(Op::$Op(op) => op.arity_out(),)+)* }
            }

            /// Specs of the outputs; see [`OpRule::infer`].
            ///
            /// # Errors
            /// When the op does not take inputs of these specs.
            pub fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
                match self {
                    Op::Input => Err(Error::Graph("an input carries its own spec".into())),
                    $($(Op::$Op(op) => op.infer(inputs),)+)*
                }
            }

            pub(crate) fn vjp(&self, x: &[Value], y: &[Value], g: &[Option<Value>]) -> Vec<Option<Value>> {
                match self { Op::Input => vec![], $($(Op::$Op(op) => op.vjp(x, y, g),)+)* }
            }

            /// The same results from simpler ops; see [`OpRule::decompose`].
            pub fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
                match self { Op::Input => None, $($(Op::$Op(op) => op.decompose(inputs),)+)* }
            }

            /// The graphs inside the op, such as the steps of a loop.
            pub fn bodies(&self) -> Vec<&Graph> {
                match self { Op::Input => vec![], $($(Op::$Op(op) => op.bodies(),)+)* }
            }

            /// Floating point operations of matrix products and convolutions; see [`OpRule::flops`].
            pub fn flops(&self, inputs: &[&Spec], outputs: &[Spec]) -> f64 {
                match self { Op::Input => 0.0, $($(Op::$Op(op) => op.flops(inputs, outputs),)+)* }
            }

            pub(crate) fn print_attributes(&self, out: &mut String) {
                match self { Op::Input => {} $($(Op::$Op(op) => op.print(out),)+)* }
            }

            pub(crate) fn parse_attributes(name: &str, text: &mut Cursor) -> Result<Op> {
                match name {
                    $($($Op::NAME => Ok(Op::$Op(<$Op as Attributes>::parse(text)?)),)+)*
                    _ => Err(Error::unknown("op", name, Op::NAMES.iter().copied())),
                }
            }

            /// The name of every op.
            pub const NAMES: &'static [&'static str] = &["input", $($($Op::NAME,)+)*];
        }

        $($(impl From<$Op> for Op {
            fn from(op: $Op) -> Op { Op::$Op(op) }
        })+)*

        /// Calls `$then! { Op Op .. }` with the name of every op, so that engines dispatch over the same list.
        #[macro_export]
        macro_rules! for_each_op { ($then:ident) => { $then! { $($($Op)+)* } } }
    };
}

mod jacobi;
pub(crate) mod matrices;

ops! {
    alias { Alias }
    arg_reduce { ArgReduce }
    binary { Binary }
    broadcast { Broadcast }
    cast { Cast }
    cholesky { Cholesky }
    compare { Compare }
    concat { Concat }
    constant { Constant }
    conv { Conv ConvInputGrad ConvKernelGrad }
    cumulative { Cumulative }
    custom_vjp { CustomVjp }
    dot { Dot }
    dynamic_slice { DynamicSlice DynamicUpdate }
    eigh { Eigh }
    fused { Fused }
    gather { Gather }
    iota { Iota }
    lu { Lu }
    pad { Pad }
    pinv { Pinv }
    polygamma { Polygamma }
    pool { ReduceWindow WindowGrad WindowPick }
    qr { Qr }
    reduce { Reduce }
    reshape { Reshape }
    reverse { Reverse }
    rng_bits { RngBits }
    scan { Scan }
    scatter { Scatter }
    select { Select }
    slice { Slice }
    softmax { Softmax LogSoftmax }
    sort { Sort }
    stop_gradient { StopGradient }
    svd { Svd }
    top_k { TopK }
    transpose { Transpose }
    triangular_solve { TriangularSolve }
    unary { Unary }
    while_loop { While }
}

/// The inputs of an op as a fixed-size array.
pub(crate) fn arity<'a, const N: usize>(op: &'static str, inputs: &[&'a Spec]) -> Result<[&'a Spec; N]> {
    inputs.try_into().map_err(|_| Error::op(op, format!("takes {N} inputs, got {}", inputs.len())))
}

/// Fails unless both specs are the same.
pub(crate) fn same_spec(op: &'static str, a: &Spec, b: &Spec) -> Result<()> {
    if a == b {
        Ok(())
    } else {
        Err(Error::op(op, format!("takes inputs of one shape and dtype, got {a} and {b}")))
    }
}

/// Fails unless the axes are in range, rising and each there once.
pub(crate) fn rising_axes(op: &'static str, axes: &[usize], rank: usize) -> Result<()> {
    if axes.iter().all(|&a| a < rank) && axes.windows(2).all(|w| w[0] < w[1]) {
        Ok(())
    } else {
        Err(Error::op(op, format!("axes {axes:?} must be rising and within rank {rank}")))
    }
}
