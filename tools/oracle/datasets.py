"""Writes small data sets in the forms of Keras's files, and what Keras reads of them, to testdata/datasets.

    KERAS_BACKEND=jax python tools/oracle/datasets.py

Keras knows its files by their hashes and its pictures by their number; so it is given the path, and for CIFAR-10 its function for one
file is called.
"""
import io
import json
import os
import pathlib
import pickle
import struct
import zipfile

os.environ.setdefault("KERAS_BACKEND", "jax")
import numpy as np
from keras.src.datasets import cifar, cifar100, imdb, reuters

FOLDER = pathlib.Path(__file__).parents[2] / "testdata" / "datasets"
rng = np.random.default_rng(5)


def python_2(data):
    """The pickle of a dict of lists, strings and arrays of bytes as Python 2 wrote it with protocol 2."""

    def text(value):
        short = len(value) < 256
        return (b"U" + struct.pack("<B", len(value)) if short else b"T" + struct.pack("<i", len(value))) + value

    def number(n):
        return b"K" + struct.pack("<B", n) if n < 256 else b"M" + struct.pack("<H", n)

    def one(value):
        if isinstance(value, bytes):
            return text(value)
        if isinstance(value, int):
            return number(value)
        if isinstance(value, list):
            return b"]q\x02(" + b"".join(one(v) for v in value) + b"e"
        shape = b"(" + b"".join(number(n) for n in value.shape) + b"t"
        array = b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05"
        dtype = b"cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        return array + b"(K\x01" + shape + dtype + b"\x89" + text(value.tobytes()) + b"tb"

    items = b"".join(text(key) + one(value) for key, value in data.items())
    return b"\x80\x02}q\x01(" + items + b"u."


def pictures(count):
    rows = rng.integers(0, 256, (count, 96), dtype="uint8")
    return np.repeat(rows, 32, axis=1)


def sequences(count):
    lists = [[int(w) for w in rng.integers(1, 20, rng.integers(2, 12))] for _ in range(count)]
    array = np.empty(count, dtype=object)
    array[:] = lists
    return array


def older(array):
    """An `.npy` file of objects as NumPy before 2 wrote it."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array))
    text = pickle.dumps(array, protocol=3)
    return stream.getvalue() + text.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def summary(x):
    values = np.asarray(x).astype("float64").reshape(-1)
    total = float(((np.arange(len(values)) % 9973) * values).sum())
    return {"shape": list(x.shape), "dtype": str(x.dtype), "sum": total, "first": values[:40].tolist()}


def plain(data):
    (x_train, y_train), (x_test, y_test) = data
    lists = [[[int(w) for w in x] for x in xs] for xs in (x_train, x_test)]
    labels = [[int(y) for y in ys] for ys in (y_train, y_test)]
    return [lists[0], labels[0], lists[1], labels[1]]


if __name__ == "__main__":
    for name in ("cifar10", "cifar100"):
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
    expected = {}
    parts = []
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        path = FOLDER / "cifar10" / name
        labels = [int(n) for n in rng.integers(0, 10, 2)]
        data = {b"batch_label": b"a batch", b"labels": labels, b"data": pictures(2), b"filenames": [b"a.png", b"b.png"]}
        path.write_bytes(python_2(data))
        x, y = cifar.load_batch(str(path))
        parts.append((x.transpose(0, 2, 3, 1), np.reshape(y, (len(y), 1)).astype("uint8")))
    train = [np.concatenate(arrays) for arrays in zip(*parts[:5])]
    expected["cifar10"] = [summary(x) for x in (*train, *parts[5])]

    for name, count in (("train", 3), ("test", 2)):
        labels = {key: [int(n) for n in rng.integers(0, top, count)] for key, top in ((b"fine_labels", 100), (b"coarse_labels", 20))}
        data = {b"filenames": [b"%d.png" % i for i in range(count)], **labels, b"data": pictures(count)}
        (FOLDER / "cifar100" / name).write_bytes(pickle.dumps(data, protocol=4))
    # Keras joins the folder of the archive to the path.
    real, os.path.join = os.path.join, lambda a, *b: real(a, *[p for p in b if p != "cifar-100-python"])
    cifar100.get_file = lambda **_: str(FOLDER / "cifar100")
    for mode in ("fine", "coarse"):
        (x_train, y_train), (x_test, y_test) = cifar100.load_data(mode)
        expected[f"cifar100_{mode}"] = [summary(x) for x in (x_train, y_train, x_test, y_test)]
    os.path.join = real

    arrays = {"x_train": sequences(9), "y_train": rng.integers(0, 2, 9), "x_test": sequences(7), "y_test": rng.integers(0, 2, 7)}
    np.savez_compressed(FOLDER / "imdb.npz", **arrays)
    with zipfile.ZipFile(FOLDER / "imdb_old.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.save(stream, array, allow_pickle=True)
            archive.writestr(f"{name}.npy", older(array) if array.dtype == object else stream.getvalue())
    for form in ("imdb.npz", "imdb_old.npz"):
        imdb.get_file = lambda **_: str(FOLDER / form)
        expected["imdb"] = plain(imdb.load_data())
        expected["imdb_words"] = plain(imdb.load_data(num_words=12, skip_top=5, seed=7))
        expected["imdb_short"] = plain(imdb.load_data(maxlen=8, oov_char=None, num_words=14))
        expected["imdb_plain"] = plain(imdb.load_data(start_char=None, index_from=0))

    np.savez_compressed(FOLDER / "reuters.npz", x=sequences(11), y=rng.integers(0, 46, 11))
    reuters.get_file = lambda **_: str(FOLDER / "reuters.npz")
    expected["reuters"] = plain(reuters.load_data())
    expected["reuters_split"] = plain(reuters.load_data(test_split=0.5, seed=3, maxlen=9, num_words=11))
    (FOLDER / "expected.json").write_text(json.dumps(expected) + "\n")
