"""`gtm nlu lint`: faults in training sentences are found where they are, and our own sentences have none."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field
from typer.testing import CliRunner, Result

from assistant.channels.cli import cli
from assistant.documents import catalogue
from intents.command import Catalogue, Command
from intents.linting import FEWEST, Finding, lint
from intents.readers.embedded import DATA
from intents.slots import ChannelName, Pairs, Reason, VentureName

FAULTS = [
    ("undo", "repeated", "Undo that!!"),
    ("cancel", "two_meanings", "undo that"),
    ("set_budget", "two_meanings", "show gtm performance for [Fjord](venture)"),
    ("show_funnel", "too_long", " ".join(["funnel and then"] * 9)),
    ("show_funnel", "leftover", "funnel of {campaign} quickly"),
    ("show_funnel", "leftover", "TODO funnel of the week"),
    ("show_funnel", "double_space", "funnel  of the whole thing"),
    ("show_funnel", "shouted", "THE WHOLE FUNNEL NOW"),
    ("show_funnel", "symbol", "funnel → conversions"),
    ("show_funnel", "symbol", "the funnel\u200b of today"),
    ("show_funnel", "symbol", "where the funnelâ€™s leak is"),
    ("show_funnel", "twice_in_a_row", "the funnel of the the whole house"),
    ("show_funnel", "article", "the funnel of a email campaign"),
    ("compare", "same_value_twice", "weigh [Acme](venture) up against [Acme](venture)"),
    ("why", "foreign_mark", "explain that figure of [email](channel)"),
    ("dance_around", "no_command", "dance around the fire"),
    ("show_funnel", "empty", "[?](venture)"),
]
RIGHT = [
    ("show_funnel", "the funnel of [Côté & Söhne](venture), please; or don't you have it?".replace(";", ",")),
    ("show_funnel", "is there a one-page funnel of a unique campaign"),
    ("resume_campaign", "could you get back [Back to School](campaign)"),
    ("reallocate_budget", "switch [€1,500](money) over from [seo](channel) to [video](channel) at once"),
]


def written(folder: Path, *sentences: tuple[str, str]) -> Path:
    """A file with an entry a sentence; sentence number ``n`` (from 0) stands in line ``5 + 3 * n``."""
    lines = ['version: "3.1"', "nlu:"]
    for intent, text in sentences:
        lines += [f"- intent: {intent}", "  examples: |", f"    - {text}"]
    file = folder / "zz_own.yml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def line_of(number: int) -> int:
    return 5 + 3 * number


def ran(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["nlu", "lint", *arguments])


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Finding]:
    """Our own data with faults, and with sentences that only look like faults."""
    folder = tmp_path_factory.mktemp("faulty")
    shutil.copytree(DATA, folder, dirs_exist_ok=True)
    written(folder, *((intent, text) for intent, _, text in FAULTS), *RIGHT)
    return lint(folder, catalogue())


def test_our_own_sentences_have_no_faults() -> None:
    said = ran()
    assert (said.exit_code, said.stdout) == (0, "")


@pytest.mark.parametrize(("number", "code"), list(enumerate(code for _, code, _ in FAULTS)))
def test_a_fault_is_found_where_it_is(findings: Sequence[Finding], number: int, code: str) -> None:
    assert code in {one.code for one in findings if one.line == line_of(number)}


def test_nothing_else_is_found(findings: Sequence[Finding]) -> None:
    assert {Path(one.file).name for one in findings} == {"zz_own.yml"}
    assert {one.line for one in findings} <= {line_of(number) for number in range(len(FAULTS))}
    assert list(findings) == sorted(findings)


class Whistle(Command):
    """Whistles `loudly` on a channel."""

    examples: ClassVar = ("whistle on {channel}",)

    venture: VentureName | None = Field(None, description="Where?")
    channel: ChannelName | None = Field(None, description="The channel of the whistle")
    reason: Reason | None = Field(None, description="Why?")
    map: Pairs = Field({}, description="Anything.")


class Hum(Command):
    """Hums."""

    venture: VentureName | None = Field(None, description="Where?")


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    file = written(tmp_path, ("whistle", "whistle at [Acme](venture)"), ("out_of_scope", "sing"))
    found = lint(file, Catalogue([Whistle, Hum]))
    told = {(one.line, one.code, one.message) for one in found if one.code != "not_for_the_ear"}
    assert told == {
        (line_of(0), "few_sentences", f"whistle has 1 sentences; it needs {FEWEST}"),
        (0, "few_sentences", f"hum has 0 sentences; it needs {FEWEST}"),
        (line_of(0), "unmarked_slot", "no sentence of whistle marks its channel (channel)"),
        (0, "unmarked_slot", "no sentence of hum marks its venture (venture)"),
        (line_of(1), "few_out_of_scope", "1 sentences are out of scope; it needs 400"),
    }


def test_declarations_must_be_fit_to_be_spoken(tmp_path: Path) -> None:
    file = written(tmp_path, ("whistle", "whistle at [Acme](venture)"))
    found = [one for one in lint(file, Catalogue([Whistle, Hum])) if one.code == "not_for_the_ear"]
    assert {Path(one.file).name for one in found} == {"test_linting.py"}
    assert sorted(one.message.partition(" ")[0] for one in found) == [
        "hum:",
        "whistle:",
        "whistle:",
        "whistle:",
    ]
    lines = Path(__file__).read_text(encoding="utf-8").split("\n")
    assert {lines[one.line - 1] for one in found} == {"class Whistle(Command):", "class Hum(Command):"}


def test_a_template_filled_in_again_and_again_is_found(tmp_path: Path) -> None:
    names = ("Acme", "Fjord", "Helio", "Solstice", "Lumen", "Brightside")
    said = [("hum", f"please hum along at [{name}](venture) today") for name in names]
    found = lint(written(tmp_path, *said), Catalogue([Hum]))
    assert [one.line for one in found if one.code == "template"] == [line_of(5)]
    found = lint(written(tmp_path, *said[:5]), Catalogue([Hum]))
    assert [one for one in found if one.code == "template"] == []


def test_sentences_that_all_begin_alike_are_found(tmp_path: Path) -> None:
    ends = ["high", "low", "fast", "slowly", "twice", "again", "there", "here", "softly"]
    begun = [("hum", f"could you hum {end}") for end in ends]
    others = [("hum", f"{end} {verb} me something") for end in ends for verb in ("hum", "drone")]
    found = lint(written(tmp_path, *begun, *others), Catalogue([Hum]))
    assert [(one.line, "'could you hum'" in one.message) for one in found if one.code == "template"] == [
        (line_of(0), True)
    ]


def test_lines_are_right_in_every_form_of_the_data(tmp_path: Path) -> None:
    file = tmp_path / "forms.yml"
    file.write_text(
        "nlu:\n"
        "- synonym: seo\n  examples: |\n    - organic  search\n"
        "- intent: hum\n  examples: |\n    - hum a tune\n\n    - hum  it\n"
        "- intent: hum\n  examples:\n  - text: |\n      hum {this}\n",
        encoding="utf-8",
    )
    found = [one for one in lint(file, Catalogue([Hum])) if one.code in ("double_space", "leftover")]
    assert [(one.line, one.code) for one in found] == [(9, "double_space"), (12, "leftover")]


def test_findings_are_printed_by_file_and_line_or_as_json(tmp_path: Path) -> None:
    file = written(tmp_path, ("why", "why  that"))
    said = ran("--data", str(file))
    assert said.exit_code == 1
    assert f"{file}:{line_of(0)}: double_space: 'why  that': two spaces in a row" in said.stdout
    as_json = ran("--data", str(file), "--json")
    assert as_json.exit_code == 1
    assert {
        "file": str(file),
        "line": line_of(0),
        "code": "double_space",
        "message": "'why  that': two spaces in a row",
    } in json.loads(as_json.stdout)


@pytest.mark.parametrize("text", [None, "nlu: [", "nlu:\n- intent: why\n  examples: |\n    - why [this](\n"])
def test_what_cannot_be_read_is_another_status(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "broken.yml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    said = ran("--data", str(file))
    assert (said.exit_code, said.stdout) == (2, "")
    assert "broken.yml" in said.stderr.replace("\n", "")
