//! Every op by the name of its class, as files give it.
use super::binary::*;
use super::blocks::*;
use super::build::*;
use super::compare::*;
use super::elementwise::*;
use super::fourier::*;
use super::get_item::GetItem;
use super::image::*;
use super::index::*;
use super::linalg::*;
use super::linear::*;
use super::loss::*;
use super::nan::*;
use super::nn::*;
use super::norm::*;
use super::operation::{FromConfig, Operation, Rule, Settings};
use super::reduce::*;
use super::reshape::*;
use crate::layers::LayerRef;
use crate::models::config::TENSOR;
use crate::object::excerpt;
use crate::ops::Number;
use cornu_graph::{Error, Result};
use serde_json::Value as Json;
use std::sync::Arc;

/// Declares how a class name becomes an op.
macro_rules! registry {
    ($($Class:ident)*) => {
        /// The classes.
        const NAMES: &[&str] = &[$(stringify!($Class)),*];

        fn rule(class: &str, settings: Settings) -> Result<Arc<dyn Rule>> {
            match class {
                $(stringify!($Class) => Ok(Arc::new($Class::from_config(settings)?)),)*
                _ => Err(Error::unknown("op", class, NAMES.iter().copied())),
            }
        }
    };
}

registry! {
    Abs Absolute Add AffineTransform All Amax Amin Angle Any Append Arccos Arccosh Arcsin Arcsinh Arctan Arctan2
    Arctanh Argmax Argmin Argpartition Argsort Array ArraySplit Average BinaryCrossentropy BitwiseAnd BitwiseInvert
    BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor BroadcastTo CDist Cast
    CategoricalCrossentropy Cbrt Ceil Celu Cholesky CholeskyInverse Clip Concatenate Conjugate ConvertToTensor Copy
    Corrcoef Correlate Cos Cosh CountNonzero CropImages Cross Cumprod Cumsum Deg2rad DepthToSpace Det Diag Diagflat
    Diagonal Diff Digitize Divide DivideNoNan Dot Dsplit Dstack Eigh Einsum Elu Equal Erf Erfc Erfinv Exp Exp2
    ExpandDims Expm1 ExtractPatches ExtractSequences FFT FFT2 Fabs Flip Fliplr Flipud Floor FloorDivide Fmax Fmin
    Fmod FullLike GaussianBlur Gcd Gelu Glu Greater GreaterEqual HSVToRGB HardShrink HardSigmoid HardSilu HardTanh
    Heaviside Hsplit Hstack Hypot I0 IFFT2 IRFFT ISTFT Imag InTopK Inner Inv IsIn Isclose Isfinite Isinf Isnan
    Isneginf Isposinf Isreal Kron Lcm Ldexp LeakyRelu LeftShift Less LessEqual Linspace Log Log10 Log1p Log2
    LogSigmoid LogSoftmax Logaddexp Logaddexp2 Logdet LogicalAnd LogicalNot LogicalOr LogicalXor Logspace Logsumexp
    Lstsq LuFactor Matmul MatrixRank Max Maximum Mean Median Meshgrid Min Minimum Mod Moveaxis Multiply NanToNum
    Nanargmax Nanargmin Nancumprod Nancumsum Nanmax Nanmean Nanmedian Nanmin Nanprod Nanstd Nansum Nanvar Negative
    Nextafter Norm Normalize NotEqual OneHot OnesLike Outer PSNR Pad PadImages Pinv Power Prod Ptp Qr RFFT
    RGBToGrayscale RGBToHSV Rad2deg Ravel Real Reciprocal Relu Relu6 Repeat Reshape Resize RightShift Roll Rot90
    Round Rsqrt STFT SVD SaturateCast Scatter ScatterUpdate SearchSorted SegmentMax SegmentSum Selu Sigmoid Sign
    Signbit Silu Sin Sinc Sinh Slogdet SoftShrink Softmax Softplus Softsign Solve SolveTriangular Sort SpaceToDepth
    SparseCategoricalCrossentropy SparsePlus SparseSigmoid Sparsemax Split Sqrt Square Squareplus Squeeze Stack Std
    StopGradient Subtract Sum Swapaxes Take TakeAlongAxis Tan Tanh TanhShrink Tensordot Threshold Tile TopK Trace
    Transpose Tril Triu TrueDivide Trunc Unstack Var Vdot ViewAsReal Vsplit Vstack Where ZerosLike
}

/// Whether a module of a saved class is one of ops.
pub(crate) fn is_module(module: &str) -> bool {
    module.starts_with("keras.src.ops.")
}

/// A call of an op from its saved form: the op, and its arguments with numbers in place of tensors.
///
/// # Errors
/// When there is no such op, or a setting or argument makes no sense.
pub(crate) fn from_saved(saved: &Json, call: &Json) -> Result<LayerRef> {
    let class = saved["class_name"].as_str().unwrap_or_default();
    let args = call["args"].as_array().cloned().unwrap_or_default();
    let name = saved["config"]["name"].as_str().or(saved["name"].as_str());
    if class == "GetItem" {
        let key = args.get(1).or_else(|| call["kwargs"].get("key"));
        let rule = Arc::new(GetItem::from_saved(key.unwrap_or(&Json::Null))?);
        return Ok(Arc::new(Operation::saved_call(name, rule, vec![None])));
    }
    let rule = rule(class, Settings::new(class, &saved["config"]))?;
    let mut arguments = vec![];
    let values = args.iter().chain(call["kwargs"].as_object().into_iter().flat_map(|kwargs| kwargs.values()));
    values.into_iter().try_for_each(|value| flatten(class, value, &mut arguments))?;
    Ok(Arc::new(Operation::saved_call(name, rule, arguments)))
}

/// The tensors (`None`) and numbers within an argument, in order.
fn flatten(class: &str, value: &Json, found: &mut Vec<Option<Number>>) -> Result<()> {
    match value {
        Json::Null => {}
        Json::Array(items) => items.iter().try_for_each(|item| flatten(class, item, found))?,
        Json::Object(map) if map.contains_key(TENSOR) => found.push(None),
        number => {
            let number = serde_json::from_value(number.clone()).map_err(|_| {
                let message = format!("takes tensors and numbers, got {}", excerpt(number));
                Error::Format { what: format!("op {class}"), message }
            })?;
            found.push(Some(number));
        }
    }
    Ok(())
}
