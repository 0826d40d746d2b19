"""Checks functions of `keras.ops` in models that Keras saved, against Keras itself.

    KERAS_BACKEND=jax python tools/oracle/ops.py target/release/cornu [part of a name]...

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

    yield from image_transforms(image, first)
    yield from rare_arguments()

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
    yield from networks()
    yield from tables()


def image_transforms(image, first):
    i = ops.image
    grid, places = normal(5, 6), uniform(2, 4, 3, low=-9, high=12)
    for order in [0, 1]:
        for mode in ["constant", "nearest", "wrap", "mirror", "reflect"]:
            mapped = lambda x, c, a=(order, mode, 0.5): i.map_coordinates(x, c, *a)
            yield f"map_coordinates {order} {mode}", mapped, grid, places
    yield "map_coordinates constant", lambda x: i.map_coordinates(x, places, 1), grid
    yield "map_coordinates integers", lambda x, c: i.map_coordinates(x, c, 1, fill_value=3), (grid * 9).astype("int32"), places
    yield "map_coordinates volume", lambda x, c: i.map_coordinates(x, c, 1, "reflect"), image, uniform(4, 7, low=-2, high=9)
    start = np.array([[0, 0], [6, 0], [0, 8], [6, 8]], "float32")
    end = (start + normal(2, 4, 2)).astype("float32")
    both = np.stack([start, start + 0.3])
    for how in ["bilinear", "nearest"]:
        yield f"perspective_transform {how}", lambda x, a, b, h=how: i.perspective_transform(x, a, b, h, 0.5), image, both, end
    yield "perspective_transform first", lambda x, a, b: i.perspective_transform(x, a, b, data_format="channels_first"), first, both, end
    yield "perspective_transform one", lambda x, a, b: i.perspective_transform(x, a, b, fill_value=2), image[0], start, end[0]
    yield "perspective_transform constant", lambda x: i.perspective_transform(x, both, end), image
    scale, translation = np.array([0.55, 1.7], "float32"), np.array([0.3, -1.2], "float32")
    for method in ["linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5"]:
        for antialias in [True, False]:
            moved = lambda x, s, t, a=(method, antialias): i.scale_and_translate(x, (2, 5, 11, 3), s, t, (1, 2), *a)
            yield f"scale_and_translate {method} {antialias}", moved, image, scale, translation
    yield "scale_and_translate constants", lambda x: i.scale_and_translate(x, (2, 5, 11, 3), scale, [0.3, -1.2], (1, -2), "linear"), image
    yield "scale_and_translate named", lambda x, s: i.scale_and_translate(x, [2, 4, 7, 3], s, translation=[1.0], spatial_dims=[1], method="cubic"), image, scale[:1]
    yield "sobel_edges", i.sobel_edges, image
    yield "sobel_edges first", lambda x: i.sobel_edges(x, "channels_first"), first
    large, other = uniform(2, 14, 12, 3), uniform(2, 14, 12, 3)
    other = large * 0.7 + other * 0.3
    yield "ssim", i.ssim, large, other
    yield "ssim one", i.ssim, large[0], other[0]
    yield "ssim arguments", lambda x, y: i.ssim(x, y, 2.0, 5, 0.8, 0.1, 0.2), large, other
    yield "ssim first", lambda x, y: i.ssim(x, y, filter_size=3, data_format="channels_first"), first, first[::-1].copy()
    volume = uniform(2, 5, 6, 4, 2)
    for arguments in [(2, None, 1, "valid"), ((2, 3, 1), (1, 2, 1), 1, "same"), (2, 1, 2, "valid")]:
        yield f"extract_patches_3d {arguments}", lambda x, a=arguments: i.extract_patches_3d(x, *a), volume
    yield "extract_patches_3d one", lambda x: i.extract_patches_3d(x, 2), volume[0]
    yield "extract_patches_3d first", lambda x: i.extract_patches_3d(x, 2, data_format="channels_first"), np.moveaxis(volume, -1, 1)
    for arguments in [(3,), ((2, 3), 1, 1, "same"), (2, 1, 2)]:
        yield f"extract_patches {arguments}", lambda x, a=arguments: i.extract_patches(x, *a), image
    # Nothing is pulled: what is drawn is no matter.
    yield "elastic_transform still", lambda x: i.elastic_transform(x, 0.0, 2.0, "bilinear", "wrap", seed=1), image


def rare_arguments():
    x, whole = normal(3, 4), np.array([[1, 5, 2], [4, 0, 3]], "int32")
    yield "max initial", lambda x: ops.max(x, axis=1, initial=0.5), x
    yield "min initial", lambda x: ops.min(x, axis=0, keepdims=True, initial=2), whole
    yield "cross axis", lambda x, y: ops.cross(x, y, axis=0), x, normal(3, 4)
    yield "cross flat", lambda x, y: ops.cross(x, y), normal(2, 3), normal(2, 2)
    yield "clip low", lambda x: ops.clip(x, 0.2, None), x
    yield "softmax axes", lambda x: ops.softmax(x, axis=(0, 1)), x
    yield "size", lambda x: x * ops.size(x), x
    yield "top_k unsorted", lambda x: ops.top_k(x, 2, sorted=False)[0], x
    yield "gcd bools", lambda x: ops.gcd(x > 1, 3), whole
    yield "correlate even", lambda x, y: ops.correlate(x, y, "same"), normal(2), normal(5)
    yield "convert_to_tensor", lambda x: ops.convert_to_tensor(x, "float16", sparse=False), x


def networks():
    line, image, volume = normal(2, 9, 4), normal(2, 8, 7, 4), normal(1, 5, 4, 6, 2)
    first = np.moveaxis(image, -1, 1)
    for name in ["max_pool", "average_pool"]:
        pool = getattr(ops, name)
        for padding in ["valid", "same"]:
            yield f"{name} {padding}", lambda x, f=pool, p=padding: f(x, (3, 2), 2, p), image
        yield f"{name} line", lambda x, f=pool: f(x, 2, 2), line
        yield f"{name} volume", lambda x, f=pool: f(x, 2, 1), volume
        yield f"{name} channels first", lambda x, f=pool: f(x, 2, 1, data_format="channels_first"), first
    for name in ["adaptive_max_pool", "adaptive_average_pool"]:
        pool = getattr(ops, name)
        yield name, lambda x, f=pool: f(x, (3, 5)), image
        yield f"{name} channels first", lambda x, f=pool: f(x, (3, 5), "channels_first"), first
    kernel = normal(3, 2, 4, 5)
    for padding in ["valid", "same"]:
        for strides, dilation in [(1, 1), (2, 1), (1, 2), ((2, 1), 1)]:
            arguments = (strides, padding, "channels_last", dilation)
            yield f"conv {arguments}", lambda x, k, a=arguments: ops.conv(x, k, *a), image, kernel
            yield f"depthwise_conv {arguments}", lambda x, k, a=arguments: ops.depthwise_conv(x, k, *a), image, normal(3, 2, 4, 2)
        for strides, extra in [(1, None), (2, None), (3, 1)]:
            arguments = (strides, padding, extra)
            yield f"conv_transpose {arguments}", lambda x, k, a=arguments: ops.conv_transpose(x, k, *a), image, normal(3, 2, 5, 4)
    yield "conv volume", lambda x, k: ops.conv(x, k, 2, "same"), volume, normal(2, 3, 2, 2, 3)
    yield "conv channels first", lambda x, k: ops.conv(x, k, data_format="channels_first"), first, kernel
    yield "conv constant", lambda x: ops.conv(x, kernel, 2), image
    yield "separable_conv", lambda x, d, p: ops.separable_conv(x, d, p, 2, "same"), image, normal(3, 3, 4, 2), normal(1, 1, 8, 5)
    for arguments in [((2, 3), 1, 0, 1), (2, 2, 1, 2), ((3, 2), (1, 2), (1, 0), (2, 1))]:
        yield f"unfold {arguments}", lambda x, a=arguments: ops.unfold(x, *a), first
        columns = np.asarray(ops.unfold(first, *arguments))
        yield f"fold {arguments}", lambda x, a=arguments: ops.fold(x, (8, 7), *a), columns
    mean, variance, scale, offset = normal(4), uniform(4), normal(4), normal(4)
    yield "batch_normalization", lambda x, m, v: ops.batch_normalization(x, m, v, -1), image, mean, variance
    yield "batch_normalization scale", lambda x, m, v, s: ops.batch_normalization(x, m, v, 3, scale=s, epsilon=0.1), image, mean, variance, scale
    yield "batch_normalization all", lambda x, m, v, o, s: ops.batch_normalization(x, m, v, 1, o, s), first, mean, variance, offset, scale
    yield "layer_normalization", ops.layer_normalization, image
    yield "layer_normalization gamma", lambda x, g: ops.layer_normalization(x, gamma=g), image, scale
    yield "layer_normalization beta", lambda x, b: ops.layer_normalization(x, beta=b, epsilon=0.1), image, offset
    yield "layer_normalization axes", lambda x, g, b: ops.layer_normalization(x, g, b, axis=[1, 2]), image, normal(8, 7), normal(8, 7)
    yield "rms_normalization", lambda x, s: ops.rms_normalization(x, s), image, scale
    yield "rms_normalization alone", lambda x: ops.rms_normalization(x, axis=[2, 3], epsilon=0.1), image
    yield "moments", lambda x: ops.moments(x, [0, 2])[1], image
    yield "moments keepdims", lambda x: ops.moments(x, [0, 2], keepdims=True)[0], image
    query, key, value = normal(2, 5, 6, 8), normal(2, 7, 6, 8), normal(2, 7, 6, 8)
    mask, bias = rng.uniform(size=(2, 1, 5, 7)) < 0.7, normal(2, 6, 5, 7)
    yield "dot_product_attention", ops.dot_product_attention, query, key, value
    yield "dot_product_attention mask", lambda q, k, v, m: ops.dot_product_attention(q, k, v, mask=m, scale=0.4), query, key, value, mask
    yield "dot_product_attention bias", lambda q, k, v, b: ops.dot_product_attention(q, k, v, b), query, key, value, bias
    everything = lambda q, k, v, b, m: ops.dot_product_attention(q, k, v, b, m, 0.3, True)
    yield "dot_product_attention all", everything, query, key, value, bias, mask
    yield "dot_product_attention groups", lambda q, k, v: ops.dot_product_attention(q, k, v, is_causal=True), query, key[:, :5, :2], value[:, :5, :2]
    yield "swish", ops.swish, line
    yield "hard_swish", ops.hard_swish, line
    logits, lengths = normal(3, 7, 4) * 2, np.array([7, 4, 2], "int32")
    target = np.array([[1, 2, 2], [3, 1, 0], [2, 0, 0]], "int32")
    yield "ctc_loss", lambda t, o, n, m: ops.ctc_loss(t, o, n, m), target, logits, np.array([3, 2, 1], "int32"), lengths
    yield "ctc_decode", lambda x, n: ops.ctc_decode(x, n)[0], logits, lengths
    yield "ctc_decode beams", lambda x, n: ops.ctc_decode(x, n, "beam_search", 5, 2)[1], logits, lengths


def tables():
    x, table, whole = uniform(5), normal(2, 6, 4), np.array([3, 1, 2, 3, 1, 9], "int32")
    # Keras's `Quantile` forgets its method.
    yield "quantile", lambda x: ops.quantile(x, 0.3, axis=1), table
    yield "quantile list", lambda x: ops.quantile(x, [0.3, 0.8], axis=1, keepdims=True), table
    yield "quantile tensor", lambda x, q: ops.quantile(x, q, axis=2), table, uniform(3)
    for method in ["linear", "lower", "higher", "midpoint", "nearest"]:
        yield f"percentile {method}", lambda x, m=method: ops.percentile(x, 30, axis=2, method=m), table
        yield f"nanpercentile {method}", lambda x, m=method: ops.nanpercentile(x, 70, axis=-1, method=m), table
        yield f"nanquantile {method}", lambda x, m=method: ops.nanquantile(x, 0.7, axis=1, method=m), table
    yield "histogram", lambda x: ops.histogram(x, 4)[0], x
    yield "histogram edges", lambda x: ops.histogram(x, 4, (0, 2))[1], x
    yield "unique", lambda x: ops.unique(x, size=5), whole
    yield "unique counts", lambda x: ops.unique(x, size=5, fill_value=-1, return_counts=True)[1], whole
    yield "unravel_index", lambda x: ops.unravel_index(x, (2, 5))[1], whole
    yield "vander", lambda x: ops.vander(x, 3), x
    yield "geomspace", lambda a, b: ops.geomspace(a, b, 5), uniform(3, low=1, high=2), uniform(3, low=3, high=9)
    yield "trapezoid", lambda x: ops.trapezoid(x, dx=0.5, axis=1), table
    yield "select", lambda x, y: ops.select([x > 0.5, y > 2], [x, x * 2], 0.5), x, whole[:5]
    yield "allclose", lambda x, y: ops.logical_and(ops.allclose(x, y), x > 0), table, table + 1e-6
    yield "empty_like", lambda x: ops.empty_like(x) * 0, table
    yield "full", lambda x: ops.full((2, 3), x[0, 0, 0]), table
    ids = np.array([0, 0, 2, 2, 2, 5], "int32")
    yield "segment_min", lambda x, i: ops.segment_min(x, i, num_segments=6), table[0], ids
    yield "segment_prod", lambda x, i: ops.segment_prod(x, i, num_segments=6), table[0], ids
    yield "slice", lambda x: ops.slice(x, [0, 2, 1], [2, 3, 2]), table
    yield "slice array", lambda x: ops.slice(x, np.array([1, 2, 0]), (1, 3, 2)), table
    yield "slice tensor", lambda x, i: ops.slice(x, i, (1, 3, 2)), table, np.array([1, 4, 0], "int32")
    yield "slice_update", lambda x, y: ops.slice_update(x, (0, 4, 1), y), table, normal(2, 2, 2)
    yield "multi_hot", lambda x: ops.multi_hot(x, 4), np.array([[1, 3], [0, 0]], "int32")
    yield "rearrange", lambda x: ops.rearrange(x, "a (b c) d -> c (d a) b", c=3), table
    yield "view", lambda x: ops.view(x, "uint32"), np.array([3, -1], "int32")
    yield "add constant", lambda x: x + np.arange(4), table
    yield "take constant", lambda x: ops.take(x, np.array([2, 0]), axis=1), table
    yield "get_item", lambda x: x[..., 1:, None, 2], table


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
with tempfile.TemporaryDirectory() as folder:
    for name, f, *data in cases():
        if sys.argv[2:] and not any(part in name for part in sys.argv[2:]):
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
