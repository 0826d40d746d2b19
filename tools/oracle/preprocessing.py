"""Writes what Keras computes for preprocessing layers, for the test `crates/cornu/tests/keras_preprocessing.rs`.

    KERAS_BACKEND=jax python tools/oracle/preprocessing.py testdata/keras

Random layers are given ranges of a single value, so that nothing is left to chance. Versions are pinned in
requirements.txt beside this file.
"""

import json
import pathlib
import sys

import keras
import numpy as np
from catalogue import array
from keras import layers as L

assert keras.backend.backend() == "jax", "set KERAS_BACKEND=jax"
RNG = np.random.default_rng(3)


def plain(value):
    """JSON without what Keras adds for its own use, and dtypes by their names."""
    if isinstance(value, dict):
        if value.get("class_name") == "DTypePolicy":
            return value["config"]["name"]
        return {k: plain(v) for k, v in value.items() if k not in ("shared_object_id", "build_config")}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def images(*shape, high=255.0):
    return RNG.uniform(0, high, shape).astype("float32")


def numbers(*shape):
    return RNG.normal(size=shape).astype("float32")


def ints(*shape, high=6):
    return RNG.integers(0, high, shape).astype("int32")


FIRST = {"data_format": "channels_first"}
X, XF = images(2, 6, 5, 3), images(2, 3, 6, 5)
UNIT = images(2, 6, 5, 3, high=1.0)

# A layer, its input, and whether it trains.
CASES = [
    (L.RandomBrightness((0.3, 0.3)), X, True),
    (L.RandomContrast((0, 0)), X, True),
    (L.RandomContrast((0.2, 0.2), **FIRST), XF, False),
    (L.RandomSaturation((0.7, 0.7)), X / 255, True),
    (L.RandomSaturation((0.2, 0.2), value_range=(0, 1)), UNIT, True),
    (L.RandomSaturation((0.6, 0.6), value_range=(0, 1), **FIRST), XF / 255, True),
    (L.RandomSharpness((0.8, 0.8)), X, True),
    (L.RandomSharpness((0.1, 0.1), **FIRST), XF, True),
    (L.RandomColorDegeneration((0.4, 0.4)), X, True),
    (L.RandomGrayscale(1.0), X, True),
    (L.RandomInvert((1, 1)), X, True),
    (L.RandomInvert((0, 0)), X, True),
    (L.RandomPosterization(3), X, False),
    (L.RandomPosterization((3, 3)), X, True),
    (L.RandomPosterization((6, 6), value_range=(0, 1)), UNIT, True),
    (L.Solarization((0.2, 0.2), (0.5, 0.5)), X, False),
    (L.RandomGaussianBlur((0, 0)), X, True),
    (L.RandomErasing((0, 0)), X, True),
    (L.RandomElasticTransform((0, 0)), X, False),
    (L.RandomPerspective((0, 0)), X, False),
    (L.AutoContrast(), X, True),
    (L.AutoContrast(value_range=(0, 1)), UNIT, False),
    (L.Equalization(), np.round(X), True),
    (L.Equalization(bins=64), np.round(X), True),
    (L.Equalization(**FIRST), np.round(XF), True),
    (L.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2)), X, True),
    (L.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(3, 2), clip_limit=0.0), X, False),
    (L.RandomTranslation((0.2, 0.2), (-0.3, -0.3)), X, True),
    (L.RandomTranslation((0.5, 0.5), (0.1, 0.1), fill_mode="constant", fill_value=7.0), X, True),
    (L.RandomTranslation((-0.5, -0.5), (0.86, 0.86), fill_mode="wrap", interpolation="nearest", **FIRST), XF, True),
    (L.RandomRotation((0.1, 0.1)), X, True),
    (L.RandomRotation((-0.3, -0.3), fill_mode="nearest"), X, True),
    (L.RandomRotation((0.25, 0.25), fill_mode="constant", **FIRST), XF, True),
    (L.RandomZoom((0.4, 0.4)), X, True),
    (L.RandomZoom((-0.3, -0.3), (0.2, 0.2), fill_mode="wrap"), X, True),
    (L.RandomCrop(4, 9), X, True),
    (L.RandomCrop(4, 4), X, False),
    (L.RandomFlip("vertical"), X, False),
    (L.CenterCrop(3, 2), X, False),
    (L.CenterCrop(8, 4, **FIRST), XF, False),
    (L.Resizing(4, 9, interpolation="lanczos3", antialias=True), X, False),
    (L.Resizing(4, 9, interpolation="bicubic", crop_to_aspect_ratio=True), X, False),
    (L.Resizing(4, 9, pad_to_aspect_ratio=True, fill_value=3.0), X, False),
    (L.Resizing(9, 3, interpolation="nearest"), ints(2, 6, 5, 1, high=200).astype("uint8"), False),
    (L.Resizing(9, 3, interpolation="bicubic"), ints(2, 6, 5, 1, high=255).astype("uint8"), False),
    (L.Rescaling(0.5, offset=[1.0, 2.0, 3.0]), X, False),
    (L.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.0, 1.0]), X, False),
    (L.Normalization(axis=None, mean=2.0, variance=9.0, invert=True), X, False),
    (L.Discretization(bin_boundaries=[-1.0, 0.0, 0.5]), numbers(3, 4), False),
    (L.Discretization(bin_boundaries=[-1.0, 0.0, 0.5], output_mode="multi_hot"), numbers(3, 4), False),
    (L.CategoryEncoding(6, output_mode="count"), ints(3, 4), False),
    (L.CategoryEncoding(6, output_mode="one_hot"), ints(3, 1), False),
    (L.CategoryEncoding(6), ints(3, 2, 2), False),
    (L.MelSpectrogram(fft_length=32, sequence_stride=8, num_mel_bins=6, sampling_rate=800), numbers(2, 64), False),
    (L.MelSpectrogram(32, 10, 20, "hamming", 800, 6, power_to_db=False, mag_exp=1.0), numbers(2, 64), False),
    (L.STFTSpectrogram("psd", 16, 8), numbers(2, 64, 2), False),
    (L.STFTSpectrogram("stft", 16, 8, 32, expand_dims=True), numbers(2, 64, 2), False),
    (L.STFTSpectrogram("magnitude", 12, 5, padding="same", **FIRST), numbers(2, 2, 40), False),
    (L.GroupNormalization(3), numbers(2, 5, 6), False),
    (L.GroupNormalization(-1, axis=1), numbers(2, 5, 6), True),
    (L.RMSNormalization(axis=[-2, -1]), numbers(2, 5, 6), True),
    (L.UnitNormalization(axis=1), numbers(2, 5, 6), False),
    (L.AdaptiveAveragePooling2D((4, 2)), X, False),
    (L.AdaptiveMaxPooling2D((4, 3), **FIRST), XF, False),
    (L.AdaptiveMaxPooling1D(3), numbers(2, 8, 2), False),
    (L.AdaptiveAveragePooling3D(2), numbers(1, 3, 4, 5, 2), False),
]


def case(layer, x, training):
    y = np.asarray(layer(x, training=training) if "training" in layer._call_signature.parameters else layer(x))
    config = plain(layer.get_config())
    words = ", ".join(f"{k}={v}" for k, v in config.items() if k not in ("name", "trainable", "dtype"))
    name = f"{layer.__class__.__name__} {words}{' training' if training else ''}"
    saved = {"class_name": layer.__class__.__name__, "config": config}
    return {"case": name, **saved, "training": training, "x": array(x), "y": array(y)}


def main(folder):
    keras.utils.set_random_seed(1)
    cases = [case(*c) for c in CASES]
    text = "[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n"
    (pathlib.Path(folder) / "preprocessing.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])
