"""What of all that can be said fits a sound best, by a network that was taught on free speech.

The network writes from left to right, of what follows in the grammar; a few of the best beginnings are kept
(a beam search over a word lattice). It likes short answers to long sounds, so each whole sentence is weighed
by how long it would take to say.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from heapq import nlargest
from math import log

from voice.grammar import Walk
from voice.moonshine import Dictation, Floats, Moonshine

_BEAMS = 8
_MOST_PIECES = 48
_ENOUGH = 3
"""Whole sentences that are better than all beginnings: then nothing better follows."""
_ORDER_WEIGHT = 0.3
"""How much the order of words in the grammar weighs against the sound."""
_SECONDS_A_PHONE, _SPREAD = 0.085, 0.25
"""How long a phone lasts in the middle, and the standard deviation of the logarithm of its share of that."""
_LENGTH_WEIGHT = 3.0
_NEVER = -1e9

Spell = Callable[[str], tuple[str, ...]]
"""The ways a word of the grammar may be written."""


@dataclass(frozen=True)
class Choice:
    """A sentence of the grammar and how well it fits."""

    words: tuple[str, ...]
    sound: float
    """The logarithm of the probability of its letters, given the sound."""
    length: float
    """The same of its length, of 0 at most."""

    @property
    def score(self) -> float:
        """Both together."""
        return self.sound + _LENGTH_WEIGHT * self.length


@dataclass(slots=True)
class _Node:
    """Where one may be within words that begin alike."""

    after: dict[int, "_Node"] = field(default_factory=dict)
    words: list[tuple[int, float, str]] = field(default_factory=list)
    """Those that are whole here: the state they lead to, their weight, the word."""


@dataclass(frozen=True)
class _Way:
    node: _Node
    weight: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class _Text:
    """A beginning."""

    sound: float
    ways: dict[int, _Way]
    """By the identity of their nodes."""
    end: tuple[float, tuple[str, ...]] | None = None
    """The words where it may end here, and the weight of that."""
    row: int = 0
    piece: int = 0

    @property
    def score(self) -> float:
        return self.sound + _ORDER_WEIGHT * max((way.weight for way in self.ways.values()), default=_NEVER)


class Chooser:
    """A grammar as pieces of words."""

    def __init__(self, walk: Walk, model: Moonshine, spell: Spell) -> None:
        self._model, self._spell, self._end = model, spell, walk.end
        self._after: dict[int, list[tuple[int, float, str]]] = defaultdict(list)
        self._quiet: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for step in walk.steps:
            if step.word is None:
                self._quiet[step.start].append((step.end, log(step.weight)))
            else:
                self._after[step.start].append((step.end, log(step.weight), step.word))
        self._roots: dict[int, _Node] = {}
        self._reached: dict[int, dict[int, float]] = {}

    def choose(
        self, sound: Dictation, seconds: float, phones: Callable[[str], int], count: int
    ) -> list[Choice]:
        """The ``count`` sentences that fit best, the best first.

        ``phones`` tells how many a word has; ``seconds`` is how long it was spoken.
        """
        ways: dict[int, _Way] = {}
        self._enter(0, 0.0, (), ways)
        texts = [_Text(0.0, ways)]
        chances = sound.begin()
        whole: dict[tuple[str, ...], tuple[float, Choice]] = {}
        for _ in range(_MOST_PIECES):
            for score, choice in self._whole(texts, chances, seconds, phones):
                if choice.words not in whole or whole[choice.words][0] < score:
                    whole[choice.words] = score, choice
            texts = self._longer(texts, chances)
            if not texts:
                break
            best = nlargest(_ENOUGH, (score for score, _ in whole.values()))
            if len(best) == _ENOUGH and best[-1] > texts[0].score:
                break
            chances = sound.go_on([one.row for one in texts], [one.piece for one in texts])
        return [choice for _, choice in nlargest(count, whole.values(), key=lambda one: one[0])]

    def fit(
        self,
        several: Sequence[Sequence[str]],
        sounds: Sequence[Dictation],
        seconds: float,
        phones: Callable[[str], int],
    ) -> list[Choice]:
        """How well given words of the grammar fit, in the mean of the ``sounds``."""
        texts: list[tuple[int, ...]] = []
        own: list[set[int]] = []
        for words in several:
            spelled = [self._spellings(word, first=at == 0) for at, word in enumerate(words)]
            ways = dict.fromkeys((tuple(one[0] for one in spelled), tuple(one[-1] for one in spelled)))
            own.append({len(texts) + number for number in range(len(ways))})
            texts += [tuple(piece for one in way for piece in self._model.spelled(one)) for way in ways]
        scores = [sound.score(texts) for sound in sounds]
        return [
            Choice(
                tuple(words),
                sum(max(score[at] for at in places) for score in scores) / len(scores),
                _length(seconds, sum(map(phones, words))),
            )
            for words, places in zip(several, own, strict=True)
        ]

    def _whole(
        self, texts: Sequence[_Text], chances: Floats, seconds: float, phones: Callable[[str], int]
    ) -> list[tuple[float, Choice]]:
        found = []
        for row, text in enumerate(texts):
            if text.end is not None:
                weight, words = text.end
                sound = text.sound + float(chances[row, list(self._model.ends)].max())
                choice = Choice(words, sound, _length(seconds, sum(map(phones, words))))
                found.append((choice.score + _ORDER_WEIGHT * weight, choice))
        return found

    def _longer(self, texts: Sequence[_Text], chances: Floats) -> list[_Text]:
        found = []
        for row, text in enumerate(texts):
            following = {piece for way in text.ways.values() for piece in way.node.after}
            found += [(text.sound + float(chances[row, piece]), row, piece) for piece in following]
        ahead = (
            _Text(sound, *self._advanced(texts[row].ways, piece), row, piece)
            for sound, row, piece in nlargest(3 * _BEAMS, found)
        )
        return nlargest(_BEAMS, ahead, key=lambda text: text.score)

    def _advanced(
        self, ways: dict[int, _Way], piece: int
    ) -> tuple[dict[int, _Way], tuple[float, tuple[str, ...]] | None]:
        found: dict[int, _Way] = {}
        ends = []
        for way in ways.values():
            node = way.node.after.get(piece)
            if node is None:
                continue
            if node.after:
                _reach(found, node, way.weight, way.words)
            for state, weight, word in node.words:
                end = self._enter(state, way.weight + weight, (*way.words, word), found)
                if end is not None:
                    ends.append((end, (*way.words, word)))
        return found, max(ends, default=None)

    def _enter(
        self, state: int, weight: float, words: tuple[str, ...], found: dict[int, _Way]
    ) -> float | None:
        """Take the ways on from a state; gives the weight of ending there where one may."""
        if state not in self._reached:
            self._reached[state] = self._silent(state)
        for place, more in self._reached[state].items():
            if place in self._after:
                _reach(found, self._root(place), weight + more, words)
        ending = self._reached[state].get(self._end)
        return None if ending is None else weight + ending

    def _root(self, state: int) -> _Node:
        """The words that follow a state at once, as pieces."""
        if state not in self._roots:
            root = self._roots[state] = _Node()
            for to, weight, word in self._after[state]:
                for spelling in self._spellings(word, first=state == 0):
                    node = root
                    for piece in self._model.spelled(spelling):
                        node = node.after.setdefault(piece, _Node())
                    node.words.append((to, weight, word))
        return self._roots[state]

    def _silent(self, state: int) -> dict[int, float]:
        """The states reached without a word, with their weights."""
        reached, left = {state: 0.0}, [state]
        while left:
            at = left.pop()
            for to, weight in self._quiet.get(at, ()):
                if to not in reached or reached[to] < reached[at] + weight:
                    reached[to] = reached[at] + weight
                    left.append(to)
        return reached

    def _spellings(self, word: str, *, first: bool) -> tuple[str, ...]:
        spelled = self._spell(word)
        return tuple(one[:1].upper() + one[1:] for one in spelled) if first else spelled


def _reach(found: dict[int, _Way], node: _Node, weight: float, words: tuple[str, ...]) -> None:
    if id(node) not in found or found[id(node)].weight < weight:
        found[id(node)] = _Way(node, weight, words)


def _length(seconds: float, phones: int) -> float:
    share = log(max(seconds, 0.1) / max(phones * _SECONDS_A_PHONE, 0.05))
    return -0.5 * (share / _SPREAD) ** 2


@cache
def written(text: str) -> tuple[str, ...]:
    """The ways a word or name may be written: as it is, in capitals where it is spelled, as a number."""
    from voice.pronouncing import is_spelled, number_of

    if is_spelled(text):
        return (text.upper(), text)
    number = number_of(text)
    return (text,) if number is None else (text, str(number))
