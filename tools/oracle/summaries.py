"""Writes Keras's summaries of models in testdata/training with its various arguments, for `crates/cornu/tests/summary.rs`.

    KERAS_BACKEND=jax python tools/oracle/summaries.py testdata/training
"""

import json
import pathlib
import sys

import keras

FOLDER = pathlib.Path(sys.argv[1])
CASES = [
    ("two_outputs", {"expand_nested": True}),
    ("two_outputs", {"show_trainable": True}),
    ("two_outputs", {"expand_nested": True, "show_trainable": True, "line_length": 79}),
    ("two_outputs", {"layer_range": ["first", "join"]}),
    ("two_outputs", {"layer_range": ["jo.n", "second"]}),
    ("two_outputs", {"positions": [0.25, 0.5, 0.6, 1.0], "line_length": 72}),
    ("cnn", {"show_trainable": True, "layer_range": ["norm", "p"]}),
    ("lora", {"line_length": 60, "show_trainable": True}),
]
records = []
for name, arguments in CASES:
    # Without the bytes of an optimizer, which differ from one engine of Keras to the other.
    model = keras.saving.load_model(FOLDER / f"{name}.keras", compile=False)
    lines = []
    model.summary(print_fn=lambda text, **_: lines.append(text), **arguments)
    records.append({"model": name, "arguments": arguments, "summary": "\n".join(lines)})
(FOLDER / "summaries.json").write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")
