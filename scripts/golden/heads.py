#!/usr/bin/env python3
"""Makes the golden values of the head (tests/golden/head/*.json) with scikit-learn and PyTorch.

    pip install scikit-learn torch==2.11.0
    python3 scripts/golden/heads.py

Each file names the versions that made it. Features are rounded to f32 first, so both sides see the same numbers.
"""

import json
import warnings
from pathlib import Path

import numpy
import sklearn
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

FOLDER = Path(__file__).resolve().parent.parent.parent / "tests" / "golden" / "head"
VERSIONS = {"scikit-learn": sklearn.__version__, "torch": torch.__version__, "numpy": numpy.__version__}


def digits(values, count=9):
    return [float(f"{value:.{count}g}") for value in numpy.asarray(values, dtype=numpy.float64).ravel()]


def draw(seed, rows, columns, signal):
    """Features of very different means and scales, and labels that follow the first of them."""
    random = numpy.random.default_rng(seed)
    causes = random.normal(size=(rows, columns))
    mixed = causes + 0.5 * causes[:, :1]
    features = mixed * 10.0 ** random.uniform(-2, 2, columns) + random.uniform(-20, 20, columns)
    features = numpy.asarray(digits(features, 6)).reshape(rows, columns).astype(numpy.float32)
    score = causes[:, 0] - 0.6 + (random.normal(size=rows) / signal if signal else 0.0)
    return features, (score > 0).astype(int)


def scaler(features):
    """Centres, and divides all columns by the root of their mean variance; they keep their differences."""
    features = features.astype(numpy.float64)
    mean, scale = features.mean(axis=0), numpy.sqrt(features.var(axis=0).mean())
    return lambda rows: (rows.astype(numpy.float64) - mean) / scale


def total_weight(labels, pos_weight):
    return (pos_weight * labels + (1 - labels)).sum()


def fit(solver, features, labels, l2, pos_weight):
    """sklearn's C multiplies the summed loss: weighted mean + X/2·|w|² is C = 1/(W·X), W the sum of the weights."""
    return LogisticRegression(
        C=1 / (total_weight(labels, pos_weight) * l2), class_weight={0: 1.0, 1: pos_weight}, solver=solver, tol=1e-12, max_iter=100_000
    ).fit(features, labels)


def objective(logits, labels, weights, l2, pos_weight):
    mean = log_loss(labels, 1 / (1 + numpy.exp(-logits)), sample_weight=pos_weight * labels + (1 - labels))
    return mean + l2 / 2 * float(numpy.square(weights).sum())


def optimum(name, features, labels, l2, pos_weight):
    scaled = scaler(features)(features)
    models = [fit(solver, scaled, labels, l2, pos_weight) for solver in ("newton-cholesky", "lbfgs")]
    values = [
        objective(model.decision_function(scaled), labels, model.coef_, l2, pos_weight) for model in models
    ]
    assert abs(values[0] - values[1]) < 1e-7, (name, values)  # lbfgs ends a little above
    return {
        "name": name,
        "width": features.shape[1],
        "features": digits(features),
        "labels": labels.tolist(),
        "l2": l2,
        "pos_weight": pos_weight,
        "objective": min(values),
        "objective_lbfgs": values[1],
        "logits": digits(models[0].decision_function(scaled), 12),
    }


def optima():
    constant, labels = draw(3, 20, 4, 1.0)
    constant[:, 2] = 3.3
    separable, apart = draw(4, 12, 6, 0.0)
    separable[:, 0] = numpy.where(apart, 5, -5) + separable[:, 0] / 1000
    cases = [
        ("tall", *draw(0, 60, 5, 1.0), 1e-2, 1.0),
        ("tall, weak, weighted", *draw(1, 60, 5, 1.0), 1e-4, 2.5),
        ("wide", *draw(2, 14, 30, 2.0), 1e-1, 1.0),
        ("wide, weak, weighted", *draw(2, 14, 30, 2.0), 1e-4, 0.4),
        ("strong", *draw(2, 14, 30, 2.0), 1e2, 3.0),
        ("a constant column", constant, labels, 1e-2, 1.0),
        ("separable", separable, apart, 1e-3, 1.0),
    ]
    return [optimum(*case) for case in cases]


def noise(index):
    """As in src/head/tests/reference.rs: a hash of the index, in ±1, exact in f32."""
    mixed = (index.astype(numpy.uint64) + numpy.uint64(1)) * numpy.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> numpy.uint64(29))) * numpy.uint64(0xBF58476D1CE4E5B9)
    return ((mixed >> numpy.uint64(40)).astype(numpy.float64) / (1 << 23) - 1.0).astype(numpy.float32)


def flatten():
    """Far more columns than images, as behind a flattened map; both sides make the features, for they are large."""
    rows, width = 40, 5000
    features = noise(numpy.arange(rows * width)).reshape(rows, width)
    labels = (features[:, 0] + noise(numpy.arange(rows)) > 0.1).astype(int)
    fitted = optimum("flatten", features, labels, 30.0, 1.5)
    del fitted["features"]
    return {"rows": rows, **fitted}


def cross_validation():
    features, labels = draw(5, 40, 12, 1.0)
    folds = numpy.empty(len(labels), dtype=int)
    for label in (0, 1):
        members = numpy.flatnonzero(labels == label)
        folds[members] = numpy.arange(len(members)) % 5
    strengths, losses, logits = [10.0, 1.0, 0.1, 0.01], [], []
    for l2 in strengths:
        out = numpy.empty(len(labels))
        for fold in range(5):
            train, held = folds != fold, folds == fold
            model = LogisticRegression(C=1 / (train.sum() * l2), solver="newton-cholesky", tol=1e-12, max_iter=10_000)
            scale = scaler(features[train])
            model.fit(scale(features[train]), labels[train])
            out[held] = model.decision_function(scale(features[held]))
        losses.append(log_loss(labels, 1 / (1 + numpy.exp(-out))))
        logits.append(digits(out, 12))
    return {
        "width": features.shape[1],
        "features": digits(features),
        "labels": labels.tolist(),
        "folds": folds.tolist(),
        "l2": strengths,
        "log_loss": losses,
        "logits": logits,
    }


def adamw():
    """Ten steps of torch.optim.AdamW on Linear(6, 1), batches of 4 in order, from given parameters, classes weighted."""
    torch.manual_seed(0)
    features, labels = torch.randn(16, 6), (torch.rand(16, 1) > 0.6).float()
    linear = torch.nn.Linear(6, 1)
    record = {"weight": digits(linear.weight.detach()), "bias": linear.bias.item()}
    optimizer = torch.optim.AdamW(linear.parameters(), lr=0.05, weight_decay=0.1)
    negative = len(labels) / total_weight(labels, 1.7)
    loss = torch.nn.BCEWithLogitsLoss(weight=negative, pos_weight=torch.tensor([1.7]))
    losses = []
    for step in range(10):
        rows = slice(4 * (step % 4), 4 * (step % 4) + 4)
        optimizer.zero_grad()
        value = loss(linear(features[rows]), labels[rows])
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return {
        "width": 6,
        "features": digits(features),
        "labels": labels.int().ravel().tolist(),
        "first": record,
        "learning_rate": 0.05,
        "weight_decay": 0.1,
        "weight_of_positive": 1.7 * negative.item(),
        "weight_of_negative": negative.item(),
        "batch_size": 4,
        "losses": losses,
        "last": {"weight": digits(linear.weight.detach()), "bias": linear.bias.item()},
    }


def main():
    warnings.simplefilter("error")
    FOLDER.mkdir(parents=True, exist_ok=True)
    files = {"optima": {"cases": optima()}, "cross_validation": cross_validation(), "adamw": adamw(), "flatten": flatten()}
    for name, content in files.items():
        text = json.dumps({"made_by": "scripts/golden/heads.py", "versions": VERSIONS, **content})
        (FOLDER / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
