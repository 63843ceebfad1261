#!/usr/bin/env python3
"""Makes the golden values of decisions (tests/golden/decision/*.json) with scikit-learn and SciPy.

    pip install scikit-learn scipy
    python3 scripts/golden/decisions.py

Each file names the versions that made it. Platt's line is fitted twice: by scikit-learn's own `_sigmoid_calibration`,
which stops early, and to the optimum by `LogisticRegression` without penalty, where each image stands once as positive
and once as negative, weighted by Platt's smoothed targets.
"""

import json
from pathlib import Path

import numpy
import scipy
import sklearn
from scipy import stats
from sklearn.calibration import _sigmoid_calibration
from sklearn.covariance import ledoit_wolf
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

FOLDER = Path(__file__).resolve().parent.parent.parent / "tests" / "golden" / "decision"
VERSIONS = {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "numpy": numpy.__version__}


def rounded(values, digits=4):
    return numpy.round(values, digits)


def binomial():
    tails, bounds = [], []
    for trials, share in [(1, 0.3), (20, 0.05), (59, 0.95), (300, 0.5), (5000, 0.02), (100_000, 0.01), (3_000_000, 0.98)]:
        spread = max(1.0, (trials * share * (1 - share)) ** 0.5)
        for offset in [-3, -1, 0, 1, 3]:
            successes = int(numpy.clip(round(trials * share + offset * spread), 0, trials))
            tails.append([successes, trials, share, float(stats.binom.sf(successes - 1, trials, share))])
    for successes, trials in [(1, 1), (1, 10), (9, 10), (59, 59), (95, 100), (980, 1000), (98_000, 100_000)]:
        bounds.append([successes, trials, float(stats.beta.ppf(0.05, successes, trials - successes + 1))])
    return {"tails": tails, "lower_bounds": bounds}


def platt_case(name, logits, labels):
    logits, labels = rounded(logits), labels.astype(int)
    positives, negatives = labels.sum(), (1 - labels).sum()
    target = numpy.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    # Standardised, which moves no optimum, so that the solver reaches it to the last digits.
    mean, deviation = logits.mean(), logits.std()
    doubled = numpy.concatenate([logits, logits])[:, None]
    model = LogisticRegression(C=numpy.inf, solver="newton-cholesky", tol=1e-14, max_iter=10_000).fit(
        (doubled - mean) / deviation,
        numpy.repeat([1, 0], len(labels)),
        sample_weight=numpy.concatenate([target, 1 - target]),
    )
    slope = float(model.coef_[0, 0] / deviation)
    early = _sigmoid_calibration(logits, labels)
    return {
        "name": name,
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        "slope": slope,
        "intercept": float(model.intercept_[0] - slope * mean),
        # scikit-learn writes 1 / (1 + exp(A · logit + B)).
        "sigmoid_calibration": [-float(early[0]), -float(early[1])],
    }


def platt():
    random = numpy.random.default_rng(0)
    labels = random.random(60) < 0.4
    logits = random.normal(numpy.where(labels, 1.5, -1.0), 1.5)
    yield platt_case("overlapping", logits, labels)
    yield platt_case("too_certain", logits * 8 + 20, labels)
    yield platt_case("separated", numpy.where(labels, 2.0, -2.0) + random.random(60), labels)
    yield platt_case("rare", numpy.linspace(-6, 3, 50), numpy.arange(50) >= 47)
    yield platt_case("two_images", numpy.array([-0.5, 0.25]), numpy.array([False, True]))


def isotonic():
    random = numpy.random.default_rng(1)
    for name, count, digits in [("spread", 60, 4), ("ties", 80, 0), ("few", 5, 4)]:
        logits = rounded(random.normal(0, 2, count), digits) + 0.0
        labels = (random.random(count) < 1 / (1 + numpy.exp(-0.6 * logits))).astype(int)
        curve = IsotonicRegression(out_of_bounds="clip").fit(logits, labels)
        asked = rounded(numpy.linspace(-7, 7, 57), 3)
        yield {
            "name": name,
            "logits": logits.tolist(),
            "labels": labels.tolist(),
            "asked": asked.tolist(),
            "predicted": curve.predict(asked).tolist(),
        }


def shrinkage():
    random = numpy.random.default_rng(2)
    for rows, columns in [(6, 9), (40, 4)]:
        values = rounded(random.normal(size=(rows, columns)) @ random.normal(size=(columns, columns)), 3)
        covariance, amount = ledoit_wolf(values)
        yield {"rows": values.tolist(), "covariance": covariance.tolist(), "amount": float(amount)}


def write(name, values):
    (FOLDER / f"{name}.json").write_text(json.dumps({"versions": VERSIONS, **values}, allow_nan=False) + "\n")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("binomial", binomial())
    write("platt", {"cases": list(platt())})
    write("isotonic", {"cases": list(isotonic())})
    write("shrinkage", {"cases": list(shrinkage())})


if __name__ == "__main__":
    main()
