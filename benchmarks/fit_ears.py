"""Fits how sure the embedded ears may be: ``python -m benchmarks.fit_ears ROWS``.

The rows are those of ``python -m benchmarks.voice --split tuning --each 2 --thorough --rows ROWS``. Prints
the weights for `voice.judging` and how they do on voices that were left out of the fit, one after the other.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

SHARES = {
    "clean": 26,
    "20 dB": 22,
    "10 dB": 12,
    "other wordings": 4,
    "outside": 22,
    "outside 20 dB": 8,
    "unknown name": 6,
}
"""Of a hundred utterances, as the fit weighs them: quiet and loud rooms, and what is none of our business."""
FOLDS = 10
STAGES = ("first", "again", "both", "free")
"""What is weighed: sentences when so many have listened, and free speech."""


def main() -> None:
    """Fit and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("rows", type=Path, nargs="+")
    chosen = options.parse_args()
    rows = [json.loads(line) for file in chosen.rows for line in file.read_text().splitlines()]
    found = {name: fitted([row for row in rows if name in row], name) for name in STAGES}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


def fitted(rows: list[dict[str, Any]], of: str) -> dict[str, Any]:
    """Weights and bias, and numbers of right and wrong sentences beyond thresholds in voices left out."""
    names = [name for name in rows[0][of] if name not in ("right", "text")]
    traits = np.array([[row[of][name] for name in names] for row in rows])
    right = np.array([row[of]["right"] for row in rows])
    kinds = np.array([row["of"] for row in rows])
    counts = Counter(kinds.tolist())
    weights = np.array([SHARES.get(kind, 0) / counts[kind] for kind in kinds])
    weights *= len(weights) / weights.sum()
    spread = traits.std(axis=0) + 1e-9
    scaled = traits / spread
    model = LogisticRegression(max_iter=5_000).fit(scaled, right, sample_weight=weights)
    chances = np.zeros(len(rows))
    voices = [row["voice"] for row in rows]
    for others, left_out in GroupKFold(min(FOLDS, len(set(voices)))).split(scaled, right, voices):
        part = LogisticRegression(max_iter=5_000).fit(
            scaled[others], right[others], sample_weight=weights[others]
        )
        chances[left_out] = part.predict_proba(scaled[left_out])[:, 1]
    beyond = {}
    for least in (0.01, 0.02, 0.05, 0.1, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98):
        passed = chances >= least
        beyond[least] = {
            kind: [int((passed & right)[kinds == kind].sum()), int((passed & ~right)[kinds == kind].sum())]
            for kind in counts
        }
    return {
        "weights": dict(zip(names, np.round(model.coef_[0] / spread, 4).tolist(), strict=True)),
        "bias": round(float(model.intercept_[0]), 4),
        "clips": dict(counts),
        "right and wrong beyond": beyond,
    }


if __name__ == "__main__":
    main()
