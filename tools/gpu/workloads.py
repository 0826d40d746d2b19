"""The four workloads: Keras models, the same in PyTorch, and synthetic data.

Import it after `KERAS_BACKEND` is set. Only layers of Keras itself, so that the files open anywhere.
"""
import numpy as np

SAMPLES = 1024
NAMES = ["mnist_cnn", "resnet20", "lstm", "transformer"]


def data(name):
    """Inputs by name, and targets that can be learnt."""
    rng = np.random.default_rng(1234)
    if name in ("mnist_cnn", "resnet20"):
        shape = (28, 28, 1) if name == "mnist_cnn" else (32, 32, 3)
        x = rng.integers(0, 256, (SAMPLES, *shape), dtype=np.uint8)
        flat = x.reshape(SAMPLES, -1).astype(np.float32)
        y = np.argmax((flat - flat.mean(0)) @ rng.standard_normal((flat.shape[1], 10)).astype(np.float32), 1)
        return {"x": x.astype(np.float32) / 255}, y.astype(np.int32)
    length = 80 if name == "lstm" else 200
    x = rng.integers(1, 20000, (SAMPLES, length), dtype=np.int32)
    y = np.mean(x, axis=1) > 10000
    if name == "lstm":
        return {"x": x}, y.astype(np.float32)
    return {"tokens": x, "positions": np.tile(np.arange(200, dtype=np.int32), (SAMPLES, 1))}, y.astype(np.int32)


def keras_model(name, dtype):
    import keras
    from keras import layers as L

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy({"float32": "float32", "bfloat16": "mixed_bfloat16"}[dtype])
    loss, optimizer = "sparse_categorical_crossentropy", "adam"
    if name == "mnist_cnn":
        optimizer = keras.optimizers.Adadelta(learning_rate=1.0)
        m = keras.Sequential([
            keras.Input((28, 28, 1), name="x"), L.Conv2D(32, 3, activation="relu"), L.Conv2D(64, 3, activation="relu"),
            L.MaxPooling2D(2), L.Dropout(0.25), L.Flatten(), L.Dense(128, activation="relu"), L.Dropout(0.5),
            L.Dense(10, activation="softmax", dtype="float32")])
    elif name == "resnet20":
        optimizer = keras.optimizers.SGD(learning_rate=0.01, momentum=0.9)
        conv = lambda x, f, k, s: L.Conv2D(f, k, strides=s, padding="same", use_bias=False)(x)
        inp = keras.Input((32, 32, 3), name="x")
        x = L.ReLU()(L.BatchNormalization()(conv(inp, 16, 3, 1)))
        for f in (16, 32, 64):
            for block in range(3):
                s = 2 if f > 16 and block == 0 else 1
                y = L.ReLU()(L.BatchNormalization()(conv(x, f, 3, s)))
                y = L.BatchNormalization()(conv(y, f, 3, 1))
                x = L.ReLU()(L.Add()([conv(x, f, 1, 2) if s == 2 else x, y]))
        m = keras.Model(inp, L.Dense(10, activation="softmax", dtype="float32")(L.GlobalAveragePooling2D()(x)))
    elif name == "lstm":
        loss = "binary_crossentropy"
        m = keras.Sequential([keras.Input((80,), dtype="int32", name="x"), L.Embedding(20000, 128), L.LSTM(128),
                              L.Dense(1, activation="sigmoid", dtype="float32")])
    else:
        tok = keras.Input((200,), dtype="int32", name="tokens")
        pos = keras.Input((200,), dtype="int32", name="positions")
        x = L.Add()([L.Embedding(20000, 32)(tok), L.Embedding(200, 32)(pos)])
        a = L.Dropout(0.1)(L.MultiHeadAttention(num_heads=2, key_dim=32)(x, x))
        x = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, a]))
        f = L.Dropout(0.1)(L.Dense(32)(L.Dense(32, activation="relu")(x)))
        x = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, f]))
        x = L.Dropout(0.1)(L.GlobalAveragePooling1D()(x))
        x = L.Dropout(0.1)(L.Dense(20, activation="relu")(x))
        m = keras.Model([tok, pos], L.Dense(2, activation="softmax", dtype="float32")(x))
    m.compile(optimizer, loss, metrics=["accuracy"])
    return m


def torch_model(name):
    """The model, which gives logits, and its optimizer's class and settings; images channels last."""
    import torch
    from torch import nn
    import torch.nn.functional as F

    class Residual(nn.Module):
        def __init__(self, cin, f, s):
            super().__init__()
            self.c1, self.b1 = nn.Conv2d(cin, f, 3, s, 1, bias=False), nn.BatchNorm2d(f)
            self.c2, self.b2 = nn.Conv2d(f, f, 3, 1, 1, bias=False), nn.BatchNorm2d(f)
            self.down = nn.Conv2d(cin, f, 1, s, bias=False) if s != 1 else nn.Identity()

        def forward(self, x):
            return F.relu(self.b2(self.c2(F.relu(self.b1(self.c1(x))))) + self.down(x))

    class Lstm(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb, self.rnn = nn.Embedding(20000, 128), nn.LSTM(128, 128, batch_first=True)
            self.out = nn.Linear(128, 1)

        def forward(self, x):
            return self.out(self.rnn(self.emb(x))[0][:, -1])[:, 0]

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.tok, self.pos = nn.Embedding(20000, 32), nn.Embedding(200, 32)
            self.qkv, self.proj = nn.Linear(32, 192), nn.Linear(64, 32)
            self.n1, self.n2 = nn.LayerNorm(32, eps=1e-6), nn.LayerNorm(32, eps=1e-6)
            self.ff = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32), nn.Dropout(0.1))
            self.drop = nn.Dropout(0.1)
            self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(32, 20), nn.ReLU(), nn.Dropout(0.1), nn.Linear(20, 2))

        def forward(self, tokens):
            x = self.tok(tokens) + self.pos.weight
            q, k, v = self.qkv(x).view(*tokens.shape, 3, 2, 32).permute(2, 0, 3, 1, 4)
            a = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(*tokens.shape, 64)
            x = self.n1(x + self.drop(self.proj(a)))
            return self.head(self.n2(x + self.ff(x)).mean(1))

    torch.manual_seed(0)
    adam = (torch.optim.Adam, dict(lr=1e-3, eps=1e-7, fused=True))
    if name == "mnist_cnn":
        m = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5),
                          nn.Linear(128, 10))
        return m, (torch.optim.Adadelta, dict(lr=1.0, rho=0.95, eps=1e-7, foreach=True))
    if name == "resnet20":
        blocks, c = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
        for f in (16, 32, 64):
            for i in range(3):
                blocks.append(Residual(c, f, 2 if f > 16 and i == 0 else 1))
                c = f
        m = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
        return m, (torch.optim.SGD, dict(lr=0.01, momentum=0.9, fused=True))
    return (Lstm() if name == "lstm" else Transformer()), adam
