"""Phrases that are known beforehand to be values of some kind, and where they stand in a text."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from intents.training import Example, Lists

_PIECE = re.compile(r"\d+|[^\W\d_]+|[^\w\s]|_")
_MOST_PIECES = 12
"""Pieces of the longest phrase that is looked for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of letters, a run of digits or a sign."""

    text: str
    start: int
    end: int

    @property
    def key(self) -> str:
        """Lower case."""
        return self.text.lower()


@dataclass(frozen=True, slots=True)
class Listed:
    """A known phrase in a text: the pieces from ``first`` to before ``last``."""

    kind: str
    first: int
    last: int


def pieces_of(text: str) -> tuple[Piece, ...]:
    """The text cut into pieces; spaces are left out."""
    return tuple(Piece(match.group(), match.start(), match.end()) for match in _PIECE.finditer(text))


class Phrases:
    """Values from look-ups, regexes and marked sentences, and the synonyms of these values."""

    def __init__(self, lists: Lists, examples: Iterable[Example]) -> None:
        self._given: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for kind, values in lists.lookups.items():
            for value in values:
                self._given[_keys(value)].add(kind)
        self._marked: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for example in examples:
            for kind, keys in _marked_in(example):
                self._marked[keys][kind] += 1
        for said, value in lists.synonyms.items():
            kinds = self._kinds(_keys(value), set())
            if kinds:
                self._given[_keys(said)] |= kinds
        self._patterns = tuple(
            (name, pattern) for name, patterns in lists.regexes.items() for pattern in patterns
        )

    def find(self, text: str, pieces: Sequence[Piece], without: Example | None = None) -> list[Listed]:
        """Every known phrase; of one kind the longest at a place. What only ``without`` marks is unknown."""
        own = set() if without is None else set(_marked_in(without))
        keys = tuple(piece.key for piece in pieces)
        found: list[Listed] = []
        covered: dict[str, int] = defaultdict(int)
        for first in range(len(keys)):
            for last in range(min(first + _MOST_PIECES, len(keys)), first, -1):
                for kind in self._kinds(keys[first:last], own):
                    if covered[kind] <= first:
                        covered[kind] = last
                        found.append(Listed(kind, first, last))
        return [*found, *self._matched(text, pieces)]

    def _kinds(self, keys: tuple[str, ...], own: set[tuple[str, tuple[str, ...]]]) -> set[str]:
        given = self._given.get(keys, set())
        if keys not in self._marked:
            return given
        return given | {kind for kind, count in self._marked[keys].items() if count > ((kind, keys) in own)}

    def _matched(self, text: str, pieces: Sequence[Piece]) -> Iterator[Listed]:
        for name, pattern in self._patterns:
            for match in pattern.finditer(text):
                inside = [
                    at
                    for at, piece in enumerate(pieces)
                    if piece.start < match.end() and piece.end > match.start()
                ]
                if inside:
                    yield Listed(name, inside[0], inside[-1] + 1)


def _keys(text: str) -> tuple[str, ...]:
    return tuple(piece.key for piece in pieces_of(text))


def _marked_in(example: Example) -> set[tuple[str, tuple[str, ...]]]:
    return {(span.entity, _keys(example.text[span.start : span.end])) for span in example.spans}
