"""Whether an utterance is something we do at all, decided apart from what it may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from intents.readers.classifier import FOLDS, MOST_ROUNDS, best_temperature, for_each_fold
from intents.readers.features import Floats, Sparse

KEPT = 0.95
"""Share of held-out sentences in scope that must pass: the threshold follows from it."""
_PENALTY = 1.0


@dataclass(frozen=True)
class Gate:
    """One line between inside and outside."""

    weights: Floats
    extra: Floats
    """Weights of the measures that are no words: how new the utterance is to us, how sure its intent."""
    intercept: float
    temperature: float
    threshold: float

    def in_scope(self, features: Sparse, measures: Sequence[float]) -> float:
        """The probability that the utterance is one of ours."""
        return _sigmoid(self.margin(features, measures) / self.temperature)

    def margin(self, features: Sparse, measures: Sequence[float]) -> float:
        """How far inside the line the utterance is; negative outside."""
        return float(features.scores(self.weights)) + float(np.dot(self.extra, measures)) + self.intercept


def open_gate(size: int, measures: int) -> Gate:
    """A gate that lets everything in: for data without out-of-scope sentences."""
    return Gate(np.zeros(size), np.zeros(measures), 50.0, 1.0, 0.0)


def train_gate(
    words: Any, extra: Floats, is_inside: Sequence[bool], is_typical: Sequence[bool], groups: Sequence[int]
) -> tuple[Gate, Floats]:
    """Learn the line, its calibration and its threshold by cross-validation.

    Also gives each sentence's probability of being in scope by a gate that has not seen it.

    ``words`` is the sparse matrix of the sentences, ``extra`` their other measures. The threshold is set on
    the typical ones: a sentence that shares few words with any other is learned by heart, and says nothing
    about the next one.
    """
    from scipy.sparse import csr_matrix, hstack

    targets = np.array(is_inside, dtype=int)
    size = words.shape[1]
    if targets.min() == targets.max():
        return open_gate(size, extra.shape[1]), np.ones(len(targets))
    matrix = csr_matrix(hstack([words, csr_matrix(extra)]))
    folds = np.array(groups) % FOLDS
    scores = np.zeros(len(targets))

    def learn(fold: int) -> None:
        seen = folds != fold
        if len(set(targets[seen])) == 2:
            weights, intercept = _fit(matrix[seen], targets[seen])
            scores[~seen] = matrix[~seen] @ weights + intercept

    for_each_fold(FOLDS, learn)
    temperature = best_temperature(np.stack([-scores / 2, scores / 2], axis=1), targets)
    inside = targets == 1
    typical = inside & np.array(is_typical)
    threshold = float(np.quantile(scores[typical if typical.any() else inside], 1 - KEPT))
    weights, intercept = _fit(matrix, targets)
    gate = Gate(weights[:size], weights[size:], intercept, temperature, _sigmoid(threshold / temperature))
    return gate, 1 / (1 + np.exp(-np.clip(scores / temperature, -50, 50)))


def _fit(matrix: Any, targets: Any) -> tuple[Floats, float]:
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=_PENALTY, class_weight="balanced", random_state=0, max_iter=MOST_ROUNDS).fit(
        matrix, targets
    )
    return model.coef_[0], float(model.intercept_[0])


def _sigmoid(score: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(score, -50, 50))))
