"""`gtm import`: a file into the database, told at the terminal."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

from assistant.imported import facts, headline

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from assistant.bus import Bus
    from assistant.reply import Reply
    from assistant.settings import Settings
    from storage.imports import ImportRefusedError, ImportReport, ImportRequest

QUIET_SECONDS = 1.0
"""Progress is shown from then on."""
REFUSED = 1
FAILED = 2

console = Console()
errors = Console(stderr=True)


def import_file(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="performance, touchpoints, conversions, influencers, keywords or customers."
        ),
    ],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .csv, .tsv (also .gz), .xlsx or .parquet file.")
    ],
    mapped: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Name a field's column.")
    ] = None,
    constants: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Say what the file lacks.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything, keep nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    rejects: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every refused row there, as CSV.")
    ] = None,
    sheet: Annotated[str | None, typer.Option(metavar="NAME", help="Sheet of an Excel file.")] = None,
    speaker: Annotated[str | None, typer.Option("--as", metavar="USER", help="Act as this user.")] = None,
) -> None:
    """Import an export of another system. Status 1: every row was refused; 2: nothing could be read."""
    from assistant.settings import load_settings
    from storage.imports import ImportDefaults, ImportRefusedError, ImportRequest, run

    settings = load_settings()
    try:
        request = ImportRequest(
            kind=kind,
            file=file,
            map=_pairs("--map", mapped or []),
            set=_pairs("--set", constants or []),
            dry_run=dry_run,
            sheet=sheet,
            rejects=rejects,
        )
        defaults = ImportDefaults(currency=settings.currency, time_zone=settings.time_zone)
        with _bus(settings) as bus, _Shown() as shown:
            entry = _Entry(bus, speaker, request)
            report = run(
                bus.database,
                request,
                now=bus.clock(),
                progress=shown.tell,
                defaults=defaults,
                within=entry.keep,
            )
            entry.conclude(report)
    except ImportRefusedError as error:
        _fail(error, as_json=as_json)
    if as_json:
        sys.stdout.write(json.dumps(report.to_json(), ensure_ascii=False) + "\n")
    else:
        show(report, console)
    raise typer.Exit(REFUSED if report.status == "refused" else 0)


def _pairs(option: str, given: list[str]) -> dict[str, str]:
    """FIELD=VALUE options as a dictionary."""
    from storage.imports import ImportRefusedError

    pairs: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise ImportRefusedError(
                "bad_option", f"{option} {one} says no field.", f"Write {option} FIELD=…"
            )
        if name.strip() in pairs:
            raise ImportRefusedError("bad_option", f"{option} {name.strip()} is said twice.", "Say it once.")
        pairs[name.strip()] = value.strip()
    return pairs


class _Entry:
    """The audit entry of an import, in the same transaction as what it changes."""

    def __init__(self, bus: "Bus", speaker: str | None, request: "ImportRequest") -> None:
        from assistant.turn import Turn
        from intents.command import Role
        from storage import people
        from storage.imports import ImportRefusedError

        with bus.database.read() as connection:
            person = people.person_named(connection, speaker) if speaker else people.chairman(connection)
        if person is None:
            raise ImportRefusedError(
                "unknown_user", f"There is no active user {speaker!r}.", "`gtm user list` shows who there is."
            )
        if not person.role.includes(Role.OPERATOR):
            raise ImportRefusedError(
                "role_required", f"An import needs the role operator; {person.name} is {person.role}.", ""
            )
        self._bus = bus
        self._turn = Turn(
            person,
            "terminal",
            f"import {request.kind} {request.file.name}",
            command="import_data",
            slots={
                "kind": request.kind,
                "file": request.file.name,
                "map": dict(request.map),
                "set": dict(request.set),
            },
        )
        self._is_kept = False

    def keep(self, connection: "Connection", report: "ImportReport") -> None:
        """Write it down, with what takes the import back."""
        from storage.imports.undoing import taking_back

        self._bus.record(connection, self._turn, self._reply(report), [taking_back(report)])
        self._is_kept = True

    def conclude(self, report: "ImportReport") -> None:
        """Write down an import that changed nothing, too."""
        if not self._is_kept and not report.dry_run:
            self._bus.conclude(self._turn, self._reply(report))

    def _reply(self, report: "ImportReport") -> "Reply":
        from assistant.commands.data import told
        from assistant.reply import Reply, Status

        answer = told(report)
        status = Status.REFUSED if report.status == "refused" else Status.DONE
        return Reply(
            turn_id=self._turn.turn_id,
            text=self._turn.text,
            status=status,
            reply=answer.telling,
            result=answer.result,
        )


@contextmanager
def _bus(settings: "Settings") -> Iterator["Bus"]:
    from sqlalchemy.exc import DBAPIError

    from assistant.bootstrap import build_bus
    from storage.imports import ImportRefusedError

    bus = None
    try:
        bus = build_bus(settings)
        yield bus
    except DBAPIError as error:
        said = (str(error.orig).strip().splitlines() or [""])[0]
        raise ImportRefusedError(
            "database_unavailable", f"The database failed: {said}.", "Check that it runs."
        ) from error
    finally:
        if bus is not None:
            bus.database.close()


def _fail(error: "ImportRefusedError", *, as_json: bool) -> NoReturn:
    if as_json:
        sys.stdout.write(json.dumps({"error": error.to_json()}, ensure_ascii=False) + "\n")
    else:
        errors.print(f"gtm: {error.message} {error.cure}".rstrip(), style="red", soft_wrap=True, markup=False)
    raise typer.Exit(FAILED)


class _Shown:
    """A progress bar on standard error that appears when an import takes longer than a second."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Shown":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Move the bar of a stage."""
        if self._bar is None:
            if time.monotonic() - self._started < QUIET_SECONDS:
                return
            columns = (TextColumn("{task.description:<24}"), BarColumn(), TaskProgressColumn())
            self._bar = Progress(*columns, console=errors, transient=True)
            self._bar.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage, total=None)
        # A stage of one step has no middle: its bar only shows that something goes on.
        self._bar.update(self._tasks[stage], completed=done, total=total if total > 1 or done else None)


def show(report: "ImportReport", out: Console) -> None:
    """Print what an import did."""
    out.print(_columns(report))
    _say(out, headline(report), style="bold")
    for line in facts(report):
        _say(out, line)
    for title, lines in (("Assumed", report.assumptions), ("Look at", report.warnings)):
        if lines:
            _say(out, f"{title}:")
        for line in lines:
            _say(out, f"  • {line}")
    if report.rejects:
        out.print(_rejects(report))
    if report.refused > len(report.rejects) and not report.rejects_file:
        _say(out, f"… and {report.refused - len(report.rejects):,} more: --rejects FILE writes them all.")
    if report.rejects_file and report.refused:
        _say(out, f"All {report.refused:,} refused rows are in {report.rejects_file}.")


def _say(out: Console, line: str, **how: Any) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True, **how)


def _columns(report: "ImportReport") -> Table:
    table = Table("field", "from", "how", box=None, pad_edge=False, header_style="dim")
    for column in report.columns:
        table.add_row(column.field, _literal(column.source), column.how)
    if report.unused:
        table.add_row("–", _literal(", ".join(report.unused)), "not used")
    return table


def _rejects(report: "ImportReport") -> Table:
    table = Table("line", "column", "value", "reason", box=None, pad_edge=False, header_style="dim")
    table.title = f"Refused: {report.refused:,} {'rows' if report.refused > 1 else 'row'}"
    table.title_justify = "left"
    for reject in report.rejects:
        table.add_row(
            str(reject.line), _literal(reject.column), _literal(reject.value), _literal(reject.reason)
        )
    return table


def _literal(text: str) -> Any:
    """Text of a file, never read as markup; control characters do not reach the terminal."""
    from rich.text import Text

    return Text("".join(letter if letter.isprintable() else " " for letter in text))
