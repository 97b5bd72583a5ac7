"""Daily performance: rows of one line and day add up; a row counts once, however often it comes."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    Integer,
    Select,
    and_,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    tuple_,
    type_coerce,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.imports.dates import parse_day
from storage.imports.errors import CellRefusedError, ImportRefusedError
from storage.imports.fields import plain
from storage.imports.kinds.base import WEAK_IDS, Kind, LineFinder
from storage.imports.ledger import imported_performance
from storage.imports.places import LineFacts
from storage.imports.reading import Cells, Content, Getter, as_text, identity, plain_text
from storage.imports.sources import Cell
from storage.imports.stage import Fate, accepted, line_map, stage_table
from storage.imports.touching import document, note_changed
from storage.performance import daily_performance

COUNTS = ("reach", "impressions", "clicks", "leads", "conversions")
MONEY = ("revenue", "spend")
MEASURES = (*COUNTS, *MONEY)

_PROVES = {
    "impressions": ("clicks", "spend"),
    "clicks": ("leads", "conversions", "revenue"),
    "leads": ("conversions",),
    "conversions": ("revenue",),
    "revenue": ("conversions",),
    "spend": ("impressions", "clicks"),
}
"""A blank measure is 0 unless the row says that one of these happened, which it must have come with."""

_TOTALS = frozenset({"total", "totals", "grand total", "grand totals", "sum"})


class Performance(Kind):
    """Rows of spend and results."""

    stage = stage_table(
        Column("place", Integer, nullable=False),
        Column("day", Date, nullable=False),
        Column("month", Integer, nullable=False),
        *(Column(name, BigInteger, nullable=False) for name in MEASURES),
    )
    compared = ("place", *MEASURES)

    def prepare(self) -> None:
        """Getters, and what a row is known by."""
        style = self.day_style("date")
        latest = self.context.now.date() + timedelta(days=1)

        def day(cell: Cell) -> Any:
            found = parse_day(cell, style)
            if found > latest:
                raise CellRefusedError("lies in the future")
            return found

        self._venture = self.venture()
        measures: dict[str, Getter] = {name: self.count(name) for name in COUNTS}
        measures |= {name: self.money(name) for name in MONEY}
        self._getters: dict[str, Getter] = {
            "venture": self._venture,
            "campaign": self.text("campaign"),
            "channel": self.channel(),
            "date": self.get("date", day),
            "currency": self.currency(),
            **measures,
        }
        self._measured = [name for name in MEASURES if self.plan.has(name) and name not in self.styles.blank]
        self._zero_blanks = self.context.options.get("blanks") == "zero"
        self._line = LineFinder(self.context.places)
        self._content = Content(self.plan.columns)
        self._id_place = self.plan.places["id"][0] if "id" in self.plan.places else None
        self._id_name = plain(self.plan.column("id"))
        self._is_weak = self._id_name in WEAK_IDS
        self._breakdown = self.plan.places.get("breakdown", ())
        self._blanks_taken: dict[str, int] = {}
        self._odd = 0

    def read(self, line: int, cells: Cells) -> list[tuple[Any, ...]]:
        """One row of a line's day."""
        values = self.collect(cells, self._getters)
        campaign, channel, day = values["campaign"], values["channel"], values["date"]
        if campaign is None or channel is None or day is None:
            self._refuse_missing(cells, values)
        measures = [values[name] for name in MEASURES]
        if None in measures:
            measures = self._without_blanks(cells, values)
        try:
            place = self._line(values["venture"], campaign, channel, values["currency"])
        except CellRefusedError as error:
            name = "currency" if "kept in" in str(error) else "campaign"
            raise self.refusal(name, cells, str(error)) from error
        if measures[2] > measures[1] and "impressions" in self._measured:
            self._odd += 1
        key, by_content, label = self._identity(cells, values, place.campaign.key)
        return [
            (
                line,
                key,
                0,
                by_content,
                label,
                0,
                place.number,
                day.isoformat(),
                day.year * 12 + day.month,
                *measures,
            )
        ]

    def _refuse_missing(self, cells: Cells, values: dict[str, Any]) -> None:
        said = next((cell for cell in cells if cell not in (None, "")), "")
        if str(said).strip().casefold().partition(":")[0] in _TOTALS:
            raise self.refusal("date", cells, "is missing: this seems to be a row of totals")
        name = next(name for name in ("campaign", "channel", "date") if values[name] is None)
        raise self.refusal(name, cells, "is blank")

    def _without_blanks(self, cells: Cells, values: dict[str, Any]) -> list[int]:
        """The measures with 0 for blanks that can mean nothing else."""
        for name in self._measured:
            if values[name] is None:
                proof = next((other for other in _PROVES.get(name, ()) if values[other]), None)
                if proof and not self._zero_blanks:
                    raise self.refusal(
                        name,
                        cells,
                        f"is blank although the row has {proof}; --set blanks=zero takes it as 0",
                    )
                self._blanks_taken[name] = self._blanks_taken.get(name, 0) + 1
        return [values[name] or 0 for name in MEASURES]

    def _identity(self, cells: Cells, values: dict[str, Any], campaign: str) -> tuple[bytes, int, str | None]:
        """What the row is known by: the source's id on its day, else all it says."""
        where = (values["venture"].key, values["channel"], values["date"].toordinal())
        if self._id_place is not None:
            label = as_text(cells[self._id_place])
            if label:
                parts = "\x1f".join(plain_text(cells[place]).casefold() for place in self._breakdown)
                own = campaign if self._is_weak else ""
                return identity("performance", *where, self._id_name, label, parts, own), 0, label
        fixed = campaign if "campaign" in self.plan.constants else ""
        return identity("performance", *where, fixed, self._content.text(cells)), 1, None

    def notes(self) -> list[str]:
        """Also how rows are known and blanks were taken."""
        notes = super().notes()
        if self._blanks_taken:
            taken = ", ".join(f"{count} of {name}" for name, count in self._blanks_taken.items())
            notes.append(f"blanks counted as 0: {taken}")
        if self._id_place is None:
            notes.append("no column identifies a row, so each is known by all it says")
        if self._odd:
            self.context.report.warnings.append(f"{self._odd:,} rows have more clicks than impressions")
        return notes

    def merge(self, connection: Connection, run_id: int, *, again: bool) -> None:
        """Add what is new, apply what was corrected."""
        ledger = imported_performance.c
        same_row = and_(self.stage.c.identity == ledger.identity, self.stage.c.ordinal == ledger.ordinal)
        self.mark_known(connection, same_row)
        facts = self._facts(connection, again=again)
        self.context.report.created = self.context.places.create(connection, self.context.now, (), facts)
        self.map_places(connection)
        placed = select(line_map.c.id).where(line_map.c.place == self.stage.c.place).scalar_subquery()
        differs = or_(
            ledger.line_id != placed,
            *(_raw(ledger[name]) != self.stage.c[name] for name in self._measured),
        )
        if not again:
            self.mark_changed(connection, same_row, differs)
            self._keep_others(connection, same_row)
        self._warn_of_more(connection)
        self._note(connection, run_id, same_row)
        self._add(connection, same_row)
        self._clean(connection, same_row)
        self._record(connection, run_id)

    def _facts(self, connection: Connection, *, again: bool) -> dict[int, LineFacts]:
        """First day and fullest month of each line that rows still need."""
        stage = self.stage.c
        months = (
            select(stage.place, func.min(stage.day).label("first"), func.sum(stage.spend).label("spend"))
            .where(stage.fate.in_((Fate.NEW,) if again else (Fate.NEW, Fate.KNOWN)))
            .group_by(stage.place, stage.month)
            .subquery()
        )
        query = select(
            months.c.place, func.min(months.c.first, type_=Date), func.max(months.c.spend)
        ).group_by(months.c.place)
        return {place: LineFacts(first, int(spend)) for place, first, spend in connection.execute(query)}

    def _new_rows(self, columns: Sequence[ColumnElement[Any]], *fates: Fate) -> Select[Any]:
        joined = self.stage.join(line_map, line_map.c.place == self.stage.c.place)
        return select(*columns).select_from(joined).where(self.stage.c.fate.in_(fates))

    def _warn_of_more(self, connection: Connection) -> None:
        """Say so when rows without ids land on days other rows were imported for."""
        if self._id_place is not None:
            return
        ledger = imported_performance.c
        there = exists().where(ledger.line_id == line_map.c.id, ledger.day == self.stage.c.day)
        more = connection.scalar(self._new_rows([func.count()], Fate.NEW).where(there)) or 0
        if more:
            self.context.report.warnings.append(
                f"{more:,} rows were added to days that had rows already: without an id nobody can tell "
                "whether they are the same, exported again"
            )

    def _keep_others(self, connection: Connection, same_row: ColumnElement[bool]) -> None:
        """Measures the file does not give keep what an earlier one gave."""
        others = {name: _raw(imported_performance.c[name]) for name in MEASURES if name not in self._measured}
        if others:
            connection.execute(
                update(self.stage).where(same_row, self.stage.c.fate == Fate.CHANGED).values(others)
            )

    def _note(self, connection: Connection, run_id: int, same_row: ColumnElement[bool]) -> None:
        """Write down the rows that will be corrected, and the days that were there before, as they are."""
        ledger, days, stage = imported_performance, daily_performance, self.stage
        corrected, changes = ledger.join(stage, same_row), stage.c.fate == Fate.CHANGED
        before = document(connection, {one.name: one for one in ledger.c})
        note_changed(connection, run_id, ledger, before, corrected, changes)
        mapped = exists().where(days.c.line_id.in_(select(line_map.c.id)))
        if not connection.scalar(select(or_(mapped, exists().where(changes)))):
            return
        gaining = self._new_rows([line_map.c.id.label("line_id"), stage.c.day], Fate.NEW, Fate.CHANGED)
        losing = select(ledger.c.line_id, ledger.c.day).select_from(corrected).where(changes)
        both = union(gaining, losing).subquery()
        there = both.join(days, and_(days.c.line_id == both.c.line_id, days.c.day == both.c.day))
        before = document(connection, {one.name: one for one in days.c})
        note_changed(connection, run_id, days, before, there, true())

    def _add(self, connection: Connection, same_row: ColumnElement[bool]) -> None:
        ledger, stage = imported_performance.c, self.stage.c
        after = self._new_rows(
            [line_map.c.id.label("line_id"), stage.day, *(stage[name] for name in MEASURES)],
            Fate.NEW,
            Fate.CHANGED,
        )
        before = (
            select(ledger.line_id, ledger.day, *((-_raw(ledger[name])).label(name) for name in MEASURES))
            .select_from(imported_performance.join(self.stage, same_row))
            .where(stage.fate == Fate.CHANGED)
        )
        both = union_all(after, before).subquery()
        sums = (cast(func.sum(both.c[name]), BigInteger).label(name) for name in MEASURES)
        summed = select(both.c.line_id, both.c.day, *sums).where(true()).group_by(both.c.line_id, both.c.day)
        dialect = sqlite if self.context.is_sqlite else postgresql
        insert = dialect.insert(daily_performance).from_select(
            ["line_id", "day", *MEASURES], summed.order_by(both.c.line_id, both.c.day)
        )
        table = daily_performance.c
        raised = {name: table[name] + insert.excluded[name] for name in MEASURES}
        connection.execute(
            insert.on_conflict_do_update(index_elements=[table.line_id, table.day], set_=raised)
        )

    def _clean(self, connection: Connection, same_row: ColumnElement[bool]) -> None:
        """Look at the days corrections took from: none may be negative, emptied ones go."""
        ledger, table = imported_performance.c, daily_performance.c
        taken = (
            select(ledger.line_id, ledger.day)
            .select_from(imported_performance.join(self.stage, same_row))
            .where(self.stage.c.fate == Fate.CHANGED)
        )
        touched = tuple_(table.line_id, table.day).in_(taken)
        below = or_(*(_raw(table[name]) < 0 for name in MEASURES))
        if connection.scalar(select(func.count()).select_from(daily_performance).where(touched, below)):
            raise ImportRefusedError(
                "changed_since",
                "The file corrects days whose numbers were changed by something else since.",
                "Correct those days where they were changed.",
            )
        moved = (
            select(ledger.line_id, ledger.day)
            .select_from(
                imported_performance.join(self.stage, same_row).join(
                    line_map, line_map.c.place == self.stage.c.place
                )
            )
            .where(self.stage.c.fate == Fate.CHANGED, ledger.line_id != line_map.c.id)
        )
        empty = and_(*(_raw(table[name]) == 0 for name in MEASURES))
        connection.execute(
            delete(daily_performance).where(tuple_(table.line_id, table.day).in_(moved), empty)
        )

    def _record(self, connection: Connection, run_id: int) -> None:
        stage = self.stage.c
        columns = [
            stage.identity,
            stage.ordinal,
            cast(run_id, BigInteger).label("run_id"),
            line_map.c.id.label("line_id"),
            stage.day,
            *(stage[name] for name in MEASURES),
        ]
        dialect = sqlite if self.context.is_sqlite else postgresql
        rows = self._new_rows(columns, Fate.NEW, Fate.CHANGED).order_by(stage.identity, stage.ordinal)
        names = [column.name for column in imported_performance.columns]
        insert = dialect.insert(imported_performance).from_select(names, rows)
        changed = {name: insert.excluded[name] for name in names[2:]}
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=[imported_performance.c.identity, imported_performance.c.ordinal], set_=changed
            )
        )

    def sums(self, connection: Connection) -> None:
        """Totals of what the file says, and its period."""
        stage, report = self.stage.c, self.context.report
        query = select(
            func.min(stage.day, type_=Date),
            func.max(stage.day, type_=Date),
            *(func.sum(stage[name]) for name in self._measured),
        ).where(accepted(self.stage))
        first, last, *values = connection.execute(query).one()
        if first is None:
            return
        report.first_day, report.last_day = first.isoformat(), last.isoformat()
        for name, value in zip(self._measured, values, strict=True):
            report.totals[name] = str(Decimal(int(value)).scaleb(-6) if name in MONEY else int(value))


def _raw(column: ColumnElement[Any]) -> ColumnElement[int]:
    """A column of amounts as the whole millionths it is kept in."""
    return type_coerce(column, BigInteger)
