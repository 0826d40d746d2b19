"""Writes testdata/keras/ops.json: what functions of `keras.ops` give on arrays, for `crates/cornu/tests/keras_ops.rs`.

    KERAS_BACKEND=jax python tools/oracle/host_ops.py testdata/keras/ops.json

Each case has a name, which the test knows, the inputs and the outputs, as dtype, shape and data.
"""

import json
import sys

import numpy as np
from keras import ops

rng = np.random.default_rng(0)
x = np.array([3.0, 1, 2, 7, 5], "float32")
table = rng.normal(size=(2, 3, 4)).astype("float32")
holes = np.where(rng.uniform(size=(3, 4)) < 0.4, np.nan, rng.normal(size=(3, 4))).astype("float32")
holes[1] = np.nan
whole = np.array([3, 1, 2, 3, 1, 9], "int32")
rows = np.array([[1, 2], [0, 5], [1, 2], [0, 5], [7, 0]], "int32")
shares = np.array([0, 0.1, 0.375, 0.5, 0.6, 0.625, 0.875, 1], "float32")
ids = np.array([0, 0, 2, 2, 2, 5], "int32")


def cases():
    for method in ["linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf"]:
        yield f"quantile {method}", lambda x, q, m=method: ops.quantile(x, q, method=m), x, shares
        yield f"nanquantile {method}", lambda x, q, m=method: ops.nanquantile(x, q, axis=1, method=m), holes, shares
    yield "quantile axes", lambda x, q: ops.quantile(x, q, axis=(0, 2), keepdims=True), table, shares[1:3]
    yield "quantile scalar", lambda x: ops.quantile(x, 0.3, axis=-1), table
    yield "quantile integers", lambda x: ops.quantile(x, 0.3), whole
    yield "quantile holes", lambda x: ops.quantile(x, 0.3, axis=0), holes
    yield "percentile", lambda x: ops.percentile(x, 30, axis=1), table
    yield "nanpercentile", lambda x: ops.nanpercentile(x, [20, 70], axis=1, keepdims=True), holes
    yield "histogram", lambda x: ops.histogram(x, 4), x
    yield "histogram range", lambda x: ops.histogram(x, 5, (2, 6)), x
    yield "histogram integers", lambda x: ops.histogram(x, 3), whole
    yield "histogram point", lambda x: ops.histogram(x, 3), np.array([2.0, 2.0], "float32")
    yield "bincount", lambda x: ops.bincount(x), whole
    yield "bincount long", lambda x: ops.bincount(x, minlength=12), whole
    yield "bincount weights", lambda x, w: ops.bincount(x, weights=w), whole, np.arange(6, dtype="float32") / 2
    yield "nonzero", ops.nonzero, rows
    yield "unique", ops.unique, whole
    everything = dict(return_index=True, return_inverse=True, return_counts=True)
    yield "unique all", lambda x: ops.unique(x, **everything), whole
    yield "unique table", lambda x: ops.unique(x, **everything), rows
    yield "unique size", lambda x: ops.unique(x, size=6, **everything), whole
    yield "unique fill", lambda x: ops.unique(x, size=7, fill_value=-7, **everything), whole
    yield "unique cut", lambda x: ops.unique(x, size=2, **everything), whole
    yield "unique rows", lambda x: ops.unique(x, axis=0, **everything), rows
    yield "unique columns", lambda x: ops.unique(x, axis=1, **everything), rows[[0, 0, 2]]
    yield "unique floats", lambda x: ops.unique(x, **everything), np.array([2.5, np.nan, 1, 2.5, np.nan], "float32")
    yield "unravel_index", lambda x: ops.unravel_index(x, (2, 3)), np.array([5, 0, 3, -1, 7], "int32")
    yield "vander", ops.vander, x
    yield "vander rising", lambda x: ops.vander(x, 3, increasing=True), whole
    yield "view int32", lambda x: ops.view(x, "int32"), x
    yield "view uint8", lambda x: ops.view(x, "uint8"), x
    yield "view int16", lambda x: ops.view(x, "int16"), np.array([[1, 2, 3, 4]], "uint8")
    yield "select", lambda x, y: ops.select([x > 4, y > 2], [x, y], 0.5), x, whole[:5]
    yield "trapezoid", lambda x: ops.trapezoid(x, dx=0.5), table
    yield "trapezoid places", lambda y, x: ops.trapezoid(y, x), x, np.array([0, 1, 3, 4, 8], "float32")
    yield "trapezoid axis", lambda y, x: ops.trapezoid(y, x, axis=1), table, np.array([0, 1, 5], "float32")
    yield "trapezoid integers", lambda x: ops.trapezoid(x), whole
    yield "geomspace", lambda a, b: ops.geomspace(a, b, 5), np.array([1, -2], "float32"), np.array([100, -64], "float32")
    yield "geomspace integers", lambda a, b: ops.geomspace(a, b, 9, dtype="int32"), np.array(1, "int32"), np.array(256, "int32")
    yield "geomspace open", lambda a, b: ops.geomspace(a, b, 4, endpoint=False, axis=-1), x, x * 16
    for name in ["sum", "max", "min", "prod"]:
        segment = getattr(ops, f"segment_{name}")
        yield f"segment_{name}", lambda x, i, f=segment: f(x, i, num_segments=6), np.repeat(table[0, 0, :3], 4).reshape(6, 2), ids
        yield f"segment_{name} integers", lambda x, i, f=segment: f(x, i, num_segments=7), whole, ids
    yield "allclose", ops.allclose, x, x + 1e-6
    yield "allclose not", ops.allclose, x, x + 1e-3
    yield "allclose holes", lambda a, b: ops.allclose(a, b, equal_nan=True), holes, holes
    yield "slice", lambda x: ops.slice(x, [1, 0, 3], [1, 2, 1]), table
    yield "slice moved", lambda x: ops.slice(x, [3], [4]), x
    yield "slice rest", lambda x: ops.slice(x, [2], [-1]), x
    yield "slice_update", lambda x, y: ops.slice_update(x, [4], y), x, np.array([9, 8], "float32")
    yield "multi_hot", lambda x: ops.multi_hot(x, 4), np.array([[1, 3], [0, 0], [-1, 7]], "int32")
    yield "multi_hot vector", lambda x: ops.multi_hot(x, 4, dtype="int32"), np.array([1, 3, -1], "int32")
    yield "arange", lambda: ops.arange(5)
    yield "arange floats", lambda: ops.arange(0.0, 1.0, 0.3)
    yield "arange down", lambda: ops.arange(5, 0, -2)
    yield "arange half", lambda: ops.arange(0, 3, 0.5, dtype="float16")
    yield "eye", lambda: ops.eye(3, 4, 1)
    yield "tri", lambda: ops.tri(3, 5, -1, dtype="int32")
    yield "identity", lambda: ops.identity(2)
    yield "full", lambda: ops.full((2, 3), 3)
    for name in ["bartlett", "blackman", "hamming", "hanning"]:
        for n in [0, 1, 2, 5, 6]:
            yield f"{name} {n}", lambda n=n, f=getattr(ops, name): f(n)
    yield "kaiser 1", lambda: ops.kaiser(1, 14.0)
    yield "kaiser 6", lambda: ops.kaiser(6, 14.0)
    logits = rng.normal(size=(3, 7, 4)).astype("float32") * 2
    lengths = np.array([7, 4, 1], "int32")
    for merge in [True, False]:
        yield f"ctc_decode greedy {merge}", lambda x, n, m=merge: ops.ctc_decode(x, n, "greedy", merge_repeated=m, mask_index=1), logits, lengths
    for width, top in [(100, 3), (4, 1), (5, 4)]:
        beams = dict(strategy="beam_search", beam_width=width, top_paths=top)
        yield f"ctc_decode {width} {top}", lambda x, n, b=beams: ops.ctc_decode(x, n, **b), logits, lengths
    yield "ctc_decode blank", lambda x, n: ops.ctc_decode(x, n, "beam_search", 6, 2, mask_index=3), logits, lengths
    target = np.array([[1, 2, 2], [3, 1, 0], [2, 0, 0]], "int32")
    yield "ctc_loss", ops.ctc_loss, target, logits, np.array([3, 2, 1], "int32"), lengths
    yield "ctc_loss blank", lambda *a: ops.ctc_loss(*a, mask_index=3), target * 2 // 3, logits, np.array([3, 1, 1], "int32"), np.array([7, 7, 3], "int32")
    yield from images()
    yield from rare()


def rare():
    plane = np.array([[1, 5, 2], [4, 0, 3]], "float32")
    ints, truth = plane.astype("int32"), np.array([True, False, True])
    yield "max initial", lambda x: ops.max(x, axis=1, initial=3), plane
    yield "max initial integers", lambda x: ops.max(x, keepdims=True, initial=7.5), ints
    yield "max initial nothing", lambda x: ops.max(x, axis=0, initial=-1), np.zeros((0, 3), "float32")
    yield "max initial bools", lambda x: ops.max(x, initial=True), truth[1:2]
    yield "min initial", lambda x: ops.min(x, axis=0, initial=1), plane
    yield "repeat each", lambda x: ops.repeat(x, np.array([2, 0, 1]), axis=1), plane
    yield "repeat row", lambda x: ops.repeat(x, np.array([2, 0, 1, 1, 3, 0])), ints
    yield "repeat one", lambda x: ops.repeat(x, np.array([2]), axis=0), ints
    yield "cross axis", lambda x, y: ops.cross(x, y, axis=0), plane.T, plane.T[::-1] * 2
    yield "cross flat", lambda x, y: ops.cross(x, y), plane, plane[:, :2] + 1
    yield "cross first", lambda x, y: ops.cross(x, y, axisa=0, axisc=0), plane.T, plane[::-1] + 1
    yield "clip low", lambda x: ops.clip(x, 2, None), plane
    yield "clip high", lambda x: ops.clip(x, None, 3), ints
    yield "sort all", lambda x: ops.sort(x, axis=None), plane
    yield "softmax axes", lambda x: ops.softmax(x, axis=(0, 2)), np.stack([plane, plane * 0.3])
    yield "log_softmax axes", lambda x: ops.log_softmax(x, axis=(1, 2)), np.stack([plane, plane * 0.3])
    yield "size", lambda x: np.int32(ops.size(x)), plane
    yield "ndim", lambda x: np.int32(ops.ndim(x)), plane
    yield "top_k unsorted", lambda x: ops.top_k(x, 2, sorted=False), plane
    yield "gcd bools", ops.gcd, truth, np.array([4, 6, 3], "int32")
    yield "lcm bools", ops.lcm, truth, np.array([4, 6, 3], "int32")
    yield "segment_max bools", lambda x, i: ops.segment_max(x, i, num_segments=3), truth, np.array([0, 0, 1], "int32")
    yield "segment_min bools", lambda x, i: ops.segment_min(x, i, num_segments=3), truth, np.array([0, 0, 1], "int32")
    line = np.arange(1, 7, dtype="float32")
    for n, m in [(2, 5), (5, 2), (4, 6), (3, 5), (3, 3), (1, 4)]:
        for mode in ["valid", "same", "full"]:
            yield f"correlate {mode} {n} {m}", lambda x, y, k=mode: ops.correlate(x, y, mode=k), line[:n], line[:m] ** 2
    yield "sinc half", ops.sinc, (line * 0.7 - 2).astype("float16")
    yield "negative unsigned", ops.negative, ints.astype("uint32")
    for axis in [None, 0, (0, 1), ()]:
        yield f"count_nonzero {axis}", lambda x, a=axis: ops.count_nonzero(x, axis=a), ints
    for mode in ["reflect", "symmetric"]:
        yield f"pad {mode}", lambda x, m=mode: ops.pad(x, ((1, 2),), m), ints[:1].astype("uint32")
    for num in [0, 1, 2]:
        yield f"linspace {num}", lambda a, b, n=num: ops.linspace(a, b, n), line[:2], line[2:4]
    matrices = np.random.default_rng(2).normal(size=(3, 4, 4)).astype("float32")
    yield "eig", sorted_eigenvalues, matrices
    yield "eig integers", sorted_eigenvalues, np.array([[1, 2], [3, 4]], "int32")
    yield "dot 3", ops.dot, line.reshape(1, 2, 3), np.stack([plane.T, plane.T * 2])


def sorted_eigenvalues(x):
    values = np.sort_complex(np.asarray(ops.eig(x)[0]))
    return values.real, values.imag


def images():
    own = np.random.default_rng(1)
    image = own.uniform(size=(2, 5, 4, 3)).astype("float32")
    first = np.moveaxis(image, -1, 1)
    grid = own.normal(size=(3, 4)).astype("float32")
    places = own.uniform(-9, 9, size=(2, 3, 5)).astype("float32")
    places[:, 0] = [[0, 1.5, -1, 2.5, 2], [3, 3.5, -0.5, 4, 0]]
    whole = np.round(grid * 9).astype("int32")
    i = ops.image
    for order in [0, 1]:
        for mode in ["constant", "nearest", "wrap", "mirror", "reflect"]:
            yield f"map_coordinates {order} {mode}", lambda x, c, a=(order, mode, 0.5): i.map_coordinates(x, c, *a), grid, places
            yield f"map_coordinates {order} {mode} integers", lambda x, c, a=(order, mode, 7): i.map_coordinates(x, c, *a), whole, places
    yield "map_coordinates 1 constant volume", lambda x, c: i.map_coordinates(x, c, 1, fill_value=0.5), image[0], own.uniform(-1, 4, size=(3, 6)).astype("float32")
    yield "map_coordinates 1 constant half", lambda x, c: i.map_coordinates(x, c, 1, fill_value=0.5), grid.astype("float16"), places
    yield "map_coordinates 1 wrap places", lambda x, c: i.map_coordinates(x, c, 1, "wrap"), grid, places.astype("int32")
    start = np.array([[0, 0], [4, 0], [0, 5], [4, 5]], "float32")
    end = np.stack([start + own.normal(size=(4, 2)) * 0.7, start[[2, 0, 3, 1]] * 0.8]).astype("float32")
    both = np.stack([start, start + 0.3])
    for how in ["bilinear", "nearest"]:
        yield f"perspective_transform {how}", lambda x, a, b, h=how: i.perspective_transform(x, a, b, h, 0.5), image, both, end
        yield f"perspective_transform {how} first", lambda x, a, b, h=how: i.perspective_transform(x, a, b, h, data_format="channels_first"), first, both, end
        yield f"perspective_transform {how} one", lambda x, a, b, h=how: i.perspective_transform(x, a, b, h), image[0], both[0], end[0]
    for method in ["linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5"]:
        for antialias in [True, False]:
            moved = lambda x, s, t, a=(method, antialias): i.scale_and_translate(x, (2, 3, 7, 3), s, t, (1, -2), *a)
            yield f"scale_and_translate {method} {antialias}", moved, image, np.array([0.55, 1.7], "float32"), np.array([0.3, -1.2], "float32")
    yield "scale_and_translate integers", lambda x, s, t: i.scale_and_translate(x, (6, 9), s, t, (0, 1), "linear"), grid, np.array([2, 3], "int32"), np.array([-1, 1], "int32")
    yield "sobel_edges last", i.sobel_edges, image
    yield "sobel_edges first", lambda x: i.sobel_edges(x, "channels_first"), first
    yield "sobel_edges integers", i.sobel_edges, np.round(image * 9).astype("int32")
    other = (image + own.normal(size=image.shape) * 0.1).astype("float32")
    yield "ssim small", lambda x, y: i.ssim(x, y, filter_size=3), image, other
    yield "ssim first", lambda x, y: i.ssim(x, y, filter_size=3, data_format="channels_first"), first, np.moveaxis(other, -1, 1)
    yield "ssim one", lambda x, y: i.ssim(x, y, 2.0, 4, 0.8, 0.1, 0.2), image[0], other[0]
    yield "ssim bytes", lambda x, y: i.ssim(x, y, 255.0, 3), (image * 255).astype("uint8"), (other * 100 + 50).astype("uint8")
    yield "ssim default", i.ssim, own.uniform(size=(12, 13, 1)).astype("float32"), own.uniform(size=(12, 13, 1)).astype("float32")
    volume = own.uniform(size=(2, 4, 5, 3, 2)).astype("float32")
    yield "extract_patches_3d same", lambda x: i.extract_patches_3d(x, 2, padding="same"), volume
    yield "extract_patches_3d sizes", lambda x: i.extract_patches_3d(x, (2, 3, 1), (1, 2, 1)), volume[0]
    yield "extract_patches_3d stretched", lambda x: i.extract_patches_3d(x, 2, 1, 2), volume[:1]
    yield "extract_patches_3d first", lambda x: i.extract_patches_3d(x, (2, 2, 3), data_format="channels_first"), np.moveaxis(volume, -1, 1)
    yield "extract_patches volume", lambda x: i.extract_patches(x, (2, 2, 1)), volume[0]


def saved(array):
    """As `crates/cornu/tests/oracle` reads it; what JSON has no number for is a word."""
    array = np.asarray(array)
    # As few digits as tell float32 numbers apart.
    values = array.astype("float32" if array.dtype.kind == "f" and array.itemsize < 8 else "float64").ravel()
    data = [float(str(v)) if np.isfinite(v) else str(v) for v in values]
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


found = []
for name, function, *inputs in cases():
    outputs = function(*inputs)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    found.append({"name": name, "inputs": [saved(i) for i in inputs], "outputs": [saved(o) for o in outputs]})
with open(sys.argv[1], "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case) for case in found) + "\n]\n")
print(f"{len(found)} cases")
