"""`gtm import`: a file into the database, told at the terminal."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

if TYPE_CHECKING:
    from storage.database import Database
    from storage.imports import ImportRefusedError, ImportReport

QUIET_SECONDS = 1.0
"""Progress is shown from then on."""
REFUSED = 1
FAILED = 2

_MONEY = ("revenue", "spend")
_LISTED = 12

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
        with _database(settings.database_url) as database, _Shown() as shown:
            report = run(database, request, now=datetime.now(UTC), progress=shown.tell, defaults=defaults)
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


@contextmanager
def _database(url: str) -> Iterator["Database"]:
    from sqlalchemy.exc import DBAPIError

    from storage import migrate
    from storage.database import Database
    from storage.imports import ImportRefusedError

    database = Database(url)
    try:
        migrate.upgrade(database)
        yield database
    except DBAPIError as error:
        said = (str(error.orig).strip().splitlines() or [""])[0]
        raise ImportRefusedError(
            "database_unavailable", f"The database failed: {said}.", "Check that it runs."
        ) from error
    finally:
        database.close()


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
    _say(out, _headline(report), style="bold")
    for line in _facts(report):
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


def _headline(report: "ImportReport") -> str:
    counts = [
        f"{count:,} {what}"
        for count, what in (
            (report.imported, "imported"),
            (report.corrected, "corrected"),
            (report.known, "known already"),
            (report.repeated, "repeated in the file"),
            (report.merged, "merged into others"),
            (report.skipped, "of another kind"),
            (report.refused, "refused"),
        )
        if count
    ]
    said = f"{report.file}: {report.rows:,} rows: {', '.join(counts)}."
    if report.dry_run:
        return f"{said} Nothing was kept: this was a dry run."
    if report.status == "refused":
        return f"{said} Nothing is left to import."
    return f"{said} Nothing changed." if report.status == "unchanged" else said


def _facts(report: "ImportReport") -> Iterator[str]:
    """Totals, period and what was created."""
    if report.totals:
        totals = (f"{name} {_amount(report, name, value)}" for name, value in report.totals.items())
        yield f"In the file: {', '.join(totals)}."
    if report.first_day:
        same = report.first_day == report.last_day
        yield f"Days: {report.first_day}." if same else f"Days: {report.first_day} to {report.last_day}."
    created = report.created
    for what, listed in (
        ("ventures", created.ventures),
        ("campaigns", created.campaigns),
        ("channel lines", created.lines),
    ):
        if listed:
            more = f" and {len(listed) - _LISTED:,} more" if len(listed) > _LISTED else ""
            yield f"New {what}: {', '.join(listed[:_LISTED])}{more}."


def _amount(report: "ImportReport", name: str, value: str) -> str:
    from engines.terms import Money

    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    if name in _MONEY:
        return str(Money(number, report.currency)) if report.currency else f"{number:,.2f}"
    return f"{int(number):,}"
