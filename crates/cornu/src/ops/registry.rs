//! Every op by the name of its class, as files give it.
use super::binary::*;
use super::blocks::*;
use super::build::*;
use super::compare::*;
use super::counting::*;
use super::creation::*;
use super::elementwise::*;
use super::fourier::*;
use super::get_item::GetItem;
use super::image::*;
use super::image_filters::*;
use super::image_patches::*;
use super::image_places::*;
use super::image_scale::ScaleAndTranslate;
use super::index::*;
use super::linalg::*;
use super::linear::*;
use super::loss::*;
use super::nan::*;
use super::nn::*;
use super::nn_attention::*;
use super::nn_conv::*;
use super::nn_ctc::*;
use super::nn_norm::*;
use super::nn_pool::*;
use super::norm::*;
use super::operation::{FromConfig, Operation, Rule, Settings};
use super::quantile::*;
use super::rearrange::Rearrange;
use super::reduce::*;
use super::reshape::*;
use super::slot::Slot;
use super::table::*;
use crate::layers::LayerRef;
use crate::layers::as_read::AsRead;
use crate::layers::list::refuse_absurd;
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
                "Quantile" => Ok(Arc::new(SavedQuantile::from_config(settings)?)),
                $(stringify!($Class) => Ok(Arc::new($Class::from_config(settings)?)),)*
                _ => Err(Error::unknown("op", class, NAMES.iter().copied())),
            }
        }
    };
}

registry! {
    Abs Absolute AdaptiveAveragePool AdaptiveMaxPool Add AffineTransform All AllClose Amax Amin Angle Any Append Arccos
    Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh Argmax Argmin Argpartition Argsort Array ArraySplit Average
    AveragePool BatchNorm BinaryCrossentropy Bincount BitwiseAnd BitwiseInvert BitwiseLeftShift BitwiseNot BitwiseOr
    BitwiseRightShift BitwiseXor BroadcastTo CDist CTCDecode CTCLoss Cast CategoricalCrossentropy Cbrt Ceil Celu
    Cholesky CholeskyInverse Clip Concatenate Conjugate Conv ConvTranspose ConvertToTensor Copy Corrcoef Correlate Cos
    Cosh CountNonzero CropImages Cross Cumprod Cumsum Deg2rad DepthToSpace DepthwiseConv Det Diag Diagflat Diagonal
    Diff Digitize Divide DivideNoNan Dot DotProductAttention Dsplit Dstack Eigh Einsum ElasticTransform Elu EmptyLike
    Equal Erf Erfc Erfinv Exp Exp2 ExpandDims Expm1 ExtractPatches ExtractSequences FFT FFT2 Fabs Flip Fliplr Flipud
    Floor FloorDivide Fmax Fmin Fmod Fold Full FullLike GaussianBlur Gcd Gelu Geomspace Glu Greater GreaterEqual
    HSVToRGB HardShrink HardSigmoid HardSilu HardTanh Heaviside Histogram Hsplit Hstack Hypot I0 IFFT2 IRFFT ISTFT Imag
    InTopK Inner Inv IsIn Isclose Isfinite Isinf Isnan Isneginf Isposinf Isreal Kron LayerNorm Lcm Ldexp LeakyRelu
    LeftShift Less LessEqual Linspace Log Log10 Log1p Log2 LogSigmoid LogSoftmax Logaddexp Logaddexp2 Logdet LogicalAnd
    LogicalNot LogicalOr LogicalXor Logspace Logsumexp Lstsq LuFactor MapCoordinates Matmul MatrixRank Max MaxPool
    Maximum Mean Median Meshgrid Min Minimum Mod Moments Moveaxis MultiHot Multiply NanToNum Nanargmax Nanargmin
    Nancumprod Nancumsum Nanmax Nanmean Nanmedian Nanmin Nanpercentile Nanprod Nanquantile Nanstd Nansum Nanvar Ndim
    Negative Nextafter Nonzero Norm Normalize NotEqual OneHot OnesLike Outer PSNR Pad PadImages Percentile
    PerspectiveTransform Pinv Power Prod Ptp Qr Quantile RFFT RGBToGrayscale RGBToHSV RMSNorm Rad2deg Ravel Real
    Reciprocal Relu Relu6 Repeat Reshape Resize RightShift Roll Rot90 Round Rsqrt SSIM STFT SVD SaturateCast Scatter
    ScatterUpdate SearchSorted SegmentMax SegmentMin SegmentProd SegmentSum Select Selu SeparableConv Sigmoid Sign
    Signbit Silu Sin Sinc Sinh Size Slice SliceUpdate Slogdet SobelEdges SoftShrink Softmax Softplus Softsign Solve
    SolveTriangular Sort SpaceToDepth SparseCategoricalCrossentropy SparsePlus SparseSigmoid Sparsemax Split Sqrt
    Square Squareplus Squeeze Stack Std StopGradient Subtract Sum Swapaxes Take TakeAlongAxis Tan Tanh TanhShrink
    Tensordot Threshold Tile TopK Trace Transpose Trapezoid Tril Triu TrueDivide Trunc Unfold Unique UnravelIndex
    Unstack Vander Var Vdot View ViewAsReal Vsplit Vstack Where ZerosLike
}

/// Whether an op has this class.
pub(crate) fn is_class(class: &str) -> bool {
    NAMES.contains(&class)
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
    refuse_absurd(saved["class_name"].as_str().unwrap_or_default(), &saved["config"])?;
    let operation = one_from_saved(saved, call)?;
    operation.base().set_as_read(AsRead::of(&operation, saved));
    Ok(operation)
}

fn one_from_saved(saved: &Json, call: &Json) -> Result<LayerRef> {
    let class = saved["class_name"].as_str().unwrap_or_default();
    let args = call["args"].as_array().cloned().unwrap_or_default();
    let name = saved["config"]["name"].as_str().or(saved["name"].as_str());
    if class == "GetItem" {
        let key = args.get(1).or_else(|| call["kwargs"].get("key"));
        let rule = Arc::new(GetItem::from_saved(key.unwrap_or(&Json::Null))?);
        return Ok(Arc::new(Operation::new(name, rule, vec![Slot::Tensor(0)])));
    }
    if class == "Rearrange" {
        let rule = Arc::new(Rearrange::from_saved(&args, &call["kwargs"])?);
        return Ok(Arc::new(Operation::new(name, rule, vec![Slot::Tensor(0)])));
    }
    let settings = Settings::new(class, &saved["config"]);
    if class == "ScaleAndTranslate" {
        let (rule, slots) = ScaleAndTranslate::from_saved(settings, &args, &call["kwargs"])?;
        return Ok(Arc::new(Operation::new(name, Arc::new(rule), slots)));
    }
    let rule = rule(class, settings)?;
    let mut slots = args.iter().map(|arg| Slot::from_saved(class, arg)).collect::<Result<Vec<_>>>()?;
    for (name, value) in call["kwargs"].as_object().into_iter().flatten() {
        let slot = Slot::from_saved(class, value)?;
        match rule.parameters().iter().position(|p| p == name) {
            Some(at) => {
                slots.resize(slots.len().max(at + 1), Slot::Absent);
                slots[at] = slot;
            }
            None => slots.push(slot),
        }
    }
    Ok(Arc::new(Operation::new(name, rule, slots)))
}
