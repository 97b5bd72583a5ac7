"""`gtm voice test`: how well the embedded ears hear a closed grammar, on a folder of recordings."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from voice.scoring import Scores

FAILED = 2

console = Console()
errors = Console(stderr=True)


def measure_ears(
    grammar: Annotated[
        Path, typer.Option(metavar="FILE", help="A closed grammar in JSGF; its rules are the slots.")
    ],
    clips: Annotated[
        Path, typer.Option(metavar="DIR", help="Recordings, and labels.json: intent and slots by file.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score any closed grammar on recordings with labels; docs/voice.md explains."""
    from voice.audio import Audio, VoiceError
    from voice.decoding import decode
    from voice.jsgf import GrammarError
    from voice.moonshine import of_setting
    from voice.scoring import LabelsError, read_labels, score

    if not clips.is_dir():
        _fail(f"{clips}: no such folder")
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
    sounds: dict[str, Audio | VoiceError] = {}
    try:
        text = grammar.read_text(encoding="utf-8")
        labels = read_labels(clips)
        with Progress(*columns, console=errors, transient=True) as progress:
            for label in progress.track(labels, description="reading"):
                try:
                    sounds[label.file] = decode(clips / label.file)
                except VoiceError as error:
                    sounds[label.file] = error
            progress.add_task("listening", total=None)
            scores, _ = score(text, labels, sounds, of_setting("auto"))
    except (OSError, UnicodeDecodeError, GrammarError, LabelsError) as error:
        _fail(str(error))
    except VoiceError as error:
        _fail(f"{error.message} {error.cure}".strip())
    if as_json:
        sys.stdout.write(json.dumps(asdict(scores)) + "\n")
    else:
        show(scores, console)


def show(scores: "Scores", out: Console) -> None:
    """Print the figures, what each slot came to, and every recording that was not understood rightly."""
    out.print(f"{scores.clips} recordings", highlight=False)
    for name, value, meaning in (
        ("exact", f"{scores.exact:.1%}", "the right intent and exactly the right slots"),
        ("wrong", f"{scores.wrong:.1%}", "something else was understood"),
        ("rejected", f"{scores.rejected:.1%}", "nothing was understood"),
        ("rtf", f"{scores.rtf:.3f}", "processor seconds a second of sound"),
    ):
        out.print(f"{name:<22}{value:>8}  {meaning}", highlight=False, soft_wrap=True)
    for slot, score in scores.slots.items():
        out.print(f"  {slot:<20}{score.right:>8.1%}  of {score.clips}", highlight=False)
    for one in scores.mistakes:
        out.print(
            f"{one['file']}: {one['outcome']}: heard {one['heard']!r}, expected {one['expected']}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _fail(message: str) -> NoReturn:
    errors.print(f"gtm: {message}", style="red", soft_wrap=True, markup=False)
    raise typer.Exit(FAILED)
