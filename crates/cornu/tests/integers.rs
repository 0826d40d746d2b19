//! Integers and bools as inputs of layers whose results are floats. The expected values are those that Keras 3.15.1 gave.
#![allow(clippy::unwrap_used)]
use cornu::layers::{
    Activation, AdaptiveAveragePooling1D, AdaptiveMaxPooling1D, AveragePooling1D, ELU, EinsumDense,
    GroupNormalization, LeakyReLU, RMSNormalization, RandomCrop, ReLU, Softmax, UnitNormalization,
};
use cornu::prelude::*;

fn output(layer: impl Layer, x: &Tensor) -> Tensor {
    let input = Input::new(&x.shape()[1..]).dtype(x.dtype().name()).tensor();
    let y = layer.apply(&input);
    let symbolic = y.dtype();
    let got = Model::new([input], [y]).unwrap().predict(x, Predict::new()).unwrap();
    assert_eq!(got.dtype(), symbolic);
    got
}

/// Each layer with its input, and the dtype and the numbers that it gives.
fn check<const N: usize>(cases: [(&str, Tensor, DType, &[f64]); N]) {
    for (name, got, dtype, want) in cases {
        assert_eq!(got.dtype(), dtype, "{name}");
        let got = got.to_f64();
        assert_eq!(got.len(), want.len(), "{name}");
        assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{name}: {got:?}, want {want:?}");
    }
}

#[test]
fn weights_multiply_them() {
    let x = Tensor::from([[-1i32, 0, 2, 7]]);
    let steps = x.reshape([1, 4, 1]).unwrap();
    let bools = Tensor::from([[true, false, true, true]]);
    let half = Dense::new(1).kernel_initializer("ones").dtype("mixed_float16");
    check([
        ("Dense", output(Dense::new(1).kernel_initializer("ones"), &x), DType::F32, &[8.0]),
        ("Dense of bools", output(Dense::new(1).kernel_initializer("ones"), &bools), DType::F32, &[3.0]),
        ("Dense in float16", output(half, &x), DType::F16, &[8.0]),
        (
            "EinsumDense",
            output(EinsumDense::new("ab,bc->ac", 1).kernel_initializer("ones"), &x),
            DType::F32,
            &[8.0],
        ),
        (
            "Conv1D",
            output(Conv1D::new(1, 2).kernel_initializer("ones"), &steps),
            DType::F32,
            &[-1.0, 2.0, 9.0],
        ),
        (
            "TimeDistributed",
            output(TimeDistributed::new(Dense::new(1).kernel_initializer("ones")), &steps),
            DType::F32,
            &[-1.0, 0.0, 2.0, 7.0],
        ),
    ]);
}

#[test]
fn activations() {
    let x = Tensor::from([[-1i32, 0, 2, 7]]);
    let bools = Tensor::from([[true, false, true, true]]);
    check([
        ("LeakyReLU", output(LeakyReLU::new().negative_slope(0.5), &x), DType::F32, &[-0.5, 0.0, 2.0, 7.0]),
        ("ELU", output(ELU::new(), &x), DType::F32, &[-0.632_120_549_678_802_5, 0.0, 2.0, 7.0]),
        (
            "Softmax",
            output(Softmax::new(), &x),
            DType::F32,
            &[0.000_332_805_095, 0.000_904_658_053, 0.006_684_569_176, 0.992_078_006_268],
        ),
        ("ReLU", output(ReLU::new(), &x), DType::I32, &[0.0, 0.0, 2.0, 7.0]),
        (
            "ReLU to 6",
            output(ReLU::new().max_value(6.0).negative_slope(0.5), &x),
            DType::F32,
            &[-0.5, 0.0, 2.0, 6.0],
        ),
        ("ReLU6", output(ReLU::new().max_value(6.0), &x), DType::F32, &[0.0, 0.0, 2.0, 6.0]),
        ("ReLU to 2.5", output(ReLU::new().max_value(2.5), &x), DType::I32, &[0.0, 0.0, 2.0, 2.0]),
        ("ReLU above 2", output(ReLU::new().threshold(2.0), &x), DType::I32, &[0.0, 0.0, 0.0, 7.0]),
        ("ReLU of bools", output(ReLU::new(), &bools), DType::I32, &[1.0, 0.0, 1.0, 1.0]),
        (
            "ReLU of bools above 1",
            output(ReLU::new().threshold(1.0), &bools),
            DType::I32,
            &[0.0, 0.0, 0.0, 0.0],
        ),
        (
            "tanh",
            output(Activation::new("tanh"), &x),
            DType::F32,
            &[-0.761_594_176, 0.0, 0.964_027_584, 0.999_998_331],
        ),
        ("relu", output(Activation::new("relu"), &x), DType::I32, &[0.0, 0.0, 2.0, 7.0]),
    ]);
}

/// The largest of bools is a bool, as in Keras on JAX.
#[test]
fn largest_of_bools() {
    let steps =
        Tensor::from([true, false, false, false, true, true, false, true]).reshape([1, 8, 1]).unwrap();
    let image = steps.reshape([1, 2, 4, 1]).unwrap();
    let same = MaxPooling1D::new().pool_size(3).padding("same");
    check([
        ("MaxPooling1D", output(MaxPooling1D::new(), &steps), DType::Bool, &[1.0, 0.0, 1.0, 1.0]),
        ("MaxPooling1D, same", output(same, &steps), DType::Bool, &[1.0, 1.0, 1.0]),
        ("MaxPooling2D", output(MaxPooling2D::new(), &image), DType::Bool, &[1.0, 1.0]),
        ("GlobalMaxPooling1D", output(GlobalMaxPooling1D::new(), &steps), DType::Bool, &[1.0]),
        ("GlobalMaxPooling2D", output(GlobalMaxPooling2D::new(), &image), DType::Bool, &[1.0]),
        ("AdaptiveMaxPooling1D", output(AdaptiveMaxPooling1D::new(3), &steps), DType::Bool, &[1.0, 1.0, 1.0]),
        (
            "relu",
            output(Activation::new("relu"), &steps),
            DType::I32,
            &[1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0],
        ),
    ]);
}

#[test]
fn means_and_images() {
    let steps = Tensor::from([-1i32, 0, 2, 7]).reshape([1, 4, 1]).unwrap();
    let image = steps.reshape([1, 2, 2, 1]).unwrap();
    let row = Tensor::from([0i32, 3, -2, 7]).reshape([1, 1, 4, 1]).unwrap();
    let wide = UpSampling2D::new().size((1, 2)).interpolation("bilinear");
    check([
        ("GlobalAveragePooling1D", output(GlobalAveragePooling1D::new(), &steps), DType::F32, &[2.0]),
        ("GlobalAveragePooling2D", output(GlobalAveragePooling2D::new(), &image), DType::F32, &[2.0]),
        ("AveragePooling1D", output(AveragePooling1D::new(), &steps), DType::F32, &[-0.5, 4.5]),
        ("GlobalMaxPooling1D", output(GlobalMaxPooling1D::new(), &steps), DType::I32, &[7.0]),
        (
            "AdaptiveAveragePooling1D",
            output(AdaptiveAveragePooling1D::new(2), &steps),
            DType::F32,
            &[-0.5, 4.5],
        ),
        ("UpSampling2D", output(wide, &row), DType::I32, &[0.0, 1.0, 2.0, 2.0, -1.0, 0.0, 5.0, 7.0]),
        // In inference the image is as it was.
        ("RandomCrop", output(RandomCrop::new(1, 1), &image), DType::I32, &[-1.0, 0.0, 2.0, 7.0]),
    ]);
}

/// Keras goes back to the dtype of the input, which leaves whole numbers; some layers then give them as floats.
#[test]
fn normalization() {
    let x = Tensor::from([[-3i32, 0, 2, 7]]);
    let bools = Tensor::from([[true, false, true, true]]);
    let groups = || GroupNormalization::new().groups(2);
    let batch = [-2.998_501, 0.0, 1.999_000_7, 6.996_502_4];
    let spectral = || {
        SpectralNormalization::new(
            Dense::new(2).kernel_initializer(cornu::initializers::Constant::new().value(0.3)),
        )
    };
    check([
        ("BatchNormalization", output(BatchNormalization::new(), &x), DType::F32, &batch),
        ("LayerNormalization", output(LayerNormalization::new(), &x), DType::F32, &[-1.0, 0.0, 0.0, 1.0]),
        (
            "LayerNormalization with beta",
            output(
                LayerNormalization::new().beta_initializer(cornu::initializers::Constant::new().value(2.7)),
                &x,
            ),
            DType::F32,
            &[1.0, 2.0, 2.0, 4.0],
        ),
        ("LayerNormalization of bools", output(LayerNormalization::new(), &bools), DType::F32, &[1.0; 4]),
        ("GroupNormalization", output(groups(), &x), DType::F32, &[0.0; 4]),
        ("GroupNormalization of bools", output(groups(), &bools), DType::F32, &[1.0, 1.0, 0.0, 0.0]),
        ("RMSNormalization", output(RMSNormalization::new(), &x), DType::I32, &[0.0, 0.0, 0.0, 1.0]),
        (
            "RMSNormalization of bools",
            output(RMSNormalization::new(), &bools),
            DType::Bool,
            &[1.0, 0.0, 1.0, 1.0],
        ),
        ("SpectralNormalization", output(spectral(), &x), DType::I32, &[1.0, 1.0]),
        ("SpectralNormalization of bools", output(spectral(), &bools), DType::Bool, &[1.0, 1.0]),
    ]);
    let input = Input::new([4]).dtype("int32").tensor();
    let error = Model::new([&input], [UnitNormalization::new().apply(&input)]).unwrap_err().to_string();
    assert!(error.contains("takes floats, as in Keras, got int32"), "{error}");
}
