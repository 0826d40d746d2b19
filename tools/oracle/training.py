"""Trains whole models in Keras and writes them before training, their data, and what came of it, for the test
`crates/cornu/tests/keras_training.rs`.

    KERAS_BACKEND=jax python tools/oracle/training.py testdata/training

Versions are pinned in requirements.txt beside this file.
"""

import json
import pathlib
import sys

import keras
import numpy as np
from keras import layers as L

assert keras.backend.backend() == "jax", "set KERAS_BACKEND=jax"


def cnn(rng):
    x = keras.Input((8, 8, 2), name="image")
    y = L.Conv2D(6, 3, padding="same", use_bias=False, name="conv")(x)
    y = L.BatchNormalization(name="norm")(y)
    y = L.Activation("relu", name="relu")(y)
    y = L.MaxPooling2D(name="pool")(y)
    y = L.DepthwiseConv2D(2, name="depthwise")(y)
    y = L.Flatten(name="flat")(y)
    y = L.Dense(3, activation="softmax", kernel_regularizer="l2", name="classes")(y)
    model = keras.Model(x, y, name="cnn")
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": rng.normal(size=(20, 8, 8, 2)).astype("float32"), "y": rng.integers(0, 3, 20).astype("int32")}


def lstm(rng):
    model = keras.Sequential(
        [
            L.Input((6, 3), name="steps"),
            L.LSTM(5, return_sequences=True, name="lstm"),
            L.Bidirectional(L.GRU(4), name="both"),
            L.Dense(1, name="out"),
        ],
        name="recurrent",
    )
    model.compile(keras.optimizers.RMSprop(0.01), "mse", metrics=["mae"])
    return model, {"x": rng.normal(size=(18, 6, 3)).astype("float32"), "y": rng.normal(size=(18, 1)).astype("float32")}


def masked(rng):
    model = keras.Sequential(
        [
            L.Input((7,), dtype="int32", name="words"),
            L.Embedding(12, 5, mask_zero=True, name="embedding"),
            L.GRU(4, name="gru"),
            L.Dense(1, activation="sigmoid", name="out"),
        ],
        name="text",
    )
    model.compile(keras.optimizers.AdamW(0.02), "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    words = rng.integers(1, 12, (24, 7)).astype("int32")
    words[rng.random(words.shape).cumsum(axis=1) > 4] = 0
    return model, {"x": words, "y": rng.integers(0, 2, (24, 1)).astype("float32")}


def two_outputs(rng):
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    shared = L.Dense(5, activation="tanh", name="shared")
    inner = keras.Sequential([L.Input((5,)), L.Dense(4, activation="relu", name="inner_dense")], name="inner")
    left = inner(shared(L.Dense(4, name="first")(a)))
    right = inner(shared(L.Dense(4, name="second")(b)))
    y = L.Concatenate(name="join")([left, right])
    frozen = L.Dense(6, name="frozen")
    frozen.trainable = False
    y = frozen(y)
    number = L.Dense(1, name="number")(y)
    label = L.Dense(2, activation="softmax", name="label")(y * 0.5)
    model = keras.Model([a, b], [number, label], name="two")
    model.compile(
        keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.8), momentum=0.9),
        loss={"number": "huber", "label": "categorical_crossentropy"},
        loss_weights={"number": 1.0, "label": 0.5},
        metrics={"number": ["mae"]},
        weighted_metrics={"label": ["accuracy"]},
    )
    hot = np.eye(2, dtype="float32")[rng.integers(0, 2, 16)]
    return model, {
        "x_a": rng.normal(size=(16, 4)).astype("float32"),
        "x_b": rng.normal(size=(16, 3)).astype("float32"),
        "y_number": rng.normal(size=(16, 1)).astype("float32"),
        "y_label": hot,
        "sample_weight": rng.random(16).astype("float32") + 0.5,
    }


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for make in (cnn, lstm, masked, two_outputs):
        keras.utils.clear_session()
        keras.utils.set_random_seed(3)
        model, data = make(np.random.default_rng(5))
        name = make.__name__
        model.save(folder / f"{name}.keras")
        inputs = {k[2:]: v for k, v in data.items() if k.startswith("x_")} or data["x"]
        targets = [v for k, v in data.items() if k.startswith("y_")] or data["y"]
        weight = data.get("sample_weight")
        if weight is not None:
            weight = [weight for _ in targets]
        lines = []
        model.summary(print_fn=lambda text, **_: lines.append(text))
        history = model.fit(inputs, targets, sample_weight=weight, epochs=4, batch_size=5, shuffle=False, verbose=0).history
        arrays = {f"w{i}": v.numpy() for i, v in enumerate(model.weights) if "seed" not in v.name}
        predictions = model.predict(inputs, verbose=0)
        predictions = predictions if isinstance(predictions, list) else [predictions]
        arrays |= {f"p{i}": p for i, p in enumerate(predictions)}
        np.savez_compressed(folder / f"{name}.npz", **data)
        np.savez_compressed(folder / f"{name}_trained.npz", **arrays)
        (folder / f"{name}.json").write_text(json.dumps({"history": history, "summary": "\n".join(lines)}, indent=1) + "\n")
        print(name, {k: round(v[-1], 4) for k, v in history.items()})


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
