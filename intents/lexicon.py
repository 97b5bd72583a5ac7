"""The closed vocabularies: channels, metrics, statuses, models, places …, and what people call them.

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

EVERYWHERE = ("channel", "platform", "metric", "status", "model", "place")
"""The kinds that are looked for in every utterance, in the order in which they win."""
WHERE_TAKEN = (
    *("topic", "stage", "business", "currency", "time_zone", "pace", "risk", "safe", "kind", "loop"),
    *("comparison", "span", "frequency", "every", "deed"),
    *("length", "delivery", "spoken", "skipping"),
)
"""The kinds whose words mean too much else: looked for once it is known that the command takes them."""
KINDS = EVERYWHERE + WHERE_TAKEN
"""Every kind of word that can be looked up here."""

_FILE = Path(__file__).parent / "data" / "lexicon.yml"
_WORD = re.compile(r"[^\W_]+")
_NEVER_ALONE = ("topic", "deed", "delivery", "spoken", "skipping")
"""Kinds whose words alone are a request of their own: "help", "stop"."""
_SPEECH_ACTS = ("help", "repeat", "cancel", "why")
_AROUND_ANSWERS = frozenset(
    {
        *("in", "the", "to", "it", "is", "a", "an", "make", "please", "at", "as", "s", "by", "stage", "data"),
        *("only", "ones", "and", "just", "for", "what", "about", "now", "instead", "then", "but"),
    }
)
_LONGEST_ANSWER = 60
_SHORTEST_TYPO = 5
"""Words with fewer letters are not corrected."""


@dataclass(frozen=True)
class Vocabulary:
    """One kind's values, and the value each phrase stands for."""

    values: tuple[str, ...]
    phrases: dict[str, str]
    longest: dict[str, int]
    """Most words in a phrase by its first word."""


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
    """Every phrase in ``text`` of a kind in `EVERYWHERE`, spelled right but for case and plural.

    Within one kind the longest phrase wins; phrases of different kinds may overlap.
    """
    words = _words_of(text)
    return [found for kind in EVERYWHERE for found in _find_kind(kind, words, text)]


def find_of(kind: str, text: str) -> list[EntityMatch]:
    """The phrases of one kind in ``text``."""
    found = _find_kind(kind, _words_of(text), text)
    return [one for one in found if kind != "topic" or one.value not in _SPEECH_ACTS]


def find_alone(text: str) -> list[EntityMatch]:
    """What ``text`` means where it is nothing but one phrase of a kind in `WHERE_TAKEN`: a short answer."""
    words = [word for word in _words_of(text[:_LONGEST_ANSWER]) if word[0] not in _AROUND_ANSWERS]
    if not words or len(text) > _LONGEST_ANSWER:
        return []
    said = " ".join(word for word, _, _ in words)
    found = []
    for kind in WHERE_TAKEN:
        phrases = _vocabularies()[kind].phrases
        form = next((form for form in _forms(said) if form in phrases), None)
        if form is not None and kind not in _NEVER_ALONE:
            start, end = words[0][1], words[-1][2]
            found.append(EntityMatch(kind, phrases[form], text[start:end], start, end, extractor="lexicon"))
    return found


def _words_of(text: str) -> list[tuple[str, int, int]]:
    return [(match.group().lower(), match.start(), match.end()) for match in _WORD.finditer(text)]


def _is_verb(words: list[tuple[str, int, int]], at: int) -> bool:
    """Whether the word begins a request, so that it is no channel or metric: "display the campaign"."""
    begins = at == 0 or words[at - 1][0] in ("please", "you", "to", "and")
    follows = at + 1 < len(words) and words[at + 1][0] in listed("after_verbs")
    return begins and follows and words[at][0] in listed("verbs")


def _find_kind(kind: str, words: list[tuple[str, int, int]], text: str) -> Iterator[EntityMatch]:
    known = _vocabularies()[kind]
    at = 0
    while at < len(words):
        size, value = _longest_phrase(known, words, at)
        is_verb = kind != "delivery" and _is_verb(words, at)
        if size and not (size == 1 and (is_verb or _is_no_code(value, words[at], text))):
            start, end = words[at][1], words[at + size - 1][2]
            yield EntityMatch(kind, value, text[start:end], start, end, extractor="lexicon")
        at += size or 1


def _is_no_code(value: str, word: tuple[str, int, int], text: str) -> bool:
    """Whether the word only looks like a code: "in" is India in capitals alone, if not all is shouted."""
    if not value.isupper() or word[0] != value.lower():
        return False
    return not text[word[1] : word[2]].isupper() or (text.isupper() and len(text) > len(value))


def _longest_phrase(known: Vocabulary, words: list[tuple[str, int, int]], at: int) -> tuple[int, str]:
    longest = max(known.longest.get(form, 0) for form in _forms(words[at][0]))
    for size in range(min(longest, len(words) - at), 0, -1):
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
    longest: dict[str, int] = {}
    for phrase in phrases:
        first, *rest = phrase.split()
        longest[first] = max(longest.get(first, 0), 1 + len(rest))
    return Vocabulary(values, phrases, longest)


@lru_cache(maxsize=1)
def _word_lists() -> dict[str, frozenset[str]]:
    _, lookups = _entries()
    return {
        kind: frozenset(word for item in items for word in _fold(item).split())
        for kind, items in lookups.items()
        if kind not in KINDS
    }
