"""Checks that Keras reads what cornu writes: models of every layer, trained a step by Keras, written again by `cornu`.

    KERAS_BACKEND=jax python tools/oracle/read_back.py target/release/cornu

For each model of layers.py, the file must have the same config to the letter (but for the numbers by which Keras marks shared
objects) and the same groups and arrays, Keras must load it without a warning, find the same state of the optimizer, and predict
what `cornu predict` does. Likewise for the older `.h5`
form, but for the config, where Keras reads its own; and the weights as `.safetensors` must be those of the model.
"""

import pathlib
import subprocess
import sys
import tempfile
import warnings

import h5py
import keras
import layers
import numpy as np
from configs import config, difference, text, tree
from safetensors.numpy import load_file

TOLERANCE = 1e-4


class Checker:
    def __init__(self, command, folder):
        self.command, self.folder = command, pathlib.Path(folder)
        self.count, self.worst, self.bad, self.own = 0, 0.0, [], []
        self.older, self.older_own = 0, []

    def run(self, *arguments):
        done = subprocess.run([self.command, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"cornu {arguments[0]}: {done.stderr.strip()}")

    def case(self, layer, *inputs, trains=True, batch=3, options=None, masked=False, seed=0):
        rng = np.random.default_rng(seed)
        xs, data = [], []
        for shape in inputs:
            whole = isinstance(shape, layers.Ints)
            xs.append(keras.Input(shape.shape, dtype="int32") if whole else keras.Input(shape))
            size = (batch, *(shape.shape if whole else shape))
            data.append(rng.integers(0, shape.high, size).astype("int32") if whole else rng.normal(size=size).astype("float32"))
        hidden = [keras.layers.Masking()(x) if masked else x for x in xs]
        ys = layer(hidden[0] if len(hidden) == 1 else hidden, **(options or {}))
        model = keras.Model(xs, ys)
        first = model.outputs[0]
        if trains and len(model.outputs) == 1 and keras.backend.is_float_dtype(first.dtype):
            model.compile("adam", "mse")
            model.train_on_batch(data, rng.normal(size=model.predict_on_batch(data).shape))
        name = type(getattr(layer, "layer", layer)).__name__
        try:
            self.compare(model, data)
        except Exception as error:
            self.bad.append(f"{name}: {error}")
        self.count += 1

    def compare(self, model, data):
        before, after = self.folder / "before.keras", self.folder / "after.keras"
        model.save(before)
        if any("lora" in weight.name for weight in model.weights):
            # Files hold the sum of the kernel and what is added to it.
            model = keras.saving.load_model(before)
        try:
            keras.saving.load_model(before)
        except Exception:
            self.own.append(model.layers[-1].name)
            return
        self.run("convert", before, after)
        if found := difference(config(before), config(after)):
            raise RuntimeError(f"config {found}")
        if text(before) != text(after):
            raise RuntimeError("the config is the same in another text")
        ours, theirs = tree(after), tree(before)
        if ours != theirs:
            odd = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
            raise RuntimeError(f"places of weights differ: {odd}")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            back = keras.saving.load_model(after)
        if getattr(model, "optimizer", None):
            for ours, theirs in zip(back.optimizer.variables, model.optimizer.variables, strict=True):
                np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        np.savez(self.folder / "x.npz", **{x._keras_history.operation.name: value for x, value in zip(model.inputs, data)})
        self.run("predict", after, "--input", self.folder / "x.npz", "--output", self.folder / "y.npz")
        want = back.predict_on_batch(data)
        want = want if isinstance(want, (list, tuple)) else [want]
        got = np.load(self.folder / "y.npz")
        for name, value in zip(got.files, want, strict=True):
            value = np.asarray(value)
            scale = max(1.0, float(np.abs(value).max(initial=0.0)))
            error = float(np.abs(got[name] - value).max(initial=0.0)) / scale
            self.worst = max(self.worst, error)
            if not error <= TOLERANCE:
                raise RuntimeError(f"predictions differ by {error:.2e}")
        self.compare_weights(model, after)
        self.compare_older(model, data, after, want)

    def compare_weights(self, model, after):
        if any("bfloat16" in str(w.dtype) for w in model.weights):
            return
        path = self.folder / "after.safetensors"
        self.run("convert", after, path)
        ours = sorted(a.tobytes() for a in load_file(path).values())
        theirs = sorted(np.asarray(w).tobytes() for w in model.weights)
        if ours != theirs:
            raise RuntimeError("the weights as .safetensors are not those of the model")

    def compare_older(self, model, data, after, want):
        """Keras does with our `.h5` what it does with its own: some names of losses it does not read, and it has no optimizer
        to give the state to, so that the state is compared in the file."""
        before, older, again = (self.folder / name for name in ("before.h5", "older.h5", "again.keras"))
        compiled = bool(getattr(model, "optimizer", None))
        try:
            model.save(before)
            keras.saving.load_model(before, compile=False)
        except Exception:
            self.older_own.append(model.layers[-1].name)
            return
        try:
            keras.saving.load_model(before)
        except Exception:
            compiled = False
        self.run("convert", after, older)
        back = keras.saving.load_model(older, compile=compiled)
        if getattr(model, "optimizer", None):
            with h5py.File(older) as file:
                group = file["optimizer_weights"]
                for name, value in zip(group.attrs["weight_names"], model.optimizer.variables, strict=True):
                    np.testing.assert_array_equal(group[name][()], np.asarray(value))
        got = back.predict_on_batch(data)
        for a, b in zip(got if isinstance(got, (list, tuple)) else [got], want, strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-6, atol=1e-6)
        # What Keras wrote in this form is read here, too.
        for path in (older, before):
            self.run("convert", path, again)
            for a, b in zip(keras.saving.load_model(again).weights, model.weights, strict=True):
                np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
        self.older += 1


with tempfile.TemporaryDirectory() as folder:
    checker = Checker(sys.argv[1], folder)
    layers.case = checker.case
    for _ in layers.cases():
        pass
    for line in checker.bad:
        print(line)
    if checker.own:
        print(f"what Keras wrote itself, it could not read: {', '.join(checker.own)}")
    print(f"{checker.count - len(checker.bad) - len(checker.own)} of {checker.count} models read back; worst relative difference {checker.worst:.1e}")
    print(f"{checker.older} of them as .h5 too; {len(checker.older_own)} that Keras itself cannot read so")
    sys.exit(bool(checker.bad))
