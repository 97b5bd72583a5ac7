"""Which intent a text has: linear scores over TF-IDF, turned into honest probabilities by one temperature.

scikit-learn is imported for training only: its import costs seconds and over a hundred megabytes.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from intents.readers.features import Floats, Sparse
from intents.training import TrainingError

FOLDS = 5
"""Folds of the cross-validation that calibrates."""
MOST_ROUNDS = 5000
"""Of the solver, which needs a few hundred as a rule."""
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

    def scores(self, features: Sparse) -> Floats:
        """How well each class fits, in the order of ``classes``."""
        return features.scores(self.weights) + self.intercepts

    def probabilities(self, scores: Floats) -> Floats:
        """How likely each class is, from its scores."""
        return softmax(scores / self.temperature)


def softmax(scores: Floats) -> Floats:
    """Scores as probabilities, along the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return result


def train_classifier(
    matrix: Any, intents: Sequence[str | None], groups: Sequence[int]
) -> tuple[LinearClassifier, Floats]:
    """Learn from sentences (rows of a sparse matrix) and their intents, None for those to be left out.

    ``groups`` keeps variants of one sentence in one fold. Also gives every sentence's scores by a model that
    has not seen it. Raises `TrainingError` with fewer than two intents.
    """
    classes = tuple(sorted({intent for intent in intents if intent is not None}))
    if len(classes) < 2:
        raise TrainingError("a classifier needs sentences of at least two intents")
    numbers = {intent: number for number, intent in enumerate(classes)}
    targets = np.array([-1 if intent is None else numbers[intent] for intent in intents])
    folds = np.array(groups) % FOLDS
    scores = np.zeros((len(targets), len(classes)))
    inside = targets >= 0

    def learn(fold: int) -> None:
        seen = (folds != fold) & inside
        if len(set(targets[seen])) == len(classes):
            scores[folds == fold] = _scores(_fit(matrix[seen], targets[seen]), matrix[folds == fold])

    for_each_fold(FOLDS, learn)
    weights, intercepts = _fit(matrix[inside], targets[inside])
    temperature = best_temperature(scores[inside], targets[inside])
    return LinearClassifier(classes, weights, intercepts, temperature), scores


def for_each_fold(folds: int, learn: Callable[[int], None]) -> None:
    """Learn without each fold in turn, on all processors: scikit-learn's solver lets other threads work."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(learn, range(folds)):
            pass


def best_temperature(scores: Floats, targets: Any) -> float:
    """The divisor of the scores that makes the held-out truth likeliest."""
    rows = np.arange(len(targets))
    losses = [-np.log(softmax(scores / t)[rows, targets] + 1e-12).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _fit(matrix: Any, targets: Any) -> tuple[Floats, Floats]:
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=_PENALTY, random_state=0, max_iter=MOST_ROUNDS).fit(matrix, targets)
    weights, intercepts = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:
        weights, intercepts = np.hstack([-weights, weights]), np.concatenate([-intercepts, intercepts])
    return np.ascontiguousarray(weights), intercepts


def _scores(fitted: tuple[Floats, Floats], matrix: Any) -> Floats:
    weights, intercepts = fitted
    result: Floats = matrix @ weights + intercepts
    return result
