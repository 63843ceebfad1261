"""Writes tests/golden/audit/labels.json: labels with some of them flipped, probabilities, and what cleanlab says of them.

    python3 scripts/golden/labels.py

Made with cleanlab 2.9.0 (the program of the authors of confident learning), scikit-learn 1.9.1 and NumPy 2.4.6.
"""

import json
from pathlib import Path

import numpy as np
from cleanlab.count import compute_confident_joint, get_confident_thresholds
from cleanlab.filter import find_label_issues

FILE = Path(__file__).resolve().parent.parent.parent / "tests" / "golden" / "audit" / "labels.json"


def case(seed, count, positives, flipped, spread):
    rng = np.random.default_rng(seed)
    truth = np.arange(count) < positives
    logits = np.where(truth, 1, -1) * spread + rng.normal(size=count)
    probabilities = np.round(1 / (1 + np.exp(-logits)), 9)
    labels = truth ^ (rng.random(count) < flipped)
    if labels.all() or not labels.any():
        return None
    labels, both = labels.astype(int), np.column_stack([1 - probabilities, probabilities])
    calibrated = compute_confident_joint(labels, both)
    return {
        "labels": labels.tolist(),
        "probabilities": probabilities.tolist(),
        "thresholds": get_confident_thresholds(labels, both).tolist(),
        "confident_joint": compute_confident_joint(labels, both, calibrate=False).tolist(),
        "joint": (calibrated / count).tolist(),
        "suspects": find_label_issues(
            labels, both, filter_by="prune_by_noise_rate", return_indices_ranked_by="normalized_margin", n_jobs=1
        ).tolist(),
    }


def main():
    settings = [(400, 200, 0.05, 2), (300, 40, 0.1, 1), (60, 30, 0.2, 0.5), (37, 5, 0, 3), (12, 6, 0.3, 0), (200, 120, 0.5, 1)]
    cases = [case(seed, *setting) for seed, setting in enumerate(settings)]
    # Small ones, where rounding has the say.
    cases += [case(100 + seed, 4 + seed % 13, 2 + seed % 3, 0.3, 0.7) for seed in range(60)]
    cases = [one for one in cases if one]
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")
    print(len(cases), "cases")


main()
