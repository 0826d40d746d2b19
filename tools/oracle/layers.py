"""Writes what Keras computes for layers, for the test `crates/cornu/tests/keras_layers.rs`.

    KERAS_BACKEND=jax python tools/oracle/layers.py testdata/keras

Each layer stands in a model behind layers that add a trained offset to each float input, so that three steps of training
show the gradients by weights and by inputs alike. Versions are pinned in requirements.txt beside this file.
"""

import json
import pathlib
import sys

import keras
import numpy as np
from catalogue import array
from keras import layers as L

assert keras.backend.backend() == "jax", "set KERAS_BACKEND=jax"


class Offset(L.Layer):
    """Adds a weight of the shape of one sample."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, shape):
        self.offset = self.add_weight(shape=shape[1:], initializer="zeros", name="offset")

    def call(self, x):
        return x + self.offset


def weighted_sum(y_true, y_pred):
    """The loss: one number for each sample and step, so that masks fit it."""
    return keras.ops.sum(y_true * y_pred, axis=-1)


class Ints:
    """Inputs that are whole numbers below `high`."""

    def __init__(self, *shape, high=5):
        self.shape, self.high = shape, high


def plain(value):
    """JSON without the numbers by which Keras marks shared objects."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in ("shared_object_id", "build_config")}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def case(layer, *inputs, trains=True, batch=3, options=None, masked=False, seed=0):
    rng = np.random.default_rng(seed + len(inputs))
    xs, data = [], []
    for shape in inputs:
        if isinstance(shape, Ints):
            xs.append(keras.Input(shape.shape, dtype="int32"))
            data.append(rng.integers(0, shape.high, (batch, *shape.shape)).astype("int32"))
        else:
            xs.append(keras.Input(shape))
            data.append(rng.normal(size=(batch, *shape)).astype("float32").round(3))
    if masked:
        data[0][:, -1:] = 0
    hidden = [L.Masking()(x) if masked else x for x in xs]
    hidden = [x if keras.backend.is_int_dtype(x.dtype) else Offset()(x) for x in hidden]
    y = layer(hidden[0] if len(hidden) == 1 else hidden, **(options or {}))
    ys = list(y) if isinstance(y, (list, tuple)) else [y]
    model = keras.Model(xs, ys)
    start = []
    for variable in model.weights:
        if "seed" in variable.name:
            continue
        value = rng.normal(size=variable.shape).astype("float32") * 0.5
        if "variance" in variable.name or "stddev" in variable.name:
            value = np.abs(value) + 0.5
        if variable.path.endswith("offset"):
            value = np.zeros(variable.shape, "float32")
        if keras.backend.is_float_dtype(variable.dtype):
            variable.assign(value.round(3))
        start.append(np.asarray(variable.numpy()))
    outputs = [np.array(o) for o in (lambda p: p if isinstance(p, list) else [p])(model.predict_on_batch(data))]
    record = {
        "layer": plain(keras.saving.serialize_keras_object(layer)),
        "options": options or {},
        "masked": masked,
        "inputs": [array(x) for x in data],
        "weights": [array(w) for w in start],
        "outputs": [array(o) for o in outputs],
    }
    if trains and all(o.dtype.kind == "f" for o in outputs):
        targets = [rng.normal(size=o.shape).astype("float32").round(3) for o in outputs]
        model.compile(keras.optimizers.SGD(0.05), loss=[weighted_sum] * len(outputs))
        for _ in range(3):
            model.train_on_batch(data, targets)
        record["targets"] = [array(t) for t in targets]
        record["trained"] = [array(v.numpy()) for v in model.weights if "seed" not in v.name]
    return record


def cases():
    image, line, volume = (6, 5, 3), (7, 3), (4, 5, 4, 2)
    pooling = {1: line, 2: image, 3: volume}

    yield case(L.Dense(4, activation="relu"), (5,))
    yield case(L.Dense(3, use_bias=False, activation="tanh"), (2, 5))
    yield case(L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", activation="sigmoid"), (4, 5))
    yield case(L.Embedding(6, 4), Ints(5, high=6))
    yield case(L.Embedding(6, 4, mask_zero=True), Ints(5, high=6))
    # With LoRA. The alpha of the second is dropped: so does Keras.
    yield case(L.Dense(4, activation="relu", lora_rank=2, kernel_regularizer="l2"), (5,))
    yield case(L.Dense(4, use_bias=False, lora_rank=2, lora_alpha=8), (5,))
    yield case(L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", lora_rank=2, lora_alpha=3), (4, 5))
    yield case(L.Embedding(6, 4, lora_rank=3, embeddings_regularizer="l1"), Ints(5, high=6))
    yield case(L.ReversibleEmbedding(6, 4, lora_rank=2), Ints(5, high=6))
    yield case(L.ReversibleEmbedding(6, 4, lora_rank=2), (5, 4), options={"reverse": True})
    yield case(L.Conv1D(4, 3, lora_rank=2), line)
    yield case(L.Conv2D(6, 2, groups=3, lora_rank=2, lora_alpha=5), image)
    yield case(L.Conv3D(3, 2, use_bias=False, lora_rank=1, lora_alpha=0.5), volume)
    yield case(L.TimeDistributed(L.Dense(3, lora_rank=2)), (4, 5))
    yield case(L.Activation("gelu"), (4, 3))
    yield case(L.Masking(0.0), (4, 3))
    yield case(L.Identity(), (4,))
    yield case(L.ReversibleEmbedding(6, 4), Ints(5, high=6))
    yield case(L.ELU(0.7), (4, 3))
    yield case(L.LeakyReLU(0.2), (4, 3))
    yield case(L.PReLU(shared_axes=[1]), (4, 3))
    yield case(L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), (4, 3))
    yield case(L.Softmax(axis=-1), (4, 3))

    for n, shape in pooling.items():
        of = lambda name: getattr(L, f"{name}{n}D")
        yield case(of("Conv")(4, 3, padding="same", activation="relu"), shape)
        yield case(of("Conv")(4, 2, strides=2, use_bias=False), shape)
        yield case(of("Conv")(4, 2, dilation_rate=2), shape)
        yield case(of("ConvLSTM" )(2, 2, return_sequences=True), (3, *shape))
        yield case(of("MaxPooling")(2), shape)
        yield case(of("MaxPooling")(3, strides=2, padding="same"), shape)
        yield case(of("AveragePooling")(2), shape)
        yield case(of("AveragePooling")(3, strides=1, padding="same"), shape)
        yield case(of("GlobalAveragePooling")(), shape)
        yield case(of("GlobalMaxPooling")(keepdims=True), shape)
        yield case(of("AdaptiveAveragePooling")(2), shape)
        yield case(of("AdaptiveMaxPooling")(3), shape)
        yield case(of("UpSampling")(2), shape)
        yield case(of("ZeroPadding")(1), shape)
        yield case(of("Cropping")(1), shape)
        yield case(getattr(L, f"Conv{n}DTranspose")(3, 3, strides=2, padding="same"), shape)
        yield case(getattr(L, f"Conv{n}DTranspose")(3, 2, use_bias=False, activation="tanh"), shape)
        yield case(of("SpatialDropout")(0.4), shape, trains=False)
    yield case(L.Conv1D(4, 3, padding="causal"), line)
    yield case(L.Conv2D(6, 3, groups=3), image)
    yield case(L.Conv2D(2, (2, 3), strides=(1, 2), padding="same"), image)
    yield case(L.UpSampling2D(2, interpolation="bilinear"), (3, 4, 2))
    yield case(L.ZeroPadding2D(((1, 0), (2, 1))), image)
    for name, shape in (("1D", line), ("2D", image)):
        yield case(getattr(L, "DepthwiseConv" + name)(3, depth_multiplier=2, padding="same"), shape)
        yield case(getattr(L, "DepthwiseConv" + name)(2, strides=2, activation="relu"), shape)
        yield case(getattr(L, "SeparableConv" + name)(4, 3, depth_multiplier=2), shape)

    yield case(L.Flatten(), (4, 3))
    yield case(L.Reshape((2, -1)), (4, 3))
    yield case(L.Permute((2, 1)), (4, 3))
    yield case(L.RepeatVector(3), (4,))
    yield case(L.Rescaling(0.5, offset=-1.0), (4, 3))

    yield case(L.BatchNormalization(), (5,), batch=6)
    yield case(L.BatchNormalization(axis=1, momentum=0.8, scale=False), (4, 3), batch=4)
    yield case(L.BatchNormalization(renorm=True), (5,), batch=6)
    yield case(L.LayerNormalization(), (4, 6))
    yield case(L.LayerNormalization(axis=[1, 2], center=False), (4, 6))
    yield case(L.GroupNormalization(2), (4, 6))
    yield case(L.RMSNormalization(), (4, 6))
    yield case(L.UnitNormalization(), (4, 6))
    yield case(L.SpectralNormalization(L.Dense(3)), (5,), trains=False)
    yield case(L.Normalization(mean=[0.5, 1.0], variance=[2.0, 3.0]), (3, 2))

    for merge in (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum):
        yield case(merge(), (4, 3), (4, 3))
    yield case(L.Add(), (4, 3), (1, 3), (4, 3))
    yield case(L.Concatenate(axis=1), (4, 3), (2, 3))
    yield case(L.Dot(axes=(2, 1)), (4, 3), (3, 2))
    yield case(L.Dot(axes=-1, normalize=True), (4, 3), (4, 3))

    for cell in (L.SimpleRNN, L.GRU, L.LSTM):
        yield case(cell(4), (5, 3))
        yield case(cell(4, return_sequences=True, return_state=True, go_backwards=True), (5, 3))
        yield case(cell(3, return_sequences=True, use_bias=False, activation="relu"), (5, 3), masked=True)
        yield case(cell(3, unroll=True), (4, 2), masked=True)
        yield case(L.Bidirectional(cell(3, return_sequences=True)), (4, 2), masked=True)
        yield case(L.Bidirectional(cell(3), merge_mode="sum"), (4, 2))
    yield case(L.GRU(3, reset_after=False), (4, 2))
    yield case(L.LSTM(3, unit_forget_bias=False, recurrent_activation="hard_sigmoid"), (4, 2))
    yield case(L.RNN(L.LSTMCell(3), return_sequences=True), (4, 2))
    yield case(L.RNN([L.GRUCell(3), L.SimpleRNNCell(2)]), (4, 2))
    yield case(L.RNN(L.StackedRNNCells([L.LSTMCell(2), L.LSTMCell(3)])), (4, 2))
    yield case(L.TimeDistributed(L.Dense(3, activation="relu")), (4, 5))
    yield case(L.TimeDistributed(L.Conv2D(2, 2)), (3, 4, 4, 2))

    yield case(L.Attention(use_scale=True), (4, 3), (5, 3))
    yield case(L.Attention(score_mode="concat"), (4, 3), (5, 3), options={"use_causal_mask": True})
    yield case(L.AdditiveAttention(), (4, 3), (5, 3), options={"return_attention_scores": True})
    yield self_attention(L.MultiHeadAttention(2, 3))
    yield self_attention(L.MultiHeadAttention(2, 3, output_shape=5, use_gate=True), use_causal_mask=True)
    yield self_attention(L.MultiHeadAttention(2, 3, sliding_window=2))
    yield self_attention(L.GroupQueryAttention(3, 4, 2, use_bias=False), use_causal_mask=True)

    # Augmentation rests outside of training, but for those that are no chance.
    photo = (8, 8, 3)
    for layer in (
        L.AugMix(value_range=(0, 1)), L.AutoContrast(value_range=(0, 1)), L.CutMix(), L.MixUp(),
        L.ContrastLimitedAdaptiveHistogramEqualization(value_range=(0, 1), tile_grid_size=(2, 2)),
        L.RandAugment(value_range=(0, 1)), L.RandomBrightness(0.2),
        L.RandomColorDegeneration(0.3), L.RandomColorJitter(value_range=(0, 1), brightness_factor=0.2), L.RandomContrast(0.2),
        L.RandomCrop(5, 6), L.RandomElasticTransform(), L.RandomErasing(), L.RandomFlip("horizontal"),
        L.RandomGaussianBlur(), L.RandomGrayscale(0.4), L.RandomHue(0.3, value_range=(0, 1)), L.RandomInvert(),
        L.RandomPerspective(), L.RandomPosterization(4, value_range=(0, 1)), L.RandomRotation(0.2), L.RandomSaturation(0.3, value_range=(0, 1)),
        L.RandomSharpness(0.3, value_range=(0, 1)), L.RandomShear(0.2, 0.1), L.RandomTranslation(0.1, 0.2), L.RandomZoom(0.2),
        L.Solarization(value_range=(0, 1)), L.CenterCrop(4, 5), L.Resizing(5, 7), L.Resizing(12, 9, interpolation="bicubic"),
        L.Resizing(6, 4, crop_to_aspect_ratio=True, antialias=True), L.Pipeline([L.Rescaling(0.5), L.RandomFlip()]),
    ):
        yield case(layer, photo, trains=False)
    yield case(L.CategoryEncoding(6, output_mode="multi_hot"), Ints(4, high=6), trains=False)
    yield case(L.Discretization([-0.5, 0.0, 1.0]), (4,), trains=False)
    yield case(L.STFTSpectrogram(frame_length=16, frame_step=8, fft_length=16), (64, 1), trains=False)

    yield case(L.Dropout(0.4), (4, 3), trains=False)
    yield case(L.AlphaDropout(0.4), (4, 3), trains=False)
    yield case(L.GaussianDropout(0.4), (4, 3), trains=False)
    yield case(L.GaussianNoise(0.4), (4, 3), trains=False)
    yield case(L.ActivityRegularization(l1=0.1, l2=0.2), (4, 3))
    yield case(L.Dense(3, kernel_regularizer="l2", bias_constraint="non_neg", activity_regularizer="l1"), (4,))
    yield from recurrent()


def recurrent():
    """Recurrent layers in odd configurations. All have names, so that these cases do not depend on those before them."""
    both = lambda layer, **options: L.Bidirectional(layer, name="both", **options)
    whole = {"return_sequences": True, "return_state": True}
    back = L.LSTM(2, activation="sigmoid", go_backwards=True, name="b", **whole)
    yield case(both(L.LSTM(2, name="a", **whole), merge_mode=None, backward_layer=back), (4, 2), masked=True)
    forward = L.GRU(2, reset_after=False, go_backwards=True, name="a")
    yield case(both(forward, backward_layer=L.SimpleRNN(3, name="b")), (4, 2))
    cells = L.StackedRNNCells([L.GRUCell(2, name="c"), L.LSTMCell(3, name="d")], name="cells")
    yield case(both(L.RNN(cells, return_sequences=True, name="a"), merge_mode="mul"), (4, 2), masked=True)
    yield case(both(L.RNN(L.LSTMCell(2, name="c"), unroll=True, name="a"), merge_mode="ave"), (4, 2))
    yield case(both(L.ConvLSTM1D(2, 2, return_sequences=True, name="a"), merge_mode="sum"), (3, 4, 2))
    yield case(L.ConvLSTM2D(2, (2, 1), unroll=True, padding="same", return_state=True, name="a"), (3, 4, 3, 2))
    yield case(L.TimeDistributed(both(L.GRU(2, name="a")), name="each"), (3, 4, 2))
    yield case(from_states(both(L.LSTM(2, name="a", **whole))), (4, 3), *[(2,)] * 4)
    yield case(from_states(L.GRU(2, zero_output_for_mask=True, name="a", **whole)), (4, 3), (2,))


def from_states(layer):
    """With initial states after the sequence."""
    return Call(layer, lambda inputs, **options: layer(inputs[0], initial_state=inputs[1:], **options))


def self_attention(layer, **options):
    """A query and a value, which are two arguments rather than a list."""
    split = lambda inputs, **kwargs: layer(*inputs, **kwargs)
    record = case(Call(layer, split), (4, 6), (5, 6), options=options)
    return record


class Call:
    """A layer that is called in another way."""

    def __init__(self, layer, call):
        self.layer, self.call = layer, call

    def __call__(self, inputs, **options):
        return self.call(inputs, **options)


serialize = keras.saving.serialize_keras_object
keras.saving.serialize_keras_object = lambda o: serialize(o.layer if isinstance(o, Call) else o)

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    records = list(cases())
    lines = ",\n".join(json.dumps(record, separators=(",", ":")) for record in records)
    (folder / "layers.json").write_text(f"[\n{lines}\n]\n")
    print(f"{len(records)} cases")
