"""Writes what Keras saves of calls of `compile`, for the test `crates/cornu/tests/compile_config.rs`, which makes the same calls.

    KERAS_BACKEND=jax python tools/oracle/compile_configs.py testdata/keras
"""

import json
import pathlib
import sys

import keras
from keras import losses, metrics, optimizers


def model(outputs):
    x = keras.Input((4,), name="x")
    ys = [keras.layers.Dense(2, name=f"y{i}")(x) for i in range(outputs)]
    return keras.Model(x, ys if outputs > 1 else ys[0], name="net")


decay = optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
CALLS = {
    "names": (1, dict(optimizer="adam", loss="mse", metrics=["accuracy", "mae", "MSE"])),
    "other_names": (1, dict(optimizer="RMSprop", loss="BCE", metrics=["acc", "auc", "crossentropy", "huber"], weighted_metrics=["kl_divergence"])),
    "objects": (1, dict(optimizer=optimizers.SGD(0.3, momentum=0.9), loss=losses.Huber(reduction="sum"), metrics=[metrics.MeanAbsoluteError(), metrics.AUC(num_thresholds=5, name="area")])),
    "mixed": (1, dict(optimizer=optimizers.AdamW(1e-3, clipnorm=1.0), loss=losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), metrics=["acc", metrics.Precision(thresholds=0.6)])),
    "schedule": (1, dict(optimizer=optimizers.Adam(decay), loss="huber")),
    "wrapped": (1, dict(optimizer=optimizers.LossScaleOptimizer(optimizers.Nadam(0.2)), loss="hinge")),
    "steps": (1, dict(optimizer="lion", loss="log_cosh", steps_per_execution=4)),
    "list": (2, dict(optimizer="sgd", loss=["mse", "mae"], loss_weights=[1.0, 0.5], metrics=[["acc"], ["mae", "mse"]])),
    "one_for_all": (2, dict(optimizer="sgd", loss="mse")),
    "dict": (2, dict(optimizer="adagrad", loss={"y0": "mse", "y1": "poisson"}, loss_weights={"y0": 2.0, "y1": 1.0}, metrics={"y0": ["acc"]}, weighted_metrics={"y1": ["mae"]})),
    "dict_of_objects": (2, dict(optimizer="ftrl", loss={"y0": losses.Hinge(), "y1": losses.Dice(axis=[1])}, metrics={"y1": [metrics.TopKCategoricalAccuracy(k=1)]})),
}

configs = {}
for name, (outputs, arguments) in CALLS.items():
    keras.backend.clear_session()
    compiled = model(outputs)
    compiled.compile(**arguments)
    configs[name] = compiled.get_compile_config()
text = json.dumps({name: json.dumps(config) for name, config in configs.items()}, indent=1)
pathlib.Path(sys.argv[1], "compile_configs.json").write_text(text + "\n")
