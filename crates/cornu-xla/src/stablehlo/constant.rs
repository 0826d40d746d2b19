//! Constants.
use super::Lower;
use super::emit::{Emitter, Val, tensor_type};
use cornu_graph::ops::Constant;
use cornu_graph::{DType, Element, Result, Spec, Tensor, with_dtype};
use std::fmt::Write;

/// Longer ones are written as bytes.
const SPELLED_OUT: usize = 16;

impl Lower for Constant {
    fn lower(&self, e: &mut Emitter, _: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let (tensor, spec) = (&self.value, &out[0]);
        let size = spec.dtype.size();
        let first = tensor.bytes().get(..size).unwrap_or_default();
        if tensor.bytes().chunks(size).all(|c| c == first) {
            return Ok(vec![e.splat(spec, tensor)]);
        }
        if tensor.len() <= SPELLED_OUT {
            let flat = spec.with_shape([tensor.len()]);
            let values = format!("[{}]", texts(tensor).join(", "));
            let x = e.dense(&flat, &values);
            return Ok(vec![e.reshape(&x, &spec.shape)]);
        }
        let mut hex = String::from("\"0x");
        tensor.bytes().iter().for_each(|b| _ = write!(hex, "{b:02X}"));
        hex.push('"');
        // Versions of MLIR disagree on the bytes of bools.
        if spec.dtype == DType::Bool {
            let bytes = e.dense(&spec.with_dtype(DType::U8), &hex);
            return Ok(vec![e.cast(&bytes, DType::Bool)]);
        }
        Ok(vec![e.dense(spec, &hex)])
    }
}

impl Emitter<'_> {
    /// The first element of a tensor everywhere.
    pub(crate) fn splat(&mut self, spec: &Spec, tensor: &Tensor) -> Val {
        let value = if spec.is_empty() { String::new() } else { texts(tensor).swap_remove(0) };
        self.dense(spec, &value)
    }

    fn dense(&mut self, spec: &Spec, values: &str) -> Val {
        let attributes = format!("value = dense<{values}> : {}", tensor_type(spec));
        self.one("stablehlo.constant", &[], &attributes, spec)
    }
}

/// Each element as MLIR reads it; of many that are the same, the first.
fn texts(tensor: &Tensor) -> Vec<String> {
    let some = tensor.len().min(SPELLED_OUT);
    with_dtype!(tensor.dtype(), T => {
        // The closure's type is that of the dtype, so that the slice exists.
        let values = tensor.as_slice::<T>().unwrap_or_default();
        values[..some].iter().map(|&x| text(tensor.dtype(), x)).collect()
    })
}

fn text<T: Element>(dtype: DType, x: T) -> String {
    match dtype {
        DType::Bool => (x.to_i64() != 0).to_string(),
        DType::U64 => (x.to_i64() as u64).to_string(),
        d if d.is_float() => float(d, x.to_f64()),
        _ => x.to_i64().to_string(),
    }
}

/// A decimal that reads back as the same number; infinities and NaN by their bits.
fn float(dtype: DType, x: f64) -> String {
    if x.is_finite() {
        let text = format!("{x:e}");
        return if text.contains('.') { text } else { text.replacen('e', ".0e", 1) };
    }
    let (sign, infinity, nan) = match dtype {
        DType::F16 => (0x8000, 0x7C00, 0x7E00),
        DType::BF16 => (0x8000, 0x7F80, 0x7FC0),
        DType::F32 => (0x8000_0000, 0x7F80_0000, 0x7FC0_0000),
        _ => (1 << 63, 0x7FF0_0000_0000_0000_u64, 0x7FF8_0000_0000_0000),
    };
    let bits = if x.is_nan() { nan } else { infinity | if x < 0.0 { sign } else { 0 } };
    format!("0x{bits:0width$X}", width = dtype.size() * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(float(DType::F32, 1.0), "1.0e0");
        assert_eq!(float(DType::F32, f64::from(0.1f32)), "1.0000000149011612e-1");
        assert_eq!(float(DType::F32, f64::NEG_INFINITY), "0xFF800000");
        assert_eq!(float(DType::F16, f64::NAN), "0x7E00");
        assert_eq!(text(DType::U64, u64::MAX), "18446744073709551615");
        assert_eq!(text(DType::Bool, true), "true");
    }
}
