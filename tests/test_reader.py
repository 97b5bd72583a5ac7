"""Understanding as a whole: held-out sentences, scope, follow-ups, unknown names, the cache."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.documents import catalogue
from assistant.hearing import HEARD_WELL
from engines.terms import Period
from intents import lexicon, values
from intents.encoder import find_encoder
from intents.filling import slots_from
from intents.names import Name, Names
from intents.readers import cache
from intents.readers.embedded import DATA, EmbeddedReader
from intents.readers.entities import LIVE_NAMES
from intents.readers.features import Block
from intents.readers.learning import train
from intents.readers.sentences import OUT_OF_SCOPE, training_names
from intents.reading import EntityMatch, Reading, Scene
from intents.training import Example, Span, TrainingError, files, load, parse_example
from intents.values import MoneySaid, rhythms

TODAY = date(2026, 6, 17)
SCENE = Scene(
    Names(
        [
            *(
                Name("venture", n, name)
                for n, name in enumerate(["Acme", "Bluebird", "Kestrel", "Quantum Leap"])
            ),
            Name("campaign", 1, "Autumn Glow", "Acme"),
            Name("campaign", 2, "Winter Wonders", "Bluebird"),
            Name("campaign", 3, "Clearance Days", "Kestrel"),
            Name("campaign", 4, "Black Friday", "Acme"),
            Name("campaign", 5, "Black Friday", "Bluebird"),
            *(Name("influencer", n, name) for n, name in enumerate(["Rosa Delgado", "climbwithkai"])),
            *(Name("category", n, name) for n, name in enumerate(["Fitness", "Street Food", "Yoga"])),
            *(Name("person", n, name) for n, name in enumerate(["Miriam", "Oskar"])),
        ]
    ),
    TODAY,
)
COMMANDS = catalogue()
TRAINING = load(DATA)
INTENTS = {one.intent for one in TRAINING}
HELD_OUT = load(Path(__file__).parent / "data" / "heldout.yml")
"""Those of commands that are not declared yet wait."""


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("understanding")


@pytest.fixture(scope="module")
def reader(models: Path) -> EmbeddedReader:
    """As the service reads: with the sentence encoder."""
    return EmbeddedReader.load(models, encoder=find_encoder(models))


@pytest.fixture(scope="module")
def by_words(cache_dir: Path, models: Path) -> EmbeddedReader:
    """Without the encoder; trained once for all tests that go by words."""
    EmbeddedReader.load(models)
    name = f"embedded-words-{cache.fingerprint(files(DATA))}.npz"
    shutil.copyfile(models / name, cache_dir / name)
    return EmbeddedReader.load(cache_dir)


def meaning(kind: str, value: Any) -> tuple[str, Any]:
    """An entity in comparable form: days for periods, canonical names for the rest."""
    if isinstance(value, Period):
        return kind, (value.start, value.end)
    return kind, value


def marked(span: Span) -> tuple[str, Any]:
    if span.entity in LIVE_NAMES:
        return span.entity, SCENE.names.find(span.entity, span.value).label or None
    if span.entity in lexicon.KINDS:
        return span.entity, lexicon.canonical(span.entity, span.value)
    if span.entity == "period":
        return meaning("period", values.parse_period(span.value, TODAY))
    if span.entity == "file":
        return "file", span.value
    if span.entity in rhythms.KINDS:
        return span.entity, next((one.value for one in rhythms.find(span.value)), None)
    return span.entity, PARSED.get(span.entity, values.parse_count)(span.value)


PARSED: dict[str, Callable[[str], Any]] = {
    "money": values.parse_money,
    "percent": values.parse_percent,
    "range": values.parse_range,
}


def found(entities: Sequence[EntityMatch]) -> list[tuple[str, Any]]:
    return sorted((meaning(one.entity, one.value) for one in entities), key=str)


def is_right(example: Example, reading: Reading) -> bool:
    """Whether the intent and every entity are as marked; a new name may also be left to its slot."""
    if reading.intent != example.intent:
        return False
    expected = [marked(span) for span in example.spans if span.entity != "name"]
    closed = [one for one in reading.entities if one.entity != "name"]
    return found(closed) == sorted(expected, key=str) and new_names(example) <= slot_values(reading)


def new_names(example: Example) -> set[str]:
    return {span.value for span in example.spans if span.entity == "name"}


def slot_values(reading: Reading) -> set[str]:
    command = COMMANDS.get(reading.intent or "")
    slots = {} if command is None else slots_from(command, reading.entities, reading.text)
    return {value for value in slots.values() if isinstance(value, str)}


WORD_FOR_WORD_ANYWAY = {
    "show gtm performance for acme",
    "what are the top performing channels this month",
    "what's our cac for acme",
    "approve it",
    "reject it",
    "undo that",
    "why",
    "where does that number come from",
}
"""Held-out sentences that the training data may hold: the mission, or an issue, has these very words."""


def test_the_held_out_sentences_are_enough_and_are_not_trained_on() -> None:
    inside = [one for one in HELD_OUT if one.intent != OUT_OF_SCOPE]
    assert len(inside) >= 120
    assert len(HELD_OUT) - len(inside) >= 60
    spans = [marked(span) for one in inside for span in one.spans if span.entity != "name"]
    assert all(value is not None for _, value in spans)
    trained = {one.text.lower() for one in TRAINING}
    assert {one.text.lower() for one in HELD_OUT} & trained <= WORD_FOR_WORD_ANYWAY


def test_held_out_intents_with_all_their_entities(reader: EmbeddedReader) -> None:
    inside = [one for one in HELD_OUT if one.intent != OUT_OF_SCOPE]
    wrong = [one.text for one in inside if not is_right(one, reader.read(one.text, SCENE))]
    assert len(wrong) / len(inside) <= 0.10, wrong


def test_what_is_out_of_scope_is_refused_and_the_rest_kept(reader: EmbeddedReader) -> None:
    readings = [(one.intent == OUT_OF_SCOPE, one.text, reader.read(one.text, SCENE)) for one in HELD_OUT]
    outside = [(text, reading.intent) for is_outside, text, reading in readings if is_outside]
    inside = [(text, reading.intent) for is_outside, text, reading in readings if not is_outside]
    assert sum(intent is None for _, intent in outside) / len(outside) >= 0.85, outside
    assert sum(intent is not None for _, intent in inside) / len(inside) >= 0.95, inside


def test_ordinary_phrasing_names_nothing_unknown(reader: EmbeddedReader) -> None:
    inside = [one for one in HELD_OUT if one.intent != OUT_OF_SCOPE]
    unknown = {one.text: set(reader.read(one.text, SCENE).unknown) - new_names(one) for one in inside}
    assert {text: names for text, names in unknown.items() if names} == {}


def test_confidence_is_honest() -> None:
    """Expected calibration error over ten bins of a fifth of the sentences; the model never saw them."""
    scene = Scene(training_names(TRAINING), TODAY)
    is_held_out = np.random.default_rng(0).permutation(len(TRAINING)) % 5 == 0
    reader = EmbeddedReader(train([one for one, out in zip(TRAINING, is_held_out, strict=True) if not out]))
    outcomes: list[tuple[float, bool]] = []
    for one in (one for one, out in zip(TRAINING, is_held_out, strict=True) if out):
        reading = reader.read(one.text, scene)
        if one.intent != OUT_OF_SCOPE:
            outcomes.append((reading.confidence, reading.ranking[0][0] == one.intent))
    confidences = np.array([confidence for confidence, _ in outcomes])
    hits = np.array([hit for _, hit in outcomes], dtype=float)
    bins = np.minimum((confidences * 10).astype(int), 9)
    gaps = [
        abs(hits[bins == b].mean() - confidences[bins == b].mean()) * (bins == b).mean() for b in set(bins)
    ]
    assert sum(gaps) <= 0.05
    assert hits.mean() >= 0.9


@dataclass(frozen=True)
class Case:
    text: str
    intent: str | None
    entities: tuple[tuple[str, Any], ...] = ()


TEN_THOUSAND = ("money", values.MoneySaid(Decimal(10_000)))
GLOW = ("campaign", "Autumn Glow")

WORD_FOR_WORD = [
    Case("show gtm performance for Acme", "show_performance", (("venture", "Acme"),)),
    Case("show gtm performance for kestrel", "show_performance", (("venture", "Kestrel"),)),
    Case(
        "what are the top performing channels this month",
        "top_channels",
        (("period", (date(2026, 6, 1), TODAY)),),
    ),
    *(
        Case(
            f"find influencers for fitness with {followers} followers",
            "find_influencers",
            (("category", "Fitness"), ("count", 50_000)),
        )
        for followers in ("fifty thousand", "50,000", "50k", "50000")
    ),
    Case("optimize budget allocation for Autumn Glow", "optimize_budget", (GLOW,)),
    Case("optimize budget for campaign Autumn Glow", "optimize_budget", (GLOW,)),
    Case(
        "move ten thousand from display to email in Autumn Glow",
        "reallocate_budget",
        (GLOW, ("channel", "display"), ("channel", "email"), TEN_THOUSAND),
    ),
    Case(
        "set the budget of Autumn Glow to 40k",
        "set_budget",
        (GLOW, ("money", values.MoneySaid(Decimal(40_000)))),
    ),
    Case("approve it", "approve"),
    Case("undo that", "undo"),
    Case("why?", "why"),
    Case("what is the CAC of Acme", "show_metric", (("metric", "cac"), ("venture", "Acme"))),
]


@pytest.mark.parametrize("case", WORD_FOR_WORD, ids=lambda case: case.text)
def test_the_voice_commands_word_for_word(reader: EmbeddedReader, case: Case) -> None:
    reading = reader.read(case.text, SCENE)
    assert (reading.intent, tuple(found(reading.entities))) == (case.intent, case.entities)
    assert reading.confidence > 0.9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("and last month?", [("period", (date(2026, 5, 1), date(2026, 5, 31)))]),
        ("what about Bluebird", [("venture", "Bluebird")]),
        ("for email only", [("channel", "email")]),
        ("and for Autumn Glow?", [("campaign", "Autumn Glow")]),
        ("Kestrel", [("venture", "Kestrel")]),
        ("how about the Winter Wonders campaign", [("campaign", "Winter Wonders")]),
        ("and roas for Acme?", [("metric", "roas"), ("venture", "Acme")]),
    ],
)
def test_follow_ups_are_fragments(reader: EmbeddedReader, text: str, expected: list[tuple[str, Any]]) -> None:
    reading = reader.read(text, SCENE)
    assert reading.is_fragment
    assert reading.intent is not None
    assert found(reading.entities) == expected


@pytest.mark.parametrize(
    "text",
    ["show Acme", "how is Acme doing", "what is CAC", "revenue of Acme", "yes", "help", "and then", ""],
)
def test_requests_are_no_fragments(reader: EmbeddedReader, text: str) -> None:
    assert not reader.read(text, SCENE).is_fragment


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("show gtm performance for Zorblax", ("Zorblax",)),
        ("show gtm performance for zorblax", ("zorblax",)),
        ("how is zorblax doing", ("zorblax",)),
        ("what about Zorblax Prime?", ("Zorblax Prime",)),
        ("show the Flurbington campaign", ("Flurbington",)),
        ("show gtm performance for Acme", ()),
    ],
)
def test_a_name_nobody_knows_is_reported(reader: EmbeddedReader, text: str, unknown: tuple[str, ...]) -> None:
    reading = reader.read(text, SCENE)
    assert reading.unknown == unknown
    assert reading.intent is not None


@pytest.mark.parametrize(
    "text",
    [
        "don't pause it",
        "don't pause Autumn Glow",
        "please do not pause the Autumn Glow campaign",
        "do not resume Autumn Glow",
        "never stop Autumn Glow",
        "don't move ten thousand from display to email",
        "do not set the budget of Autumn Glow to 40k",
        "don't optimize the budget of Autumn Glow",
        "don't create a campaign for Acme",
        "don't stop all campaigns",
        "don't block Rosa Delgado",
        "don't undo that",
    ],
)
def test_what_is_forbidden_is_not_asked_for(reader: EmbeddedReader, text: str) -> None:
    reading = reader.read(text, SCENE)
    # What is forbidden and yet read as asked for is refused at the door, and surely not taken as heard.
    assert reading.intent in (None, "deny", "cancel") or reading.confidence < HEARD_WELL


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("don't approve it", "reject"),
        ("don't spend another cent", "stop_spending"),
        ("never show me Rosa Delgado again", "block_influencer"),
        ("do not suggest climbwithkai any more", "block_influencer"),
    ],
)
def test_a_negation_may_be_the_request(reader: EmbeddedReader, text: str, intent: str) -> None:
    assert reader.read(text, SCENE).intent == intent


@pytest.mark.parametrize(
    "text", ["yes", "go ahead", "do it", "yes do it", "go for it", "okay", "proceed", "confirm", "sure"]
)
def test_a_bare_yes_is_no_approval_of_a_proposal(reader: EmbeddedReader, text: str) -> None:
    assert reader.read(text, SCENE).intent == "affirm"


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("why", "why"),
        ("why is that", "why"),
        ("how did you get that", "why"),
        ("explain that number", "why"),
        ("why did revenue drop last month", "explain_change"),
        ("why is CAC up at Acme", "explain_change"),
        ("who approved that", "show_audit"),
        ("compare email and seo", "compare"),
        ("which channel is best", "top_channels"),
    ],
)
def test_neighbors_are_told_apart(reader: EmbeddedReader, text: str, intent: str) -> None:
    assert reader.read(text, SCENE).intent == intent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("approve proposal 3 with 5k", [("money", values.MoneySaid(Decimal(5000))), ("proposal", 3)]),
        ("reject number two", [("proposal", 2)]),
        ("approve it but make it 20k", [("money", values.MoneySaid(Decimal(20_000)))]),
        ("attribution with shapley for Acme", [("model", "shapley"), ("venture", "Acme")]),
        ("set the stage of Acme to early revenue", [("stage", "early_revenue"), ("venture", "Acme")]),
        ("create a b2b venture in euros", [("business", "b2b_smb"), ("currency", "EUR")]),
        (
            "find brand safe creators for yoga in Spain",
            [("category", "Yoga"), ("place", "ES"), ("safe", "true")],
        ),
        ("find influencers for yoga in the US", [("category", "Yoga"), ("place", "US")]),
        ("find influencers for us in yoga", [("category", "Yoga")]),
        ("what did Miriam do yesterday", [("period", (date(2026, 6, 16),) * 2), ("person", "Miriam")]),
        (
            "compare May to April",
            [
                ("period", (date(2026, 4, 1), date(2026, 4, 30))),
                ("period", (date(2026, 5, 1), date(2026, 5, 31))),
            ],
        ),
        ("put 2000 into Autumn Glow", [GLOW, ("money", values.MoneySaid(Decimal(2000)))]),
        ("bump the budget of Autumn Glow up to 60k", [GLOW, ("money", values.MoneySaid(Decimal(60_000)))]),
    ],
)
def test_entities_of_every_kind(reader: EmbeddedReader, text: str, expected: list[tuple[str, Any]]) -> None:
    assert found(reader.read(text, SCENE).entities) == expected


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("growth", "stage", "growth"),
        ("in euros", "currency", "EUR"),
        ("EUR", "currency", "EUR"),
        ("per week", "pace", "week"),
        ("only brand safe ones", "safe", "true"),
        ("b2c", "business", "b2c_mass"),
    ],
)
def test_short_answers(reader: EmbeddedReader, text: str, kind: str, value: str) -> None:
    reading = reader.read(text, SCENE)
    assert reading.is_fragment
    assert (kind, value) in found(reading.entities)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("show influencer Nadia Stone", "Nadia Stone"),
        ("show me the profile of the creator nadiastone", "nadiastone"),
        ("block Nadia Stone because she is rude", "Nadia Stone"),
        ("please blacklist Nadia Stone", "Nadia Stone"),
        ("create a venture called Moonbeam Foods in yoga", "Moonbeam Foods"),
        ("create a venture called Studio 54 in yoga", "Studio 54"),
        ("create a venture called Zephyr Nine", "Zephyr Nine"),
        ("add Moonbeam as a new venture", "Moonbeam"),
        ("create a campaign named Big Bang for Acme on email", "Big Bang"),
    ],
)
def test_names_nobody_knows_yet_fill_their_slot(reader: EmbeddedReader, text: str, name: str) -> None:
    assert name in slot_values(reader.read(text, SCENE))


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("you have my approval on 11", {"proposal": 11}),
        ("I want 3 rejected", {"proposal": 3}),
        ("approve it with 900", {"amount": MoneySaid(Decimal(900))}),
        ("approve it but only 20", {"amount": MoneySaid(Decimal(20))}),
        (
            "reject 2 because we have no cash for it in May",
            {"proposal": 2, "reason": "we have no cash for it in May"},
        ),
        ("reject it because we tried that 3 times", {"reason": "we tried that 3 times"}),
        (
            "approve it because we made 3 sales, but only with 20k",
            {"amount": MoneySaid(Decimal(20_000)), "reason": "we made 3 sales"},
        ),
        ("when do we reach a million dollars in revenue", {"metric": "revenue"}),
        ("draft a campaign for Acme on display, call it Golden Hour", {"name": "Golden Hour"}),
        ("new venture please, Velvet Row, in euros", {"name": "Velvet Row"}),
    ],
)
def test_what_stands_around_a_value_says_which_slot_it_fills(
    reader: EmbeddedReader, text: str, slots: dict[str, Any]
) -> None:
    reading = reader.read(text, SCENE)
    assert reading.intent is not None
    filled = slots_from(COMMANDS[reading.intent], reading.entities, reading.text)
    assert filled.items() >= slots.items()
    assert not {"amount", "proposal", "reason"} & (filled.keys() - slots.keys())


def test_an_ambiguous_campaign_is_told_apart_by_its_venture(reader: EmbeddedReader) -> None:
    (plain,) = reader.read("how is black friday doing", SCENE).entities
    assert {plain.value, *plain.alternatives} == {"Black Friday (Acme)", "Black Friday (Bluebird)"}
    said = reader.read("how is black friday at acme doing", SCENE).entities
    assert [(one.value, one.alternatives) for one in said if one.entity == "campaign"] == [
        ("Black Friday (Acme)", ())
    ]


def test_a_misheard_campaign_is_understood_with_less_confidence(reader: EmbeddedReader) -> None:
    (entity,) = reader.read("how is autum glow doing", SCENE).entities
    assert entity.value == "Autumn Glow"
    assert entity.confidence < 1


def test_an_impossible_date_is_passed_on(reader: EmbeddedReader) -> None:
    (entity,) = reader.read("spend on February 30", SCENE).entities[1:]
    assert isinstance(entity.value, values.ImpossibleDate)


def test_a_name_in_the_catalogue_wins_over_a_value(reader: EmbeddedReader) -> None:
    scene = Scene(Names([Name("campaign", 1, "March Madness")]), TODAY)
    assert found(reader.read("how is march madness doing", scene).entities) == [("campaign", "March Madness")]


def test_verbs_that_look_like_channels(reader: EmbeddedReader) -> None:
    assert found(reader.read("display the campaign Autumn Glow", SCENE).entities) == [
        ("campaign", "Autumn Glow")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00\x07\x1b[31m",
        "🙂" * 50,
        "показать результаты",
        "結果を見せて",
        "a" * 1_000_000,
        "1 " * 500_000,
    ],
)
def test_no_text_is_too_strange(reader: EmbeddedReader, text: str) -> None:
    start = time.process_time()
    reading = reader.read(text, SCENE)
    assert reading.text == text
    assert time.process_time() - start < 10


@settings(max_examples=200)
@given(st.text(max_size=300))
def test_any_text_is_read(reader: EmbeddedReader, text: str) -> None:
    reading = reader.read(text, SCENE)
    assert 0 <= reading.in_scope <= 1
    assert sum(confidence for _, confidence in reading.ranking) == pytest.approx(1)
    assert all(text[one.start : one.end] == one.text for one in reading.entities)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("words", {"ngram_range": (1, 2), "token_pattern": r"(?u)\w+"}),
        ("letters", {"ngram_range": (2, 4), "analyzer": "char_wb"}),
    ],
)
def test_our_tf_idf_equals_scikit_learns(name: str, settings: dict[str, Any]) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [one.text for one in TRAINING]
    theirs = TfidfVectorizer(sublinear_tf=True, **settings).fit(texts)
    ours = Block.fit(name, texts)
    assert list(ours.pieces) == list(theirs.get_feature_names_out())
    for one in [*HELD_OUT, Example("", "", ()), Example("", "Åse's  café 🙂 a", ())]:
        expected = theirs.transform([one.text]).toarray()[0]
        row = np.zeros(len(ours.pieces))
        columns, weights = ours.transform(one.text)
        row[columns] = weights
        assert np.abs(row - expected).max() <= 1e-9


def test_the_cache_is_used_and_gives_the_same_readings(by_words: EmbeddedReader, cache_dir: Path) -> None:
    again = EmbeddedReader.load(cache_dir)
    for one in HELD_OUT[:20]:
        assert again.read(one.text, SCENE) == by_words.read(one.text, SCENE)


def test_a_second_look_is_kept_in_the_cache_too(reader: EmbeddedReader, models: Path) -> None:
    again = EmbeddedReader.load(models, encoder=find_encoder(models))
    for one in HELD_OUT[:20]:
        assert again.read(one.text, SCENE) == reader.read(one.text, SCENE)


def test_without_the_encoder_most_is_understood(by_words: EmbeddedReader) -> None:
    inside = [one for one in HELD_OUT if one.intent != OUT_OF_SCOPE]
    assert sum(by_words.read(one.text, SCENE).intent == one.intent for one in inside) >= 0.9 * len(inside)


@pytest.mark.usefixtures("by_words")
def test_run_time_does_without_scikit_learn(cache_dir: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import date;"
        "from intents.readers.embedded import EmbeddedReader; from intents.reading import Scene;"
        "from intents.names import Names;"
        f"EmbeddedReader.load(Path({str(cache_dir)!r})).read('help', Scene(Names([]), date(2026, 1, 1)));"
        "assert not {'sklearn', 'scipy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


SMALL = """version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello there [Acme](venture)
    - hi
    - good day
    - greetings
    - hey you
    - hello
- intent: leave
  examples: |
    - bye
    - see you
    - so long
    - farewell
    - good bye
    - until later
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "small.yml").write_text(SMALL)
    return folder


def test_other_data_trains_another_model(tmp_path: Path, data_dir: Path) -> None:
    reader = EmbeddedReader.load(tmp_path, data_dir=data_dir)
    assert reader.read("hello", SCENE).intent == "greet"
    assert len(list(tmp_path.glob("*.npz"))) == 1
    (data_dir / "small.yml").write_text(SMALL.replace("greet", "welcome"))
    assert EmbeddedReader.load(tmp_path, data_dir=data_dir).read("hello", SCENE).intent == "welcome"


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 nonsense", None])
def test_a_damaged_cache_is_trained_again(tmp_path: Path, data_dir: Path, damage: bytes | None) -> None:
    EmbeddedReader.load(tmp_path, data_dir=data_dir)
    (path,) = tmp_path.glob("*.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert EmbeddedReader.load(tmp_path, data_dir=data_dir).read("bye", SCENE).intent == "leave"
    assert cache.restore(path) is not None


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path: Path, data_dir: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    reader = EmbeddedReader.load(tmp_path / "file" / "below", data_dir=data_dir)
    assert reader.read("bye", SCENE).intent == "leave"


def test_training_data_of_rasa() -> None:
    example = parse_example(
        "a", 'put [5k](money) into [the spring one]{"entity": "campaign", "value": "Spring"}'
    )
    assert example.text == "put 5k into the spring one"
    assert example.spans == (Span("money", "5k", 4, 6), Span("campaign", "Spring", 12, 26))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nlu: [", "while parsing"),
        ("nlu: 5", "expected a list"),
        ("nlu:\n- examples: |\n    - hi", "entry 1 .* has no intent"),
        ("nlu:\n- intent: a\n  examples: 5", "neither a block"),
        ("nlu:\n- intent: a\n  examples: |\n    - go to [x](", "intent a: unfinished mark"),
        ('nlu:\n- intent: a\n  examples: |\n    - go to [x]{"value": 1}', "names no entity"),
    ],
)
def test_broken_training_data_names_the_place(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "broken.yml"
    file.write_text(text)
    with pytest.raises(TrainingError, match=rf"(?s){re.escape(str(file))}.*{complaint}"):
        load(file)


def test_data_that_marks_nothing_is_classified_by_its_plain_words() -> None:
    texts = {
        "cost": ["how much in January", "price in May", "fee for June"],
        "time": ["when", "at what hour", "how late"],
    }
    reader = EmbeddedReader(train(Example(intent, text) for intent, said in texts.items() for text in said))
    assert not reader.model.is_delexical
    assert reader.read("price in January", SCENE).intent == "cost"


def test_one_intent_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no training data"):
        load(tmp_path)
    with pytest.raises(TrainingError, match="at least two"):
        train([Example("a", "x"), Example("a", "y")])


def test_every_marked_entity_of_the_training_data_can_be_read() -> None:
    """No sentence marks a channel, metric, status, period or count that our own grammar does not know."""
    for example in TRAINING:
        for span in example.spans:
            if span.entity in lexicon.KINDS:
                assert lexicon.canonical(span.entity, span.value), (example.text, span)
            elif span.entity == "period":
                assert values.parse_period(span.value, TODAY), (example.text, span)
            elif span.entity == "count":
                assert values.parse_count(span.value), (example.text, span)


def test_every_command_has_enough_sentences() -> None:
    counts: dict[str, int] = {}
    for example in TRAINING:
        counts[example.intent] = counts.get(example.intent, 0) + 1
    assert all(count >= 20 for count in counts.values()), counts
    assert counts[OUT_OF_SCOPE] >= 250
    assert len({(example.intent, example.text.lower()) for example in TRAINING}) == len(TRAINING)


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        ("channel", "E-Mail", "email"),
        ("channel", "newsletters", "email"),
        ("channel", "Google Ads", "paid_search"),
        ("metric", "LTV:CAC", "ltv_cac"),
        ("metric", "customer acquisition costs", "cac"),
        ("metric", "revenu", "revenue"),
        ("status", "Canceled", "cancelled"),
        ("status", "running", "active"),
        ("topic", "show metric", "show_metric"),
        ("platform", "tik tok", "tiktok"),
        ("metric", "happiness", None),
        ("channel", "", None),
        ("model", "last click", "last_touch"),
        ("place", "AT", "AT"),
        ("place", "the uk", "GB"),
        ("stage", "pre-revenue", "pre_revenue"),
        ("business", "Enterprise", "b2b_enterprise"),
        ("currency", "Euros", "EUR"),
        ("time_zone", "Europe/Berlin", "Europe/Berlin"),
        ("time_zone", "new york", "America/New_York"),
        ("pace", "daily", "day"),
        ("kind", "creators", "influencers"),
    ],
)
def test_listed_words(kind: str, said: str, value: str | None) -> None:
    assert lexicon.canonical(kind, said) == value


@pytest.mark.parametrize("kind", lexicon.KINDS)
def test_every_listed_value_stands_for_itself(kind: str) -> None:
    for value in lexicon.vocabulary(kind):
        assert lexicon.canonical(kind, value) == value
