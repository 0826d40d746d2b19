"""Checks functions of `keras.ops` in models that Keras saved, against Keras itself.

    KERAS_BACKEND=jax python tools/oracle/ops.py target/release/cornu [first words of a case]

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
    yield from linear_algebra()
    yield from fourier()
    for order in [1, 2, 3]:
        yield f"normalize {order}", lambda x, o=order: ops.normalize(x, axis=-1, order=o), x
    yield "normalize samples", lambda x: ops.normalize(x, axis=0), x


def every(f):
    """All results of `f` in one row."""
    return lambda *x: ops.concatenate([ops.reshape(ops.cast(y, "float32"), (-1,)) for y in f(*x)])


def mended(f):
    """What `f` gives, but vectors that are unique up to their signs are replaced by what has none."""

    def result(x):
        if f == ops.eigh:
            values, vectors = f((x + ops.swapaxes(x, -1, -2)) / 2)
            return [values, ops.abs(vectors)]
        u, s, v = f(x)
        k = s.shape[-1]
        return [s, ops.abs(u[..., :k]), ops.abs(v[..., :k, :]), ops.matmul(u, ops.swapaxes(u, -1, -2)), ops.matmul(v, ops.swapaxes(v, -1, -2))]

    return every(result)


def linear_algebra():
    square, batch, tall, wide = normal(4, 4), normal(2, 3, 4, 4), normal(2, 5, 3), normal(2, 3, 5)
    positive = np.matmul(batch, np.swapaxes(batch, -1, -2)) + np.eye(4, dtype="float32")
    yield "cholesky", ops.cholesky, positive
    yield "cholesky upper", lambda x: ops.cholesky(x, upper=True), positive
    yield "cholesky not symmetric", ops.cholesky, positive + np.triu(batch) * 0.1
    for upper in [False, True]:
        factor = (np.triu if upper else np.tril)(square) + 2 * np.eye(4, dtype="float32")
        yield f"cholesky_inverse {upper}", lambda x, u=upper: ops.cholesky_inverse(x, upper=u), factor
    for name, x in [("", square), (" batch", batch)]:
        for f in [ops.det, ops.inv, ops.logdet, ops.pinv, ops.matrix_rank]:
            yield f"{f.__name__}{name}", f, x
        yield f"slogdet{name}", every(ops.slogdet), x
    yield "det singular", ops.det, np.ones((2, 3, 3), "float32")
    yield "slogdet singular", lambda x: ops.slogdet(x)[0], np.zeros((2, 3, 3), "float32")
    for name, x in [("square", batch), ("tall", tall), ("wide", wide), ("one", normal(1, 1)), ("column", normal(4, 1)), ("row", normal(1, 4)), ("zeros", np.zeros((3, 2), "float32"))]:
        yield f"lu_factor {name}", every(ops.lu_factor), x
        yield f"pinv {name}", ops.pinv, x
        yield f"matrix_rank {name}", ops.matrix_rank, x
        for mode in ["reduced", "complete"]:
            yield f"qr {mode} {name}", every(lambda x, m=mode: ops.qr(x, mode=m)), x
        yield f"svd values {name}", lambda x: ops.svd(x, compute_uv=False), x
        if name != "zeros":
            yield f"svd {name}", mended(ops.svd), x
            yield f"svd reduced {name}", mended(lambda x: ops.svd(x, full_matrices=False)), x
            yield f"svd product {name}", lambda x: product(*ops.svd(x, full_matrices=False)), x
    yield "eigh", mended(ops.eigh), batch
    yield "eigh large", mended(ops.eigh), normal(20, 20)
    yield "svd large", mended(ops.svd), normal(20, 12)
    graded = np.diag(np.array([10, 1, 0.05], "float32"))
    for limit in [0.01, 0.06, 0.2, 2.0]:
        yield f"matrix_rank {limit}", lambda x, l=limit: ops.matrix_rank(x, tol=l), graded
        yield f"pinv {limit}", lambda x, l=limit: ops.pinv(x, rcond=l / 10), graded
    yield "pinv singular", ops.pinv, np.arange(12, dtype="float32").reshape(3, 4)
    for name, a, b in [("vector", square, normal(4)), ("matrix", square, normal(4, 2)), ("batch", batch, normal(2, 3, 4, 2)), ("batch vector", batch, normal(4)), ("broadcast", batch, normal(4, 4))]:
        yield f"solve {name}", ops.solve, a, b
    for name, a, b in [("vector", square, normal(4)), ("matrix", square, normal(4, 2)), ("batch", batch, normal(2, 3, 4, 2)), ("vectors", batch, normal(2, 3, 4))]:
        for lower in [False, True]:
            a = a + 3 * np.eye(4, dtype="float32")
            yield f"solve_triangular {name} {lower}", lambda a, b, l=lower: ops.solve_triangular(a, b, lower=l), a, b
    for name, a, b in [("tall", normal(6, 3), normal(6)), ("wide", normal(3, 6), normal(3, 2)), ("singular", np.ones((4, 3), "float32"), normal(4, 2))]:
        yield f"lstsq {name}", ops.lstsq, a, b
        yield f"lstsq {name} 0.1", lambda a, b: ops.lstsq(a, b, rcond=0.1), a, b
    x = normal(2, 3, 4)
    for keep in [False, True]:
        yield f"norm {keep}", lambda x, k=keep: ops.norm(x, keepdims=k), x
        for order in [None, np.inf, -np.inf, 0, 1, -1, 2, -2, 3, 0.5, -3]:
            yield f"norm vector {order} {keep}", lambda x, o=order, k=keep: ops.norm(x, ord=o, axis=1, keepdims=k), x
        for order in [None, "fro", "nuc", np.inf, -np.inf, 1, -1, 2, -2]:
            for axis in [(1, 2), (-1, 0)]:
                yield f"norm matrix {order} {axis} {keep}", lambda x, o=order, a=axis, k=keep: ops.norm(x, ord=o, axis=a, keepdims=k), x
    yield "norm of all", lambda x: ops.norm(x, ord=1), square
    yield "norm of a vector", lambda x: ops.norm(x, ord=3), normal(5)
    yield "cdist", ops.cdist, normal(2, 3, 4), normal(5, 4)
    for f in [ops.real, ops.imag, ops.conj, ops.conjugate, ops.view_as_real]:
        yield f.__name__, f, x


def product(u, s, v):
    return ops.matmul(u * ops.expand_dims(s, -2), v)


def fourier():
    for shape in [(8,), (2, 3, 12), (2, 67), (2, 100), (1, 257), (1, 1000), (1, 2048), (3, 1)]:
        x, y = normal(*shape), normal(*shape)
        yield f"fft {shape}", every(lambda x, y: ops.fft((x, y))), x, y
        yield f"rfft {shape}", every(ops.rfft), x
        for length in [7, 16]:
            yield f"rfft {shape} {length}", every(lambda x, l=length: ops.rfft(x, l)), x
            yield f"irfft {shape} {length}", lambda x, y, l=length: ops.irfft((x, y), l), x, y
        if shape[-1] > 1:
            yield f"irfft {shape}", lambda x, y: ops.irfft((x, y)), x, y
    for shape in [(4, 5), (2, 70, 6)]:
        x, y = normal(*shape), normal(*shape)
        yield f"fft2 {shape}", every(lambda x, y: ops.fft2((x, y))), x, y
        yield f"ifft2 {shape}", every(lambda x, y: ops.ifft2((x, y))), x, y
    x = normal(2, 50)
    for a in [(8, 3, 12), (8, 4, 8), (16, 16, 16), (7, 2, 9)]:
        yield f"extract_sequences {a}", lambda x, a=a: ops.extract_sequences(x, a[0], a[1]), x
        for window in ["hann", "hamming", None]:
            for center in [True, False]:
                stft = lambda x, a=a, w=window, c=center: ops.stft(x, *a, window=w, center=c)
                yield f"stft {a} {window} {center}", every(stft), x
                back = lambda x, a=a, w=window, c=center, f=stft: ops.istft(f(x), *a, window=w, center=c)
                if a[0] > a[1]:
                    yield f"istft {a} {window} {center}", back, x
                    cut = lambda x, a=a, w=window, c=center, f=stft: ops.istft(f(x), *a, length=30, window=w, center=c)
                    yield f"istft of 30 {a} {window} {center}", cut, x
    yield "stft of few", every(lambda x: ops.stft(x, 8, 3, 16)), normal(5)


def predicted(command, folder, f, data):
    # All data are one sample, so that tensors of any shapes go together.
    inputs = [keras.Input(batch_shape=(1, *x.shape), dtype=str(x.dtype), name=f"x{i}") for i, x in enumerate(data)]
    result = f(*[ops.squeeze(x, 0) for x in inputs])
    keras.Model(inputs, ops.expand_dims(result, 0)).save(folder / "model.keras")
    np.savez(folder / "x.npz", **{f"x{i}": x[None] for i, x in enumerate(data)})
    arguments = ["predict", "model.keras", "--input", "x.npz", "--output", "y.npz"]
    done = subprocess.run([command, *arguments], capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    got = np.load(folder / "y.npz")
    return got[got.files[0]][0]


command, count, bad, worst = str(pathlib.Path(sys.argv[1]).resolve()), 0, 0, 0.0
only = sys.argv[2] if len(sys.argv) > 2 else ""
with tempfile.TemporaryDirectory() as folder:
    for name, f, *data in cases():
        if not name.startswith(only):
            continue
        count += 1
        want = np.asarray(f(*data))
        try:
            got = predicted(command, pathlib.Path(folder), f, data)
            apart = np.abs(np.where(got == want, 0, got.astype("float64")) - np.where(got == want, 0, want.astype("float64")))
            error = float(apart.max() / max(1.0, np.abs(want).max()))
            worst = max(worst, error)
            problem = None if got.shape == want.shape and error <= TOLERANCE else f"differs by {error:.1e}"
        except Exception as error:
            problem = error
        if problem:
            bad += 1
            print(f"{name}: {problem}")
print(f"{count - bad} of {count} ops like Keras; worst difference {worst:.1e}")
sys.exit(bool(bad))
