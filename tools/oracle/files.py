"""Writes small model files with Keras, with their inputs and predictions, to testdata/files.

    KERAS_BACKEND=jax python tools/oracle/files.py
"""
import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "jax")
import h5py
import keras
import numpy as np
from keras import layers

FOLDER = pathlib.Path(__file__).parents[2] / "testdata" / "files"
rng = np.random.default_rng(7)


@keras.saving.register_keras_serializable(package="cornu_test")
class Scale(layers.Layer):
    def __init__(self, initial=1.0, **kwargs):
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, shape):
        start = keras.initializers.Constant(self.initial)
        self.scale = self.add_weight(shape=(shape[-1],), initializer=start, name="scale")

    def call(self, x):
        return x * self.scale

    def get_config(self):
        return {**super().get_config(), "initial": self.initial}


def uniform(*shape):
    return rng.uniform(-1, 1, shape).astype("float32")


def move_weights(model):
    """Takes the weights off their initial values."""
    for v in model.weights:
        if "float" in str(v.dtype) and "seed" not in v.path:
            v.assign(v + rng.uniform(0.01, 0.1, v.shape))


def write(name, model, x, y=None, endings=("keras",)):
    if y is None:
        move_weights(model)
    else:
        model.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    outputs = model.predict(x, verbose=0)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    inputs = x if isinstance(x, list) else [x]
    arrays = {f"x_{i}": a for i, a in enumerate(inputs)}
    arrays |= {f"y_{i}": np.asarray(a).astype("float32") for i, a in enumerate(outputs)}
    np.savez_compressed(FOLDER / f"{name}.npz", **arrays)
    for ending in endings:
        model.save(FOLDER / f"{name}.{ending}")


def cnn():
    return keras.Sequential([
        layers.Input((6, 6, 1)),
        layers.Conv2D(3, 3, activation="relu", kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(2, activation="softmax"),
    ], name="cnn")


def functional():
    encoder_in = layers.Input((3,), name="encoder_in")
    encoder = keras.Model(encoder_in, layers.Dense(4, activation="tanh", name="hidden")(encoder_in), name="encoder")
    a, b = layers.Input((3,), name="a"), layers.Input((3,), name="b")
    shared = layers.Dense(3, name="shared")
    both = layers.Concatenate(name="both")([encoder(shared(a)), encoder(shared(b))])
    stack = keras.Sequential([layers.Dense(3, name="first"), layers.LeakyReLU()], name="stack")
    left = layers.Dense(2, name="left")(stack(both))
    right = layers.Add(name="right")([a, shared(b)])
    return keras.Model([a, b], [left, right], name="two")


def shared_objects():
    start = keras.initializers.GlorotUniform(seed=3)
    penalty = keras.regularizers.L2(0.01)
    return keras.Sequential([
        layers.Input((4,)),
        layers.Dense(3, kernel_initializer=start, kernel_regularizer=penalty),
        layers.Dense(2, kernel_initializer=start, kernel_regularizer=penalty),
    ], name="shared_objects")


def attention():
    """Arguments by name, which Keras goes through in the order of their names: so are the layers numbered in the file."""
    inputs = [layers.Input((4, 3), name=name) for name in "abc"]
    q, v, k = (layers.Dense(3, name=name)(x) for name, x in zip(["q", "v", "k"], inputs))
    return keras.Model(inputs, layers.MultiHeadAttention(2, 2, name="attention")(query=q, value=v, key=k), name="named")


def letter():
    """What is easily written otherwise than it was read: names beyond ASCII, numbers that JSON lacks, learned vocabularies,
    outputs by name, an optimizer that has not begun, layers within layers on a batch of fixed size."""
    ids = layers.Input((1,), batch_size=2, dtype="int64", name="ids")
    learned = layers.IntegerLookup(name="gelernt")
    learned.adapt(np.array([[3], [9], [3]]))
    within = layers.IntegerLookup(output_mode="multi_hot")
    within.adapt(np.array([[5], [7]]))
    inner = layers.Input((1,), batch_size=2, dtype="int64")
    inner = keras.Model(inner, within(inner), name="innen")
    x = layers.Input((4, 2), batch_size=2, name="x")
    h = layers.Masking(float("nan"))(keras.ops.clip(x, -float("inf"), 1e-7))
    h = layers.Bidirectional(layers.GRU(2, return_sequences=True), name="über \"hin\"")(h)
    h = layers.MultiHeadAttention(1, 2, dropout=0.1)(h, h)
    h = layers.Dense(2, activation=layers.LeakyReLU(negative_slope=0.1))(h)
    z = layers.TimeDistributed(layers.Dense(1), name="z")(h)
    outputs = {"z": z, "code": layers.Rescaling(1e-5)(learned(ids)), "bag": inner(ids)}
    model = keras.Model({"x": x, "ids": ids}, outputs, name="letter")
    model.compile(keras.optimizers.Adam(2e-5), {"z": "mse", "code": None, "bag": None}, metrics={"z": ["mae"]})
    return model


def compiled_within():
    """Models within a model, and within a layer of it, that were compiled and trained before."""
    stack = keras.Sequential([layers.Input((3,)), layers.Dense(2, name="d")], name="stack")
    stack.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    stack.fit(uniform(4, 3), uniform(4, 2), verbose=0)
    x = layers.Input((2,), name="x")
    head = keras.Model(x, layers.Dense(2, name="e")(x), name="head")
    head.compile(keras.optimizers.SGD(0.1, momentum=0.9), {"e": "huber"}, loss_weights={"e": 0.5})
    steps = keras.Sequential([layers.Input((2,)), layers.Dense(1)], name="steps")
    steps.compile("rmsprop", keras.losses.MeanSquaredError(reduction="sum"), jit_compile=False)
    steps.fit(uniform(4, 2), uniform(4, 1), verbose=0)
    plain = keras.Sequential([layers.Input((3,)), layers.Dense(2)], name="plain")
    inputs = layers.Input((3,), name="flat"), layers.Input((4, 2), name="sequence")
    outputs = head(layers.Add()([stack(inputs[0]), plain(inputs[0])])), layers.TimeDistributed(steps)(inputs[1])
    model = keras.Model(inputs, outputs, name="compiled_within")
    model.compile("adam", "mse")
    model.fit([uniform(4, 3), uniform(4, 4, 2)], [uniform(4, 2), uniform(4, 4, 1)], verbose=0)
    return model


def feature_space():
    """A feature of each kind and a layer of one's own, by name, for crates/cornu/tests/feature_space.rs."""
    space = keras.utils.FeatureSpace
    table = {
        "age": np.array([20, 40, 60, 35], "float32"), "raw": np.array([1, 2, 3, 4], "float32"),
        "size": np.array([0.5, 1.5, 2.5, 3.5], "float32"), "bin": np.array([1, 5, 9, 30], "float32"),
        "floor": np.array([1, 2, 1, 7], "int32"), "city": np.array(["Rome", "Oslo", "Rome", "Bern"]),
        "zip": np.array([123, 456, 789, 123], "int32"), "street": np.array(["a", "b", "c", "a"]),
        "text": np.array(["a b", "b c c", "", "a"])}
    words = layers.TextVectorization(output_mode="tf_idf", name="tv")
    features = {
        "age": "float_normalized", "raw": "float", "size": space.float_rescaled(2.0, 1.0),
        "bin": space.float_discretized(3), "floor": "integer_categorical",
        "city": space.string_categorical(max_tokens=3, name="town"), "zip": space.integer_hashed(4),
        "street": space.string_hashed(5, output_mode="int"),
        "text": space.feature(dtype="string", preprocessor=words, output_mode="float")}
    crosses = [("city", "floor"), space.cross(("zip", "street"), 6, output_mode="int")]
    whole = space(features=features, crosses=crosses, crossing_dim=4, output_mode="dict", name="space")
    whole.adapt(table)
    return whole


def on_feature_space():
    """A model on features, for the same test; without chance."""
    table = {"raw": np.array([1, 2, 3], "float32"), "city": np.array(["Rome", "Oslo", "Rome"])}
    space = keras.utils.FeatureSpace(features={"raw": "float", "city": "string_categorical"})
    space.adapt(table)
    out = layers.Dense(1, name="out")
    model = keras.Model(space.get_inputs(), out(space.get_encoded_features()), name="on_feature_space")
    out.set_weights([np.array([[1], [10], [100], [1000]], "float32"), np.zeros(1, "float32")])
    return model


def keras_2(path, x):
    """A file as Keras 2.2 wrote it: no modules, `batch_input_shape`, a training config."""
    kernel, bias, out = uniform(3, 4), uniform(4), uniform(4, 2)
    glorot = {"class_name": "VarianceScaling",
              "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}}
    zeros = {"class_name": "Zeros", "config": {}}

    def dense(name, units, activation, bias, **more):
        return {"class_name": "Dense", "config": {
            "name": name, "trainable": True, **more, "units": units, "activation": activation, "use_bias": bias,
            "kernel_initializer": glorot, "bias_initializer": zeros, "kernel_regularizer": None,
            "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None,
            "bias_constraint": None}}

    config = {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": [
        dense("dense_1", 4, "relu", True, batch_input_shape=[None, 3], dtype="float32"),
        {"class_name": "Dropout", "config": {"name": "dropout_1", "trainable": True, "rate": 0.5,
                                             "noise_shape": None, "seed": None}},
        dense("dense_2", 2, "linear", False),
    ]}}
    training = {"optimizer_config": {"class_name": "SGD", "config": {
        "lr": 0.01, "momentum": 0.0, "decay": 0.0, "nesterov": False}},
        "loss": "mean_squared_error", "metrics": ["accuracy"], "sample_weight_mode": None, "loss_weights": None}
    with h5py.File(path, "w") as f:
        f.attrs["keras_version"] = b"2.2.4"
        f.attrs["backend"] = b"tensorflow"
        f.attrs["model_config"] = json.dumps(config).encode()
        f.attrs["training_config"] = json.dumps(training).encode()
        group = f.create_group("model_weights")
        group.attrs["layer_names"] = [b"dense_1", b"dropout_1", b"dense_2"]
        group.attrs["keras_version"] = b"2.2.4"
        group.attrs["backend"] = b"tensorflow"
        for name, weights in [("dense_1", {"kernel:0": kernel, "bias:0": bias}), ("dropout_1", {}),
                              ("dense_2", {"kernel:0": out})]:
            layer = group.create_group(name)
            layer.attrs["weight_names"] = [f"{name}/{w}".encode() for w in weights]
            for w, value in weights.items():
                layer[f"{name}/{w}"] = value
    y = np.maximum(x @ kernel + bias, 0) @ out
    np.savez_compressed(path.with_suffix(".npz"), x_0=x, y_0=y)


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    model = cnn()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    write("cnn", model, uniform(8, 6, 6, 1), np.arange(8) % 2, ("keras", "h5"))
    model = functional()
    write("functional", model, [uniform(4, 3), uniform(4, 3)], endings=("keras", "h5"))
    model = keras.Sequential([
        layers.Input((5,)), layers.Embedding(7, 3, mask_zero=True),
        layers.Bidirectional(layers.LSTM(2)), layers.Dense(1)], name="words")
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), "mse")
    write("lstm", model, rng.integers(0, 7, (4, 5)).astype("int32"), uniform(4, 1), ("keras", "h5"))
    cells = [layers.LSTMCell(3), layers.GRUCell(2)]
    model = keras.Sequential([layers.Input((4, 2)), layers.RNN(cells, return_sequences=True)], name="cells")
    write("cells", model, uniform(3, 4, 2))
    model = keras.Sequential([layers.Input((3,)), Scale(2.0), layers.Dense(2)], name="custom")
    write("custom", model, uniform(4, 3))
    model = keras.Sequential([
        layers.Input((4,)), layers.Dense(3, dtype="float16"), layers.Dense(2, dtype="bfloat16"),
        layers.Dense(2, dtype="mixed_bfloat16")], name="half")
    write("half", model, uniform(4, 4))
    write("shared_objects", shared_objects(), uniform(4, 4))
    keras_2(FOLDER / "keras2.h5", uniform(5, 3))
    write("attention", attention(), [uniform(2, 4, 3) for _ in range(3)], endings=("keras", "h5"))
    letter().save(FOLDER / "letter.keras")
    compiled_within().save(FOLDER / "compiled_within.keras")
    feature_space().save(FOLDER / "feature_space.keras")
    on_feature_space().save(FOLDER / "on_feature_space.keras")
