"""`gtm voice test`: any closed grammar scored on recordings with labels."""

import json
import wave
from pathlib import Path
from random import Random

import pytest
import typer
from typer.testing import CliRunner

from assistant.channels.voice_cli import measure_ears
from voice.audio import RATE, Audio
from voice.espeak import EspeakSpeaker
from voice.jsgf import GrammarError, parse
from voice.network import of_grammar
from voice.scoring import understood

GRAMMAR = Path(__file__).parent / "data" / "coffee.gram"
REAL = Path(__file__).parents[2] / "shared" / "data" / "audio" / "commands"
ORDERS: dict[str, dict[str, str]] = {
    "can i have a small latte with lots of milk": {
        "size": "small",
        "coffeeDrink": "latte",
        "milkAmount": "lots of milk",
    },
    "give me a dark roast double shot espresso": {
        "roast": "dark roast",
        "numberOfShots": "double shot",
        "coffeeDrink": "espresso",
    },
    "i'd like a twelve ounce cappuccino with brown sugar and some cream please": {
        "size": "twelve ounce",
        "coffeeDrink": "cappuccino",
        "sugarAmount": " brown sugar",
        "milkAmount": "some cream",
    },
    "the quick brown fox jumps over the lazy dog": {},
}
runner = CliRunner()
app = typer.Typer()
app.command()(measure_ears)


def write(file: Path, audio: Audio) -> None:
    """Keep sound as a file."""
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(audio.samples.tobytes())


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders said by a synthesiser, with labels; the last label is wrong on purpose."""
    folder = tmp_path_factory.mktemp("clips")
    labels: dict[str, object] = {}
    for number, (text, slots) in enumerate(ORDERS.items()):
        write(folder / f"{number}.wav", EspeakSpeaker().speak(text, voice="en-us+f2", speed=0.9))
        labels[f"{number}.wav"] = {"intent": "orderDrink", "slots": slots} if slots else {}
    write(folder / "wrong.wav", EspeakSpeaker().speak("make me a large mocha", voice="en-us", speed=0.9))
    labels["wrong.wav"] = {"intent": "orderDrink", "slots": {"size": "small", "coffeeDrink": "mocha"}}
    (folder / "broken.wav").write_bytes(b"RIFF")
    labels["broken.wav"] = {"intent": "orderDrink", "slots": {"coffeeDrink": "mocha"}}
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder


def test_recordings_are_scored(clips: Path) -> None:
    result = runner.invoke(app, ["--grammar", str(GRAMMAR), "--clips", str(clips), "--json"])
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)
    assert scores["clips"] == 6
    assert scores["exact"] == pytest.approx(4 / 6)
    assert scores["wrong"] == pytest.approx(1 / 6)
    assert scores["rejected"] == pytest.approx(1 / 6)
    assert 0 < scores["rtf"] < 1
    assert scores["slots"]["milkAmount"] == {"clips": 2, "right": 1.0}
    assert scores["slots"]["size"] == {"clips": 3, "right": pytest.approx(2 / 3)}
    assert [one["file"] for one in scores["mistakes"]] == ["wrong.wav", "broken.wav"]


def test_the_figures_are_told_in_words_too(clips: Path) -> None:
    result = runner.invoke(app, ["--grammar", str(GRAMMAR), "--clips", str(clips)])
    assert result.exit_code == 0, result.output
    assert "66.7%" in result.output
    assert "wrong.wav: wrong: heard 'make me a large mocha'" in result.output


@pytest.mark.parametrize(
    ("grammar", "labels", "message"),
    [
        ("public <a> = <b>;", '{"1.wav": {"slots": {}}}', "there is no <b>"),
        ("public <a> = yes;", '{"1.wav": {"slots": {"size": "x"}}}', "no rule for size"),
        ("public <a> = yes;", '{"gone.wav": {"slots": {}}}', "no such file"),
        ("public <a> = yes;", "[1, 2]", "expected an object"),
        ("public <a> = yes;", "{", "labels.json"),
        ("public <a> = 日本;", '{"1.wav": {}}', "No pronunciation"),
    ],
)
def test_what_cannot_be_scored_is_said(tmp_path: Path, grammar: str, labels: str, message: str) -> None:
    (tmp_path / "a.gram").write_text(grammar, encoding="utf-8")
    (tmp_path / "labels.json").write_text(labels)
    write(tmp_path / "1.wav", EspeakSpeaker().speak("yes"))
    result = runner.invoke(app, ["--grammar", str(tmp_path / "a.gram"), "--clips", str(tmp_path)])
    assert result.exit_code == 2
    assert message in result.output.replace("\n", "")


def test_real_people_order_coffee() -> None:
    if not REAL.is_dir():
        pytest.skip("the recordings of people lie beside the repository, in ../shared/data/audio")
    result = runner.invoke(app, ["--grammar", str(GRAMMAR), "--clips", str(REAL), "--json"])
    scores = json.loads(result.stdout)
    assert scores["exact"] >= 0.95
    assert scores["rtf"] <= 0.3


def test_every_sentence_drawn_is_one_of_the_grammar() -> None:
    grammar = parse(GRAMMAR.read_text())
    random = Random(1)  # noqa: S311
    network = of_grammar(grammar)
    after = {(start, word): to for start, to, word in network.arcs}
    for _ in range(200):
        words = grammar.draw(random)
        found = understood(grammar, words, ("coffeeDrink", "size"))
        assert found is not None
        assert found.intent == "orderDrink"
        assert found.slots["coffeeDrink"] in " ".join(words)
        state = network.start
        for word in words:
            state = after[state, word]
        assert state in network.ends


@pytest.mark.parametrize(
    ("text", "said", "is_in"),
    [
        ("#JSGF V1.0; grammar g; public <a> = (one | two) [three] ;", "two three", True),
        ('public <a> = one+ <b>* ; <b> = /0.3/ red {tag} | /0.7/ "dark green";', "one one dark green", True),
        ("public <a> = one; // two\n/* public <b> = three; */", "three", False),
        ("yes | no", "no", True),
        ("public <a> = <NULL> one;", "one", True),
        ("public <a> = one; public <b> = two;", "two", True),
        ("public <a> = one;", "one one", False),
    ],
)
def test_grammars_are_read_as_they_are_written(text: str, said: str, is_in: bool) -> None:
    assert (parse(text).match(said.split()) is not None) == is_in


@pytest.mark.parametrize(
    "text",
    ["", "public <a> = ", "public <a> = (one;", "public <a> = one <a>;", "<a> = one; <a> = two;", "(" * 500],
)
def test_a_faulty_grammar_says_so(text: str) -> None:
    with pytest.raises(GrammarError):
        parse(text)
