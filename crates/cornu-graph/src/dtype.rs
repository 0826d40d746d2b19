//! Element types, on the host and in graphs.
use crate::{Error, Result};
use half::{bf16, f16};
use std::fmt;
use std::str::FromStr;

/// Type of the elements of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum DType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    BF16,
    F32,
    F64,
}

/// A Rust type that is the element of a tensor.
pub trait Element: Copy + Default + PartialEq + PartialOrd + Send + Sync + fmt::Debug + 'static {
    /// The element type as a value.
    const DTYPE: DType;
    /// As f64: exact but for 64-bit integers beyond 2^53.
    fn to_f64(self) -> f64;
    /// From f64: floats round to nearest, integers truncate and saturate, bool is `x != 0`.
    fn from_f64(x: f64) -> Self;
    /// As i64: floats truncate and saturate.
    fn to_i64(self) -> i64;
    /// From i64: integers wrap, floats round.
    fn from_i64(x: i64) -> Self;
}

macro_rules! elements {
    ($($t:ty => $d:ident: $to:expr, $from:expr, $to_int:expr, $from_int:expr;)*) => { $(
        impl Element for $t {
            const DTYPE: DType = DType::$d;
            #[inline(always)]
            fn to_f64(self) -> f64 { $to(self) }
            #[inline(always)]
            fn from_f64(x: f64) -> Self { $from(x) }
            #[inline(always)]
            fn to_i64(self) -> i64 { $to_int(self) }
            #[inline(always)]
            fn from_i64(x: i64) -> Self { $from_int(x) }
        }
    )* };
}

elements! {
    bool => Bool: |x: bool| f64::from(u8::from(x)), |x| x != 0.0, |x: bool| i64::from(x), |x| x != 0;
    i8 => I8: f64::from, |x| x as i8, i64::from, |x| x as i8;
    i16 => I16: f64::from, |x| x as i16, i64::from, |x| x as i16;
    i32 => I32: f64::from, |x| x as i32, i64::from, |x| x as i32;
    i64 => I64: |x| x as f64, |x| x as i64, |x| x, |x| x;
    u8 => U8: f64::from, |x| x as u8, i64::from, |x| x as u8;
    u16 => U16: f64::from, |x| x as u16, i64::from, |x| x as u16;
    u32 => U32: f64::from, |x| x as u32, i64::from, |x| x as u32;
    u64 => U64: |x| x as f64, |x| x as u64, |x| x as i64, |x| x as u64;
    f16 => F16: f64::from, f16::from_f64, |x: f16| f64::from(x) as i64, |x| f16::from_f64(x as f64);
    bf16 => BF16: f64::from, bf16::from_f64, |x: bf16| f64::from(x) as i64, |x| bf16::from_f64(x as f64);
    f32 => F32: f64::from, |x| x as f32, |x| x as i64, |x| x as f32;
    f64 => F64: |x| x, |x| x, |x| x as i64, |x| x as f64;
}

/// Runs `$body` with the type alias `$t` set to the Rust type of a [`DType`].
#[macro_export]
macro_rules! with_dtype {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::DType::Bool => {
                type $t = bool;
                $body
            }
            $crate::DType::I8 => {
                type $t = i8;
                $body
            }
            $crate::DType::I16 => {
                type $t = i16;
                $body
            }
            $crate::DType::I32 => {
                type $t = i32;
                $body
            }
            $crate::DType::I64 => {
                type $t = i64;
                $body
            }
            $crate::DType::U8 => {
                type $t = u8;
                $body
            }
            $crate::DType::U16 => {
                type $t = u16;
                $body
            }
            $crate::DType::U32 => {
                type $t = u32;
                $body
            }
            $crate::DType::U64 => {
                type $t = u64;
                $body
            }
            $crate::DType::F16 => {
                type $t = $crate::f16;
                $body
            }
            $crate::DType::BF16 => {
                type $t = $crate::bf16;
                $body
            }
            $crate::DType::F32 => {
                type $t = f32;
                $body
            }
            $crate::DType::F64 => {
                type $t = f64;
                $body
            }
        }
    };
}

impl DType {
    /// All element types.
    pub const ALL: [DType; 13] = [
        DType::Bool,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F16,
        DType::BF16,
        DType::F32,
        DType::F64,
    ];

    /// Bytes of one element.
    pub fn size(self) -> usize {
        with_dtype!(self, T => size_of::<T>())
    }

    /// The lowest and the highest finite value.
    pub fn limits(self) -> (f64, f64) {
        let bits = 8 * self.size() as i32;
        match self {
            DType::Bool => (0.0, 1.0),
            DType::F16 => (-65504.0, 65504.0),
            DType::BF16 => (bf16::MIN.to_f64(), bf16::MAX.to_f64()),
            DType::F32 => (f64::from(f32::MIN), f64::from(f32::MAX)),
            DType::F64 => (f64::MIN, f64::MAX),
            int if int.is_unsigned_int() => (0.0, 2f64.powi(bits) - 1.0),
            _ => (-(2f64.powi(bits - 1)), 2f64.powi(bits - 1) - 1.0),
        }
    }

    /// One of the floating-point types.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }

    /// One of the integer types, `Bool` not among them.
    pub fn is_int(self) -> bool {
        !self.is_float() && self != DType::Bool
    }

    /// One of the signed integer types.
    pub fn is_signed_int(self) -> bool {
        matches!(self, DType::I8 | DType::I16 | DType::I32 | DType::I64)
    }

    /// One of the unsigned integer types.
    pub fn is_unsigned_int(self) -> bool {
        self.is_int() && !self.is_signed_int()
    }

    /// Keras's name: `float32`, `int64`, `bool`, ...
    pub fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::U8 => "uint8",
            DType::U16 => "uint16",
            DType::U32 => "uint32",
            DType::U64 => "uint64",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            DType::F32 => "float32",
            DType::F64 => "float64",
        }
    }

    /// The type of `a op b`, by JAX's promotion of non-weak types (which Keras uses): any float beats any integer, a
    /// signed and an unsigned integer take the next wider signed type (but `int32` for `uint32` and what is not `int64`),
    /// `float16` and `bfloat16` meet in `float32`.
    pub fn promote(a: DType, b: DType) -> DType {
        use DType::*;
        if a == b {
            return a;
        }
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        match (low, high) {
            (Bool, other) => other,
            (F16, BF16) => F32,
            (int, float) if float.is_float() && !int.is_float() => float,
            (x, y) if x.is_float() && y.is_float() => y,
            (x, y) if x.is_signed_int() == y.is_signed_int() => y,
            // Where JAX has no integers of 64 bits, as Keras runs it.
            (signed, U32) if signed.size() < 8 => I32,
            (signed, unsigned) => match signed.size().max(unsigned.size() * 2) {
                1 => I8,
                2 => I16,
                4 => I32,
                8 => I64,
                // int64 with uint64: JAX goes to the default float.
                _ => F32,
            },
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DType {
    type Err = Error;
    fn from_str(s: &str) -> Result<DType> {
        DType::ALL
            .into_iter()
            .find(|d| d.name() == s)
            .ok_or_else(|| Error::unknown("dtype", s, DType::ALL.iter().map(|d| d.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promotion_is_jax_s() {
        use DType::*;
        for (a, b, want) in [
            (Bool, I8, I8),
            (I32, F16, F16),
            (U8, I8, I16),
            (U32, I32, I32),
            (U32, I8, I32),
            (U32, I64, I64),
            (U8, I32, I32),
            (F16, BF16, F32),
            (BF16, F32, F32),
            (I64, U64, F32),
            (U8, U32, U32),
        ] {
            assert_eq!(DType::promote(a, b), want, "{a} {b}");
            assert_eq!(DType::promote(b, a), want, "{b} {a}");
        }
    }

    #[test]
    fn names() {
        for d in DType::ALL {
            assert_eq!(d.name().parse::<DType>().unwrap(), d);
        }
        assert_eq!(
            "flot32".parse::<DType>().unwrap_err().to_string(),
            "unknown dtype `flot32`; did you mean `float32`?"
        );
    }
}
