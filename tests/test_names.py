"""Live names: exact, misspelled, misheard, ambiguous, unknown."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intents import lexicon
from intents.names import Name, Names

ORDINARY = lexicon.listed("ordinary") | lexicon.listed("joining")
NAMES = Names(
    [
        Name("venture", 1, "Acme"),
        Name("venture", 2, "Northwind"),
        Name("venture", 3, "Lumen Labs"),
        Name("campaign", 1, "Spring Launch", "Acme"),
        Name("campaign", 2, "Black Friday", "Acme"),
        Name("campaign", 3, "Black Friday", "Northwind"),
        Name("campaign", 4, "Summer Sale 2026", "Northwind"),
        Name("campaign", 5, "Back to School", "Lumen Labs"),
        Name("campaign", 6, "Northwind", "Northwind"),
    ]
)


@pytest.mark.parametrize(
    ("kind", "said", "label"),
    [
        ("campaign", "spring launch", "Spring Launch"),
        ("campaign", "the Spring-Launch campaign", "Spring Launch"),
        ("campaign", "SPRINGLAUNCH", "Spring Launch"),
        ("campaign", "Acme black friday", "Black Friday (Acme)"),
        ("campaign", "Black Friday (Northwind)", "Black Friday (Northwind)"),
        ("venture", "north wind", "Northwind"),
        ("venture", "acme's", "Acme"),
    ],
)
def test_the_same_letters_are_exact(kind: str, said: str, label: str) -> None:
    found = NAMES.find(kind, said)
    assert (found.label, found.exact, found.alternatives) == (label, True, ())


@pytest.mark.parametrize(
    ("kind", "said", "label"),
    [
        ("campaign", "sprng lanch", "Spring Launch"),
        ("campaign", "sprint lunch", "Spring Launch"),
        ("campaign", "summer sale", "Summer Sale 2026"),
        ("venture", "nothwind", "Northwind"),
        ("venture", "lumen", "Lumen Labs"),
        ("venture", "ackme", "Acme"),
    ],
)
def test_slips_of_hand_and_ear_are_near(kind: str, said: str, label: str) -> None:
    found = NAMES.find(kind, said)
    assert (found.label, found.exact, found.near) == (label, False, True)


def test_one_name_in_two_ventures_is_ambiguous() -> None:
    found = NAMES.find("campaign", "black friday")
    assert {found.label, *found.alternatives} == {"Black Friday (Acme)", "Black Friday (Northwind)"}
    assert NAMES.labels("campaign")[1:3] == ("Black Friday (Acme)", "Black Friday (Northwind)")


def test_an_unknown_name_suggests_the_nearest() -> None:
    found = NAMES.find("campaign", "spring clean")
    assert (found.label, found.near) == ("", False)
    assert "Spring Launch" in found.suggestions
    assert NAMES.find("campaign", "xyz").suggestions == ()


def test_ids_and_names_by_label() -> None:
    assert NAMES.id("campaign", "Black Friday (Northwind)") == 3
    assert NAMES.id("campaign", "Black Friday") is None
    name = NAMES.get("campaign", "Spring Launch")
    assert name is not None
    assert name.parent == "Acme"
    assert NAMES.get("nothing", "Acme") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("show gtm performance for acme", [("venture", "Acme", "acme")]),
        (
            "how is acme's spring launch doing",
            [("venture", "Acme", "acme"), ("campaign", "Spring Launch", "spring launch")],
        ),
        ("roas of sprint lunch", [("campaign", "Spring Launch", "sprint lunch")]),
        ("and back-to-school?", [("campaign", "Back to School", "back-to-school")]),
        ("SUMMER SALE please", [("campaign", "Summer Sale 2026", "SUMMER SALE")]),
        ("what came of it, and did we launch", []),
        ("best performing campaigns for the past week", []),
    ],
)
def test_scans_an_utterance(text: str, expected: list[tuple[str, str, str]]) -> None:
    found = NAMES.scan(text, ORDINARY)
    assert [(one.entity, one.value, one.text) for one in found] == expected
    assert all(text[one.start : one.end] == one.text for one in found)


def test_a_name_of_two_kinds_is_given_as_both() -> None:
    found = NAMES.scan("show northwind", ORDINARY)
    assert [one.entity for one in found] == ["campaign", "venture"]


def test_a_name_that_is_a_plain_word_needs_its_capital() -> None:
    names = Names([Name("venture", 1, "Reach")])
    assert names.scan("what is our reach", ORDINARY | {"reach"}) == []
    assert [one.value for one in names.scan("how is Reach doing", ORDINARY | {"reach"})] == ["Reach"]


def test_no_names_at_all() -> None:
    names = Names([])
    assert names.scan("show acme", ORDINARY) == []
    assert not names.find("venture", "acme").near
    assert names.labels("venture") == ()


_SYLLABLES = "ba lo mi na re sa to vu zen ker lum nor tex dra fi".split()  # noqa: SIM905


def _invented(count: int) -> list[Name]:
    chance = random.Random(7)  # noqa: S311

    def word() -> str:
        return "".join(chance.choice(_SYLLABLES) for _ in range(chance.randint(2, 4))).capitalize()

    return [
        Name("campaign", number, " ".join(word() for _ in range(chance.randint(1, 3))), f"Venture {number}")
        for number in range(count)
    ]


def test_scanning_many_names_does_not_look_at_each() -> None:
    text = "show gtm performance for zorblax spring campaign last month please"

    def took(count: int) -> float:
        names = Names(_invented(count))
        names.scan(text, ORDINARY)
        once = []
        for _ in range(20):
            start = time.process_time()
            names.scan(text, ORDINARY)
            once.append(time.process_time() - start)
        return min(once)

    assert took(20_000) < 20 * took(500)


@given(st.data())
def test_one_slip_in_a_long_name_is_forgiven(data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len("northwind") - 2))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    said = f"{'northwind'[:at]}{letter}{'northwind'[at + 1 :]}"
    assert NAMES.find("venture", said).label == "Northwind"


@given(st.text(max_size=60))
def test_any_text_can_be_looked_up(text: str) -> None:
    NAMES.find("campaign", text)
    for one in NAMES.scan(text, ORDINARY):
        assert text[one.start : one.end] == one.text
