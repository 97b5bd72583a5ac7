"""Which class a text has by its words and by what it means: two classifiers, added up.

One is linear over TF-IDF and the sentence's vector. The other is a kernel ridge regression (regularized least
squares) that asks how near the sentence is to some of the training sentences, its landmarks (Nyström's
approximation: Williams and Seeger, 2001). Each gives about 1 to the right class and -1 to the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intents.encoder import SentenceEncoder
from intents.readers.classifier import MOST_ROUNDS
from intents.readers.features import Floats, Sparse

Vectors = NDArray[np.float32]

WIDTH = SentenceEncoder.size
LANDMARKS_A_CLASS = 60
"""More are nearer to asking every training sentence, and cost time."""
_MEANING_WEIGHT = 2.0
"""Of the sentence's vector beside the TF-IDF blocks, each of length 1."""
_PENALTY = 0.5
_NARROWNESS = 0.64
_NEARNESS_WEIGHT = 16.0
_RIDGE = 0.5
_JITTER = 1e-2
_BLOCK = 2048
"""Rows at a time: all at once would be gigabytes."""
_TOLERANCE = 1e-2


@dataclass(frozen=True)
class MeaningClassifier:
    """Weights learned elsewhere, a column a class; scoring needs NumPy only."""

    words: Floats
    """A row per TF-IDF feature."""
    meaning: Vectors
    """A row per number of the sentence's vector."""
    landmarks: Vectors
    """Vectors of training sentences."""
    nearness: Vectors
    """A row per landmark."""
    shape: Vectors
    """A row per number of the sentence's shape: what its vector has beside the mean."""
    intercepts: Floats

    def scores(self, features: Sparse, vector: Vectors) -> Floats:
        """How well each class fits a text, from its TF-IDF and its `SentenceEncoder.describe` row."""
        result: Floats = features.scores(self.words) + self._by_meaning(vector)
        return result

    def all_scores(self, matrix: Any, vectors: Vectors) -> Floats:
        """`scores` of many texts, a row each."""
        result: Floats = matrix @ self.words + self._by_meaning(vectors)
        return result

    def _by_meaning(self, vectors: Vectors) -> Floats:
        mean, shape = vectors[..., :WIDTH], vectors[..., WIDTH:]
        result: Floats = (
            mean @ self.meaning + near(mean, self.landmarks) @ self.nearness + shape @ self.shape
        ) + self.intercepts
        return result


def near(vectors: Vectors, landmarks: Vectors) -> Vectors:
    """How near unit vectors are to landmarks: a Gaussian of their distance."""
    result: Vectors = np.float32(_NEARNESS_WEIGHT) * np.exp(
        np.float32(-_NARROWNESS) * (1 - vectors @ landmarks.T)
    )
    return result


def train_meaning(
    matrix: Any, vectors: Vectors, targets: Sequence[int], *, is_balanced: bool = False
) -> MeaningClassifier:
    """Learn from texts (rows of their TF-IDF and of their vectors) and the numbers of their classes.

    Of two classes there is one column: positive for class 1. ``is_balanced`` gives a class of few texts as
    much weight as one of many, in the linear part.
    """
    from scipy.sparse import csr_matrix, hstack
    from sklearn.svm import LinearSVC

    classes = np.array(targets)
    both = csr_matrix(hstack([matrix, csr_matrix(_MEANING_WEIGHT * vectors[:, :WIDTH])]))
    balance = "balanced" if is_balanced else None
    linear = LinearSVC(
        C=_PENALTY, tol=_TOLERANCE, class_weight=balance, random_state=0, max_iter=MOST_ROUNDS
    ).fit(both, classes)
    weights, size = linear.coef_.T, matrix.shape[1]
    landmarks, nearness, shape, ridge_intercepts = _ridge(vectors, classes)
    return MeaningClassifier(
        words=np.ascontiguousarray(weights[:size]),
        meaning=np.ascontiguousarray(_MEANING_WEIGHT * weights[size:], dtype=np.float32),
        landmarks=landmarks,
        nearness=nearness,
        shape=shape,
        intercepts=linear.intercept_ + ridge_intercepts,
    )


def _ridge(vectors: Vectors, classes: Any) -> tuple[Vectors, Vectors, Vectors, Floats]:
    from scipy.linalg import cho_factor, cho_solve

    most = LANDMARKS_A_CLASS * (int(classes.max()) + 1)
    chosen = np.random.default_rng(0).permutation(len(vectors))[:most]
    landmarks = np.unique(vectors[np.sort(chosen), :WIDTH], axis=0)
    count = len(landmarks)
    number = int(classes.max()) + 1
    wanted = -np.ones((len(classes), number))
    wanted[np.arange(len(classes)), classes] = 1
    if number == 2:
        wanted = wanted[:, 1:]
    size = count + vectors.shape[1] - WIDTH + 1
    system, right = np.zeros((size, size)), np.zeros((size, wanted.shape[1]))
    for start in range(0, len(vectors), _BLOCK):
        part = vectors[start : start + _BLOCK]
        known = np.ones((len(part), size))
        known[:, :count] = near(part[:, :WIDTH], landmarks)
        known[:, count:-1] = part[:, WIDTH:]
        system += known.T @ known
        right += known.T @ wanted[start : start + _BLOCK]
    system[:count, :count] += _RIDGE * near(landmarks, landmarks)
    diagonal = np.arange(len(system))
    system[diagonal, diagonal] += _JITTER
    system[diagonal[count:], diagonal[count:]] += _RIDGE
    solved = cho_solve(cho_factor(system, overwrite_a=True), right)
    narrow = solved.astype(np.float32)
    return landmarks, narrow[:count], narrow[count:-1], solved[-1]
