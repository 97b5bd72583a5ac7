"""Finds entities whose values need not be known, by what stands in and around them.

An averaged perceptron over whole sentences (Collins 2002): it learns weights of features and of neighboring
labels, and the best sequence of labels is found exactly. Half of the time it learns from sentences whose
values are hidden from it, so that what stands around a new name is enough to know it. It needs NumPy only.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intents.readers.phrases import Phrases, Piece, pieces_of
from intents.training import Example

ROUNDS = 12
"""How often every sentence is learned from."""
RAREST = 2
"""Features of fewer sentences, hidden or not, are left out."""
_HIDDEN_SHARE = 0.5
_OUTSIDE = "O"
_WINDOWS = ((0,), (-1,), (1,), (-2,), (2,), (-1, 0), (0, 1), (-2, -1), (1, 2))
_FORBIDDEN = -1e9

Weights = NDArray[np.float32]
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tag:
    """An entity's kind and place."""

    entity: str
    start: int
    end: int


class Tagger:
    """Learned weights; the same text always has the same tags."""

    def __init__(
        self,
        labels: Sequence[str],
        columns: dict[str, int],
        weights: Weights,
        steps: Weights,
        phrases: Phrases,
    ) -> None:
        self.labels = tuple(labels)
        self._columns = columns
        self._weights = weights
        self._steps = steps + _forbidden(self.labels)
        self._phrases = phrases

    def find(self, text: str) -> list[Tag]:
        """The entities in ``text``, in order, none overlapping."""
        pieces = pieces_of(text)
        if not pieces:
            return []
        rows = _features(pieces, _marks(self._phrases, text, pieces))
        ids = _Rows.of(rows, self._columns)
        return _tags(pieces, [self.labels[at] for at in _best(ids.scores(self._weights), self._steps)])


def train_tagger(examples: Sequence[Example], phrases: Phrases) -> Tagger | None:
    """Learn from marked sentences; None where nothing is marked."""
    kinds = sorted({span.entity for example in examples for span in example.spans})
    if not kinds:
        return None
    labels = [_OUTSIDE, *(f"{begin}-{kind}" for kind in kinds for begin in "BI")]
    numbers = {label: number for number, label in enumerate(labels)}
    drawn = random.Random(0)  # noqa: S311 - no secret
    sentences = [one for example in examples if (one := _Sentence.of(example, phrases, drawn)) is not None]
    counts = Counter(name for one in sentences for row in one.plain for name in set(row))
    columns = {name: at for at, name in enumerate(n for n, count in counts.items() if count >= RAREST)}
    lessons = [
        (
            _Rows.of(one.plain, columns),
            _Rows.of(one.hidden, columns),
            np.array([numbers[label] for label in one.labels]),
        )
        for one in sentences
    ]
    weights, steps = _learn(lessons, len(columns), labels, drawn)
    used = np.flatnonzero(np.abs(weights).sum(axis=1))
    names = list(columns)
    kept = np.append(used, len(columns))
    return Tagger(labels, {names[old]: new for new, old in enumerate(used)}, weights[kept], steps, phrases)


@dataclass(frozen=True)
class _Sentence:
    plain: list[list[str]]
    hidden: list[list[str]]
    """The features without those that would tell some of the values."""
    labels: list[str]

    @classmethod
    def of(cls, example: Example, phrases: Phrases, drawn: random.Random) -> "_Sentence | None":
        pieces = pieces_of(example.text)
        if not pieces:
            return None
        labels = [_OUTSIDE] * len(pieces)
        hidden: set[int] = set()
        for span in example.spans:
            inside = [at for at, one in enumerate(pieces) if one.start < span.end and one.end > span.start]
            for at in inside:
                labels[at] = f"{'B' if at == inside[0] else 'I'}-{span.entity}"
            if drawn.random() < _HIDDEN_SHARE:
                hidden.update(inside)
        marks = _marks(phrases, example.text, pieces, example)
        plain = _features(pieces, marks)
        return cls(plain, _features(pieces, marks, hidden) if hidden else plain, labels)


@dataclass(frozen=True)
class _Rows:
    """The columns of several pieces, one after another."""

    columns: Ids
    starts: Ids

    @classmethod
    def of(cls, rows: Iterable[Iterable[str]], columns: dict[str, int]) -> "_Rows":
        """The last row of the weights is zero and stands for no feature, so that nothing is empty."""
        found: list[int] = []
        starts: list[int] = []
        for row in rows:
            starts.append(len(found))
            found.append(-1)
            found.extend(columns[name] for name in dict.fromkeys(row) if name in columns)
        return cls(np.array(found, dtype=np.int64), np.array(starts, dtype=np.int64))

    def scores(self, weights: Weights) -> Weights:
        result: Weights = np.add.reduceat(weights[self.columns], self.starts, axis=0)
        return result

    def row(self, at: int) -> Ids:
        end = self.starts[at + 1] if at + 1 < len(self.starts) else len(self.columns)
        return self.columns[self.starts[at] + 1 : end]


def _learn(
    lessons: Sequence[tuple[_Rows, _Rows, Ids]], size: int, labels: Sequence[str], drawn: random.Random
) -> tuple[Weights, Weights]:
    """The averages, over the whole of learning, of the weights of features and of steps between labels."""
    weights, steps = np.zeros((size + 1, len(labels)), np.float32), np.zeros((len(labels),) * 2, np.float32)
    weights_sum, steps_sum = np.zeros(weights.shape), np.zeros(steps.shape)
    forbidden = _forbidden(labels)
    order = list(range(len(lessons)))
    now = 1
    for _ in range(ROUNDS):
        drawn.shuffle(order)
        for number in order:
            plain, hidden, truth = lessons[number]
            rows = plain if drawn.random() < 1 - _HIDDEN_SHARE else hidden
            guess = _best(rows.scores(weights), steps + forbidden)
            for at in np.flatnonzero(guess != truth):
                columns = rows.row(int(at))
                for label, change in ((truth[at], 1), (guess[at], -1)):
                    weights[columns, label] += change
                    weights_sum[columns, label] += change * now
            for path, change in ((truth, 1), (guess, -1)):
                np.add.at(steps, (path[:-1], path[1:]), change)
                np.add.at(steps_sum, (path[:-1], path[1:]), change * now)
            now += 1
    return (weights - weights_sum / now).astype(np.float32), (steps - steps_sum / now).astype(np.float32)


def _best(scores: Weights, steps: Weights) -> Ids:
    """The likeliest labels of neighboring pieces (Viterbi)."""
    total = scores[0].copy()
    total[_begins_wrongly(steps)] = _FORBIDDEN
    came = np.zeros(scores.shape, dtype=np.int64)
    for at in range(1, len(scores)):
        ways = total[:, None] + steps
        came[at] = ways.argmax(axis=0)
        total = ways.max(axis=0) + scores[at]
    path = [int(total.argmax())]
    for at in range(len(scores) - 1, 0, -1):
        path.append(int(came[at, path[-1]]))
    return np.array(path[::-1])


def _begins_wrongly(steps: Weights) -> Any:
    """The labels that may not follow the outside may not begin a sentence either."""
    return steps[0] <= _FORBIDDEN / 2


def _forbidden(labels: Sequence[str]) -> Weights:
    """What to add to the steps so that an entity goes on only where one of its kind is."""
    result = np.zeros((len(labels), len(labels)), np.float32)
    for to, label in enumerate(labels):
        if label.startswith("I-"):
            allowed = (f"B-{label[2:]}", label)
            for start, before in enumerate(labels):
                if before not in allowed:
                    result[start, to] = _FORBIDDEN
    return result


def _tags(pieces: Sequence[Piece], labels: Sequence[str]) -> list[Tag]:
    tags: list[Tag] = []
    for piece, label in zip(pieces, labels, strict=True):
        if label.startswith("I-"):
            tags[-1] = Tag(tags[-1].entity, tags[-1].start, piece.end)
        elif label != _OUTSIDE:
            tags.append(Tag(label[2:], piece.start, piece.end))
    return tags


def _marks(
    phrases: Phrases, text: str, pieces: Sequence[Piece], without: Example | None = None
) -> list[list[str]]:
    """What the known phrases say of every piece."""
    marks: list[list[str]] = [[] for _ in pieces]
    for listed in phrases.find(text, pieces, without):
        for at in range(listed.first, listed.last):
            marks[at].append(f"{'B' if at == listed.first else 'I'}-{listed.kind}")
    return marks


def _features(
    pieces: Sequence[Piece], marks: Sequence[Sequence[str]], hidden: Collection[int] = ()
) -> list[list[str]]:
    """The names of what is true of every piece; hidden pieces show their shape alone."""
    words = [None if at in hidden else piece.key for at, piece in enumerate(pieces)]
    shapes = [_shape(piece.text) for piece in pieces]
    rows = []
    for at, word in enumerate(words):
        row = ["", f"place={min(at, 3)}", f"left={min(len(words) - at, 2)}"]
        for window in _WINDOWS:
            said = [words[at + by] if 0 <= at + by < len(words) else "" for by in window]
            if None not in said:
                row.append(f"{window}={said}")
        if word is not None:
            row += [f"ends={word[-size:]}" for size in (2, 3)] + [f"starts={word[:size]}" for size in (2, 3)]
        for by in (-1, 0, 1):
            if 0 <= at + by < len(words):
                row.append(f"shape{by}={shapes[at + by]}")
                if at + by not in hidden:
                    row += [f"known{by}={mark}" for mark in marks[at + by]]
        rows.append(row)
    return rows


def _shape(text: str) -> str:
    """Capitals, small letters, digits or signs, runs cut to two."""
    shape = ""
    for letter in text:
        kind = "X" if letter.isupper() else "x" if letter.isalpha() else "0" if letter.isdigit() else letter
        if not shape.endswith(kind * 2):
            shape += kind
    return shape
