"""What can be said by voice: every command in many ways, the four voice commands in every reasonable one."""

from datetime import date
from random import Random

import pytest

from assistant.documents import catalogue
from assistant.vocabulary import patterns, values, vocabulary
from intents import values as typed
from intents.names import Name, Names
from voice.embedded import EmbeddedTranscriber
from voice.grammar import is_place, tokens_of
from voice.jsgf import parse
from voice.transcriber import Vocabulary

TODAY = date(2026, 6, 17)
NAMES = Names(
    [
        Name("venture", 1, "Acme"),
        Name("venture", 2, "Helio Labs"),
        Name("venture", 3, "Studio 54"),
        Name("campaign", 1, "Spring Launch", "Acme"),
        Name("campaign", 2, "Spring Launch", "Helio Labs"),
        Name("category", 1, "fitness"),
        Name("person", 1, "Anna"),
    ],
    version=4,
)


@pytest.fixture(scope="module")
def known() -> Vocabulary:
    """What can be said with those names."""
    return vocabulary(NAMES, ["@nomad_nora", "Tom Reed"])


@pytest.fixture(scope="module")
def loaded() -> EmbeddedTranscriber:
    """Ears to ask what they would hear."""
    return EmbeddedTranscriber()


def test_every_command_can_be_said_in_many_ways(known: Vocabulary) -> None:
    kinds = {*known.names, *known.values}
    for name in (*catalogue(), "affirm", "deny"):
        ways = [
            tokens
            for tokens in map(tokens_of, patterns()[name])
            if all(token[1:-1] in kinds for token in tokens if is_place(token))
        ]
        assert len(ways) >= 15, name


def test_what_no_closed_grammar_can_hold_is_not_promised(known: Vocabulary) -> None:
    places = {token for one in known.patterns for token in tokens_of(one) if is_place(token)}
    assert not places & {"{file}", "{name}", "{reason}", "{pairs}"}


@pytest.mark.parametrize(
    "text",
    [
        "find influencers for fitness with fifty thousand followers",
        "please find influencers for fitness with fifty thousand followers",
        "could you find me fitness influencers with at least twenty thousand followers",
        "show me creators in fitness on instagram",
        "search for influencers for fitness with between ten and fifty thousand followers",
        "optimize budget allocation for Spring Launch",
        "optimize the budget for Spring Launch please",
        "can you optimize the budget of the Spring Launch campaign",
        "optimize spending for Acme",
        "show gtm performance for Acme",
        "show me the gtm performance of Helio Labs",
        "what is the performance for Studio 54 last month",
        "how is Helio Labs doing this quarter",
        "what are the top performing channels this month",
        "show me the best channels for Acme last week",
        "approve it",
        "approve proposal three",
        "i approve the second one",
        "approve it but make it twenty thousand dollars",
        "Spring Launch",
        "fifty thousand",
        "the second one",
        "yes please",
        "undo that",
        "why",
        "what about Helio Labs",
        "and last month",
        "who is Tom Reed",
        "show me nomad nora",
        "show Acme's performance",
    ],
)
def test_it_can_be_said(loaded: EmbeddedTranscriber, known: Vocabulary, text: str) -> None:
    assert loaded.holds(text, known)


@pytest.mark.parametrize(
    "text",
    ["turn on the lights", "show gtm performance for Globex", "find influencers for fifty", "for", ""],
)
def test_it_cannot_be_said(loaded: EmbeddedTranscriber, known: Vocabulary, text: str) -> None:
    assert not loaded.holds(text, known)


def test_two_of_one_name_are_said_alike(known: Vocabulary) -> None:
    assert known.names["campaign"] == ("Spring Launch",)
    assert known.names_version == 4


@pytest.mark.parametrize("kind", ["money", "count", "percent", "range"])
def test_every_amount_is_one_the_reader_understands(kind: str) -> None:
    random = Random(3)  # noqa: S311
    grammar = parse(values()[kind])
    for _ in range(300):
        said = " ".join(grammar.draw(random))
        # "One" is more often a pronoun.
        assert said == "one" or any(found.text == said for found in typed.find(said, TODAY)), said


def test_every_period_is_one_the_reader_understands() -> None:
    random = Random(3)  # noqa: S311
    grammar = parse(values()["period"])
    for _ in range(300):
        said = " ".join(grammar.draw(random))
        found = typed.find(said, TODAY)
        assert [one.entity for one in found] == ["period"], said
        assert said.endswith(found[0].text), said


def test_without_names_there_is_still_something_to_say(loaded: EmbeddedTranscriber) -> None:
    bare = vocabulary(Names([]))
    assert loaded.holds("what are the top performing channels this month", bare)
    assert not loaded.holds("optimize budget allocation for Spring Launch", bare)
