"""The held-out sentences stay what they were: enough, well marked, never changed and never trained on."""

import hashlib
from collections import Counter

import pytest

from assistant.documents import catalogue
from benchmarks.held_out import (
    FILE,
    FOLDER,
    OPEN_KINDS,
    is_exact,
    is_meant,
    is_trained_on,
    meant,
    measure,
    share,
)
from intents.command import slots_of
from intents.evaluation import Sentence, read_sentences
from intents.reading import EntityMatch, Reading

WRITTEN = {
    "held_out_5.jsonl": "b318d3396e24019e9b0c7971c630b66156550231a8e1eb535ec84521d3cdf04d",
    "held_out_6.jsonl": "d10fcff08e41e871fc2ef9d2005be599901d898e86eed224606e551e6ac91103",
    "held_out_7.jsonl": "bb8e7c7dc84bc8514399ffb8c84513aff9373801f131f9a2bda66b1eb3fbe76f",
    "held_out_8.jsonl": "989e54ab8895d22bd36438a4c1e20063eee2543cacc6b4106abc47be077869d9",
}
"""SHA-256 of the files as they were committed before the first reading."""
SAME_BY_CHANCE = 56
"""Sentences that training data had word for word when these were written: "never mind", "flip a coin"."""
SENTENCES = read_sentences(FILE)
INSIDE = [one for one in SENTENCES if one.intent is not None]


@pytest.mark.parametrize("name", WRITTEN)
def test_nobody_has_changed_them(name: str) -> None:
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == WRITTEN[name]


def test_there_are_enough_of_each_command_and_out_of_scope() -> None:
    counted = Counter(one.intent for one in INSIDE)
    assert set(counted) <= set(catalogue())
    assert len(INSIDE) >= 320
    assert min(counted.values()) >= 6
    assert len(SENTENCES) - len(INSIDE) >= 320


def test_what_is_marked_has_a_slot_and_a_value() -> None:
    commands = catalogue()
    for one in INSIDE:
        taken = {kind for slot in slots_of(commands[one.intent or ""]) for kind in slot.entities}
        for kind, start, end in one.entities:
            assert kind in taken, one
            assert kind in OPEN_KINDS or meant(kind, one.text[start:end]) not in (None, ""), one


def test_nobody_trains_on_them() -> None:
    assert sum(is_trained_on(one.text) for one in SENTENCES) <= SAME_BY_CHANCE


def read_as(text: str, intent: str | None, *entities: tuple[str, str, object]) -> Reading:
    matches = [
        EntityMatch(kind, value, said, text.index(said), text.index(said) + len(said))
        for kind, said, value in entities
    ]
    return Reading(text, intent, 0.9, tuple(matches), ranking=((intent or "why", 0.9),))


def test_to_the_letter_and_by_value_are_told_apart() -> None:
    text = "create a venture called Harbor Tea in euros now"
    sentence = Sentence(text, "create_venture", frozenset({("name", 24, 34), ("currency", 38, 43)}))
    to_the_letter = read_as(
        text, "create_venture", ("name", "Harbor Tea", "Harbor Tea"), ("currency", "euros", "EUR")
    )
    left_to_the_slot = read_as(text, "create_venture", ("currency", "in euros", "EUR"))
    another = read_as(text, "create_venture", ("currency", "euros", "USD"))
    too_much = read_as(text, "create_venture", ("currency", "euros", "EUR"), ("channel", "called", "email"))
    other_intent = read_as(text, "show_venture", ("currency", "euros", "EUR"))
    readings = [to_the_letter, left_to_the_slot, another, too_much, other_intent]
    assert [is_exact(sentence, one) for one in readings] == [True, False, False, False, False]
    assert [is_meant(sentence, one) for one in readings] == [True, True, False, False, False]


def test_the_figures_come_with_their_intervals() -> None:
    inside, outside = Sentence("why is that", "why"), Sentence("sing", None)
    read = [read_as("why is that", "why"), read_as("sing", "why"), read_as("why is that", None)]
    found = measure([inside, outside, inside], read)
    assert found["intent accuracy"] | {"low": 0, "high": 0} == {
        "right": 1, "of": 2, "share": 0.5, "low": 0, "high": 0
    }  # fmt: skip
    assert found["out-of-scope recall"]["right"] == 0
    assert share(8, 10) == {"right": 8, "of": 10, "share": 0.8, "low": 0.4902, "high": 0.9433}
