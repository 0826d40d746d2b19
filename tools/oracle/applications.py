"""Writes testdata/keras/applications.json: what Keras's applications are made of.

    KERAS_BACKEND=jax python tools/oracle/applications.py testdata/keras/applications.json

For each architecture and some arguments: the number of parameters, and hashes of the layers and of the whole config, so that
the file stays small. Of one architecture a family the layers themselves stand there too, so that a difference can be read.
"""

import hashlib
import json
import struct
import sys

import keras
import numpy as np
from configs import without_idle
from keras.src.utils import file_utils

ALL = """ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge DenseNet121 DenseNet169 DenseNet201
EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6 EfficientNetB7
EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2S EfficientNetV2M EfficientNetV2L
InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Small MobileNetV3Large NASNetMobile NASNetLarge
ResNet50 ResNet101 ResNet152 ResNet50V2 ResNet101V2 ResNet152V2 VGG16 VGG19 Xception""".split()

# Of these the layers are written out.
SHOWN = """ConvNeXtTiny DenseNet121 EfficientNetB0 EfficientNetV2B0 InceptionResNetV2 InceptionV3 MobileNet MobileNetV2
MobileNetV3Small NASNetMobile ResNet50 ResNet50V2 VGG16 Xception""".split()

BARE = {"include_top": False}
VARIANTS = [
    ("ConvNeXtTiny", {"include_preprocessing": False, "input_shape": [32, 48, 3], "classes": 10}),
    ("ConvNeXtTiny", {**BARE, "pooling": "avg", "input_shape": [40, 40, 1], "name": "mine"}),
    ("ConvNeXtSmall", {**BARE, "pooling": "max"}),
    ("ConvNeXtBase", BARE),
    ("DenseNet121", {**BARE, "pooling": "avg", "input_shape": [64, 64, 3]}),
    ("DenseNet169", {"classes": 10, "classifier_activation": None}),
    ("DenseNet201", {**BARE, "pooling": "max"}),
    ("EfficientNetB0", {**BARE, "pooling": "avg", "input_shape": [64, 64, 3]}),
    ("EfficientNetB1", {**BARE, "pooling": "max"}),
    ("EfficientNetB3", {"classes": 10, "input_shape": [50, 61, 3], "classifier_activation": "sigmoid"}),
    ("EfficientNetV2B0", {"include_preprocessing": False, "input_shape": [33, 40, 3]}),
    ("EfficientNetV2B1", {**BARE, "pooling": "avg", "input_shape": [64, 64, 1]}),
    ("EfficientNetV2B3", {**BARE}),
    ("EfficientNetV2S", {**BARE, "pooling": "max", "include_preprocessing": False}),
    ("InceptionResNetV2", {**BARE, "pooling": "max", "input_shape": [75, 80, 3]}),
    ("InceptionV3", {**BARE, "pooling": "avg", "input_shape": [75, 75, 3]}),
    ("InceptionV3", {**BARE, "pooling": "max", "name": "mine"}),
    ("MobileNet", {"alpha": 0.25, "depth_multiplier": 2, "dropout": 0.3, "input_shape": [64, 64, 3], "classes": 10}),
    ("MobileNet", {**BARE, "alpha": 0.5, "pooling": "avg", "input_shape": [128, 128, 3]}),
    ("MobileNet", {**BARE, "pooling": "max"}),
    ("MobileNetV2", {"alpha": 1.4}),
    ("MobileNetV2", {**BARE, "alpha": 0.35, "pooling": "avg", "input_shape": [96, 96, 3]}),
    ("MobileNetV2", {"alpha": 0.5, "input_shape": [33, 47, 3], "classes": 3, "name": "mine"}),
    ("MobileNetV2", {**BARE, "pooling": "max"}),
    ("MobileNetV3Small", {"minimalistic": True, "alpha": 0.75, "include_preprocessing": False, "input_shape": [64, 64, 3]}),
    ("MobileNetV3Small", {**BARE, "pooling": "max", "input_shape": [37, 50, 3]}),
    ("MobileNetV3Large", {"minimalistic": True, "alpha": 1.25, "dropout_rate": 0, "classes": 7}),
    ("MobileNetV3Large", {**BARE, "pooling": "avg", "alpha": 1.5}),
    ("NASNetMobile", {**BARE, "pooling": "avg"}),
    ("NASNetMobile", {"input_shape": [65, 65, 3], "classes": 10}),
    ("NASNetLarge", {**BARE, "pooling": "max", "input_shape": [64, 96, 3]}),
    ("ResNet50", {**BARE, "pooling": "max"}),
    ("ResNet101", {**BARE, "pooling": "avg", "input_shape": [40, 50, 3]}),
    ("ResNet50V2", {**BARE, "pooling": "avg", "input_shape": [75, 64, 3]}),
    ("ResNet101V2", {"classes": 7, "classifier_activation": None, "input_shape": [32, 32, 1]}),
    ("VGG16", {**BARE, "pooling": "avg", "input_shape": [32, 32, 3]}),
    ("VGG19", {**BARE, "pooling": "max"}),
    ("VGG19", {"classes": 10, "input_shape": [48, 32, 3]}),
    ("Xception", {**BARE, "pooling": "max", "input_shape": [71, 71, 3]}),
    ("Xception", {**BARE, "pooling": "avg", "name": "mine"}),
]

# Arguments that choose the file of weights beside the class.
PUBLISHED = {
    "MobileNet": [{"alpha": a, "input_shape": [r, r, 3]} for a in (0.25, 0.5, 0.75, 1.0) for r in (128, 160, 192, 224)],
    "MobileNetV2": [{"alpha": a, "input_shape": [r, r, 3]} for a in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4) for r in (96, 128, 160, 192, 224)],
    "MobileNetV3Small": [{}, {"alpha": 0.75}, {"minimalistic": True}],
    "MobileNetV3Large": [{}, {"alpha": 0.75}, {"minimalistic": True}],
}


def build(name, arguments, weights=None):
    keras.utils.clear_session()
    shape = arguments.get("input_shape")
    return getattr(keras.applications, name)(weights=weights, **{**arguments, "input_shape": shape and tuple(shape)})


def plain(value):
    """A text for a part of a config, in which numbers are their bits."""
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int() | float():
            return struct.pack(">d", value).hex()
        case dict():
            return "{" + ",".join(f"{key}:{plain(v)}" for key, v in value.items()) + "}"
        case _:
            return "[" + ",".join(map(plain, value)) + "]"


def shapes(arguments):
    """The shapes of the tensors among the arguments of a call."""
    match arguments:
        case {"class_name": "__keras_tensor__", "config": config}:
            yield "(" + ", ".join(str(d) for d in config["shape"]) + ")"
        case dict():
            for value in arguments.values():
                yield from shapes(value)
        case list():
            for value in arguments:
                yield from shapes(value)


def lines(config):
    """A line for each layer and op: name, class, shapes that come in."""
    for layer in config["layers"]:
        yield " ".join([layer["name"], layer["class_name"], *shapes(layer["inbound_nodes"])])


def digest(text):
    return hashlib.md5(text.encode()).hexdigest()


def case(name, arguments):
    model = build(name, arguments)
    config = without_idle(json.loads(model.to_json())["config"])
    rows = list(lines(config))
    print(name, arguments, len(rows), flush=True)
    found = {
        "class": name,
        "arguments": arguments,
        "params": model.count_params(),
        "trainable": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
        "layers": digest("\n".join(rows)),
        "config": digest(plain(config)),
    }
    if not arguments and name in SHOWN:
        found["shown"] = rows
    return found


def published():
    """The files of weights that Keras asks for. Layers do nothing meanwhile, and nothing is loaded."""
    asked = []
    file_utils.get_file = lambda name, url, cache_subdir=None, file_hash=None: asked.append([name, url, file_hash])
    keras.Model.load_weights = lambda *_: None
    keras.layers.Layer.__call__ = lambda _, x: x[0] if isinstance(x, list) else x
    for name in ALL:
        for arguments in PUBLISHED.get(name, [{}]):
            for top in [True, False]:
                arguments = {**arguments, "include_top": top}
                build(name, arguments, "imagenet")
                yield [name, arguments, *asked.pop()]


# The values of weights play no part here: none take memory or time.
keras.Variable._initialize_with_initializer = lambda self, _: self._initialize(np.broadcast_to(np.zeros((), self._dtype), self._shape))
cases = [case(name, {}) for name in ALL] + [case(name, arguments) for name, arguments in VARIANTS]
with open(sys.argv[1], "w") as file:
    rows = [json.dumps(row) for row in cases]
    files = [json.dumps(row) for row in published()]
    file.write('{"keras": "%s", "cases": [\n%s\n], "published": [\n%s\n]}\n' % (keras.__version__, ",\n".join(rows), ",\n".join(files)))
