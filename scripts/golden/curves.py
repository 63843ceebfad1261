"""Writes tests/golden/curves.json: what scikit-learn makes of the scores in tests/golden/metrics.

    python3 scripts/golden/curves.py

Made with scikit-learn 1.9.1, NumPy 2.4.6. The first threshold of `roc_curve`, which is infinite, is left out; so is the
last point of `precision_recall_curve`, which no threshold has.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

GOLDEN = Path(__file__).resolve().parent.parent.parent / "tests" / "golden"
CASES = ["bin_edges", "constant", "overlapping", "separated", "ties", "two_images"]


def curves(labels, probabilities):
    false_positive_rate, sensitivity, thresholds = roc_curve(labels, probabilities, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    truth, predicted = calibration_curve(labels, probabilities, n_bins=10, strategy="uniform")
    return {
        "thresholds": thresholds[1:].tolist(),
        "false_positive_rate": false_positive_rate.tolist(),
        "sensitivity": sensitivity.tolist(),
        # From the highest threshold down, as the ROC curve goes.
        "precision": precision[-2::-1].tolist(),
        "recall": recall[-2::-1].tolist(),
        "share_of_positives": truth.tolist(),
        "mean_probability": predicted.tolist(),
    }


def main():
    golden = {}
    for case in CASES:
        scores = json.loads((GOLDEN / "metrics" / f"{case}.json").read_text())
        golden[case] = curves(np.array(scores["labels"]), np.array(scores["probabilities"]))
    (GOLDEN / "curves.json").write_text(json.dumps(golden, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
