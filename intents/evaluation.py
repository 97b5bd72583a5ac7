"""How well sentences were understood: expected and read ones in, figures out.

A sentence in scope has an intent; one out of scope has none, and is right when it is refused.
"""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intents.reading import Reading

Place = tuple[str, int, int]
"""Kind, start and end of an entity."""
_KEYS = frozenset({"text", "intent", "entities"})
_ENTITY_KEYS = frozenset({"entity", "value", "start", "end"})


class SentencesError(ValueError):
    """Sentences that cannot be read; the message names the file and the line."""


@dataclass(frozen=True)
class Sentence:
    """A sentence and what it means."""

    text: str
    intent: str | None
    """None: out of scope."""
    entities: frozenset[Place] = frozenset()


@dataclass(frozen=True)
class Scores:
    """What `score` found. A figure nothing can be said about is None."""

    sentences: int
    out_of_scope: int
    """How many of them are out of scope."""
    accuracy: float | None
    """Share of the sentences in scope that passed the gate with the right intent."""
    accuracy_before_gate: float | None
    """Share of the sentences in scope whose likeliest intent is the right one, passed or refused."""
    macro_f1: float | None
    """Mean F1 of the intents in scope, over the sentences in scope; a refused sentence has no intent."""
    entity_f1: float | None
    """F1 over all entities of the sentences in scope; right means the same kind, start and end."""
    joint_accuracy: float | None
    """Share of the sentences in scope that passed with the right intent and exactly the right entities."""
    oos_recall: float | None
    """Share of the sentences out of scope that were refused."""
    oos_precision: float | None
    """Share of the refused sentences that are out of scope."""
    p50_ms: float | None
    """Median milliseconds of reading one sentence, one after another."""
    p95_ms: float | None
    """95 of 100 sentences were read in so many milliseconds or less."""
    rss_mb: float | None
    """Resident memory of the reading process in MB of a million bytes, after the last sentence."""


def read_sentences(path: Path, out_of_scope: Collection[str] = ()) -> list[Sentence]:
    """The sentences of a JSON-lines file; intents in ``out_of_scope`` count as none, empty lines not at all.

    A line is ``{"text", "intent", "entities": [{"entity", "value", "start", "end"}]}``; entities and their
    values may be left out. Raises `SentencesError`.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SentencesError(f"{path}: {getattr(error, 'strerror', None) or 'is not UTF-8'}") from error
    sentences = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            sentences.append(_sentence(json.loads(line), out_of_scope))
        except json.JSONDecodeError as error:
            raise SentencesError(f"{path}, line {number}: no JSON: {error.msg}") from error
        except SentencesError as error:
            raise SentencesError(f"{path}, line {number}: {error}") from error
    if not sentences:
        raise SentencesError(f"{path}: no sentences there")
    return sentences


def score(
    sentences: Sequence[Sentence],
    readings: Sequence[Reading],
    milliseconds: Sequence[float] = (),
    rss_mb: float | None = None,
) -> Scores:
    """Compare each sentence with its reading; ``milliseconds`` is how long each took."""
    pairs = list(zip(sentences, readings, strict=True))
    inside = [(one, reading) for one, reading in pairs if one.intent is not None]
    right = [reading.intent == one.intent for one, reading in inside]
    exact = [_places(reading) == one.entities for one, reading in inside]
    refused = [one.intent is None for one, reading in pairs if reading.intent is None]
    outside = len(pairs) - len(inside)
    took = sorted(milliseconds)
    return Scores(
        sentences=len(pairs),
        out_of_scope=outside,
        accuracy=_share(sum(right), len(inside)),
        accuracy_before_gate=_share(
            sum(_guess(reading) == one.intent for one, reading in inside), len(inside)
        ),
        macro_f1=_macro_f1([(one.intent, reading.intent) for one, reading in inside]),
        entity_f1=_entity_f1([(one.entities, _places(reading)) for one, reading in inside]),
        joint_accuracy=_share(sum(a and b for a, b in zip(right, exact, strict=True)), len(inside)),
        oos_recall=_share(sum(refused), outside),
        oos_precision=_share(sum(refused), len(refused)),
        p50_ms=_quantile(took, 0.5),
        p95_ms=_quantile(took, 0.95),
        rss_mb=rss_mb,
    )


def _sentence(line: Any, out_of_scope: Collection[str]) -> Sentence:
    if not isinstance(line, dict):
        raise SentencesError("expected an object")
    _check_keys(line, _KEYS, {"text", "intent"})
    text, intent, entities = line["text"], line["intent"], line.get("entities") or []
    if not isinstance(text, str):
        raise SentencesError("'text' is no string")
    if intent is not None and not isinstance(intent, str):
        raise SentencesError("'intent' is neither a string nor null")
    if not isinstance(entities, list):
        raise SentencesError("'entities' is no list")
    places = frozenset(_place(entity, text) for entity in entities)
    return Sentence(text, None if intent in out_of_scope else intent, places)


def _place(entity: Any, text: str) -> Place:
    if not isinstance(entity, dict):
        raise SentencesError("an entity is no object")
    _check_keys(entity, _ENTITY_KEYS, _ENTITY_KEYS - {"value"})
    kind, start, end = entity["entity"], entity["start"], entity["end"]
    if not isinstance(kind, str):
        raise SentencesError("'entity' is no string")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise SentencesError(f"there is no place from {start!r} to {end!r} in the text")
    return kind, start, end


def _check_keys(found: dict[str, Any], known: frozenset[str], needed: Collection[str]) -> None:
    unknown = sorted(found.keys() - known)
    if unknown:
        raise SentencesError(f"unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
    missing = sorted(set(needed) - found.keys())
    if missing:
        raise SentencesError(f"{missing[0]!r} is missing")


def _places(reading: Reading) -> frozenset[Place]:
    return frozenset((one.entity, one.start, one.end) for one in reading.entities)


def _guess(reading: Reading) -> str | None:
    return reading.ranking[0][0] if reading.ranking else reading.intent


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _f1(right: int, found: int, expected: int) -> float | None:
    return 2 * right / (found + expected) if found + expected else None


def _macro_f1(pairs: Sequence[tuple[str | None, str | None]]) -> float | None:
    expected = Counter(intent for intent, _ in pairs)
    found = Counter(intent for _, intent in pairs)
    right = Counter(intent for intent, read in pairs if intent == read)
    each = [_f1(right[intent], found[intent], expected[intent]) or 0.0 for intent in expected]
    return sum(each) / len(each) if each else None


def _entity_f1(pairs: Sequence[tuple[frozenset[Place], frozenset[Place]]]) -> float | None:
    right = sum(len(expected & found) for expected, found in pairs)
    return _f1(right, sum(len(found) for _, found in pairs), sum(len(expected) for expected, _ in pairs))


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The least value that so large a share does not exceed."""
    if not ordered:
        return None
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
