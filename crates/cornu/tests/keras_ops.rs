//! Functions of `cornu::ops` on tensors of the host, against numbers of Keras 3.15.1 that `tools/oracle/host_ops.py` wrote.
#![allow(clippy::unwrap_used, clippy::panic)]
mod oracle;

use cornu::ops::Number;
use cornu::{DType, Result, Tensor, ops};
use oracle::{Array, Near};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    inputs: Vec<Array>,
    outputs: Vec<Array>,
}

/// What the case of this name is here.
fn call(name: &str, x: &[Tensor]) -> Result<Vec<Tensor>> {
    let (function, rest) = name.split_once(' ').unwrap_or((name, ""));
    let one = |y: Result<Tensor>| y.map(|y| vec![y]);
    let unique = |axis, size, fill| ops::unique(&x[0], true, true, true, true, axis, size, fill);
    match (function, rest) {
        ("quantile", "axes") => one(ops::quantile(&x[0], &x[1], [0, 2], "linear", true)),
        ("quantile", "scalar") => one(ops::quantile(&x[0], 0.3, -1, "linear", false)),
        ("quantile", "integers") => one(ops::quantile(&x[0], 0.3, None, "linear", false)),
        ("quantile", "holes") => one(ops::quantile(&x[0], 0.3, 0, "linear", false)),
        ("quantile", method) => one(ops::quantile(&x[0], &x[1], None, method, false)),
        ("nanquantile", method) => one(ops::nanquantile(&x[0], &x[1], 1, method, false)),
        ("percentile", _) => one(ops::percentile(&x[0], 30, 1, "linear", false)),
        ("nanpercentile", _) => one(ops::nanpercentile(&x[0], [20, 70], 1, "linear", true)),
        ("histogram", "") => ops::histogram(&x[0], 4, None),
        ("histogram", "range") => ops::histogram(&x[0], 5, Some((2.0, 6.0))),
        ("histogram", _) => ops::histogram(&x[0], 3, None),
        ("bincount", "long") => one(ops::bincount(&x[0], None, 12, false)),
        ("bincount", _) => one(ops::bincount(&x[0], x.get(1), 0, false)),
        ("nonzero", _) => ops::nonzero(&x[0]),
        ("unique", "") => ops::unique(&x[0], true, false, false, false, None, None, None),
        ("unique", "size") => unique(None, Some(6), None),
        ("unique", "fill") => unique(None, Some(7), Some(-7.0)),
        ("unique", "cut") => unique(None, Some(2), None),
        ("unique", "rows") => unique(Some(0), None, None),
        ("unique", "columns") => unique(Some(1), None, None),
        ("unique", _) => unique(None, None, None),
        ("unravel_index", _) => ops::unravel_index(&x[0], [2, 3]),
        ("vander", "") => one(ops::vander(&x[0], None, false)),
        ("vander", _) => one(ops::vander(&x[0], Some(3), true)),
        ("view", dtype) => one(ops::view(&x[0], Some(dtype.parse()?))),
        ("select", _) => {
            let conditions = [ops::greater(&x[0], 4)?, ops::greater(&x[1], 2)?];
            one(ops::select(&conditions, x, 0.5))
        }
        ("trapezoid", "axis") => one(ops::trapezoid(&x[0], x.get(1), 1.0, 1)),
        ("trapezoid", "") => one(ops::trapezoid(&x[0], None, 0.5, -1)),
        ("trapezoid", _) => one(ops::trapezoid(&x[0], x.get(1), 1.0, -1)),
        ("geomspace", "") => one(ops::geomspace(&x[0], &x[1], 5, true, None, 0)),
        ("geomspace", "integers") => one(ops::geomspace(&x[0], &x[1], 9, true, Some(DType::I32), 0)),
        ("geomspace", _) => one(ops::geomspace(&x[0], &x[1], 4, false, None, -1)),
        ("segment_sum", _) => one(ops::segment_sum(&x[0], &x[1], Some(6 + rest.len() / 8), false)),
        ("segment_max" | "segment_min", "bools") => rare(function, rest, x).unwrap(),
        ("segment_max", _) => one(ops::segment_max(&x[0], &x[1], Some(6 + rest.len() / 8), false)),
        ("segment_min", _) => one(ops::segment_min(&x[0], &x[1], Some(6 + rest.len() / 8), false)),
        ("segment_prod", _) => one(ops::segment_prod(&x[0], &x[1], Some(6 + rest.len() / 8), false)),
        ("allclose", _) => one(ops::allclose(&x[0], &x[1], 1e-5, 1e-8, rest == "holes")),
        ("slice", "") => one(ops::slice(&x[0], [1, 0, 3], [1, 2, 1])),
        ("slice", "moved") => one(ops::slice(&x[0], [3], [4])),
        ("slice", _) => one(ops::slice(&x[0], [2], [-1])),
        ("slice_update", _) => one(ops::slice_update(&x[0], [4], &x[1])),
        ("multi_hot", "") => one(ops::multi_hot(&x[0], 4, -1, DType::F32)),
        ("multi_hot", _) => one(ops::multi_hot(&x[0], 4, -1, DType::I32)),
        ("arange", "") => one(ops::arange(5, None, None, None)),
        ("arange", "floats") => one(ops::arange(0.0, 1.0, 0.3, None)),
        ("arange", "down") => one(ops::arange(5, 0, -2, None)),
        ("arange", _) => one(ops::arange(0, 3, 0.5, Some(DType::F16))),
        ("eye", _) => one(ops::eye(3, Some(4), 1, None)),
        ("tri", _) => one(ops::tri(3, Some(5), -1, Some(DType::I32))),
        ("identity", _) => one(ops::identity(2, None)),
        ("full", _) => one(ops::full([2, 3], 3, None)),
        ("bartlett", n) => one(ops::bartlett(n.parse().unwrap())),
        ("blackman", n) => one(ops::blackman(n.parse().unwrap())),
        ("hamming", n) => one(ops::hamming(n.parse().unwrap())),
        ("hanning", n) => one(ops::hanning(n.parse().unwrap())),
        ("kaiser", n) => one(ops::kaiser(n.parse().unwrap(), 14.0)),
        ("ctc_decode", "greedy True") => ops::ctc_decode(&x[0], &x[1], "greedy", 100, 1, true, 1),
        ("ctc_decode", "greedy False") => ops::ctc_decode(&x[0], &x[1], "greedy", 100, 1, false, 1),
        ("ctc_decode", "blank") => ops::ctc_decode(&x[0], &x[1], "beam_search", 6, 2, true, 3),
        ("ctc_decode", beams) => {
            let (width, top) = beams.split_once(' ').unwrap();
            let (width, top) = (width.parse().unwrap(), top.parse().unwrap());
            ops::ctc_decode(&x[0], &x[1], "beam_search", width, top, true, 0)
        }
        ("ctc_loss", _) => {
            one(ops::ctc_loss(&x[0], &x[1], &x[2], &x[3], if rest.is_empty() { 0 } else { 3 }))
        }
        _ => rare(function, rest, x).unwrap_or_else(|| image(function, rest, x)),
    }
}

/// Arguments that are seldom given, and dtypes that are seldom met.
fn rare(function: &str, rest: &str, x: &[Tensor]) -> Option<Result<Vec<Tensor>>> {
    let y = match (function, rest) {
        ("max", "initial") => ops::max(&x[0], 1, false, 3),
        ("max", "initial integers") => ops::max(&x[0], None, true, 7.5),
        ("max", "initial nothing") => ops::max(&x[0], 0, false, -1),
        ("max", _) => ops::max(&x[0], None, false, Number::Bool(true)),
        ("min", _) => ops::min(&x[0], 0, false, 1),
        ("repeat", "each") => ops::repeat(&x[0], [2, 0, 1], Some(1)),
        ("repeat", "row") => ops::repeat(&x[0], [2, 0, 1, 1, 3, 0], None),
        ("repeat", _) => ops::repeat(&x[0], [2], Some(0)),
        ("cross", "axis") => ops::cross(&x[0], &x[1], -1, -1, -1, Some(0)),
        ("cross", "flat") => ops::cross(&x[0], &x[1], -1, -1, -1, None),
        ("cross", _) => ops::cross(&x[0], &x[1], 0, -1, 0, None),
        ("clip", "low") => ops::clip(&x[0], 2, None),
        ("clip", _) => ops::clip(&x[0], None, 3),
        ("sort", _) => ops::sort(&x[0], None),
        ("softmax", _) => ops::softmax(&x[0], [0, 2]),
        ("log_softmax", _) => ops::log_softmax(&x[0], [1, 2]),
        ("size", _) => ops::size(&x[0]),
        ("ndim", _) => ops::ndim(&x[0]),
        ("top_k", _) => return Some(ops::top_k(&x[0], 2, false)),
        ("gcd", _) => ops::gcd(&x[0], &x[1]),
        ("lcm", _) => ops::lcm(&x[0], &x[1]),
        ("segment_max", "bools") => ops::segment_max(&x[0], &x[1], Some(3), false),
        ("segment_min", "bools") => ops::segment_min(&x[0], &x[1], Some(3), false),
        ("correlate", mode) => ops::correlate(&x[0], &x[1], mode.split(' ').next().unwrap()),
        ("eig", _) => return Some(ops::eig(&x[0]).map(|found| sorted(&found[0], &found[1]))),
        ("sinc", _) => ops::sinc(&x[0]),
        ("negative", _) => ops::negative(&x[0]),
        ("count_nonzero", "None") => ops::count_nonzero(&x[0], None),
        ("count_nonzero", "0") => ops::count_nonzero(&x[0], 0),
        ("count_nonzero", axes) => ops::count_nonzero(&x[0], if axes == "()" { vec![] } else { vec![0, 1] }),
        ("pad", mode) => ops::pad([&x[0]], [(1, 2)].into(), mode),
        ("linspace", num) => ops::linspace(&x[0], &x[1], num.parse().unwrap(), true, None, 0),
        ("dot", _) => ops::dot(&x[0], &x[1]),
        _ => return None,
    };
    Some(y.map(|y| vec![y]))
}

/// Complex numbers along the last axis by their real, then by their imaginary parts, as NumPy sorts them.
fn sorted(real: &Tensor, imaginary: &Tensor) -> Vec<Tensor> {
    let n = *real.shape().last().unwrap();
    let mut pairs: Vec<(f64, f64)> = real.to_f64().into_iter().zip(imaginary.to_f64()).collect();
    for row in pairs.chunks_mut(n) {
        row.sort_by(|a, b| a.partial_cmp(b).unwrap());
    }
    let (re, im): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let part = |numbers: &[f64]| Tensor::from_f64(real.shape(), real.dtype(), numbers).unwrap();
    vec![part(&re), part(&im)]
}

/// Functions of `keras.ops.image`.
fn image(function: &str, rest: &str, x: &[Tensor]) -> Result<Vec<Tensor>> {
    let one = |y: Result<Tensor>| y.map(|y| vec![y]);
    let words: Vec<&str> = rest.split(' ').collect();
    let format = if words.contains(&"first") { "channels_first" } else { "channels_last" };
    match (function, words.as_slice()) {
        ("map_coordinates", [order, mode, further @ ..]) => {
            let fill = if further == ["integers"] { Number::Int(7) } else { Number::Float(0.5) };
            one(ops::map_coordinates(&x[0], &x[1], order.parse().unwrap(), mode, fill))
        }
        ("perspective_transform", [how, further @ ..]) => {
            let fill = if further.is_empty() { Number::Float(0.5) } else { Number::Int(0) };
            one(ops::perspective_transform(&x[0], &x[1], &x[2], how, fill, format))
        }
        ("scale_and_translate", ["integers"]) => {
            one(ops::scale_and_translate(&x[0], [6, 9], &x[1], &x[2], [0, 1], "linear", true))
        }
        ("scale_and_translate", [method, antialias]) => {
            let antialias = *antialias == "True";
            one(ops::scale_and_translate(&x[0], [2, 3, 7, 3], &x[1], &x[2], [1, -2], method, antialias))
        }
        ("sobel_edges", _) => one(ops::sobel_edges(&x[0], format)),
        ("ssim", ["one"]) => one(ops::ssim(&x[0], &x[1], 2.0, 4, 0.8, 0.1, 0.2, format)),
        ("ssim", ["bytes"]) => one(ops::ssim(&x[0], &x[1], 255.0, 3, 1.5, 0.01, 0.03, format)),
        ("ssim", ["default"]) => one(ops::ssim(&x[0], &x[1], 1.0, 11, 1.5, 0.01, 0.03, format)),
        ("ssim", _) => one(ops::ssim(&x[0], &x[1], 1.0, 3, 1.5, 0.01, 0.03, format)),
        ("extract_patches_3d", ["same"]) => one(ops::extract_patches_3d(&x[0], 2, None, 1, "same", format)),
        ("extract_patches_3d", ["sizes"]) => {
            one(ops::extract_patches_3d(&x[0], [2, 3, 1], [1, 2, 1], 1, "valid", format))
        }
        ("extract_patches_3d", ["stretched"]) => {
            one(ops::extract_patches_3d(&x[0], 2, 1, 2, "valid", format))
        }
        ("extract_patches_3d", _) => one(ops::extract_patches_3d(&x[0], [2, 2, 3], None, 1, "valid", format)),
        ("extract_patches", _) => one(ops::extract_patches(&x[0], [2, 2, 1], None, 1, "valid", format)),
        _ => panic!("no case `{function} {rest}`"),
    }
}

#[test]
fn numbers_are_keras_s() {
    let cases: Vec<Case> = oracle::cases("ops.json");
    assert!(cases.len() > 90);
    let near = Near { relative: 3e-5, absolute: 1e-6 };
    let mut failed = vec![];
    for case in &cases {
        let inputs: Vec<Tensor> = case.inputs.iter().map(Array::tensor).collect();
        let checked = call(&case.name, &inputs).map_err(|e| e.to_string()).and_then(|got| {
            if got.len() != case.outputs.len() {
                return Err(format!("{} outputs, Keras gives {}", got.len(), case.outputs.len()));
            }
            got.iter().zip(&case.outputs).enumerate().try_for_each(|(i, (got, want))| {
                if got.dtype().name() != want.dtype() {
                    return Err(format!("output {i} is {}, Keras's is {}", got.dtype(), want.dtype()));
                }
                near.check(&format!("output {i}"), got, want)
            })
        });
        if let Err(message) = checked {
            failed.push(format!("{}\n    {message}", case.name));
        }
    }
    assert!(failed.is_empty(), "{} of {} cases fail:\n{}", failed.len(), cases.len(), failed.join("\n"));
}
