"""Live names: what ventures, campaigns and categories are called at this moment."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

if TYPE_CHECKING:
    from intents.reading import EntityMatch

_POSSESSIVE = re.compile(r"['’]s\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['’](?!s\b)[^\W_]+)*", re.IGNORECASE)

MOST_WINDOWS = 100
"""Word windows of one utterance that are compared with misspelled names."""
_LONGEST_SAID = 200
_MOST_SHARING = 6
"""A beginning shared by more names than these says too little."""
_SHORTEST_BEGINNING = 4
_SURE_LETTERS = 8
_FILLERS = frozenset(
    {"the", "a", "an", "for", "in", "of", "at", "to", "on", "my", "our", "and", "with", "by"}
)


@dataclass(frozen=True)
class Name:
    """Something that has a name in the database."""

    kind: str
    """venture, campaign, category …"""
    id: int
    name: str
    parent: str | None = None
    """The venture of a campaign; tells apart two of one name."""


@dataclass(frozen=True)
class Found:
    """What a said name may mean."""

    label: str
    """Canonical spelling, unique within its kind; empty when nothing is near."""
    score: float
    """Similarity from 0 to 1; 1 is the same letters but for case and punctuation."""
    alternatives: tuple[str, ...] = ()
    """Other labels that fit equally well."""
    suggestions: tuple[str, ...] = ()
    """The nearest labels when none is near enough to be meant."""

    @property
    def exact(self) -> bool:
        """Spelled like the name itself."""
        return self.score >= 1

    @property
    def near(self) -> bool:
        """Near enough to be meant: a typing or hearing mistake."""
        return bool(self.label)


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int
    is_capital: bool


@dataclass(frozen=True, slots=True)
class _Hit:
    """A window of words that is, or resembles, some names of one kind."""

    kind: str
    labels: tuple[str, ...]
    score: float
    first: int
    last: int

    @property
    def rank(self) -> tuple[int, float]:
        """Longer windows win, then better spelled ones."""
        return self.last - self.first, self.score


class Names:
    """A snapshot of the live names with fuzzy look-up. Immutable; a new snapshot replaces it."""

    def __init__(self, names: Iterable[Name], version: int = 0) -> None:
        self.version = version
        groups: dict[str, list[Name]] = defaultdict(list)
        for name in names:
            groups[name.kind].append(name)
        self._kinds = {kind: _Kind(kind, group) for kind, group in groups.items()}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds there are names of."""
        return tuple(self._kinds)

    def find(self, kind: str, said: str) -> Found:
        """What ``said`` means as a name of ``kind``; kind words around it ("the … campaign") are ignored."""
        known = self._kinds.get(kind)
        return known.find(said) if known else Found("", 0.0)

    def labels(self, kind: str) -> tuple[str, ...]:
        """The labels of a kind in the order given; two of one name carry their parents in brackets."""
        known = self._kinds.get(kind)
        return tuple(known.by_label) if known else ()

    def get(self, kind: str, label: str) -> Name | None:
        """The name with this label."""
        known = self._kinds.get(kind)
        return known.by_label.get(label) if known else None

    def id(self, kind: str, label: str) -> int | None:
        """The id of the name with this label."""
        name = self.get(kind, label)
        return name.id if name else None

    def scan(
        self, text: str, ordinary: Collection[str] = frozenset(), *, forgiving: bool = True
    ) -> list["EntityMatch"]:
        """The names in an utterance, exact or (where ``forgiving``) misspelled, none overlapping its kind.

        Words in ``ordinary`` (lower case) never pass for a misspelled name. Where two kinds have the same
        name, both are given.
        """
        from intents.reading import EntityMatch  # `reading` needs this module first

        words = _words_of(text)
        hits = [hit for known in self._kinds.values() for hit in known.scan(words, ordinary, forgiving)]
        return [
            EntityMatch(
                entity=hit.kind,
                value=hit.labels[0],
                text=text[words[hit.first].start : words[hit.last - 1].end],
                start=words[hit.first].start,
                end=words[hit.last - 1].end,
                confidence=hit.score,
                extractor="names",
                alternatives=hit.labels[1:],
            )
            for hit in sorted(_without_inner(hits), key=lambda hit: (hit.first, hit.kind))
        ]


class _Kind:
    """The names of one kind, indexed."""

    def __init__(self, kind: str, names: list[Name]) -> None:
        self.kind = kind
        self.by_label = _labelled(names)
        self.spellings: dict[str, list[str]] = defaultdict(list)
        self.with_parent: dict[str, list[str]] = defaultdict(list)
        self.beginnings: dict[str, list[str]] = defaultdict(list)
        self.most_words = 1
        for label, name in self.by_label.items():
            self._index(label, name)

    def _index(self, label: str, name: Name) -> None:
        words = _folded(name.name)
        self.most_words = max(self.most_words, len(words))
        for spelling in {"".join(words), _compact(label)} - {""}:
            self.spellings[spelling].append(label)
        if name.parent:
            self.with_parent[_compact(f"{name.parent} {name.name}")].append(label)
            self.with_parent[_compact(f"{name.name} {name.parent}")].append(label)
        for count in range(1, len(words)):
            self.beginnings["".join(words[:count])].append(label)

    @cached_property
    def similar(self) -> "_Similar":
        """The index for misspelled names, built when first needed."""
        return _Similar(list(self.by_label), [_folded(name.name) for name in self.by_label.values()])

    def find(self, said: str) -> Found:
        if said in self.by_label:
            return Found(said, 1.0)
        words = _folded(said[:_LONGEST_SAID])
        for form in (words, _stripped(words, self.kind)):
            compact = "".join(form)
            labels = self.spellings.get(compact) or self.with_parent.get(compact)
            if labels:
                return Found(labels[0], 1.0, tuple(labels[1:]))
        return self._near(_stripped(words, self.kind))

    def _near(self, words: list[str]) -> Found:
        compact = "".join(words)
        if not compact:
            return Found("", 0.0)
        begun = self.beginnings.get(compact, [])
        if 0 < len(begun) <= _MOST_SHARING and len(compact) >= _SHORTEST_BEGINNING:
            return Found(begun[0], 0.9, tuple(begun[1:]))
        slips = _slips(len(compact)) + (len(compact) >= 6)
        ranked = self.similar.nearest(compact, slips)
        if ranked:
            best = [label for label, distance in ranked if distance == ranked[0][1]]
            return Found(best[0], _score(ranked[0][1], compact), tuple(best[1:]))
        return Found("", 0.0, suggestions=self.similar.suggestions(compact))

    def scan(self, words: list[_Word], ordinary: Collection[str], forgiving: bool) -> list[_Hit]:
        hits = list(self._exact(words, ordinary))
        if not forgiving:
            return _without_overlap(hits)
        taken = {at for hit in hits for at in range(hit.first, hit.last)}
        hits.extend(_not_within(taken, self._begun(words, ordinary)))
        taken |= {at for hit in hits for at in range(hit.first, hit.last)}
        return _without_overlap([*hits, *self._misspelled(words, ordinary, taken)])

    def _exact(self, words: list[_Word], ordinary: Collection[str]) -> Iterator[_Hit]:
        for first, last, compact in _windows(words, self.most_words + 2):
            labels = self.spellings.get(compact)
            if labels and not (last - first == 1 and _is_plain(words[first], ordinary)):
                yield _Hit(self.kind, tuple(labels), 1.0, first, last)

    def _begun(self, words: list[_Word], ordinary: Collection[str]) -> Iterator[_Hit]:
        for first, last, compact in _windows(words, self.most_words):
            labels = self.beginnings.get(compact, [])
            if not 0 < len(labels) <= _MOST_SHARING or len(compact) < _SHORTEST_BEGINNING:
                continue
            if words[last - 1].text in _FILLERS or (last - first == 1 and words[first].text in ordinary):
                continue
            yield _Hit(self.kind, tuple(labels), 0.9, first, last)

    def _misspelled(self, words: list[_Word], ordinary: Collection[str], taken: set[int]) -> Iterator[_Hit]:
        compared = 0
        for first, last, compact in _windows(words, self.most_words + 1):
            window = words[first:last]
            if taken.intersection(range(first, last)) or not _may_be_slip(window, compact, ordinary):
                continue
            compared += 1
            if compared > MOST_WINDOWS:
                return
            hit = self._misspelled_window(first, window, compact, ordinary)
            if hit:
                yield hit

    def _misspelled_window(
        self, first: int, window: list[_Word], compact: str, ordinary: Collection[str]
    ) -> _Hit | None:
        ranked = [
            (label, distance)
            for label, distance in self.similar.nearest(compact, _slips(len(compact)))
            if _is_believable(window, self.similar.words_of[label], distance, ordinary)
        ]
        if not ranked:
            return None
        best = tuple(label for label, distance in ranked if distance == ranked[0][1])
        return _Hit(self.kind, best, _score(ranked[0][1], compact), first, first + len(window))


class _Similar:
    """Names by the pairs of letters they hold, so that few need to be compared letter by letter."""

    _MOST_COMPARED = 24

    def __init__(self, labels: list[str], words: list[list[str]]) -> None:
        self.labels = labels
        self.words_of = dict(zip(labels, words, strict=True))
        self.compacts = ["".join(one) for one in words]
        self.sizes = np.array([len(compact) + 1 for compact in self.compacts], dtype=np.float64)
        places: dict[str, list[int]] = defaultdict(list)
        for index, compact in enumerate(self.compacts):
            for pair in _pairs(compact):
                places[pair].append(index)
        self.places = {pair: np.array(found, dtype=np.intp) for pair, found in places.items()}

    def nearest(self, compact: str, slips: int) -> list[tuple[str, int]]:
        """The labels within so many slips of the keyboard or the ear, the nearest first."""
        if slips <= 0:
            return []
        pairs = _pairs(compact)
        enough = max(1, len(pairs) - 3 * slips)
        if sum(pair in self.places for pair in pairs) < enough:
            return []
        shared = self._shared(pairs)
        candidates = np.flatnonzero((shared >= enough) & (np.abs(self.sizes - len(compact) - 1) <= slips))
        found = []
        for index in self._best(candidates, shared, len(pairs)):
            distance = OSA.distance(compact, self.compacts[index], score_cutoff=slips)
            if distance <= slips:
                found.append((self.labels[index], distance))
        return sorted(found, key=lambda one: one[1])

    def suggestions(self, compact: str, count: int = 3) -> tuple[str, ...]:
        """The labels that look most like ``compact``, if any does at all."""
        pairs = _pairs(compact)
        shared = self._shared(pairs)
        candidates = np.flatnonzero(shared >= max(2, len(pairs) // 3))
        near = candidates[5 * shared[candidates] >= self.sizes[candidates] + len(pairs)]
        return tuple(self.labels[index] for index in self._best(near, shared, len(pairs))[:count])

    def _shared(self, pairs: set[str]) -> NDArray[np.intp]:
        found = [self.places[pair] for pair in pairs if pair in self.places]
        if not found:
            return np.zeros(len(self.labels), dtype=np.intp)
        return np.bincount(np.concatenate(found), minlength=len(self.labels))

    def _best(self, candidates: NDArray[np.intp], shared: NDArray[np.intp], size: int) -> NDArray[np.intp]:
        dice = 2 * shared[candidates] / (self.sizes[candidates] + size)
        return candidates[np.argsort(-dice, kind="stable")[: self._MOST_COMPARED]]


def _labelled(names: list[Name]) -> dict[str, Name]:
    """Names by unique label."""
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        counts[_compact(name.name) or name.name] += 1
    labels: dict[str, Name] = {}
    for name in names:
        label = name.name
        if counts[_compact(name.name) or name.name] > 1:
            label = f"{name.name} ({name.parent or f'number {name.id}'})"
        if label in labels:
            label = f"{name.name} ({f'{name.parent}, ' if name.parent else ''}number {name.id})"
        labels[label] = name
    return labels


def _words_of(text: str) -> list[_Word]:
    """The words with their places; a possessive ending belongs to no word."""
    bare = _POSSESSIVE.sub(lambda match: " " * len(match.group()), text)
    return [
        _Word(match.group().lower(), match.start(), match.end(), match.group()[0].isupper())
        for match in _WORD.finditer(bare)
    ]


def _folded(text: str) -> list[str]:
    return [word.text for word in _words_of(text)]


def _compact(text: str) -> str:
    return "".join(_folded(text))


def _stripped(words: list[str], kind: str) -> list[str]:
    """Without articles and kind words around the name, unless nothing else is left."""
    drop = _FILLERS | {kind, f"{kind}s"}
    first, last = 0, len(words)
    while first < last and words[first] in drop:
        first += 1
    while last > first and words[last - 1] in drop:
        last -= 1
    return words[first:last] or words


def _windows(words: list[_Word], most: int) -> Iterator[tuple[int, int, str]]:
    for first in range(len(words)):
        compact = ""
        for last in range(first + 1, min(first + most, len(words)) + 1):
            compact += words[last - 1].text
            yield first, last, compact


def _pairs(compact: str) -> set[str]:
    padded = f"^{compact}$"
    return {padded[at : at + 2] for at in range(len(padded) - 1)}


def _slips(letters: int) -> int:
    """How many slips a name of so many letters may hold."""
    return 0 if letters < 4 else 1 if letters < 8 else 2 if letters < 12 else 3


def _score(distance: int, compact: str) -> float:
    return min(0.99, round(1 - distance / max(len(compact), 1), 3))


def _is_plain(word: _Word, ordinary: Collection[str]) -> bool:
    return word.text in ordinary and not word.is_capital


def _may_be_slip(window: list[_Word], compact: str, ordinary: Collection[str]) -> bool:
    """Whether the window can be a misspelled name at all."""
    if window[0].text in _FILLERS or window[-1].text in _FILLERS:
        return False
    if all(word.text in ordinary for word in window):
        return len(window) > 1 and len(compact) >= _SURE_LETTERS
    return len(compact) >= 4


def _is_believable(window: list[_Word], name: list[str], distance: int, ordinary: Collection[str]) -> bool:
    """Whether plain words in the window are the name's own, or slips of them."""
    plain = [word.text for word in window if word.text in ordinary]
    if len(plain) == len(window) and distance > 1:
        return False
    if len("".join(name)) <= 5 and window[0].text[0] != name[0][0]:
        return False
    if len(window) == len(name):
        return all(
            said.text not in ordinary or said.text == meant or _is_slip_of(said.text, meant)
            for said, meant in zip(window, name, strict=True)
        )
    return distance <= 1 or all(word in name for word in plain)


def _is_slip_of(said: str, meant: str) -> bool:
    return len(said) >= 4 and OSA.distance(said, meant) <= 1


def _not_within(taken: set[int], hits: Iterable[_Hit]) -> Iterator[_Hit]:
    """The hits that say more than what was taken already: a longer window, or a free one."""
    for hit in hits:
        if not taken.issuperset(range(hit.first, hit.last)):
            yield hit


def _without_overlap(hits: list[_Hit]) -> list[_Hit]:
    """The best hits of one kind, none overlapping another."""
    kept: list[_Hit] = []
    for hit in sorted(hits, key=lambda hit: hit.rank, reverse=True):
        if all(hit.last <= other.first or hit.first >= other.last for other in kept):
            kept.append(hit)
    return kept


def _without_inner(hits: list[_Hit]) -> Iterator[_Hit]:
    """The hits that no longer, or better spelled, hit of any kind overlaps."""
    for hit in hits:
        if not any(_covers(other, hit) for other in hits):
            yield hit


def _covers(other: _Hit, hit: _Hit) -> bool:
    overlap = other.first < hit.last and hit.first < other.last
    same = (other.first, other.last) == (hit.first, hit.last)
    return overlap and ((same and other.score == 1 > hit.score) or (not same and other.rank > hit.rank))
