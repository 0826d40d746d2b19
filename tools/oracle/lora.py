"""Writes a model with LoRA that Keras trained and saved, and what comes of training it further, for the test
`crates/cornu/tests/lora.rs`.

    KERAS_BACKEND=jax python tools/oracle/lora.py testdata/training

Versions are pinned in requirements.txt beside this file.
"""

import json
import pathlib
import sys

import keras
import numpy as np
from keras import layers as L

assert keras.backend.backend() == "jax", "set KERAS_BACKEND=jax"


def build():
    x = keras.Input((7,), dtype="int32", name="words")
    y = L.Embedding(12, 5, lora_rank=2, name="embedding")(x)
    y = L.Conv1D(6, 3, padding="same", activation="relu", lora_rank=2, lora_alpha=5, name="conv")(y)
    y = L.EinsumDense("abc,cd->abd", (7, 4), bias_axes="d", name="einsum")(y)
    y = L.Flatten(name="flat")(y)
    y = L.Dense(4, activation="tanh", kernel_regularizer="l2", name="dense")(y)
    y = L.Dense(3, activation="softmax", name="classes")(y)
    model = keras.Model(x, y, name="adapted")
    model.get_layer("einsum").enable_lora(3, lora_alpha=7.0)
    model.get_layer("dense").enable_lora(2, lora_alpha=8)
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(folder):
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(5)
    x, y = rng.integers(0, 12, (20, 7)).astype("int32"), rng.integers(0, 3, 20).astype("int32")
    options = {"batch_size": 5, "shuffle": False, "verbose": 0}
    model = build()
    model.fit(x, y, epochs=3, **options)
    arrays = {"x": x, "y": y, "before": model.predict(x, verbose=0)}
    lines = []
    model.summary(print_fn=lambda text, **_: lines.append(text))
    model.save(folder / "lora.keras")
    model.save(folder / "lora.h5")
    arrays |= {f"h{i}": w.numpy() for i, w in enumerate(model.weights)}

    # The alpha of `dense` is not what it was: this is what Keras makes of its own file.
    older = keras.saving.load_model(folder / "lora.h5")
    arrays["older"] = older.predict(x, verbose=0)
    model = keras.saving.load_model(folder / "lora.keras")
    assert np.abs(model.predict(x, verbose=0) - arrays["before"]).max() < 1e-6
    # What is added is zero now, and so are its gradients.
    for weight in model.weights:
        if "lora" in weight.name:
            assert not weight.numpy().any()
            weight.assign(rng.normal(size=weight.shape).astype("float32").round(3) * 0.3)
    arrays |= {f"s{i}": w.numpy() for i, w in enumerate(model.weights)}
    history = model.fit(x, y, epochs=4, **options).history
    arrays |= {f"w{i}": w.numpy() for i, w in enumerate(model.weights)}
    arrays["after"] = model.predict(x, verbose=0)
    np.savez_compressed(folder / "lora.npz", **arrays)
    record = {
        "history": history,
        "summary": "\n".join(lines),
        "weights": [w.path for w in model.weights],
        "trainable": [w.path for w in model.trainable_weights],
        "alpha": {layer.name: layer.lora_alpha for layer in model.layers if getattr(layer, "lora_rank", None)},
    }
    (folder / "lora.json").write_text(json.dumps(record, indent=1) + "\n")
    print({k: [round(x, 4) for x in v] for k, v in history.items()}, record["alpha"])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
