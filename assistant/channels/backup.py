"""`gtm backup` and `gtm restore`: the database into a file and back, told at the terminal."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from assistant.settings import Settings, config_file, load_settings

if TYPE_CHECKING:
    from storage.backup import UnavailableError, UnusableError
    from storage.database import Database

REFUSED = 1
FAILED = 2

_KEPT_APART = {
    "session.key": "signs web sessions; without it everybody signs in again",
    "audit-journal.jsonl": "what the database could not write down yet",
    "inbox": "files left for import",
}
"""In the data folder and not in the database."""

console = Console()
errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")], as_json: Json = False
) -> None:
    """Write the whole database to a file, while the service runs. Status 1: refused; 2: failed."""
    from storage.backup import backup as write

    settings = load_settings()
    with _told(as_json=as_json), _database(settings) as database, _Shown() as shown:
        report = write(database, file, shown.tell)
    apart = _kept_apart(settings)
    if as_json:
        _print_json({**report.to_json(), "not_in_it": apart})
        return
    _say(f"Wrote {file}: {_size(report.bytes)}, {report.kind.label}, schema {report.revision}.")
    _say(
        "It holds all the database does: people's addresses, everything said, and the hashes of API tokens. "
        "Only you may read it; keep it so."
    )
    _say("Not in it, to be kept beside it:")
    for path, why in apart.items():
        _say(f"  • {path}: {why}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file `gtm backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Even when the database has content, which is then gone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of the database; the service must not run. Status 1: refused; 2: failed."""
    from storage.backup import restore as read

    settings = load_settings()
    with _told(as_json=as_json), _database(settings) as database, _Shown() as shown:
        report = read(database, file, replace=replace, progress=shown.tell)
    if as_json:
        _print_json(report.to_json())
        return
    _say(f"Restored {file}: {report.kind.label}, schema {_schema(report.revision, report.revision_now)}.")
    _say("People and API tokens are those of the backup: one revoked since is valid again.")


def _schema(before: str, now: str) -> str:
    return now if before == now else f"{before}, brought to {now}"


def _kept_apart(settings: Settings) -> dict[str, str]:
    """What a person must keep besides the backup, of what there is."""
    found = {settings.data_dir / name: why for name, why in _KEPT_APART.items()}
    found[config_file()] = "the settings; those in the environment are nowhere else"
    return {str(path): why for path, why in found.items() if path.exists()}


@contextmanager
def _database(settings: Settings) -> Iterator["Database"]:
    """The database as it is: neither of the two may migrate it first."""
    from storage.database import Database

    database = Database(settings.database_url)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _told(*, as_json: bool) -> Iterator[None]:
    """End the command with what was refused or failed."""
    from storage.backup import UnavailableError, UnusableError

    try:
        yield
    except UnusableError as error:
        _fail(error, REFUSED, as_json=as_json)
    except UnavailableError as error:
        _fail(error, FAILED, as_json=as_json)


def _fail(error: "UnusableError | UnavailableError", status: int, *, as_json: bool) -> NoReturn:
    if as_json:
        _print_json({"error": error.to_json()})
    else:
        errors.print(f"gtm: {error}", style="red", soft_wrap=True, markup=False, highlight=False)
    raise typer.Exit(status)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _size(count: int) -> str:
    return f"{count / 1_000_000:,.1f} MB"


class _Shown:
    """A bar a stage on standard error, gone when the command ends."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            TaskProgressColumn(),
            console=errors,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Shown":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Move the bar of a stage; one of unknown length only shows that something goes on."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage, total=None)
        self._bar.update(self._tasks[stage], completed=done, total=total or None)
