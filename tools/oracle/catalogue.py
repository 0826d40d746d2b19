"""Writes what Keras computes for losses, metrics and optimizers, for the tests of `crates/cornu/tests/keras_*.rs`.

    KERAS_BACKEND=jax python tools/oracle/catalogue.py testdata/keras [losses] [metrics] [optimizers]

Versions are pinned in requirements.txt beside this file.
"""

import json
import pathlib
import sys

import jax
import keras
import numpy as np
from keras import losses, metrics, optimizers

assert keras.backend.backend() == "jax", "set KERAS_BACKEND=jax"
RNG = np.random.default_rng(7)  # Set back for each kind.


def array(value):
    """An array as JSON, each float32 in its shortest exact form."""
    value = np.asarray(value)
    if value.dtype == np.float64:
        value = value.astype("float32")
    flat = value.reshape(-1)
    data = [float(str(x)) for x in flat] if value.dtype.kind == "f" else [int(x) for x in flat]
    return {"shape": list(value.shape), "dtype": value.dtype.name, "data": data}


def arrays(**named):
    return {name: array(value) for name, value in named.items() if value is not None}


def title(obj, extra, **given):
    config = {k: v for k, v in obj.get_config().items() if k not in ("name", "dtype")} | extra
    words = [obj.__class__.__name__] + [f"{k}={v}" for k, v in config.items()]
    return " ".join(words + [name for name, value in given.items() if value is not None])


def saved(serialize, obj, extra):
    """The saved object; `extra` are arguments that Keras takes but does not save."""
    form = json.loads(json.dumps(serialize(obj)))
    form["config"] |= extra
    return form


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def probabilities(*shape):
    raw = np.exp(normal(*shape))
    return (raw / raw.sum(-1, keepdims=True)).astype("float32")


def unit(*shape):
    return RNG.uniform(0.02, 0.98, size=shape).astype("float32")


def bits(*shape):
    return RNG.integers(0, 2, size=shape).astype("int32")


def labels(classes, *shape):
    return RNG.integers(0, classes, size=shape).astype("int32")


def one_hot(classes, *shape):
    return np.eye(classes, dtype="float32")[labels(classes, *shape)]


def loss_case(cls, y_true, y_pred, sample_weight=None, mask=None, extra=None, **kwargs):
    extra = extra or {}
    loss = cls(**kwargs, **extra)

    def compute(y_pred):
        y_pred = jax.numpy.asarray(y_pred)
        if mask is None:
            return loss(y_true, y_pred, sample_weight)
        # What Loss.__call__ does, with a mask beside the predictions.
        values = loss.call(keras.ops.convert_to_tensor(y_true, loss.dtype), y_pred)
        return keras.src.losses.loss.reduce_weighted_values(
            values, sample_weight=sample_weight, mask=mask, reduction=loss.reduction, dtype=loss.dtype
        )

    gradient = jax.grad(lambda p: jax.numpy.sum(compute(p)))(jax.numpy.asarray(y_pred))
    return {
        "case": title(loss, extra, sample_weight=sample_weight, mask=mask),
        "object": saved(losses.serialize, loss, extra),
        "keras_saves_all": not extra,
        **arrays(y_true=y_true, y_pred=y_pred, sample_weight=sample_weight, mask=mask),
        **arrays(loss=compute(y_pred), gradient=gradient),
    }


def loss_cases():
    L = losses
    weight = np.array([0.5, 2.0, 0.0, 1.0], "float32")
    steps = RNG.uniform(size=(4, 3)).astype("float32")
    mask = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 0]], bool)

    regression = [
        L.MeanSquaredError, L.MeanAbsoluteError, L.MeanAbsolutePercentageError, L.MeanSquaredLogarithmicError,
        L.Huber, L.LogCosh, L.CosineSimilarity, L.Hinge, L.SquaredHinge, L.CategoricalHinge,
    ]
    for cls in regression:
        yield loss_case(cls, normal(4, 3), normal(4, 3))
        yield loss_case(cls, normal(4, 3), normal(4, 3), weight, reduction="sum")
        yield loss_case(cls, normal(4, 3, 2), normal(4, 3, 2), steps, mask)
        yield loss_case(cls, bits(4), normal(4, 1), reduction="none")
    for reduction in ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None]:
        for w in [None, weight]:
            yield loss_case(L.MeanSquaredError, normal(4, 3), normal(4, 3), w, reduction=reduction)
        for w in [None, steps]:
            yield loss_case(L.MeanAbsoluteError, normal(4, 3, 2), normal(4, 3, 2), w, mask, reduction=reduction)
    yield loss_case(L.MeanSquaredError, normal(4, 3), normal(4, 3), weight.reshape(4, 1))
    yield loss_case(L.MeanSquaredError, normal(4, 3), normal(4, 3), mask=np.zeros(4, bool))
    yield loss_case(L.MeanSquaredError, normal(4, 1), normal(4))
    yield loss_case(L.MeanAbsolutePercentageError, np.zeros((2, 2), "float32"), unit(2, 2) * 1e-6)
    yield loss_case(L.Huber, normal(4, 3), 3 * normal(4, 3), extra={"delta": 0.5})
    yield loss_case(L.LogCosh, np.zeros((1, 4), "float32"), np.array([[-30, -1, 1, 30]], "float32"))
    yield loss_case(L.CosineSimilarity, normal(4, 3), normal(4, 3), extra={"axis": 0})
    yield loss_case(L.Hinge, bits(4, 3), normal(4, 3))
    yield loss_case(L.SquaredHinge, 2 * bits(4, 3) - 1, normal(4, 3), weight)
    yield loss_case(L.CategoricalHinge, one_hot(3, 4), unit(4, 3), weight)

    for cls in [L.KLDivergence, L.Poisson]:
        yield loss_case(cls, probabilities(4, 3), probabilities(4, 3))
        yield loss_case(cls, bits(4, 3), unit(4, 3), weight)
        yield loss_case(cls, probabilities(4, 3, 2), probabilities(4, 3, 2), steps, mask)

    extremes = np.array([[0, 1, 0.5], [1, 0, 1]], "float32")
    for y_true in [bits(2, 3), unit(2, 3)]:
        yield loss_case(L.BinaryCrossentropy, y_true, extremes, label_smoothing=0.25)
    for cls in [L.BinaryCrossentropy, L.BinaryFocalCrossentropy]:
        yield loss_case(cls, bits(4, 3), unit(4, 3))
        yield loss_case(cls, bits(4, 3), normal(4, 3), weight, from_logits=True)
        yield loss_case(cls, bits(2, 2), np.array([[0, 0], [-3, 3]], "float32"), from_logits=True)
        yield loss_case(cls, bits(4, 3), unit(4, 3), label_smoothing=0.2, axis=0)
        yield loss_case(cls, bits(4), unit(4, 1), weight)
        yield loss_case(cls, bits(4, 3, 2), unit(4, 3, 2), steps, mask)
    yield loss_case(L.BinaryCrossentropy, bits(1, 4), np.array([[-90, -40, 40, 90]], "float32"), from_logits=True)
    focal = {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5}
    yield loss_case(L.BinaryFocalCrossentropy, bits(4, 3), unit(4, 3), **focal)

    for cls in [L.CategoricalCrossentropy, L.CategoricalFocalCrossentropy]:
        yield loss_case(cls, one_hot(3, 4), probabilities(4, 3))
        yield loss_case(cls, one_hot(3, 4), unit(4, 3), weight)
        yield loss_case(cls, one_hot(3, 4), 4 * normal(4, 3), from_logits=True, label_smoothing=0.1)
        yield loss_case(cls, one_hot(3, 4), unit(4, 3), axis=0)
        yield loss_case(cls, one_hot(3, 2, 4), normal(2, 4, 3), from_logits=True, reduction="none")
        yield loss_case(cls, one_hot(3, 4, 3), probabilities(4, 3, 3), steps, mask)
    yield loss_case(L.CategoricalCrossentropy, one_hot(3, 2), np.array([[0, 0, 1], [1, 0, 0]], "float32"))
    yield loss_case(L.CategoricalFocalCrossentropy, one_hot(3, 4), probabilities(4, 3), alpha=0.7, gamma=3.0)
    yield loss_case(L.CategoricalGeneralizedCrossEntropy, labels(3, 4), probabilities(4, 3))
    yield loss_case(L.CategoricalGeneralizedCrossEntropy, labels(3, 4), probabilities(4, 3), weight, q=0.8)

    sparse = L.SparseCategoricalCrossentropy
    yield loss_case(sparse, labels(3, 4), probabilities(4, 3))
    yield loss_case(sparse, labels(3, 4), unit(4, 3))
    yield loss_case(sparse, labels(3, 4, 1), normal(4, 3), weight, from_logits=True)
    yield loss_case(sparse, labels(3, 4).astype("float32"), 5 * normal(4, 3), from_logits=True, reduction="sum")
    yield loss_case(sparse, np.array([0, 2, 1, 2]), normal(4, 3), from_logits=True, ignore_class=2)
    yield loss_case(sparse, np.array([0, -1, 1, -1]), probabilities(4, 3), weight, ignore_class=-1)
    yield loss_case(sparse, labels(3, 2, 4), normal(2, 4, 3), from_logits=True, ignore_class=0, reduction="sum")
    yield loss_case(sparse, labels(3, 4, 3), probabilities(4, 3, 3), steps, mask)

    for cls, own in [(L.Dice, {}), (L.Tversky, {}), (L.Tversky, {"alpha": 0.3, "beta": 0.8})]:
        yield loss_case(cls, bits(2, 3, 3, 1), unit(2, 3, 3, 1), **own)
        yield loss_case(cls, bits(2, 3, 3, 2), unit(2, 3, 3, 2), np.array([1.0, 3.0], "float32"), axis=[1, 2, 3], **own)

    def embeddings(*shape):
        raw = normal(*shape)
        return raw / np.linalg.norm(raw, axis=-1, keepdims=True)

    circle_labels = np.array([0, 1, 0, 1, 0])
    yield loss_case(L.Circle, circle_labels, embeddings(5, 3), reduction="none")
    yield loss_case(L.Circle, circle_labels, embeddings(5, 3), gamma=2.0, margin=0.25, remove_diagonal=False)
    spelled = np.array([[1, 2, 0], [1, 1, 2], [0, 0, 0], [3, 1, 2]], "int32")
    yield loss_case(L.CTC, spelled, normal(4, 6, 5))
    yield loss_case(L.CTC, spelled, normal(4, 6, 5), weight, reduction="sum")
    yield loss_case(L.CTC, spelled.astype("float32"), normal(4, 3, 5), reduction="none")


def metric_case(cls, batches, extra=None, targets=True, **kwargs):
    """The result after all batches `(y_true, y_pred)` or `(y_true, y_pred, sample_weight)`."""
    extra = extra or {}
    keras.utils.clear_session()
    metric = cls(**kwargs, **extra)
    form = saved(metrics.serialize, metric, extra)
    written = []
    for y_true, y_pred, *weight in batches:
        weight = weight[0] if weight else None
        metric.update_state(*([y_true, y_pred] if targets else [y_pred]), sample_weight=weight)
        written.append(arrays(y_true=y_true, y_pred=y_pred, sample_weight=weight))
    return {
        "case": title(metric, extra, sample_weight=weight),
        "object": form,
        "keras_saves_all": not extra,
        "batches": written,
        "state": [array(v.numpy()) for v in metric.variables],
        "result": array(metric.result()),
    }


def metric_cases():
    M = metrics
    weights = [np.array([0.5, 2.0, 0.0, 1.0], "float32"), np.array([1.0, 0.25, 3.0, 1.0], "float32")]

    def batches(y_true, y_pred, *shape, weighted=False):
        pairs = [(y_true(*shape), y_pred(*shape)) for _ in weights]
        return [(*pair, w) for pair, w in zip(pairs, weights)] if weighted else pairs

    def quarters(*shape):
        return (RNG.integers(0, 5, size=shape) / 4).astype("float32")

    for weighted in [False, True]:
        for cls in [M.Mean, M.Sum]:
            for shape in [(4,), (4, 3)]:
                yield metric_case(cls, batches(bits, normal, *shape, weighted=weighted), targets=False)
        for cls in [
            M.MeanSquaredError, M.RootMeanSquaredError, M.MeanAbsoluteError, M.MeanAbsolutePercentageError,
            M.MeanSquaredLogarithmicError, M.CosineSimilarity, M.LogCoshError, M.PearsonCorrelation,
            M.ConcordanceCorrelation, M.Hinge, M.SquaredHinge, M.CategoricalHinge, M.R2Score,
        ]:
            yield metric_case(cls, batches(normal, normal, 4, 3, weighted=weighted))
        for cls in [M.MeanSquaredError, M.RootMeanSquaredError, M.BinaryAccuracy, M.Accuracy]:
            yield metric_case(cls, [(bits(4), quarters(4, 1), *w) for w in ([[weights[0]]] if weighted else [[]])])
        for cls in [M.KLDivergence, M.Poisson]:
            yield metric_case(cls, batches(probabilities, probabilities, 4, 3, weighted=weighted))
        for shape in [(4, 1), (4, 3), (4, 3, 2)]:
            yield metric_case(M.BinaryAccuracy, batches(bits, unit, *shape, weighted=weighted))
        yield metric_case(M.Accuracy, batches(bits, bits, 4, 2, weighted=weighted))
        yield metric_case(M.BinaryAccuracy, batches(bits, unit, 4, 2, weighted=weighted), threshold=0.8)
        yield metric_case(M.BinaryCrossentropy, batches(bits, unit, 4, 2, weighted=weighted))
        yield metric_case(
            M.BinaryCrossentropy, batches(bits, normal, 4, 2, weighted=weighted), from_logits=True, label_smoothing=0.25
        )

        def one_hot_3(*shape):
            return one_hot(3, *shape[:-1])

        def labels_3(*shape):
            return labels(3, *shape[:-1])

        for shape in [(4, 3), (4, 2, 3)]:
            yield metric_case(M.CategoricalAccuracy, batches(one_hot_3, unit, *shape, weighted=weighted))
            yield metric_case(M.SparseCategoricalAccuracy, batches(labels_3, unit, *shape, weighted=weighted))
            yield metric_case(M.TopKCategoricalAccuracy, batches(one_hot_3, unit, *shape, weighted=weighted), k=2)
            yield metric_case(M.SparseTopKCategoricalAccuracy, batches(labels_3, unit, *shape, weighted=weighted), k=2)
            yield metric_case(M.CategoricalCrossentropy, batches(one_hot_3, probabilities, *shape, weighted=weighted))
            yield metric_case(
                M.SparseCategoricalCrossentropy, batches(labels_3, probabilities, *shape, weighted=weighted)
            )
        yield metric_case(
            M.CategoricalCrossentropy,
            batches(one_hot_3, normal, 4, 3, weighted=weighted),
            from_logits=True,
            label_smoothing=0.1,
        )
        yield metric_case(
            M.SparseCategoricalCrossentropy,
            batches(labels_3, normal, 4, 3, weighted=weighted),
            from_logits=True,
            ignore_class=1,
        )

        for cls in [M.TruePositives, M.TrueNegatives, M.FalsePositives, M.FalseNegatives]:
            yield metric_case(cls, batches(bits, unit, 4, 1, weighted=weighted))
            yield metric_case(cls, batches(bits, unit, 4, 3, weighted=weighted), thresholds=[0.2, 0.5, 0.7])
        yield metric_case(
            M.TruePositives, batches(bits, quarters, 4, 3, weighted=weighted), thresholds=[0.0, 0.25, 0.5, 0.75, 1.0]
        )
        for cls in [M.Precision, M.Recall]:
            yield metric_case(cls, batches(bits, unit, 4, weighted=weighted))
            yield metric_case(cls, batches(bits, unit, 4, 1, weighted=weighted), thresholds=0.3)
            yield metric_case(cls, batches(bits, unit, 4, 3, weighted=weighted), thresholds=[0.3, 0.6])
            yield metric_case(cls, batches(bits, unit, 4, 3, weighted=weighted), top_k=2)
            yield metric_case(cls, batches(bits, unit, 4, 3, weighted=weighted), class_id=1)
            yield metric_case(cls, batches(bits, unit, 4, 3, weighted=weighted), top_k=2, class_id=2, thresholds=[0.1, 0.6])
        for cls, argument in [
            (M.SensitivityAtSpecificity, "specificity"), (M.SpecificityAtSensitivity, "sensitivity"),
            (M.PrecisionAtRecall, "recall"), (M.RecallAtPrecision, "precision"),
        ]:
            yield metric_case(cls, batches(bits, unit, 4, 1, weighted=weighted), **{argument: 0.5})
            yield metric_case(cls, batches(bits, unit, 4, 1, weighted=weighted), **{argument: 0.9})
            yield metric_case(cls, batches(bits, quarters, 4, weighted=weighted), num_thresholds=5, **{argument: 0.45})
            yield metric_case(cls, batches(bits, unit, 4, 1, weighted=weighted), num_thresholds=1, **{argument: 0.45})
            yield metric_case(cls, batches(bits, unit, 4, 3, weighted=weighted), class_id=0, **{argument: 0.5})
        for curve in ["ROC", "PR", "PRGAIN"]:
            for method in ["interpolation", "minoring", "majoring"]:
                yield metric_case(
                    M.AUC,
                    batches(bits, unit, 4, 2, weighted=weighted),
                    num_thresholds=20,
                    curve=curve,
                    summation_method=method,
                )
            yield metric_case(
                M.AUC,
                batches(bits, unit, 4, 2, weighted=weighted),
                num_thresholds=10,
                curve=curve,
                multi_label=True,
                num_labels=2,
                label_weights=[0.25, 2.0],
            )
            yield metric_case(M.AUC, batches(bits, unit, 4, 1, weighted=weighted), thresholds=[0.7, 0.2, 0.6], curve=curve)
        yield metric_case(M.AUC, batches(bits, quarters, 4, weighted=weighted), num_thresholds=5)
        yield metric_case(M.AUC, batches(bits, normal, 4, weighted=weighted), num_thresholds=9, from_logits=True)
        yield metric_case(
            M.AUC, batches(bits, unit, 4, 2, weighted=weighted), thresholds=[0.1, 0.5, 0.6], multi_label=True
        )
        yield metric_case(M.AUC, batches(bits, unit, 4, 2, weighted=weighted), num_thresholds=7, label_weights=[0.5, 2.0])
        for average in [None, "micro", "macro", "weighted"]:
            for threshold in [None, 0.4]:
                pairs = batches(bits, unit, 4, 3, weighted=weighted)
                yield metric_case(M.F1Score, pairs, average=average, threshold=threshold)
                yield metric_case(M.FBetaScore, pairs, average=average, threshold=threshold, beta=2.0)
        for aggregation in [None, "uniform_average", "variance_weighted_average"]:
            pairs = batches(normal, normal, 4, 2, weighted=weighted)
            yield metric_case(M.R2Score, pairs, class_aggregation=aggregation)
            yield metric_case(M.R2Score, pairs, class_aggregation=aggregation, num_regressors=2)

        def labels_of_3(*shape):
            return labels(3, *shape)

        def one_hot_of_3(*shape):
            return one_hot(3, *shape)

        def scores_of_3(*shape):
            return unit(*shape, 3)

        yield metric_case(M.IoU, batches(labels_of_3, labels_of_3, 4, weighted=weighted), num_classes=3, target_class_ids=[0, 2])
        yield metric_case(M.BinaryIoU, batches(bits, unit, 4, weighted=weighted), dtype="float32")
        yield metric_case(M.BinaryIoU, batches(bits, unit, 4, weighted=weighted), target_class_ids=[1], threshold=0.3)
        yield metric_case(
            M.MeanIoU, batches(labels_of_3, labels_of_3, 4, weighted=weighted), num_classes=4, ignore_class=1, dtype="float32"
        )
        yield metric_case(
            M.OneHotIoU,
            batches(one_hot_of_3, scores_of_3, 4, weighted=weighted),
            num_classes=3,
            target_class_ids=[1, 2],
            dtype="float32",
        )
        yield metric_case(
            M.OneHotMeanIoU, batches(one_hot_of_3, scores_of_3, 4, weighted=weighted), num_classes=3, dtype="float32"
        )
    steps = [RNG.uniform(size=(4, 3)).astype("float32") for _ in weights]
    for cls in [M.MeanSquaredError, M.RootMeanSquaredError, M.BinaryAccuracy, M.Precision]:
        pairs = batches(bits, unit, 4, 3, 2) if cls is not M.Precision else batches(bits, unit, 4, 3)
        yield metric_case(cls, [(*pair, w) for pair, w in zip(pairs, steps)])
    sorted_ids = np.array([[2, 0, 1], [1, 0, 2], [0, 1, 2], [1, 2, 0]], "float32")
    yield metric_case(M.SparseTopKCategoricalAccuracy, [(labels(3, 4), sorted_ids)], k=2, from_sorted_ids=True)
    yield metric_case(M.SparseCategoricalAccuracy, [(labels(3, 4, 1), unit(4, 3))])
    yield metric_case(M.SparseTopKCategoricalAccuracy, [(labels(3, 4), np.full((4, 3), 0.5, "float32"))], k=1)
    yield metric_case(M.CosineSimilarity, batches(normal, normal, 4, 3), extra={"axis": 0})
    yield metric_case(M.R2Score, [(normal(3, 1), normal(3, 1))], num_regressors=3)
    yield metric_case(M.R2Score, [(np.ones((3, 1), "float32"), normal(3, 1))])
    yield metric_case(M.AUC, [(np.zeros(4, "int32"), unit(4))])
    yield metric_case(M.AUC, [(np.ones(4, "int32"), unit(4))], curve="PR")
    yield metric_case(M.MeanIoU, [(labels(3, 2, 3, 3), labels(3, 2, 3, 3))], num_classes=3)
    yield metric_case(M.MeanIoU, [(labels(4, 6), labels(5, 6))], num_classes=3)


GRADIENT_SCALES = [1.0, 0.3, 2.0, 0.0, 1.0, 0.1, 1.0]


def optimizer_case(cls, steps=6, **kwargs):
    """Weights after each step, and the optimizer's own variables after the last."""
    optimizer = cls(**kwargs)
    start = [normal(3), normal(2, 2)]
    gradients = [[scale * normal(3), scale * normal(2, 2)] for scale in GRADIENT_SCALES[:steps]]
    weights = [keras.Variable(w, name=name) for w, name in zip(start, ["bias", "kernel"])]
    for weight in weights:
        weight._path = f"first/{weight.name}"
    optimizer.build(weights)
    form = saved(optimizers.serialize, optimizer, {})
    keras.utils.clear_session()
    form["config"]["name"] = cls().name  # The first of its class has no number.
    after = []
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in step], weights)
        after.append([array(w.numpy()) for w in weights])
    state = [array(v.numpy()) for v in optimizer.variables]
    words = [f"{k}={v if not hasattr(v, 'get_config') else v.get_config()}" for k, v in kwargs.items()]
    return {
        "case": " ".join([cls.__name__] + words),
        "object": form,
        "start": [array(w) for w in start],
        "gradients": [[array(g) for g in step] for step in gradients],
        "after": after,
        "state": state,
    }


def optimizer_cases():
    O, S = optimizers, optimizers.schedules
    own = {
        O.SGD: [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
        O.RMSprop: [{}, {"centered": True}, {"momentum": 0.5}, {"centered": True, "momentum": 0.9, "rho": 0.8, "epsilon": 1e-3}],
        O.Adam: [{}, {"amsgrad": True}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}],
        O.AdamW: [{}, {"weight_decay": 0.1, "amsgrad": True}],
        O.Adadelta: [{}, {"rho": 0.8, "epsilon": 1e-4}],
        O.Adagrad: [{}, {"initial_accumulator_value": 0.5, "epsilon": 1e-3}],
        O.Adamax: [{}, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
        O.Nadam: [{}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}],
        O.Ftrl: [
            {},
            {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.02},
            {"l2_shrinkage_regularization_strength": 0.1, "beta": 0.2, "learning_rate_power": -0.3},
            {"initial_accumulator_value": 0.3},
        ],
        O.Lion: [{}, {"beta_1": 0.5, "beta_2": 0.8}],
        O.Lamb: [{}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}],
        O.Adafactor: [{}, {"relative_step": False, "beta_2_decay": -0.5, "clip_threshold": 0.5}],
        O.Muon: [{}, {"nesterov": False, "ns_steps": 3, "rms_rate": None}, {"exclude_layers": ["first"], "adam_lr_ratio": 0.5}],
        O.ScheduleFreeAdamW: [{}, {"beta_1": 0.8, "warmup_steps": 3}],
    }
    for cls, variants in own.items():
        for variant in variants:
            yield optimizer_case(cls, **variant)
            yield optimizer_case(cls, learning_rate=0.1, **variant)

    shared = [
        {"weight_decay": 0.05},
        {"clipnorm": 0.5},
        {"clipvalue": 0.2},
        {"global_clipnorm": 0.5},
        {"clipnorm": 0.0},
        {"loss_scale_factor": 8.0},
        {"use_ema": True, "ema_momentum": 0.8},
        {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
        {"gradient_accumulation_steps": 2},
        {"gradient_accumulation_steps": 3, "clipnorm": 0.5, "weight_decay": 0.1},
        {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
        {"gradient_accumulation_steps": 2, "loss_scale_factor": 4.0, "global_clipnorm": 0.7},
    ]
    for arguments in shared:
        for cls in [O.SGD, O.Adam, O.Nadam, O.RMSprop]:
            yield optimizer_case(cls, learning_rate=0.1, **arguments)

    schedules = [
        S.ExponentialDecay(0.1, 2, 0.5),
        S.ExponentialDecay(0.1, 2, 0.5, staircase=True),
        S.PiecewiseConstantDecay([1, 3], [0.1, 0.05, 0.01]),
        S.PiecewiseConstantDecay([2], [0.1, 0.02]),
        S.PolynomialDecay(0.1, 4, 0.01),
        S.PolynomialDecay(0.1, 2, 0.01, power=2.0, cycle=True),
        S.InverseTimeDecay(0.1, 2, 0.5),
        S.InverseTimeDecay(0.1, 2, 0.5, staircase=True),
        S.CosineDecay(0.1, 4),
        S.CosineDecay(0.0, 3, alpha=0.1, warmup_target=0.1, warmup_steps=2),
        S.CosineDecayRestarts(0.1, 2),
        S.CosineDecayRestarts(0.1, 2, t_mul=1.0, m_mul=0.5, alpha=0.1),
        S.CosineDecayRestarts(0.1, 1.5, t_mul=1.5, m_mul=0.8),
    ]
    for schedule in schedules:
        yield optimizer_case(O.SGD, steps=7, learning_rate=schedule, weight_decay=0.1)
    yield optimizer_case(O.Adam, learning_rate=schedules[0], gradient_accumulation_steps=2, weight_decay=0.1)


def write(folder, name, cases):
    global RNG
    RNG = np.random.default_rng(7)
    cases = list(cases())
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (folder / f"{name}.json").write_text(f"[\n{lines}\n]\n")
    print(f"{len(cases)} {name}")


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {"losses": loss_cases, "metrics": metric_cases, "optimizers": optimizer_cases}
    for kind in sys.argv[2:] or kinds:
        write(folder, kind, kinds[kind])
