"""The closed vocabularies: channels, metrics, statuses, platforms, topics, and what people call them.

They stand in ``intents/data/lexicon.yml`` in Rasa's own form: a ``synonym`` entry is named after its
canonical value, a ``lookup`` entry is named after its kind and lists the kind's values.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from rapidfuzz import process
from rapidfuzz.distance import OSA

from intents.reading import EntityMatch

KINDS = ("channel", "platform", "metric", "status", "topic")
"""Every kind of word that can be looked up here, in the order in which they win."""

_FILE = Path(__file__).parent / "data" / "lexicon.yml"
_WORD = re.compile(r"[^\W_]+")
_SPEECH_ACTS = ("help", "repeat", "cancel")
_SHORTEST_TYPO = 5
"""Words with fewer letters are not corrected."""


@dataclass(frozen=True)
class Vocabulary:
    """One kind's values, and the value each phrase stands for."""

    values: tuple[str, ...]
    phrases: dict[str, str]
    longest: int
    """Most words in one phrase."""


def canonical(kind: str, said: str) -> str | None:
    """The value of ``kind`` that ``said`` means, or None.

    Case, punctuation and plurals do not matter, nor does one slip of the keyboard in a longer word.
    """
    phrases = _vocabularies()[kind].phrases
    phrase = _fold(said)
    for form in _forms(phrase):
        if form in phrases:
            return phrases[form]
    if len(phrase) < _SHORTEST_TYPO:
        return None
    slips = 1 if len(phrase) < 10 else 2
    near = process.extractOne(phrase, list(phrases), scorer=OSA.distance, score_cutoff=slips)
    return phrases[near[0]] if near and len(near[0]) >= _SHORTEST_TYPO else None


def vocabulary(kind: str) -> tuple[str, ...]:
    """The canonical values of ``kind`` in the order listed. Raises `KeyError` for no such kind."""
    return _vocabularies()[kind].values


def words_of(kind: str) -> frozenset[str]:
    """Every single word in the phrases of ``kind``."""
    return frozenset(word for phrase in _vocabularies()[kind].phrases for word in phrase.split())


def listed(kind: str) -> frozenset[str]:
    """The folded words of a ``lookup`` that is no entity kind: ``ordinary``, ``joining`` …"""
    return _word_lists()[kind]


def find(text: str) -> list[EntityMatch]:
    """Every phrase of a vocabulary in ``text``, spelled right but for case and plural.

    Within one kind the longest phrase wins; phrases of different kinds may overlap. Topics are left out:
    nearly every word of the house is one.
    """
    words = [(match.group().lower(), match.start(), match.end()) for match in _WORD.finditer(text)]
    return [found for kind in KINDS if kind != "topic" for found in _find_kind(kind, words, text)]


def _is_verb(words: list[tuple[str, int, int]], at: int) -> bool:
    """Whether the word begins a request, so that it is no channel or metric: "display the campaign"."""
    begins = at == 0 or words[at - 1][0] in ("please", "you", "to", "and")
    follows = at + 1 < len(words) and words[at + 1][0] in listed("after_verbs")
    return begins and follows and words[at][0] in listed("verbs")


def find_topics(text: str) -> list[EntityMatch]:
    """The topics in ``text``: what help can be asked about."""
    words = [(match.group().lower(), match.start(), match.end()) for match in _WORD.finditer(text)]
    return [found for found in _find_kind("topic", words, text) if found.value not in _SPEECH_ACTS]


def _find_kind(kind: str, words: list[tuple[str, int, int]], text: str) -> Iterator[EntityMatch]:
    known = _vocabularies()[kind]
    at = 0
    while at < len(words):
        size, value = _longest_phrase(known, words, at)
        if size and not (size == 1 and _is_verb(words, at)):
            start, end = words[at][1], words[at + size - 1][2]
            yield EntityMatch(kind, value, text[start:end], start, end, extractor="lexicon")
        at += size or 1


def _longest_phrase(known: Vocabulary, words: list[tuple[str, int, int]], at: int) -> tuple[int, str]:
    for size in range(min(known.longest, len(words) - at), 0, -1):
        phrase = " ".join(word for word, _, _ in words[at : at + size])
        for form in _forms(phrase):
            if form in known.phrases:
                return size, known.phrases[form]
    return 0, ""


def _fold(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _forms(phrase: str) -> Iterator[str]:
    """The phrase, and what it may be the plural of."""
    yield phrase
    if phrase.endswith("s") and len(phrase) > 3:
        yield phrase[:-1]
        if phrase.endswith("ies"):
            yield f"{phrase[:-3]}y"
        elif phrase.endswith("es"):
            yield phrase[:-2]


@lru_cache(maxsize=1)
def _entries() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """The synonyms and the look-ups of the file, each by name."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with _FILE.open(encoding="utf-8") as file:
        document = yaml.load(file, loader)  # noqa: S506
    synonyms = {one["synonym"]: _items(one) for one in document["nlu"] if "synonym" in one}
    lookups = {one["lookup"]: _items(one) for one in document["nlu"] if "lookup" in one}
    return synonyms, lookups


def _items(entry: dict[str, str]) -> tuple[str, ...]:
    return tuple(line.removeprefix("- ").strip() for line in entry["examples"].splitlines() if line.strip())


@lru_cache(maxsize=1)
def _vocabularies() -> dict[str, Vocabulary]:
    synonyms, lookups = _entries()
    return {kind: _vocabulary(lookups[kind], synonyms) for kind in KINDS}


def _vocabulary(values: tuple[str, ...], synonyms: dict[str, tuple[str, ...]]) -> Vocabulary:
    phrases: dict[str, str] = {}
    for value in values:
        for phrase in (value.replace("_", " "), *synonyms.get(value, ())):
            phrases.setdefault(_fold(phrase), value)
    return Vocabulary(values, phrases, max(phrase.count(" ") + 1 for phrase in phrases))


@lru_cache(maxsize=1)
def _word_lists() -> dict[str, frozenset[str]]:
    _, lookups = _entries()
    return {
        kind: frozenset(word for item in items for word in _fold(item).split())
        for kind, items in lookups.items()
        if kind not in KINDS
    }
