"""What can be measured of an utterance besides which words it has."""

import re
from collections.abc import Collection

import numpy as np

from intents.readers.features import Floats


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
