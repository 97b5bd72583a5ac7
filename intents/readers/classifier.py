"""Which intent a text has: linear scores over TF-IDF, turned into honest probabilities by one temperature.

scikit-learn is imported for training only: its import costs seconds and over a hundred megabytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from intents.readers.features import Features, Floats, Sparse
from intents.training import TrainingError

FOLDS = 5
"""Folds of the cross-validation that sets the temperature."""
_PENALTY = 1.0
_TEMPERATURES = np.geomspace(0.02, 2.0, 120)


@dataclass(frozen=True)
class LinearClassifier:
    """Weights learned elsewhere; scoring needs NumPy only."""

    classes: tuple[str, ...]
    weights: Floats
    """A row per feature, a column per class."""
    intercepts: Floats
    temperature: float

    def probabilities(self, features: Sparse) -> Floats:
        """How likely each class is, in the order of ``classes``."""
        return softmax((features.scores(self.weights) + self.intercepts) / self.temperature)


def softmax(scores: Floats) -> Floats:
    """Scores as probabilities, along the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return result


def train_classifier(
    features: Features, texts: Sequence[str], labels: Sequence[str], groups: Sequence[int] | None = None
) -> LinearClassifier:
    """Learn from texts and their labels; ``groups`` keeps variants of one sentence in one fold.

    Raises `TrainingError` with fewer than two labels.
    """
    classes = tuple(sorted(set(labels)))
    if len(classes) < 2:
        raise TrainingError("a classifier needs sentences of at least two intents")
    matrix = features.matrix(texts)
    targets = np.searchsorted(np.array(classes), np.array(labels))
    folds = np.array(groups if groups is not None else range(len(texts))) % FOLDS
    held_out = np.zeros((len(texts), len(classes)))
    for fold in range(FOLDS):
        inside = folds != fold
        if set(targets[inside]) == set(targets):
            held_out[~inside] = _scores(_fit(matrix[inside], targets[inside]), matrix[~inside])
    weights, intercepts = _fit(matrix, targets)
    return LinearClassifier(classes, weights, intercepts, best_temperature(held_out, targets))


def best_temperature(scores: Floats, targets: Any) -> float:
    """The divisor of the scores that makes the held-out truth likeliest."""
    rows = np.arange(len(targets))
    losses = [-np.log(softmax(scores / t)[rows, targets] + 1e-12).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _fit(matrix: Any, targets: Any) -> tuple[Floats, Floats]:
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=_PENALTY, random_state=0).fit(matrix, targets)
    weights, intercepts = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:
        weights, intercepts = np.hstack([-weights, weights]), np.concatenate([-intercepts, intercepts])
    return np.ascontiguousarray(weights), intercepts


def _scores(fitted: tuple[Floats, Floats], matrix: Any) -> Floats:
    weights, intercepts = fitted
    result: Floats = matrix @ weights + intercepts
    return result
