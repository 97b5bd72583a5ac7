"""One import from file to database: survey, stage, swap."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from engines.terms import Channel
from storage import names
from storage.database import Database
from storage.imports.columns import Plan, choose
from storage.imports.errors import ImportRefusedError
from storage.imports.fields import OPTIONS, SHAPES, Shape
from storage.imports.kinds import KINDS, Context, Kind
from storage.imports.ledger import LONGEST_FILE_NAME, import_runs, lock, was_imported
from storage.imports.numbers import CURRENCIES
from storage.imports.places import Places, Settings
from storage.imports.reading import RowRefusedError, Styles, survey
from storage.imports.rejects import Rejects
from storage.imports.request import ImportDefaults, ImportReport, ImportRequest, Progress, Within
from storage.imports.sources import Cell, Source, open_source
from storage.imports.sources.header import is_blank
from storage.imports.stage import Fate, Stage, clashes, counted, index_identity, staging
from storage.imports.touching import note_made

_SAMPLE = 500
_TOLD_EVERY = 5_000
_DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD"})


@dataclass(frozen=True)
class Circumstances:
    """What an import needs besides its request."""

    now: datetime
    defaults: ImportDefaults
    progress: Progress | None = None
    within: Within | None = None
    started: float = field(default_factory=time.monotonic)

    def tell(self, stage: str, done: int, total: int) -> None:
        """Tell how far it is, if anybody listens."""
        if self.progress:
            self.progress(stage, done, total)

    def seconds(self) -> float:
        """How long it has taken."""
        return round(time.monotonic() - self.started, 3)


def import_file(database: Database, request: ImportRequest, around: Circumstances) -> ImportReport:
    """`storage.imports.run`, without its defaults."""
    shape = SHAPES.get(request.kind)
    if shape is None:
        raise ImportRefusedError(
            "unknown_kind", f"There is no kind of data {request.kind!r}.", f"Kinds are {', '.join(SHAPES)}."
        )
    options = _options(request.set)
    with closing(open_source(Path(request.file), request.sheet, around.tell)) as source:
        report = _read(database, request, shape, options, source, around)
    report.seconds = around.seconds()
    return report


def _read(
    database: Database,
    request: ImportRequest,
    shape: Shape,
    options: dict[str, str],
    source: Source,
    around: Circumstances,
) -> ImportReport:
    """Look through the file, then import it."""
    sample = [cells for _, cells in source.sample(_SAMPLE)]
    given = {name: value for name, value in request.set.items() if name not in options}
    plan = choose(shape, source.columns, sample, request.map, given, Path(request.file).name)
    styles = survey(source, plan, options, around.tell)
    one = _Import(request, source, _without_blank_columns(plan, styles), styles, options, around)
    try:
        with database.engine.connect() as connection:
            one.run(connection)
    except _WithinError as error:
        raise error.cause from None
    except DBAPIError as error:
        raise _database_trouble(error) from error
    return one.report


class _Import:
    """The steps after the file was looked through."""

    def __init__(
        self,
        request: ImportRequest,
        source: Source,
        plan: Plan,
        styles: Styles,
        options: dict[str, str],
        around: Circumstances,
    ) -> None:
        self._request, self._source, self._plan, self._styles = request, source, plan, styles
        self._options, self._around, self._tell = options, around, around.tell
        self.report = ImportReport(
            kind=request.kind,
            file=Path(request.file).name,
            dry_run=request.dry_run,
            format=source.format,
            encoding=source.encoding,
            sheet=source.sheet,
            columns=plan.chosen,
            unused=plan.unused,
            rejects_file=str(request.rejects) if request.rejects else None,
        )

    def run(self, connection: Connection) -> None:
        """Stage every row, then swap."""
        report, request, defaults = self.report, self._request, self._around.defaults
        settings = Settings.made(defaults, request.set, _currency(self._styles.currency, defaults))
        places = Places(connection, settings)
        connection.rollback()
        is_sqlite = connection.dialect.name == "sqlite"
        context = Context(
            self._plan, self._styles, self._options, places, report, self._around.now, is_sqlite
        )
        kind = KINDS[request.kind](context)
        with Rejects(request.rejects, request.file) as rejects, staging(connection, kind.stage) as stage:
            self._stage(kind, stage, rejects)
            self._tell("sorting", 0, 1)
            index_identity(connection, kind.stage)
            kind.settle(connection)
            _refuse_clashes(connection, kind, rejects)
            kind.sums(connection)
            report.merged = counted(connection, kind.stage)[Fate.MERGED]
            connection.commit()
            self._tell("sorting", 1, 1)
            report.refused, report.rejects = rejects.count, rejects.first
            report.currency = places.only_currency()
            if report.accepted:
                self._tell("writing", 0, 1)
                self._swap(connection, kind)
                self._tell("writing", 1, 1)
            else:
                report.status = "refused" if report.refused else "unchanged"
                self._finish(kind)

    def _stage(self, kind: Kind, stage: Stage, rejects: Rejects) -> None:
        report, width, pads = self.report, len(self._source.columns), self._source.format == "xlsx"
        for line, cells in self._source.rows():
            report.rows += 1
            if not report.rows % _TOLD_EVERY:
                self._tell("checking rows", report.rows, self._styles.rows)
            if len(cells) != width:
                if len(cells) < width and pads:
                    cells = (*cells, *[None] * (width - len(cells)))  # noqa: PLW2901 - padded
                elif len(cells) < width or not all(map(is_blank, cells[width:])):
                    reason = f"the row has {len(cells)} cells, the header {width}"
                    rejects.add(line, "", _beyond(cells, width), reason)
                    continue
            try:
                rows = kind.read(line, cells)
            except RowRefusedError as error:
                rejects.add(line, error.column, error.value, error.reason)
                continue
            report.skipped += not rows
            for row in rows:
                stage.add(row)
        stage.flush()
        self._tell("checking rows", self._styles.rows, self._styles.rows)

    def _swap(self, connection: Connection, kind: Kind) -> None:
        """The one write transaction: everything, or on a dry run and on any error nothing."""
        report = self.report
        connection.execution_options(gtm_write=True)
        try:
            with connection.begin() as transaction:
                lock(connection)
                digest = _digest(self._request)
                again = was_imported(connection, digest)
                run_id = self._begin(connection, digest)
                kind.merge(connection, run_id, again=again)
                fates = counted(connection, kind.stage, by_line=True)
                report.imported, report.corrected = fates[Fate.NEW], fates[Fate.CHANGED]
                report.known, report.repeated = fates[Fate.KNOWN], fates[Fate.REPEATED]
                changes = bool(report.imported or report.corrected)
                report.status = "imported" if changes else "unchanged"
                self._finish(kind)
                if self._request.dry_run or not changes:
                    transaction.rollback()
                    return
                report.run = run_id
                note_made(connection, run_id, kind.context.places.made)
                names.touch(connection)
                kept = {**report.to_json(), "rejects": []}
                connection.execute(import_runs.update().where(import_runs.c.id == run_id).values(report=kept))
                self._call_within(connection)
        finally:
            connection.execution_options(gtm_write=False)

    def _call_within(self, connection: Connection) -> None:
        if self._around.within:
            try:
                self._around.within(connection, self.report)
            except DBAPIError as error:
                raise _WithinError(error) from error

    def _finish(self, kind: Kind) -> None:
        """Fill in what is told besides numbers."""
        report, places = self.report, kind.context.places
        report.assumptions = self._assumptions(kind, places.settings)
        report.warnings += places.lookalikes(report.created)
        report.seconds = self._around.seconds()

    def _begin(self, connection: Connection, digest: str) -> int:
        insert = import_runs.insert().values(
            kind=self.report.kind,
            file=self.report.file[:LONGEST_FILE_NAME],
            digest=digest,
            at=self._around.now,
            report={},
        )
        run_id: int = connection.execute(insert.returning(import_runs.c.id)).scalar_one()
        return run_id

    def _assumptions(self, kind: Kind, settings: Settings) -> list[str]:
        report, created = self.report, self.report.created
        said = [f"the file is {report.encoding} text"] if report.encoding not in (None, "utf-8") else []
        said += [*self._source.notes, *self._plan.notes, *self._styles.notes, *kind.notes()]
        said += kind.context.places.spellings()
        if created.ventures:
            said.append(
                f"new ventures: stage {settings.stage}, model {settings.model}, "
                f"category {settings.category}, {settings.currency}, {settings.time_zone}, "
                f"gross margin {settings.gross_margin.normalize():f}"
            )
        if created.campaigns:
            said.append(f"new campaigns: active, objective {settings.objective}")
        if created.lines and report.kind == "performance":
            said.append("a new line's monthly money is the most it spent in a calendar month of the file")
        return said


class _WithinError(Exception):
    """The database refused what the caller did, which is not the import's to explain."""

    def __init__(self, cause: DBAPIError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _options(given: Mapping[str, str]) -> dict[str, str]:
    """What `--set` says about reading, checked."""
    options = {name: value for name, value in given.items() if name in OPTIONS or name.startswith("channel:")}
    for name, value in options.items():
        choices = OPTIONS.get(name) or tuple(one.value for one in Channel)
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


def _currency(written: str | None, defaults: ImportDefaults) -> str | None:
    """The currency new ventures get from the amounts; a bare "$" is whichever dollar is the default."""
    if written != "$":
        return written
    return defaults.currency if defaults.currency in _DOLLARS else "USD"


def _without_blank_columns(plan: Plan, styles: Styles) -> Plan:
    """Columns that are blank in every row give nothing."""
    blank = styles.blank - {one.name for one in plan.shape.fields if one.required}
    if not blank:
        return plan
    styles.notes += [f"column {plan.column(name)!r} is blank in every row" for name in sorted(blank)]
    places = {name: place for name, place in plan.places.items() if name not in blank}
    chosen = [one for one in plan.chosen if one.field not in blank or one.how == "set"]
    return replace(plan, places=places, chosen=chosen)


def _beyond(cells: Sequence[Cell], width: int) -> Cell:
    return cells[width] if len(cells) > width else None


def _refuse_clashes(connection: Connection, kind: Kind, rejects: Rejects) -> None:
    column = kind.plan.column(kind.id_field)
    for line, label, other in clashes(connection, kind.stage):
        rejects.add(line, column, label, f"stands in line {other} already, with other values")


def _digest(request: ImportRequest) -> str:
    """The file's bytes and how they were asked to be read."""
    digest = hashlib.sha256()
    with Path(request.file).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    asked = [request.kind, sorted(request.map.items()), sorted(request.set.items()), request.sheet]
    digest.update(json.dumps(asked).encode())
    return digest.hexdigest()


def _database_trouble(error: DBAPIError) -> ImportRefusedError:
    said = (str(error.orig).strip().splitlines() or [""])[0]
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
        return ImportRefusedError(
            "database_read_only", "The database cannot be written.", "Check its permissions."
        )
    return ImportRefusedError("database_unavailable", f"The database failed: {said}.", "Check that it runs.")
