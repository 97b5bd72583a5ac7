"""The embedded reader's model, used with NumPy alone; `learning` makes it."""

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from intents.readers.classifier import LinearClassifier
from intents.readers.delexical import delexicalize
from intents.readers.entities import Explained
from intents.readers.features import Features, Floats, Sparse
from intents.readers.gate import Gate


@dataclass(frozen=True)
class Model:
    """Everything that was learned."""

    features: Features
    classifier: LinearClassifier
    gate: Gate
    kinds: dict[str, tuple[str, ...]]
    """The kinds of entity that were marked in the sentences of each intent."""
    known: frozenset[str]
    """The words of the sentences in scope."""

    is_delexical: bool = True
    """Whether entities are replaced by their kinds; not where the training data marks none."""

    def view(self, explained: Explained) -> str:
        """The text as the model wants it."""
        return delexicalize(explained) if self.is_delexical else explained.words.text

    def judge(self, text: str) -> tuple[Sparse, Floats, float]:
        """A text's features, the probability of every intent, and that of being in scope."""
        features = self.features.transform(text)
        scores = self.classifier.scores(features)
        measures = [*freshness(text, self.known), *decisiveness(scores)]
        return features, self.classifier.probabilities(scores), self.gate.in_scope(features, measures)


def freshness(text: str, known: Collection[str]) -> tuple[float, float]:
    """How many words, as a share and as a number up to 4, none of our sentences knows."""
    words = words_of(text)
    fresh = sum(word not in known for word in words)
    return fresh / max(len(words), 1), min(fresh, 4) / 4


def decisiveness(scores: Floats) -> tuple[float, float]:
    """How well the best intent fits, and how far it is ahead of the next."""
    second, best = np.partition(scores, -2)[-2:]
    return float(best), float(best - second)


def words_of(text: str) -> list[str]:
    """The words of a delexicalized text, lower case."""
    return re.findall(r"\w+", text.lower())
