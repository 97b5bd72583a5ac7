"""`gtm nlu test`: any Rasa YAML is learned, any JSON lines are scored."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assistant.channels.cli import cli
from assistant.channels.nlu import resident_mb
from intents.evaluation import Scores, Sentence, read_sentences, score
from intents.readers.foreign import ForeignReader, Judgement, choose_threshold, learn
from intents.reading import EntityMatch, Reading

WEATHER = "what is the weather in [{0}](city){1}|will it rain in [{0}](city){1}|forecast for [{0}](city){1}"
CALL = "call [{0}](person){1}|please ring [{0}](person) up{1}|phone [{0}](person) for me{1}"
CITIES = ("Paris", "Oslo", "Rome", "New York", "Lima", "Cairo", "Quito", "Bern")
PEOPLE = ("Ann", "Bob Stone", "Cleo", "Dan", "Eve", "Fay Wood", "Gus", "Hal")


def block(*sentences: str) -> str:
    return "".join(f"    - {sentence}\n" for sentence in sentences)


def filled(frames: str, values: Sequence[str]) -> list[str]:
    return [
        frame.format(value, ("", " please", " now")[number % 3])
        for number, value in enumerate(values)
        for frame in frames.split("|")
    ]


TRAINING = f"""version: "3.1"
nlu:
- intent: weather
  examples: |
{block(*filled(WEATHER, CITIES))}
    - how hot is it in [the big apple]{{"entity": "city", "value": "New York"}}
- intent: call
  examples: |
{block(*filled(CALL, PEOPLE))}
- intent: out_of_scope
  examples: |
{block("who won the game", "tell me a joke", "is this milk still good", "sing a song", "how old are you")}
- lookup: city
  examples: |
    - Montevideo
    - La Paz
- synonym: Paris
  examples: |
    - city of light
- regex: city
  examples: |
    - [Vv]alley\\d+
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rasa")
    (path / "nlu.yml").write_text(TRAINING)
    (path / "rules.yml").write_text('version: "3.1"\nrules: []\n')
    return path


@pytest.fixture(scope="module")
def reader(folder: Path) -> ForeignReader:
    return learn(folder)


def lines(path: Path, *said: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in said))
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, ["nlu", "test", *map(str, words)])


def marked(kind: str, value: str, text: str) -> dict[str, Any]:
    start = text.index(value)
    return {"entity": kind, "value": value, "start": start, "end": start + len(value)}


SAID: list[dict[str, Any]] = [
    {"text": text, "intent": intent, "entities": [marked(kind, value, text)]}
    for text, intent, kind, value in [
        ("what is the weather in Oslo", "weather", "city", "Oslo"),
        ("forecast for Montevideo please", "weather", "city", "Montevideo"),
        ("will it rain in Zagreb", "weather", "city", "Zagreb"),
        ("call Bob Stone", "call", "person", "Bob Stone"),
        ("please ring Zora up", "call", "person", "Zora"),
    ]
] + [
    {"text": "tell me another joke", "intent": None, "entities": []},
    {"text": "who won the song", "intent": None},
]


def test_a_folder_is_learned_and_a_file_scored(folder: Path, tmp_path: Path) -> None:
    told = run("--train", folder, "--test", lines(tmp_path / "test.jsonl", *SAID), "--json")
    assert told.exit_code == 0, told.stderr
    figures = json.loads(told.stdout)
    assert set(figures) == set(Scores.__dataclass_fields__)
    assert (figures["sentences"], figures["out_of_scope"]) == (7, 2)
    for name in ("accuracy", "accuracy_before_gate", "macro_f1", "entity_f1", "joint_accuracy"):
        assert figures[name] == 1, name
    assert (figures["oos_recall"], figures["oos_precision"]) == (1, 1)
    assert 0 < figures["p50_ms"] <= figures["p95_ms"]
    assert figures["rss_mb"] == pytest.approx(resident_mb(), rel=0.2)


def test_a_person_gets_a_table_and_a_hint_of_unknown_intents(folder: Path, tmp_path: Path) -> None:
    test = lines(tmp_path / "test.jsonl", *SAID[:1], {"text": "open the door", "intent": "door"})
    told = run("--train", folder, "--test", test, "--validation", lines(tmp_path / "val.jsonl", *SAID))
    assert told.exit_code == 0
    assert "50.0%  in scope: right intent, through the gate" in told.stdout
    assert "not in the training data: door" in told.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("will it rain in Paris", [("city", "Paris", "Paris")]),
        ("forecast for city of light", [("city", "city of light", "Paris")]),
        ("what is the weather in the big apple", [("city", "the big apple", "New York")]),
        ("montevideo weather", [("city", "montevideo", "montevideo")]),
        ("valley42 weather", [("city", "valley42", "valley42")]),
        ("what is the weather in Ulan Bator", [("city", "Ulan Bator", "Ulan Bator")]),
        ("phone Gandalf for me", [("person", "Gandalf", "Gandalf")]),
        ("", []),
    ],
)
def test_entities_are_known_or_told_by_their_surroundings(
    reader: ForeignReader, text: str, expected: list[tuple[str, str, str]]
) -> None:
    assert [(one.entity, one.text, one.value) for one in reader.read(text).entities] == expected


def test_the_gate_refuses_but_tells_what_it_would_have_been(reader: ForeignReader) -> None:
    reading = reader.read("tell me a joke")
    assert reading.intent is None
    assert {intent for intent, _ in reading.ranking} == {"weather", "call"}
    assert reader.read("").intent is None


@pytest.mark.parametrize("text", ["🙂 " * 9, "\x00\x1b", "a" * 100_000, "結果 を"])
def test_no_text_is_too_strange(reader: ForeignReader, text: str) -> None:
    reading = reader.read(text)
    assert all(text[one.start : one.end] == one.text for one in reading.entities)


def test_other_names_of_what_is_out_of_scope(tmp_path: Path) -> None:
    (tmp_path / "nlu.yml").write_text(TRAINING.replace("out_of_scope", "chitchat"))
    test = lines(tmp_path / "test.jsonl", {"text": "tell me a joke", "intent": "chitchat"}, *SAID[:1])
    told = run("--train", tmp_path, "--test", test, "--out-of-scope", "chitchat", "--json")
    assert json.loads(told.stdout)["oos_recall"] == 1
    told = run("--train", tmp_path, "--test", test, "--json")
    assert json.loads(told.stdout)["out_of_scope"] == 0


def read_as(intent: str | None, guess: str, *places: tuple[str, int, int]) -> Reading:
    entities = tuple(EntityMatch(kind, "", "", start, end) for kind, start, end in places)
    return Reading("", intent, 0.5, entities, ranking=((guess, 0.5),))


def test_scores_by_hand() -> None:
    found = score(
        [
            Sentence("", "a", frozenset({("x", 0, 1), ("y", 2, 3)})),
            Sentence("", "a", frozenset({("x", 0, 1)})),
            Sentence("", "a"),
            Sentence("", "b"),
            Sentence("", None),
            Sentence("", None),
            Sentence("", None),
        ],
        [
            read_as("a", "a", ("x", 0, 1), ("y", 2, 3)),
            read_as("a", "a", ("x", 0, 2)),
            read_as(None, "a"),
            read_as("a", "a"),
            read_as(None, "a"),
            read_as("b", "b", ("z", 0, 1)),
            read_as(None, "b"),
        ],
        [4.0, 1.0, 2.0, 3.0],
        12.5,
    )
    assert found == Scores(
        sentences=7,
        out_of_scope=3,
        accuracy=2 / 4,
        accuracy_before_gate=3 / 4,
        macro_f1=(2 * 2 / (3 + 3) + 0) / 2,
        entity_f1=2 * 2 / (3 + 3),
        joint_accuracy=1 / 4,
        oos_recall=2 / 3,
        oos_precision=2 / 3,
        p50_ms=2.0,
        p95_ms=4.0,
        rss_mb=12.5,
    )


def test_what_nothing_can_be_said_about_is_none() -> None:
    found = score([Sentence("", "a")], [read_as("a", "a")])
    assert (found.accuracy, found.joint_accuracy) == (1, 1)
    assert found.entity_f1 is found.oos_recall is found.oos_precision is found.p50_ms is None


def judged(right: Sequence[float], wrong: Sequence[float], outside: Sequence[float]) -> list[Judgement]:
    return [
        *(Judgement(certainty, is_inside=True, is_right=True) for certainty in right),
        *(Judgement(certainty, is_inside=True, is_right=False) for certainty in wrong),
        *(Judgement(certainty, is_inside=False, is_right=False) for certainty in outside),
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "outside", "cost", "threshold"),
    [
        ([1, 2, 3, 4], [], [], 0, 1),
        ([1, 2, 3, 4], [], [], 25, 2),
        ([1, 2, 3, 4], [0, 0, 0, 0], [], 25, 3),
        ([1, 2, 3, 4], [0.5], [0, 9], 0, 0.5),
        ([1, 2, 3, 4], [], [1.5], 25, 1.75),
        ([1, 2], [], [], 100, 2),
        ([], [1], [1], 0, float("-inf")),
    ],
)
def test_the_threshold_costs_no_more_than_allowed(
    right: list[float], wrong: list[float], outside: list[float], cost: float, threshold: float
) -> None:
    assert choose_threshold(judged(right, wrong, outside), cost) == threshold


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"text": "a", "intent": null}\n{"text": ', "line 2: no JSON"),
        ("[]", "line 1: expected an object"),
        ('\n{"text": "a", "intent": null, "slots": []}', "line 2: unknown key 'slots'"),
        ('{"text": "a"}', "line 1: 'intent' is missing"),
        ('{"text": 1, "intent": null}', "line 1: 'text' is no string"),
        ('{"text": "a", "intent": 1}', "line 1: 'intent' is neither"),
        ('{"text": "a", "intent": "b", "entities": {"x": 1}}', "line 1: 'entities' is no list"),
        ('{"text": "a", "intent": "b", "entities": [1]}', "line 1: an entity is no object"),
        (
            '{"text": "a", "intent": "b", "entities": [{"entity": "x", "start": 0, "end": 2}]}',
            "no place from 0 to 2",
        ),
        ('{"text": "a", "intent": "b", "entities": [{"entity": "x", "start": 0}]}', "'end' is missing"),
        ('{"text": "a", "intent": "b", "entities": [{"kind": "x"}]}', "unknown key 'kind'"),
        ("", "no sentences there"),
        (b"\xff", "is not UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_test_file_that_cannot_be_read_names_the_line(
    folder: Path, tmp_path: Path, content: str | bytes | None, complaint: str
) -> None:
    path = tmp_path / "test.jsonl"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    told = run("--train", folder, "--test", path)
    assert told.exit_code == 2
    assert str(path) in told.stderr
    assert complaint in told.stderr
    assert told.stdout == ""


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no training data there"),
        ("rules: []", "no intents there"),
        ("nlu: 5", "expected a list"),
        ("nlu:\n- intent: a\n  examples: |\n    - x\n    - y", "at least two intents"),
        ("nlu:\n- regex: a\n  examples: |\n    - (", "regex 'a'"),
        ("nlu:\n- lookup: a\n  examples: 5", "lookup 'a'"),
    ],
)
def test_training_data_that_cannot_be_learned_from(
    tmp_path: Path, content: str | None, complaint: str
) -> None:
    if content is not None:
        (tmp_path / "nlu.yml").write_text(content)
    told = run("--train", tmp_path, "--test", lines(tmp_path / "test.jsonl", *SAID))
    assert told.exit_code == 2
    assert complaint in told.stderr


def test_no_such_folder(tmp_path: Path) -> None:
    told = run("--train", tmp_path / "none", "--test", lines(tmp_path / "test.jsonl", *SAID))
    assert (told.exit_code, told.stdout) == (2, "")
    assert "none: no such folder" in told.stderr


def test_line_separators_inside_a_text_do_not_end_the_line(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text('{"text": "a\u2028b", "intent": "c"}\n')
    assert read_sentences(path) == [Sentence("a\u2028b", "c")]


@pytest.mark.parametrize("outside", [0, 1, 2])
def test_few_sentences_are_learned_from_too(tmp_path: Path, outside: int) -> None:
    data = f"nlu:\n- intent: hi\n  examples: |\n{block('hello')}- intent: bye\n  examples: |\n{block('ciao')}"
    if outside:
        data += f"- intent: oos\n  examples: |\n{block(*('sing', 'dance')[:outside])}"
    (tmp_path / "nlu.yml").write_text(data)
    reader = learn(tmp_path)
    assert reader.read("hello").ranking[0][0] == "hi"
    assert reader.tagger is None
