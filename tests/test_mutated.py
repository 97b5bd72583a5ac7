"""A short form of `benchmarks.hostile_text`: mangled sentences and noise raise nothing and cost little."""

from pathlib import Path

import pytest

from assistant.documents import catalogue
from benchmarks.hostile_text import LONGEST, Tried, crowded, tried, utterances
from intents.encoder import find_encoder
from intents.readers.embedded import EmbeddedReader
from intents.reading import Reading, Scene

COUNT = 3_000
GENEROUS_MS = 250.0
"""CPU of one reading: far more than the benchmark's 50, as other tests may crowd the caches."""


@pytest.fixture(scope="module")
def reader(models: Path) -> EmbeddedReader:
    return EmbeddedReader.load(models, encoder=find_encoder(models))


def test_no_text_raises_or_takes_long(reader: EmbeddedReader) -> None:
    scene, commands = crowded(), catalogue()
    found = [tried(text, reader, scene, commands) for text in utterances(COUNT, seed=20)]
    assert [(one.raised, one.text[:200]) for one in found if one.raised is not None] == []
    slow = [one.text for one in found if one.ms > GENEROUS_MS]
    assert [text[:200] for text in slow if tried(text, reader, scene, commands).ms > GENEROUS_MS] == []


def test_the_texts_are_as_nasty_as_they_should_be() -> None:
    made = list(utterances(COUNT, seed=20))
    assert made == list(utterances(COUNT, seed=20))
    assert made != list(utterances(COUNT, seed=21))
    assert len(set(made)) > COUNT * 0.9
    assert max(map(len, made)) == LONGEST
    for sign in ("\u202e", "\x00", "🚀", "٣٤٥", "\ud800", "kel"):
        assert any(sign in text for text in made), repr(sign)


class Fragile:
    """A reader that breaks on emojis."""

    name = "fragile"

    def read(self, text: str, scene: Scene) -> Reading:
        del scene
        if "🚀" in text:
            raise LookupError("no such word")
        return Reading(text, None, 0.0, ranking=(("why", 1.0),))


def test_what_raises_is_noticed() -> None:
    found = [tried(text, Fragile(), crowded(), {}) for text in ("to the moon", "to the moon 🚀")]
    assert found == [
        Tried("to the moon", found[0].ms, None),
        Tried("to the moon 🚀", 0.0, "LookupError: no such word"),
    ]
