"""`gtm nlu test` and `gtm nlu lint`: how well training data is learned, and what is wrong with it."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from intents.evaluation import Scores, Sentence
    from intents.readers.foreign import ForeignReader

FAULTY = 1
FAILED = 2

console = Console()
errors = Console(stderr=True)

_MEANINGS = {
    "accuracy": "in scope: right intent, through the gate",
    "accuracy_before_gate": "in scope: right intent, were nothing refused",
    "macro_f1": "in scope: mean F1 of the intents",
    "entity_f1": "in scope: kind, start and end of every entity",
    "joint_accuracy": "in scope: right intent and exactly the right entities",
    "oos_recall": "out of scope that was refused",
    "oos_precision": "refused that was out of scope",
    "p50_ms": "median milliseconds of reading a sentence",
    "p95_ms": "95 of 100 sentences took no longer",
    "rss_mb": "resident memory in MB",
}


def measure_reader(
    train: Annotated[Path, typer.Option(metavar="DIR", help="Folder of Rasa training data, *.yml.")],
    test: Annotated[Path, typer.Option(metavar="FILE", help="JSON lines: text, intent or null, entities.")],
    validation: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON lines to choose the gate's threshold on; else part of DIR."),
    ] = None,
    gate_cost: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS", min=0, max=100, help="In-scope accuracy the gate may cost there; default 0.3."
        ),
    ] = None,
    out_of_scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INTENT",
            help="An intent that means out of scope; default out_of_scope, oos and nlu_fallback.",
        ),
    ] = None,
    with_encoder: Annotated[
        bool, typer.Option("--encoder/--no-encoder", help="Whether to use the sentence encoder.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train the reader on any Rasa YAML and score a file of sentences; docs/understanding.md explains."""
    from assistant.settings import load_settings
    from intents.encoder import find_encoder
    from intents.evaluation import SentencesError, read_sentences, score
    from intents.readers.foreign import GATE_COST, OUT_OF_SCOPE_NAMES, learn_apart
    from intents.training import TrainingError

    outside = tuple(out_of_scope or OUT_OF_SCOPE_NAMES)
    encoder = find_encoder(load_settings().data_dir / "models") if with_encoder else None
    if not train.is_dir():
        _fail(f"{train}: no such folder")
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
    try:
        sentences = read_sentences(test, outside)
        chosen_on = None if validation is None else read_sentences(validation, outside)
        with Progress(*columns, console=errors, transient=True) as progress:
            progress.add_task("training the reader", total=None)
            reader = learn_apart(
                train,
                chosen_on,
                out_of_scope=outside,
                gate_cost=GATE_COST if gate_cost is None else gate_cost,
                encoder=encoder,
            )
    except (SentencesError, TrainingError, OSError) as error:
        _fail(str(error))
    _tell_unknown(reader, sentences)
    readings, took = [], []
    with Progress(*columns, console=errors, transient=True) as progress:
        for one in progress.track(sentences, description="reading"):
            started = time.perf_counter()
            readings.append(reader.read(one.text))
            took.append((time.perf_counter() - started) * 1000)
    scores = score(sentences, readings, took, resident_mb())
    if as_json:
        sys.stdout.write(json.dumps(asdict(scores)) + "\n")
    else:
        show(scores, console)


def lint_sentences(
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder or file of training data; default our own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Find faults in the training sentences; status 1 when there are any; docs/understanding.md explains."""
    from assistant.documents import catalogue
    from intents.linting import lint
    from intents.readers.embedded import DATA
    from intents.training import TrainingError

    path = data or DATA
    if not path.exists():
        _fail(f"{path}: no such file or folder")
    try:
        found = lint(path, catalogue())
    except (TrainingError, OSError) as error:
        _fail(str(error))
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in found]) + "\n")
    else:
        for one in found:
            place = f"{one.file}:{one.line}" if one.line else str(path)
            sys.stdout.write(f"{place}: {one.code}: {one.message}\n")
        errors.print(f"{len(found)} findings" if found else "no findings", highlight=False)
    if found:
        raise typer.Exit(FAULTY)


def resident_mb() -> float:
    """Resident memory of this process in MB; its peak where the system does not tell the present."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def show(scores: "Scores", out: Console) -> None:
    """Print the figures, a line each with what it means."""
    out.print(
        f"{scores.sentences:,} sentences, {scores.out_of_scope:,} of them out of scope", highlight=False
    )
    values = asdict(scores)
    for name, meaning in _MEANINGS.items():
        value = values[name]
        if value is None:
            said = "–"
        elif name.endswith("_ms"):
            said = f"{value:.2f}"
        elif name.endswith("_mb"):
            said = f"{value:.0f}"
        else:
            said = f"{value:.1%}"
        out.print(f"{name:<22}{said:>8}  {meaning}", highlight=False, soft_wrap=True)


def _tell_unknown(reader: "ForeignReader", sentences: Sequence["Sentence"]) -> None:
    """Say which expected intents no sentence taught: they can only be wrong."""
    taught = set(reader.model.classifier.classes)
    unknown = sorted({one.intent for one in sentences if one.intent is not None} - taught)
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        errors.print(
            f"gtm: not in the training data: {', '.join(unknown[:5])}{more}",
            style="yellow",
            soft_wrap=True,
            markup=False,
        )


def _fail(message: str) -> NoReturn:
    errors.print(f"gtm: {message}", style="red", soft_wrap=True, markup=False)
    raise typer.Exit(FAILED)
