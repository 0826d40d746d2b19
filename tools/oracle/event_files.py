"""Checks that TensorBoard reads what the callback `TensorBoard` writes, and that it is what Keras's own callback writes.

    KERAS_BACKEND=tensorflow python tools/oracle/event_files.py target/release/cornu

Keras's callback needs tensorflow-cpu and tensorboard beside what requirements.txt asks for.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import keras
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

TOLERANCE = 1e-5


def read(folder):
    """Tag, step and value of everything that TensorBoard finds in a folder; without times."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0})
    events.Reload()
    tags = events.Tags()
    assert not tags["scalars"] and tags["tensors"], tags
    found = {}
    for tag in tags["tensors"]:
        plugin = events.SummaryMetadata(tag).plugin_data
        for event in events.Tensors(tag):
            value = tensor_util.make_ndarray(event.tensor_proto)
            found[tag, event.step] = plugin.plugin_name, plugin.content, value
    return found


def same(name, ours, keras_s):
    (plugin, content, a), (keras_plugin, keras_content, b) = ours, keras_s
    if (plugin, content) != (keras_plugin, keras_content) or a.shape != b.shape:
        return f"{name}: {plugin} {content} {a.shape}, Keras {keras_plugin} {keras_content} {b.shape}"
    if "per_second" in name[0]:
        return None if a > 0 else f"{name}: {a}"
    if plugin == "graph_keras_model":
        a, b = json.loads(a.item()), json.loads(b.item())
        # TensorBoard draws layers; cornu's `to_json` has no compile settings.
        a.pop("compile_config", None), b.pop("compile_config", None)
        return None if a == b else f"{name}: other layers"
    if plugin == "images":
        # Sizes; pixels are compared below one in 255, as weights differ in the last bits.
        import tensorflow as tf

        pixels = [[tf.io.decode_png(png).numpy().astype(int) for png in value[2:]] for value in (a, b)]
        apart = max(np.abs(x - y).max() for x, y in zip(*pixels))
        return None if list(a[:2]) == list(b[:2]) and apart <= 1 else f"{name}: pixels differ by {apart}"
    if plugin == "histograms" and np.ptp(b[:, 0]) > 0:
        # A value on the edge of a bucket may fall to either side.
        moved = np.abs(np.cumsum(a[:, 2] - b[:, 2])).max()
        a, b, extra = a[:, :2], b[:, :2], moved > 1
        if extra:
            return f"{name}: {moved} values in other buckets"
    apart = np.max(np.abs(a - b)) if a.size else 0
    return None if apart <= TOLERANCE * max(1, np.max(np.abs(b))) else f"{name}: differ by {apart}"


def main(command):
    bad, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        keras.utils.set_random_seed(7)
        x = keras.Input([6, 6, 2], name="x")
        y = keras.layers.Conv2D(3, 3, activation="relu", name="conv")(x)
        y = keras.layers.Flatten(name="flat")(y)
        y = keras.layers.Dense(1, name="out")(keras.layers.BatchNormalization(name="norm")(y))
        functional = keras.Model(x, y, name="model")
        stack = keras.Sequential([keras.Input([6, 6, 2]), keras.layers.Flatten(name="f"), keras.layers.Dense(1, name="d")])
        rng = np.random.default_rng(1)
        data = {"x": rng.normal(size=(12, 6, 6, 2)).astype("f4"), "y": rng.normal(size=(12, 1)).astype("f4")}
        np.savez(folder / "data.npz", **data)
        cases = [
            (functional, {"histogram_freq": 1, "write_images": True, "update_freq": "epoch"}),
            (functional, {"update_freq": 2, "write_steps_per_second": True}),
            (stack, {"histogram_freq": 2, "update_freq": "batch", "write_graph": False}),
            (stack, {"update_freq": "batch", "write_images": True, "histogram_freq": 1}),
        ]
        for i, (model, options) in enumerate(cases):
            model.compile(keras.optimizers.SGD(0.01), "mse", metrics=["mae"])
            model.save(folder / "model.keras")
            settings = [{"class_name": "TensorBoard", "config": {"log_dir": f"{folder}/ours{i}", **options}}]
            (folder / "callbacks.json").write_text(json.dumps(settings))
            run = [command, "fit", folder / "model.keras", "--data", folder / "data.npz", "--batch-size", "3"]
            run += ["--epochs", "3", "--no-shuffle", "--validation-data", folder / "data.npz"]
            run += ["--callbacks", folder / "callbacks.json", "--output", folder / "trained.keras"]
            subprocess.run(list(map(str, run)), check=True)
            board = keras.callbacks.TensorBoard(f"{folder}/keras{i}", **options)
            model.fit(
                data["x"], data["y"], batch_size=3, epochs=3, shuffle=False, verbose=0,
                validation_data=(data["x"], data["y"]), validation_batch_size=3, callbacks=[board],
            )  # fmt: skip
            for part in ["train", "validation"]:
                ours, keras_s = read(folder / f"ours{i}" / part), read(folder / f"keras{i}" / part)
                if ours.keys() != keras_s.keys():
                    bad.append(f"case {i}, {part}: {sorted(ours.keys() ^ keras_s.keys())}")
                for name in ours.keys() & keras_s.keys():
                    count += 1
                    bad += filter(None, [same(name, ours[name], keras_s[name])])
    print("\n".join(bad) if bad else f"{count} values in event files are Keras's")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main(sys.argv[1])
