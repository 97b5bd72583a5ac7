"""Sentences nobody tuned on: how many are understood, with 95 % confidence intervals (Wilson's).

``python -m benchmarks.held_out [FILE]`` reads ``tests/data/held_out_8.jsonl`` with the embedded reader and
prints JSON; with ``--misses`` every sentence that was misread as well. docs/understanding.md tells how they
were written. They are for measuring: none may become a training sentence.
"""

import json
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from assistant.bootstrap import load_reader
from assistant.documents import catalogue
from assistant.settings import Settings
from engines.terms import Period
from intents import lexicon, values
from intents.evaluation import Sentence, read_sentences, score
from intents.filling import SlotErrors, slots_from
from intents.linting import plain
from intents.names import Name, Names
from intents.readers.embedded import DATA
from intents.readers.entities import LIVE_NAMES
from intents.reading import Reading, Scene
from intents.training import load

FOLDER = Path(__file__).parents[1] / "tests" / "data"
FILE = FOLDER / "held_out_8.jsonl"
"""The latest; misses of those before have prompted sentences since."""
VENTURES = ("Acme", "Northwind", "Bluebird Foods", "Helio Labs", "Studio 54")
CAMPAIGNS = (
    ("Spring Launch", "Acme"),
    ("Summer Splash", "Northwind"),
    ("Black Friday", "Acme"),
    ("Black Friday", "Northwind"),
    ("Back to School", "Bluebird Foods"),
)
PEOPLE = ("chairman", "operator")
CATEGORIES = ("fitness", "food", "fashion", "travel", "beauty", "tech", "gaming")
SCENE = Scene(
    Names(
        [
            *(Name("venture", number, name) for number, name in enumerate(VENTURES, 1)),
            *(Name("campaign", number, name, of) for number, (name, of) in enumerate(CAMPAIGNS, 1)),
            *(Name("category", number, name) for number, name in enumerate(CATEGORIES, 1)),
            *(Name("person", number, name) for number, name in enumerate(PEOPLE, 1)),
        ]
    ),
    date(2026, 6, 17),
)
"""The names that were live for whoever wrote the sentences."""


OPEN_KINDS = ("name", "influencer", "reason")
"""Words nobody knows beforehand: a reader may leave them to the slot that takes them."""
COMMANDS = catalogue()


def share(right: int, of: int) -> dict[str, Any]:
    """A share with its 95 % interval."""
    interval = binomtest(right, of).proportion_ci(0.95, method="wilson")
    return {
        "right": right,
        "of": of,
        "share": round(right / of, 4),
        "low": round(float(interval.low), 4),
        "high": round(float(interval.high), 4),
    }


def is_trained_on(text: str) -> bool:
    """Whether a training sentence happens to have the same words: "never mind", "flip a coin"."""
    return plain(text) in _trained()


@cache
def _trained() -> frozenset[str]:
    return frozenset(plain(one.text) for one in load(DATA))


def is_exact(sentence: Sentence, reading: Reading) -> bool:
    """Whether intent and entities are right, every entity from its first letter to its last."""
    return reading.intent == sentence.intent and sentence.entities == {
        (one.entity, one.start, one.end) for one in reading.entities
    }


def is_meant(sentence: Sentence, reading: Reading) -> bool:
    """Whether the intent and every value are right, whichever words they were read from.

    An open name counts where its slot holds it.
    """
    if reading.intent != sentence.intent:
        return False
    expected = {(kind, sentence.text[start:end]) for kind, start, end in sentence.entities}
    ventures = {said for kind, said in expected if kind == "venture"}
    closed = {(kind, meant(kind, said, ventures)) for kind, said in expected if kind not in OPEN_KINDS}
    found = {(one.entity, _comparable(one.value)) for one in reading.entities if one.entity not in OPEN_KINDS}
    named = {bare(said) for kind, said in expected if kind in OPEN_KINDS}
    return closed == found and named <= _slot_words(reading)


def meant(kind: str, said: str, ventures: Collection[str] = ()) -> Any:
    """The value that words of a kind stand for; of two campaigns of a name, that of the venture named too."""
    if kind in LIVE_NAMES:
        found = SCENE.names.find(kind, said)
        owners = {SCENE.names.find("venture", one).label for one in ventures}
        labels = (found.label, *found.alternatives)
        fitting = [one for one in labels if (name := SCENE.names.get(kind, one)) and name.parent in owners]
        # A new venture may bring a category nobody had.
        return fitting[0] if len(fitting) == 1 else found.label or said
    if kind in lexicon.KINDS:
        return lexicon.canonical(kind, said)
    return _comparable(_PARSED[kind](said))


def bare(name: str) -> str:
    """A name without the sign of a handle, in lower case."""
    return name.removeprefix("@").casefold()


_PARSED: dict[str, Callable[[str], Any]] = {
    "count": values.parse_count,
    "proposal": values.parse_count,
    "money": values.parse_money,
    "percent": values.parse_percent,
    "range": values.parse_range,
    "period": lambda said: values.parse_period(said, SCENE.today),
    "file": str,
}


def _comparable(value: Any) -> Any:
    return (value.start, value.end) if isinstance(value, Period) else value


def _slot_words(reading: Reading) -> set[str]:
    command = COMMANDS.get(reading.intent or "")
    try:
        slots = {} if command is None else slots_from(command, reading.entities, reading.text)
    except SlotErrors:
        return set()
    return {bare(value) for value in slots.values() if isinstance(value, str)}


def alone(reading: Reading) -> Reading:
    """What comes of it as the first words of a conversation: a follow-up follows nothing and is refused."""
    return replace(reading, intent=None) if reading.is_fragment else reading


def measure(sentences: Sequence[Sentence], readings: Sequence[Reading]) -> dict[str, Any]:
    """The figures that count, each with its interval, and how much the gate refused in scope."""
    inside = [(one, read) for one, read in zip(sentences, readings, strict=True) if one.intent is not None]
    outside = [read for one, read in zip(sentences, readings, strict=True) if one.intent is None]
    scores = score(sentences, readings)
    return {
        "intent accuracy": share(sum(read.intent == one.intent for one, read in inside), len(inside)),
        "joint accuracy": share(sum(is_exact(one, read) for one, read in inside), len(inside)),
        "joint accuracy by value": share(sum(is_meant(one, read) for one, read in inside), len(inside)),
        "out-of-scope recall": share(sum(read.intent is None for read in outside), len(outside)),
        "refused in scope": share(sum(read.intent is None for _, read in inside), len(inside)),
        "intent accuracy before the gate": round(scores.accuracy_before_gate or 0, 4),
        "entity F1": round(scores.entity_f1 or 0, 4),
    }


def misses(sentences: Sequence[Sentence], readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """What was misread: what was expected, what was found."""
    found = []
    for one, read in zip(sentences, readings, strict=True):
        wrong_entities = one.intent is not None and not is_exact(one, read)
        if read.intent != one.intent or wrong_entities:
            found.append(
                {
                    "text": one.text,
                    "intent": one.intent,
                    "read": read.intent,
                    "guess": read.ranking[0][0],
                    "in_scope": round(read.in_scope, 3),
                    "entities": sorted((kind, one.text[start:end]) for kind, start, end in one.entities),
                    "found": sorted((match.entity, match.text) for match in read.entities),
                }
            )
    return found


def main() -> None:
    """Measure and print JSON."""
    reader = load_reader(Settings())
    named = [Path(one) for one in sys.argv[1:] if not one.startswith("-")]
    sentences = read_sentences(named[0] if named else FILE)
    readings = [alone(reader.read(one.text, SCENE)) for one in sentences]
    new = [(one, read) for one, read in zip(sentences, readings, strict=True) if not is_trained_on(one.text)]
    figures = {
        "all": measure(sentences, readings),
        "no training sentence has these words": measure(*zip(*new, strict=True)),
    }
    print(json.dumps(figures, indent=2))
    if "--misses" in sys.argv:
        for one in misses(sentences, readings):
            print(json.dumps(one, ensure_ascii=False))


if __name__ == "__main__":
    main()
