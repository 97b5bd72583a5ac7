"""One import from file to database: survey, stage, swap."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from storage import names
from storage.database import Database
from storage.imports.columns import Plan, choose
from storage.imports.errors import ImportRefusedError
from storage.imports.fields import OPTIONS, SHAPES
from storage.imports.kinds import KINDS, Context, Kind
from storage.imports.ledger import import_runs, was_imported
from storage.imports.numbers import CURRENCIES
from storage.imports.places import Places, Settings
from storage.imports.reading import RowRefusedError, Styles, survey
from storage.imports.rejects import Rejects
from storage.imports.request import ImportDefaults, ImportReport, ImportRequest, Progress
from storage.imports.sources import Cell, Source, open_source
from storage.imports.sources.header import is_blank
from storage.imports.stage import Fate, Stage, clashes, counted, index_identity, staging

_SAMPLE = 500
_TOLD_EVERY = 5_000
_CHOICES = {
    "date_order": ("mdy", "dmy"),
    "decimal": ("point", "comma"),
    "blanks": ("zero", "refuse"),
    "fractions": ("round", "refuse"),
    "conversion_touches": ("yes", "no"),
}


def run(
    database: Database,
    request: ImportRequest,
    *,
    now: datetime,
    progress: Progress | None = None,
    defaults: ImportDefaults | None = None,
) -> ImportReport:
    """Import a file, all of its good rows or, on any trouble, nothing.

    Refused rows are listed in the report and do not stop the others; when none is left, the report's status
    is ``refused``. Raises `ImportRefusedError` when the file, the request or the database makes the import
    impossible; nothing was written then.
    """
    started = time.monotonic()
    tell = progress or _silence
    shape = SHAPES.get(request.kind)
    if shape is None:
        raise ImportRefusedError(
            "unknown_kind", f"There is no kind of data {request.kind!r}.", f"Kinds are {', '.join(SHAPES)}."
        )
    options = _options(request.set)
    file = Path(request.file)
    source = open_source(file, request.sheet, tell)
    sample = [cells for _, cells in source.sample(_SAMPLE)]
    given = {name: value for name, value in request.set.items() if name not in options}
    plan = choose(shape, source.columns, sample, request.map, given, file.name)
    styles = survey(source, plan, options, tell)
    plan = _without_blank_columns(plan, styles)
    report = ImportReport(
        kind=request.kind,
        file=file.name,
        dry_run=request.dry_run,
        format=source.format,
        encoding=source.encoding,
        sheet=source.sheet,
        columns=plan.chosen,
        unused=plan.unused,
    )
    try:
        with database.engine.connect() as connection:
            _import(connection, request, source, plan, styles, options, report, now, defaults, tell)
    except (IntegrityError, OperationalError, DBAPIError) as error:
        raise _database_trouble(error) from error
    report.seconds = round(time.monotonic() - started, 3)
    return report


def _silence(stage: str, done: int, total: int) -> None:
    """Nobody listens."""


def _options(given: Mapping[str, str]) -> dict[str, str]:
    """What `--set` says about reading, checked."""
    options = {name: value for name, value in given.items() if name in OPTIONS or name.startswith("channel:")}
    for name, value in options.items():
        choices = _CHOICES.get(name) or [one for one in _channels()]
        if value not in choices:
            raise ImportRefusedError(
                "bad_value", f"--set {name}={value} is not one of {', '.join(choices)}.", "Correct it."
            )
    currency = given.get("currency")
    if currency is not None and currency.upper() not in CURRENCIES:
        raise ImportRefusedError(
            "bad_value", f"--set currency={currency} is no currency known here.", "Say a code such as USD."
        )
    return options


def _channels() -> list[str]:
    from engines.terms import Channel

    return [one.value for one in Channel]


def _without_blank_columns(plan: Plan, styles: Styles) -> Plan:
    """Columns that are blank in every row give nothing."""
    required = {one.name for one in plan.shape.fields if one.required}
    blank = styles.blank - required
    if not blank:
        return plan
    styles.notes += [f"column {plan.column(name)!r} is blank in every row" for name in sorted(blank)]
    places = {name: place for name, place in plan.places.items() if name not in blank}
    chosen = [one for one in plan.chosen if one.field not in blank or one.how == "set"]
    return replace(plan, places=places, chosen=chosen)


def _import(
    connection: Connection,
    request: ImportRequest,
    source: Source,
    plan: Plan,
    styles: Styles,
    options: dict[str, str],
    report: ImportReport,
    now: datetime,
    defaults: ImportDefaults | None,
    tell: Progress,
) -> None:
    known = defaults or ImportDefaults()
    written = None if styles.currency == "$" and known.currency in ("USD", "CAD", "AUD", "NZD", "SGD") else styles.currency
    settings = Settings.made(known, request.set, "USD" if written == "$" else written)
    is_sqlite = connection.dialect.name == "sqlite"
    places = Places(connection, settings)
    connection.rollback()
    context = Context(plan, styles, options, places, report, now, is_sqlite)
    kind = KINDS[request.kind](context)
    with Rejects(request.rejects) as rejects, staging(connection, kind.stage) as stage:
        _stage_rows(kind, source, stage, report, rejects, tell, styles.rows)
        tell("sorting", 0, 1)
        index_identity(connection, kind.stage)
        kind.settle(connection)
        _refuse_clashes(connection, kind, rejects)
        report.merged = counted(connection, kind.stage)[Fate.MERGED]
        connection.commit()
        tell("sorting", 1, 1)
        _finish_reading(report, kind, source, styles, rejects, request)
        kind.sums(connection)
        connection.commit()
        digest = _digest(request, settings)
        if report.rows > report.refused + report.skipped:
            tell("writing", 0, 1)
            _swap(connection, kind, report, request, digest, now)
            tell("writing", 1, 1)
        else:
            report.status = "refused"
    report.assumptions = _assumptions(report, source, plan, styles, kind, settings)


def _stage_rows(
    kind: Kind,
    source: Source,
    stage: Stage,
    report: ImportReport,
    rejects: Rejects,
    tell: Progress,
    total: int,
) -> None:
    width, pads = len(source.columns), source.format == "xlsx"
    for line, cells in source.rows():
        report.rows += 1
        if not report.rows % _TOLD_EVERY:
            tell("checking rows", report.rows, total)
        if len(cells) != width:
            if len(cells) < width and pads:
                cells = (*cells, *[None] * (width - len(cells)))  # noqa: PLW2901 - padded
            elif len(cells) < width or not all(map(is_blank, cells[width:])):
                rejects.add(line, "", _beyond(cells, width), _ragged(len(cells), width))
                continue
        try:
            rows = kind.read(line, cells)
        except RowRefusedError as error:
            rejects.add(line, error.column, error.value, error.reason)
            continue
        if not rows:
            report.skipped += 1
        for row in rows:
            stage.add(row)
    stage.flush()
    tell("checking rows", total, total)


def _beyond(cells: object, width: int) -> Cell:
    row = cells if isinstance(cells, (list, tuple)) else ()
    return str(row[width]) if len(row) > width else None


def _ragged(count: int, width: int) -> str:
    return f"the row has {count} cells, the header {width}"


def _refuse_clashes(connection: Connection, kind: Kind, rejects: Rejects) -> None:
    column = kind.plan.column(kind.id_field)
    for line, label, other in clashes(connection, kind.stage):
        rejects.add(line, column, label, f"stands in line {other} already, with other values")


def _finish_reading(
    report: ImportReport, kind: Kind, source: Source, styles: Styles, rejects: Rejects, request: ImportRequest
) -> None:
    report.refused, report.rejects = rejects.count, rejects.first
    report.rejects_file = str(request.rejects) if request.rejects else None


def _swap(
    connection: Connection, kind: Kind, report: ImportReport, request: ImportRequest, digest: str, now: datetime
) -> None:
    """The one write transaction: everything, or on a dry run and on any error nothing."""
    connection.execution_options(gtm_write=True)
    try:
        with connection.begin() as transaction:
            if connection.dialect.name != "sqlite":
                connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('gtm imports'))")
            again = was_imported(connection, digest)
            made = connection.execute(
                import_runs.insert().values(
                    kind=report.kind, file=report.file[:300], digest=digest, at=now, report={}
                )
            ).inserted_primary_key
            report.run = made[0] if made else None
            kind.merge(connection, report.run or 0, again=again)
            _count(connection, kind, report)
            changed = report.imported or report.corrected
            report.status = "imported" if changed else "unchanged"
            if request.dry_run or not changed:
                report.run = None
                transaction.rollback()
                return
            names.touch(connection)
            kept = {**report.to_json(), "assumptions": [], "rejects": []}
            connection.execute(
                import_runs.update().where(import_runs.c.id == report.run).values(report=kept)
            )
    finally:
        connection.execution_options(gtm_write=False)


def _count(connection: Connection, kind: Kind, report: ImportReport) -> None:
    """Rows of the file by their fate; a row that became two counts once."""
    fates = counted(connection, kind.stage)
    report.imported, report.corrected = fates[Fate.NEW], fates[Fate.CHANGED]
    report.known, report.repeated = fates[Fate.KNOWN], fates[Fate.REPEATED]


def _assumptions(
    report: ImportReport, source: Source, plan: Plan, styles: Styles, kind: Kind, settings: Settings
) -> list[str]:
    said = []
    if report.encoding not in (None, "utf-8"):
        said.append(f"the file is {report.encoding} text")
    said += [*source.notes, *plan.notes, *styles.notes, *kind.notes(), *kind.context.places.spellings()]
    created = report.created
    if created.ventures:
        said.append(
            f"new ventures: stage {settings.stage}, model {settings.model}, category {settings.category}, "
            f"{settings.currency}, {settings.time_zone}, gross margin {settings.gross_margin}"
        )
    if created.campaigns:
        said.append(f"new campaigns: active, objective {settings.objective}")
    if created.lines and report.kind == "performance":
        said.append("a new line's monthly money is the most it spent in a calendar month of the file")
    report.warnings += kind.context.places.lookalikes(created)
    return said


def _digest(request: ImportRequest, settings: Settings) -> str:
    """The file's bytes and how they were asked to be read."""
    digest = hashlib.sha256()
    with Path(request.file).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    asked = [request.kind, sorted(request.map.items()), sorted(request.set.items()), request.sheet]
    digest.update(json.dumps(asked).encode())
    return digest.hexdigest()


def _database_trouble(error: DBAPIError) -> ImportRefusedError:
    said = str(error.orig).strip().splitlines()[0] if error.orig else str(error)
    if isinstance(error, IntegrityError):
        return ImportRefusedError(
            "changed_meanwhile",
            f"Somebody changed the same things during the import ({said}).",
            "Import the file again.",
        )
    if "locked" in said:
        return ImportRefusedError(
            "database_busy", "The database is locked by somebody else.", "Wait for them, and import again."
        )
    if "readonly" in said or "read-only" in said:
        return ImportRefusedError("database_read_only", "The database cannot be written.", "Check its permissions.")
    return ImportRefusedError("database_unavailable", f"The database failed: {said}.", "Check that it runs.")
