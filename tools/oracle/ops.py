"""Checks functions of `keras.ops` in models that Keras saved, against Keras itself.

    KERAS_BACKEND=jax python tools/oracle/ops.py target/release/cornu

Each case is a functional model of one op; `cornu predict` must give what the op gives in Keras.
"""

import pathlib
import subprocess
import sys
import tempfile

import keras
import numpy as np
from keras import ops

TOLERANCE = 1e-4
rng = np.random.default_rng(0)


def uniform(*shape, low=0.0, high=1.0):
    return rng.uniform(low, high, shape).astype("float32")


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def cases():
    """Name, function of tensors, data."""
    image, first = uniform(2, 9, 7, 3), uniform(2, 3, 9, 7)
    for how in ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"]:
        for antialias in [False, True]:
            for size in [(5, 4), (13, 11), (9, 3)]:
                resize = lambda x, a=(size, how, antialias): ops.image.resize(x, *a)
                yield f"resize {how} {antialias} {size}", resize, image
    yield "resize channels first", lambda x: ops.image.resize(x, (4, 9), data_format="channels_first"), first
    yield "resize crop", lambda x: ops.image.resize(x, (4, 9), crop_to_aspect_ratio=True), image
    yield "resize pad", lambda x: ops.image.resize(x, (4, 9), pad_to_aspect_ratio=True, fill_value=2.0), image
    maps = np.array([[1, 0.2, 0.3, -0.1, 1.1, -2.2, 0, 0], [0.8, -0.3, 1, 0.2, 0.9, 0.4, 0, 0]], "float32")
    for how in ["bilinear", "nearest"]:
        for mode in ["constant", "nearest", "wrap", "mirror", "reflect"]:
            affine = lambda x, y, a=(how, mode, 0.5): ops.image.affine_transform(x, y, *a)
            yield f"affine_transform {how} {mode}", affine, image, maps
    yield "affine_transform channels first", lambda x, y: ops.image.affine_transform(x, y, data_format="channels_first"), first, maps
    for f in [ops.image.rgb_to_grayscale, ops.image.rgb_to_hsv, ops.image.hsv_to_rgb]:
        yield f.__name__, f, image
        yield f"{f.__name__} channels first", lambda x, f=f: f(x, data_format="channels_first"), first
    for size, sigma in [((3, 3), (1.0, 1.0)), ((5, 3), (2.0, 0.5)), ((4, 4), (1.0, 1.0))]:
        blur = lambda x, a=(size, sigma): ops.image.gaussian_blur(x, *a, data_format="channels_last")
        yield f"gaussian_blur {size} {sigma}", blur, image

    x, y, blocks = normal(3, 6), normal(3, 6), normal(2, 4, 6, 8)
    for f in [ops.hard_silu, ops.hard_tanh, ops.sparse_plus, ops.sparse_sigmoid, ops.tanh_shrink, ops.erfc, ops.glu, ops.sparsemax, ops.squareplus, ops.celu]:
        yield f.__name__, f, x * 2
    yield "erfinv", ops.erfinv, uniform(3, 6, low=-0.9, high=0.9)
    yield "celu 0.7", lambda x: ops.celu(x, 0.7), x
    yield "squareplus 2.5", lambda x: ops.squareplus(x, 2.5), x
    yield "hard_shrink", lambda x: ops.hard_shrink(x, 0.3), x
    yield "soft_shrink", lambda x: ops.soft_shrink(x, 0.3), x
    yield "threshold", lambda x: ops.threshold(x, 0.2, -1), x
    yield "inner", ops.inner, x, y
    yield "kron", ops.kron, x, y
    for form in ["channels_last", "channels_first"]:
        yield f"depth_to_space {form}", lambda x, f=form: ops.depth_to_space(x, 2, f), blocks
        yield f"space_to_depth {form}", lambda x, f=form: ops.space_to_depth(x, 2, f), blocks
    ids = np.array([0, 2, 2], "int32")
    yield "segment_sum", lambda x, i: ops.segment_sum(x, i, num_segments=3), x, ids
    yield "segment_max", lambda x, i: ops.segment_max(x, i, num_segments=3), x, ids
    ordered = np.sort(normal(7))
    places = np.concatenate([ordered[:3], np.array([0.1, -5, 5, 2], "float32")])
    for side in ["left", "right"]:
        yield f"searchsorted {side}", lambda a, b, s=side: ops.searchsorted(a, b, side=s), ordered, places
    for k in range(-1, 5):
        yield f"rot90 {k}", lambda x, k=k: ops.rot90(x, k, axes=(1, 2)), blocks
    yield "rot90 between samples", lambda x: ops.rot90(x, 1, axes=(2, 0)), normal(2, 4, 2)
    labels = np.array([1, 4, 2], "int32")
    hot, share = np.eye(6, dtype="float32")[labels], uniform(3, 6, low=0.05, high=0.9)
    yield "in_top_k", lambda t, p: ops.in_top_k(t, p, 2), labels, share
    yield "binary_crossentropy", ops.binary_crossentropy, hot, share
    yield "binary_crossentropy logits", lambda t, p: ops.binary_crossentropy(t, p, from_logits=True), hot, x
    yield "categorical_crossentropy", ops.categorical_crossentropy, hot, share
    yield "sparse_categorical_crossentropy", ops.sparse_categorical_crossentropy, labels, share
    for order in [1, 2, 3]:
        yield f"normalize {order}", lambda x, o=order: ops.normalize(x, axis=-1, order=o), x
    yield "normalize samples", lambda x: ops.normalize(x, axis=0), x


def predicted(command, folder, f, data):
    inputs = [keras.Input(batch_shape=x.shape, dtype=str(x.dtype), name=f"x{i}") for i, x in enumerate(data)]
    keras.Model(inputs, f(*inputs)).save(folder / "model.keras")
    np.savez(folder / "x.npz", **{f"x{i}": x for i, x in enumerate(data)})
    arguments = ["predict", "model.keras", "--input", "x.npz", "--output", "y.npz"]
    done = subprocess.run([command, *arguments], capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    got = np.load(folder / "y.npz")
    return got[got.files[0]]


command, count, bad, worst = str(pathlib.Path(sys.argv[1]).resolve()), 0, 0, 0.0
with tempfile.TemporaryDirectory() as folder:
    for name, f, *data in cases():
        count += 1
        want = np.asarray(f(*data))
        try:
            got = predicted(command, pathlib.Path(folder), f, data)
            apart = np.abs(np.where(got == want, 0, got.astype("float64")) - np.where(got == want, 0, want.astype("float64")))
            error = float(apart.max())
            worst = max(worst, error)
            problem = None if got.shape == want.shape and error <= TOLERANCE else f"differs by {error:.1e}"
        except Exception as error:
            problem = error
        if problem:
            bad += 1
            print(f"{name}: {problem}")
print(f"{count - bad} of {count} ops like Keras; worst difference {worst:.1e}")
sys.exit(bool(bad))
