"""Writes tests/golden/metrics/*.json: scores and what scikit-learn and SciPy make of them.

    python3 scripts/golden/metrics.py

Made with scikit-learn 1.9.1, SciPy 1.17.1, NumPy 2.4.6. Point values are scikit-learn's, Wilson intervals SciPy's
(`binomtest`). The variance of the ROC-AUC is written out here from the definition of DeLong, DeLong and
Clarke-Pearson (1988), comparing every positive with every negative image; the program gets it by sorting.
The calibration error is made from scikit-learn's `calibration_curve` and the number of images in each of its bins.
`null` stands for what is undefined, also where scikit-learn warns and gives a number.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from scipy import special, stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

FOLDER = Path(__file__).resolve().parent.parent.parent / "tests" / "golden" / "metrics"
BINS = 10


def delong_variance(labels, probabilities):
    positive, negative = probabilities[labels == 1], probabilities[labels == 0]
    if min(len(positive), len(negative)) < 2:
        return None
    wins = (positive[:, None] > negative[None, :]) + 0.5 * (positive[:, None] == negative[None, :])
    v10, v01 = wins.mean(axis=1), wins.mean(axis=0)
    return float(v10.var(ddof=1) / len(positive) + v01.var(ddof=1) / len(negative))


def delong_interval(area, variance):
    """On the logit scale (Pepe 2003, 5.2.4); none where the variance says nothing."""
    if not variance or area in (0, 1):
        return None
    half = stats.norm.ppf(0.975) * np.sqrt(variance) / (area * (1 - area))
    return special.expit(special.logit(area) + np.array([-half, half])).tolist()


def calibration_error(labels, probabilities):
    truth, predicted = calibration_curve(labels, probabilities, n_bins=BINS, strategy="uniform", pos_label=1)
    bins = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], probabilities)
    share = np.bincount(bins, minlength=BINS) / len(labels)
    return float(np.sum(np.abs(truth - predicted) * share[share > 0]))


def wilson(successes, trials):
    if trials == 0:
        return None
    interval = stats.binomtest(int(successes), int(trials)).proportion_ci(method="wilson")
    return [float(successes / trials), float(interval.low), float(interval.high)]


def expect(labels, probabilities, threshold):
    answers = (probabilities >= threshold).astype(int)
    tn, fp, fn, tp = (int(n) for n in metrics.confusion_matrix(labels, answers, labels=[0, 1]).ravel())
    positives, negatives = tp + fn, tn + fp
    both = positives > 0 and negatives > 0
    variance = delong_variance(labels, probabilities)
    return {
        "confusion": {"true_positive": tp, "false_positive": fp, "true_negative": tn, "false_negative": fn},
        "wilson": {
            "accuracy": wilson(tp + tn, len(labels)),
            "sensitivity": wilson(tp, positives),
            "specificity": wilson(tn, negatives),
            "precision": wilson(tp, tp + fp),
        },
        "values": {
            "accuracy": metrics.accuracy_score(labels, answers),
            "balanced_accuracy": metrics.balanced_accuracy_score(labels, answers) if both else None,
            "sensitivity": metrics.recall_score(labels, answers) if positives else None,
            "specificity": metrics.recall_score(labels, answers, pos_label=0) if negatives else None,
            "precision": metrics.precision_score(labels, answers) if tp + fp else None,
            "f1": metrics.f1_score(labels, answers) if positives else None,
            "mcc": metrics.matthews_corrcoef(labels, answers) if both else None,
            "roc_auc": metrics.roc_auc_score(labels, probabilities) if both else None,
            "pr_auc": metrics.average_precision_score(labels, probabilities) if both else None,
            "log_loss": metrics.log_loss(labels, y_proba=probabilities, labels=[0, 1]),
            "brier": metrics.brier_score_loss(labels, probabilities, pos_label=1),
            "expected_calibration_error": calibration_error(labels, probabilities),
        },
        "delong_variance": variance,
        "roc_auc_interval": delong_interval(metrics.roc_auc_score(labels, probabilities), variance) if both else None,
    }


def cases():
    rng = np.random.default_rng(0)

    def overlapping(count, share, shift):
        labels = (rng.random(count) < share).astype(int)
        logits = rng.normal(labels * shift - shift / 2, 1.5)
        return labels, 1 / (1 + np.exp(-logits))

    yield "overlapping", *overlapping(150, 0.5, 2.0), 0.5
    yield "rare", *overlapping(200, 0.06, 3.0), 0.3
    labels, probabilities = overlapping(120, 0.4, 1.5)
    yield "ties", labels, np.round(probabilities, 1), 0.5
    yield "bin_edges", np.arange(44) % 3 % 2, np.tile(np.linspace(0, 1, 11), 4), 0.30000000000000004
    labels, probabilities = overlapping(60, 0.5, 2.0)
    extreme = np.array([0.0, 1.0, 1e-300, 1 - 2**-53, 5e-324, 2**-52])
    yield "extreme", labels, np.where(np.arange(60) % 2 == 0, extreme[np.arange(60) % 6], probabilities), 0.5
    yield "separated", np.repeat([0, 1], 15), np.linspace(0.01, 0.99, 30), 0.5
    yield "reversed", np.repeat([1, 0], 15), np.linspace(0.01, 0.99, 30), 0.5
    yield "constant", np.arange(20) % 2, np.full(20, 0.5), 0.5
    yield "never_positive", np.arange(20) % 2, np.linspace(0, 0.4, 20), 0.5
    yield "two_images", np.array([0, 1]), np.array([0.3, 0.6]), 0.5
    yield "one_image", np.array([1]), np.array([0.7]), 0.5
    yield "only_positives", np.ones(12, int), np.linspace(0.2, 0.9, 12), 0.5
    yield "only_negatives", np.zeros(12, int), np.linspace(0.2, 0.9, 12), 0.5


def main():
    warnings.simplefilter("ignore")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, labels, probabilities, threshold in cases():
        golden = {
            "labels": labels.tolist(),
            "probabilities": probabilities.tolist(),
            "threshold": threshold,
            **expect(labels, probabilities, threshold),
        }
        (FOLDER / f"{name}.json").write_text(json.dumps(golden, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
