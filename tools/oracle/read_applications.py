"""Checks applications against Keras, both ways.

    KERAS_BACKEND=jax python tools/oracle/read_applications.py target/release/cornu [NAME ...]

For architectures of each family, with small images and random weights of Keras's:

- `cornu application` with these weights, as `.weights.h5` and as the `.h5` of Keras 2, writes a `.keras` file whose config is
  that of Keras's own, which Keras loads, and which has the same weights;
- `cornu predict` gives Keras's predictions for these files, and for the one that Keras saved.

In place of published weights there are random ones, in a folder of their own.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import h5py
import keras
import numpy as np
from configs import config, difference, without_idle
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils

TOLERANCE = 1e-4
TOP = {"classes": 10, "classifier_activation": None}
BARE = {"include_top": False}

CASES = [
    ("ConvNeXtTiny", {**BARE, "pooling": "avg", "input_shape": [32, 32, 3]}),
    ("ConvNeXtTiny", {**TOP, "input_shape": [35, 40, 3], "include_preprocessing": False}),
    ("DenseNet121", {**TOP, "input_shape": [32, 32, 3]}),
    ("EfficientNetB0", {**BARE, "pooling": "max", "input_shape": [33, 40, 3]}),
    ("EfficientNetV2B0", {**TOP, "input_shape": [32, 32, 3]}),
    ("EfficientNetV2S", {**BARE, "pooling": "avg", "input_shape": [32, 32, 3]}),
    ("InceptionResNetV2", {**TOP, "input_shape": [75, 75, 3]}),
    ("InceptionV3", {**TOP, "input_shape": [75, 80, 3]}),
    ("MobileNet", {**TOP, "alpha": 0.5, "input_shape": [32, 32, 3]}),
    ("MobileNetV2", {**TOP, "alpha": 0.35, "input_shape": [35, 32, 3]}),
    ("MobileNetV3Small", {**TOP, "input_shape": [32, 33, 3]}),
    ("MobileNetV3Large", {**TOP, "input_shape": [32, 32, 3], "minimalistic": True}),
    ("NASNetMobile", {**TOP, "input_shape": [33, 32, 3]}),
    ("ResNet50", {**TOP, "input_shape": [32, 32, 3]}),
    ("ResNet50V2", {**BARE, "input_shape": [40, 32, 3]}),
    ("VGG16", {**BARE, "pooling": "avg", "input_shape": [32, 32, 3]}),
    ("VGG19", {**TOP, "input_shape": [32, 32, 3]}),
    ("Xception", {**TOP, "input_shape": [71, 71, 3]}),
]

# With the published file, as far as the program can tell.
PUBLISHED = [
    ("ConvNeXtTiny", {**BARE, "input_shape": [32, 32, 3]}),
    ("EfficientNetB0", {**BARE, "input_shape": [32, 32, 3]}),
    ("MobileNetV2", {**BARE, "input_shape": [96, 96, 3], "alpha": 0.35}),
]


def build(name, arguments, weights=None):
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    arguments = {**arguments, "input_shape": tuple(arguments["input_shape"])}
    model = getattr(keras.applications, name)(weights=weights, **arguments)
    # So that a vector in the place of another shows.
    rng = np.random.default_rng(0)
    for w in model.weights:
        if len(w.shape) == 1:
            w.assign(np.asarray(w) + rng.uniform(-0.2, 0.2, w.shape))
    return model


def save_legacy(model, path):
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


class Checker:
    def __init__(self, command, folder):
        self.command, self.folder = str(pathlib.Path(command).resolve()), pathlib.Path(folder)
        self.count, self.worst, self.bad = 0, 0.0, []

    def run(self, *arguments, **environment):
        done = subprocess.run(
            [self.command, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**os.environ, **environment},
        )
        if done.returncode:
            raise RuntimeError(f"cornu {arguments[0]}: {done.stderr.strip()}")

    def case(self, name, arguments, check):
        self.count += 1
        try:
            error = check(name, arguments)
            self.worst = max(self.worst, error)
            print(f"{name} {json.dumps(arguments)}: {error:.1e}", flush=True)
        except Exception as error:
            self.bad.append(name)
            print(f"{name} {json.dumps(arguments)}: {error}", flush=True)

    def predict(self, model, x, file):
        """How far the predictions of a file are from Keras's, beside how far these are from each other."""
        np.savez(self.folder / "x.npz", x=x)
        self.run("predict", file, "--input", "x.npz", "--output", "y.npz")
        got, want = np.load(self.folder / "y.npz"), model.predict_on_batch(x)
        error = float(np.abs(got[got.files[0]] - want).max() / np.ptp(want))
        if not error <= TOLERANCE:
            raise RuntimeError(f"predictions of {file} differ by {error:.1e}")
        return error

    def same(self, model, file):
        """The file is what Keras would have written."""
        theirs, ours = config(self.folder / "keras.keras"), config(self.folder / file)
        without_idle(theirs["config"])
        if found := difference(theirs, ours):
            raise RuntimeError(f"config of {file} {found}")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            back = keras.saving.load_model(self.folder / file)
        for ours, theirs in zip(back.weights, model.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))

    def own(self, name, arguments):
        model = build(name, arguments)
        model.save(self.folder / "keras.keras")
        model.save_weights(self.folder / "a.weights.h5")
        save_legacy(model, self.folder / "a.h5")
        x = np.random.default_rng(0).uniform(-1, 1, (2, *arguments["input_shape"])).astype("float32")
        if name.startswith(("ConvNeXt", "Efficient", "MobileNetV3")) and arguments.get("include_preprocessing", True):
            x = (x + 1) * 127.5
        errors = [self.predict(model, x, "keras.keras")]
        for weights in ["a.weights.h5", "a.h5"]:
            self.run("application", name, "ours.keras", "--arguments", json.dumps({**arguments, "weights": weights}))
            self.same(model, "ours.keras")
            errors.append(self.predict(model, x, "ours.keras"))
        return max(errors)

    def published(self, name, arguments):
        asked = []
        file_utils.get_file = lambda name, url, cache_subdir=None, file_hash=None: asked.append(name)
        load, keras.Model.load_weights = keras.Model.load_weights, lambda *_: None
        model = build(name, arguments, "imagenet")
        keras.Model.load_weights = load
        model.save(self.folder / "keras.keras")
        (self.folder / "files").mkdir(exist_ok=True)
        save_legacy(model, self.folder / "files" / asked[0])
        self.run("application", name, "ours.keras", "--arguments", json.dumps(arguments), CORNU_DATA_DIR="files")
        self.same(model, "ours.keras")
        x = np.random.default_rng(0).uniform(0, 255, (2, *arguments["input_shape"])).astype("float32")
        return self.predict(model, x, "ours.keras")


names = sys.argv[2:]
with tempfile.TemporaryDirectory() as folder:
    checker = Checker(sys.argv[1], folder)
    for cases, check in [(CASES, checker.own), (PUBLISHED, checker.published)]:
        for name, arguments in cases:
            if not names or name in names:
                checker.case(name, arguments, check)
    print(f"{checker.count - len(checker.bad)} of {checker.count} applications like Keras's; worst relative difference {checker.worst:.1e}")
    sys.exit(bool(checker.bad))
