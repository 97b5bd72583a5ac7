"""Text as numbers: TF-IDF of words and letters, computed without scikit-learn but equal to its vectorizers.

Weights are ``(1 + ln tf) * (ln((1 + n) / (1 + df)) + 1)``, each block scaled to length 1.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_WORD = re.compile(r"\w+")
_SHORTEST_RUN, _LONGEST_RUN = 2, 4


def word_grams(text: str) -> Iterator[str]:
    """Words and pairs of neighboring words, lower case."""
    words = _WORD.findall(text.lower())
    yield from words
    for first, second in pairwise(words):
        yield f"{first} {second}"


def letter_grams(text: str) -> Iterator[str]:
    """Runs of 2 to 4 letters within words, each word with a space on both sides, lower case."""
    for word in text.lower().split():
        padded = f" {word} "
        for size in range(_SHORTEST_RUN, _LONGEST_RUN + 1):
            yield padded[:size]
            for at in range(1, len(padded) - size + 1):
                yield padded[at : at + size]
            if len(padded) <= size:
                break


@dataclass(frozen=True)
class Sparse:
    """One text's features: which columns are not zero, and what stands there."""

    columns: Indices
    values: Floats

    def scores(self, weights: Floats) -> Floats:
        """The product with a matrix of a row per feature."""
        return self.values @ weights[self.columns]


class Block:
    """The TF-IDF of one way to cut a text into pieces."""

    def __init__(self, name: str, pieces: Sequence[str], idf: Floats) -> None:
        self.name = name
        self.cut = CUTS[name]
        self.pieces = tuple(pieces)
        self.columns = {piece: column for column, piece in enumerate(self.pieces)}
        self.idf = idf
        self._idf_list: list[float] = idf.tolist()

    @classmethod
    def fit(cls, name: str, texts: Iterable[str]) -> "Block":
        """Learn the pieces of ``texts`` and how common they are."""
        counts: Counter[str] = Counter()
        total = 0
        for text in texts:
            counts.update(set(CUTS[name](text)))
            total += 1
        pieces = sorted(counts)
        found = np.array([counts[piece] for piece in pieces], dtype=np.float64)
        return cls(name, pieces, np.log((1 + total) / (1 + found)) + 1)

    def transform(self, text: str) -> tuple[list[int], list[float]]:
        """Columns and values, scaled to length 1; pieces never seen are left out."""
        counts: dict[int, int] = {}
        for piece in self.cut(text):
            column = self.columns.get(piece)
            if column is not None:
                counts[column] = counts.get(column, 0) + 1
        columns = list(counts)
        values = [(1 + math.log(count)) * self._idf_list[column] for column, count in counts.items()]
        length = math.sqrt(sum(value * value for value in values)) or 1.0
        return columns, [value / length for value in values]


CUTS: dict[str, Callable[[str], Iterator[str]]] = {"words": word_grams, "letters": letter_grams}
"""The ways to cut a text."""


class Features:
    """Several blocks side by side."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = tuple(blocks)

    @classmethod
    def fit(cls, texts: Sequence[str]) -> "Features":
        """Learn every block from ``texts``."""
        return cls([Block.fit(name, texts) for name in CUTS])

    @property
    def size(self) -> int:
        """Number of columns."""
        return sum(len(block.pieces) for block in self.blocks)

    def transform(self, text: str) -> Sparse:
        """The features of one text."""
        columns: list[int] = []
        values: list[float] = []
        offset = 0
        for block in self.blocks:
            found, weights = block.transform(text)
            columns.extend(column + offset for column in found)
            values.extend(weights)
            offset += len(block.pieces)
        return Sparse(np.array(columns, dtype=np.int64), np.array(values, dtype=np.float64))

    def matrix(self, texts: Sequence[str]) -> Any:
        """The features of many texts as a SciPy sparse matrix, for training."""
        from scipy.sparse import csr_matrix

        rows = [self.transform(text) for text in texts]
        starts = np.cumsum([0, *(len(row.columns) for row in rows)])
        return csr_matrix(
            (
                np.concatenate([row.values for row in rows]),
                np.concatenate([row.columns for row in rows]),
                starts,
            ),
            shape=(len(rows), self.size),
        )
