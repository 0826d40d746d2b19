"""What the checks of files share: configs and weights, and where two of them differ."""

import io
import json
import re
import zipfile

import h5py


def config(path):
    """The layers and compile settings of a file, without the numbers of shared objects."""

    def plain(value):
        if isinstance(value, dict):
            # Where classes of this program come from is no matter of the file.
            return {k: plain(v) for k, v in value.items() if k != "shared_object_id"}
        return [plain(v) for v in value] if isinstance(value, list) else value

    with zipfile.ZipFile(path) as archive:
        return plain(json.loads(archive.read("config.json")))


def text(path):
    """The config as it stands in the file, without the numbers of shared objects."""
    with zipfile.ZipFile(path) as archive:
        return re.sub(r', "shared_object_id": \d+', "", archive.read("config.json").decode())


def tree(path):
    """The files in a file, and the groups and arrays of its weights: shapes and dtypes, and how they are described. Names of
    layers within layers are left out, in which Keras counts the layers of the program."""
    found = {}

    def visit(name, item):
        described = {key: value for key, value in item.attrs.items() if key != "name"}
        found[name] = (getattr(item, "shape", None), str(getattr(item, "dtype", None)), described, sorted(item.attrs))

    with zipfile.ZipFile(path) as archive:
        found["files"] = archive.namelist()
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            file.visititems(visit)
    return found


def without_idle(config):
    """The config of a model without arguments of calls that Keras adds by itself and that change nothing."""
    for layer in config["layers"]:
        for node in layer["inbound_nodes"]:
            idle = {"mask": None, "training": False}
            node["kwargs"] = {k: v for k, v in node["kwargs"].items() if k not in idle or v != idle[k]}
    return config


def difference(a, b, path=""):
    """Where two configs differ first, in values or in the order of keys."""
    if isinstance(a, dict) and isinstance(b, dict):
        if list(a) != list(b):
            return f"{path}: keys {list(a)} and {list(b)}"
        return next((d for k in a if (d := difference(a[k], b[k], f"{path}/{k}"))), None)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return next((d for i, (x, y) in enumerate(zip(a, b)) if (d := difference(x, y, f"{path}/{i}"))), None)
    same = a == b and isinstance(a, bool) == isinstance(b, bool)
    return None if same else f"{path}: {a!r} and {b!r}"
