//! Writing ops in MLIR's generic form.
use super::{Options, Precision};
use cornu_graph::{DType, Result, Spec, Tensor};
use std::fmt::Write;
use std::rc::Rc;

/// A value of the text.
#[derive(Clone, Debug)]
pub(crate) struct Val {
    /// `%3`, or `%3#1` of several results.
    pub name: Rc<str>,
    pub spec: Spec,
}

/// Text under construction.
pub(crate) struct Emitter<'a> {
    text: String,
    next: usize,
    depth: usize,
    options: &'a Options,
}

/// `f32`.
pub(crate) fn element_type(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "i1",
        DType::I8 => "i8",
        DType::I16 => "i16",
        DType::I32 => "i32",
        DType::I64 => "i64",
        DType::U8 => "ui8",
        DType::U16 => "ui16",
        DType::U32 => "ui32",
        DType::U64 => "ui64",
        DType::F16 => "f16",
        DType::BF16 => "bf16",
        DType::F32 => "f32",
        DType::F64 => "f64",
    }
}

/// `tensor<2x3xf32>`.
pub(crate) fn tensor_type(spec: &Spec) -> String {
    let mut text = String::from("tensor<");
    spec.shape.iter().for_each(|d| _ = write!(text, "{d}x"));
    text.push_str(element_type(spec.dtype));
    text.push('>');
    text
}

/// `array<i64: 1, 2>`.
pub(crate) fn array(values: impl IntoIterator<Item = impl ToString>) -> String {
    let values: Vec<String> = values.into_iter().map(|v| v.to_string()).collect();
    if values.is_empty() { "array<i64>".into() } else { format!("array<i64: {}>", values.join(", ")) }
}

/// `[1, 2]`.
pub(crate) fn list(values: &[usize]) -> String {
    format!("{values:?}")
}

/// Numbers before and after each axis: `dense<[[1, 1]]> : tensor<1x2xi64>`.
pub(crate) fn pairs(values: &[(i64, i64)]) -> String {
    let rows: Vec<String> = values.iter().map(|(a, b)| format!("[{a}, {b}]")).collect();
    let rows = if rows.is_empty() { String::new() } else { format!("[{}]", rows.join(", ")) };
    format!("dense<{rows}> : tensor<{}x2xi64>", values.len())
}

impl<'a> Emitter<'a> {
    pub fn new(options: &'a Options) -> Emitter<'a> {
        Emitter { text: String::new(), next: 0, depth: 2, options }
    }

    /// Whether several devices share the program.
    pub fn is_shared(&self) -> bool {
        self.options.shared.is_some()
    }

    pub fn into_text(self) -> String {
        self.text
    }

    /// A name for a value to come.
    pub fn fresh(&mut self, spec: &Spec) -> Val {
        self.next += 1;
        Val { name: format!("%{}", self.next - 1).into(), spec: spec.clone() }
    }

    /// One op with any number of results. `attributes`: `axis = 1 : i64, ...` or nothing.
    pub fn emit(&mut self, op: &str, x: &[&Val], attributes: &str, out: &[Spec]) -> Vec<Val> {
        self.with_regions(op, x, &[], attributes, out)
    }

    /// One op with one result.
    pub fn one(&mut self, op: &str, x: &[&Val], attributes: &str, out: &Spec) -> Val {
        let result = self.fresh(out);
        self.write(op, x, &[], attributes, Some(&result.name), std::slice::from_ref(out));
        result
    }

    /// One op with regions made by [`Emitter::region`].
    pub fn with_regions(
        &mut self,
        op: &str,
        x: &[&Val],
        regions: &[String],
        attributes: &str,
        out: &[Spec],
    ) -> Vec<Val> {
        let base = self.next;
        self.next += 1;
        let name = |i: usize| if out.len() == 1 { format!("%{base}") } else { format!("%{base}#{i}") };
        let declared = if out.len() == 1 { format!("%{base}") } else { format!("%{base}:{}", out.len()) };
        self.write(op, x, regions, attributes, (!out.is_empty()).then_some(&*declared), out);
        out.iter().enumerate().map(|(i, spec)| Val { name: name(i).into(), spec: spec.clone() }).collect()
    }

    fn write(
        &mut self,
        op: &str,
        x: &[&Val],
        regions: &[String],
        attributes: &str,
        name: Option<&str>,
        out: &[Spec],
    ) {
        let indent = "  ".repeat(self.depth);
        let names: Vec<&str> = x.iter().map(|v| &*v.name).collect();
        let types: Vec<String> = x.iter().map(|v| tensor_type(&v.spec)).collect();
        let results: Vec<String> = out.iter().map(tensor_type).collect();
        let results =
            if let [one] = &results[..] { one.clone() } else { format!("({})", results.join(", ")) };
        self.text.push_str(&indent);
        if let Some(name) = name {
            _ = write!(self.text, "{name} = ");
        }
        _ = write!(self.text, "\"{op}\"({})", names.join(", "));
        if !regions.is_empty() {
            let regions: Vec<String> = regions.iter().map(|r| format!("{{\n{r}{indent}}}")).collect();
            _ = write!(self.text, " ({})", regions.join(", "));
        }
        if !attributes.is_empty() {
            _ = write!(self.text, " {{{attributes}}}");
        }
        _ = writeln!(self.text, " : ({}) -> {results}", types.join(", "));
    }

    /// A block that takes values of these specs and gives what `body` returns.
    pub fn region(
        &mut self,
        inputs: &[Spec],
        body: impl FnOnce(&mut Self, &[Val]) -> Result<Vec<Val>>,
    ) -> Result<String> {
        let around = std::mem::take(&mut self.text);
        self.depth += 1;
        let arguments: Vec<Val> = inputs.iter().map(|spec| self.fresh(spec)).collect();
        let declared: Vec<String> =
            arguments.iter().map(|v| format!("{}: {}", v.name, tensor_type(&v.spec))).collect();
        let declared = if declared.is_empty() { String::new() } else { format!("({})", declared.join(", ")) };
        _ = writeln!(self.text, "{}^bb0{declared}:", "  ".repeat(self.depth - 1));
        let results = body(self, &arguments);
        if let Ok(results) = &results {
            self.write("stablehlo.return", &results.iter().collect::<Vec<_>>(), &[], "", None, &[]);
        }
        self.depth -= 1;
        let text = std::mem::replace(&mut self.text, around);
        results.map(|_| text)
    }

    /// The region of a reduction: one op on two scalars.
    pub fn reducer(&mut self, op: &str, dtype: DType) -> Result<String> {
        let scalar = Spec::new(dtype, []);
        self.region(&[scalar.clone(), scalar.clone()], |e, x| Ok(vec![e.binary(op, &x[0], &x[1])]))
    }

    /// An elementwise op of two values of one spec.
    pub fn binary(&mut self, op: &str, a: &Val, b: &Val) -> Val {
        let direction = match op {
            "stablehlo.maximum" => "GT",
            "stablehlo.minimum" => "LT",
            _ => return self.like(op, &[a, b]),
        };
        if !self.options.keep_nan || !a.spec.dtype.is_float() {
            return self.like(op, &[a, b]);
        }
        let beats = self.compare(direction, a, b);
        let nan = self.compare("NE", a, a);
        let wins = self.like("stablehlo.or", &[&beats, &nan]);
        self.select(&wins, a, b)
    }

    /// One value everywhere.
    pub fn full(&mut self, spec: &Spec, value: f64) -> Val {
        let scalar = Tensor::full(vec![], spec.dtype, value);
        self.splat(spec, &scalar)
    }

    /// A scalar.
    pub fn scalar(&mut self, dtype: DType, value: f64) -> Val {
        self.full(&Spec::new(dtype, []), value)
    }

    /// The same values in another dtype.
    pub fn cast(&mut self, x: &Val, dtype: DType) -> Val {
        if x.spec.dtype == dtype {
            return x.clone();
        }
        self.one("stablehlo.convert", &[x], "", &x.spec.with_dtype(dtype))
    }

    /// A half-width float as float32, in which sums keep their digits; others as they are.
    pub fn widened(&mut self, x: &Val) -> Val {
        self.cast(x, wide(x.spec.dtype))
    }

    /// The same values in another shape.
    pub fn reshape(&mut self, x: &Val, shape: &[usize]) -> Val {
        if x.spec.shape == shape {
            return x.clone();
        }
        self.one("stablehlo.reshape", &[x], "", &x.spec.with_shape(shape))
    }

    /// Axes in another order.
    pub fn transpose(&mut self, x: &Val, permutation: &[usize]) -> Val {
        let shape: Vec<usize> = permutation.iter().map(|&a| x.spec.shape[a]).collect();
        let attributes = format!("permutation = {}", array(permutation));
        self.one("stablehlo.transpose", &[x], &attributes, &x.spec.with_shape(shape))
    }

    /// Comparison in one of the directions `EQ`, `NE`, `LT`, `LE`, `GT` and `GE`.
    pub fn compare(&mut self, direction: &str, a: &Val, b: &Val) -> Val {
        let attributes = format!("comparison_direction = #stablehlo<comparison_direction {direction}>");
        self.one("stablehlo.compare", &[a, b], &attributes, &a.spec.with_dtype(DType::Bool))
    }

    /// An elementwise op whose result is like its first operand.
    pub fn like(&mut self, op: &str, x: &[&Val]) -> Val {
        self.one(op, x, "", &x[0].spec.clone())
    }

    /// `a` where `condition` holds, else `b`.
    pub fn select(&mut self, condition: &Val, a: &Val, b: &Val) -> Val {
        self.one("stablehlo.select", &[condition, a, b], "", &a.spec)
    }

    /// `, precision_config = ..` for an op on values of `dtype`, or nothing.
    pub fn precision(&self, dtype: DType) -> &'static str {
        match self.options.precision {
            Precision::Highest if dtype == DType::F32 => {
                ", precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]"
            }
            _ => "",
        }
    }
}

/// The dtype in which sums of `dtype` are taken.
pub(crate) fn wide(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        other => other,
    }
}
