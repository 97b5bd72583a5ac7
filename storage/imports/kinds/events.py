"""What touchpoints and conversions share: moments of visitors."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Integer,
    SmallInteger,
    String,
    Table,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from storage.customers import customers
from storage.imports.dates import DateStyle, parse_moment, refuse_future
from storage.imports.errors import CellRefusedError
from storage.imports.fields import plain
from storage.imports.kinds.base import WEAK_IDS, Kind, LineFinder, parse_flag
from storage.imports.ledger import imported_events
from storage.imports.places import LineFacts
from storage.imports.reading import Cells, Content, Getter, as_text, identity
from storage.imports.sources import Cell
from storage.imports.stage import Fate, accepted, line_map, stage_table, venture_map
from storage.imports.touching import document, note_changed
from storage.imports.words import touch_word
from storage.journeys import conversions, touchpoints

TOUCH, CONVERSION = 0, 1
TARGETS: dict[int, Table] = {TOUCH: touchpoints, CONVERSION: conversions}
LONGEST_VISITOR = 64
_TOUCH_COLUMNS = ("visitor", "channel", "kind", "occurred_at")
_CONVERSION_COLUMNS = ("visitor", "kind", "revenue", "occurred_at")


class Events(Kind):
    """Rows that become touchpoints, conversions or both."""

    stage = stage_table(
        Column("target", SmallInteger, nullable=False),
        Column("venture", Integer, nullable=False),
        Column("place", Integer),
        Column("visitor", String, nullable=False),
        Column("customer", String),
        Column("channel", String),
        Column("kind", String, nullable=False),
        Column("revenue", BigInteger),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("row_id", BigInteger),
    )
    compared = ("target", "venture", "place", "visitor", "channel", "kind", "revenue", "occurred_at")
    targets: ClassVar[tuple[int, ...]]

    def prepare(self) -> None:
        """Getters, and what a row is known by."""
        self._line = LineFinder(self.context.places)
        self._content = Content(self.plan.columns)
        self._id_place = self.plan.places["id"][0] if "id" in self.plan.places else None
        self._id_name = plain(self.plan.column("id"))
        self._style = self.day_style("time")
        self._getters: dict[str, Getter] = {
            "venture": self.venture(),
            "time": self._raw_time(),
            "channel": self.channel() if self.plan.has("channel") else lambda _cells: None,
            "campaign": self.text("campaign") if self.plan.has("campaign") else lambda _cells: None,
            "kind": self.get("kind", _kind),
            "conversion": self.get("conversion", parse_flag),
            "revenue": self.money("revenue"),
            "currency": self.currency(),
            **self.people(),
        }

    def people(self) -> dict[str, Getter]:
        """Getters of visitor and customer."""
        return {
            "visitor": self.text("visitor", LONGEST_VISITOR),
            "customer": self.text("customer", LONGEST_VISITOR)
            if self.plan.has("customer")
            else lambda _cells: None,
        }

    def _raw_time(self) -> Getter:
        style = self._style
        return self.get("time", lambda cell: cell if not isinstance(cell, str) else _Said(cell, style))

    def events(self, values: dict[str, Any], cells: Cells) -> list[tuple[int, str]]:
        """Target and kind of everything a row stands for; nothing skips the row."""
        raise NotImplementedError

    def read(self, line: int, cells: Cells) -> list[tuple[Any, ...]]:
        """A touchpoint, a conversion, or both."""
        values = self.collect(cells, self._getters)
        events = self.events(values, cells)
        if not events:
            return []
        venture = values["venture"]
        moment = self._moment(cells, values, venture.zone)
        place = self._place(cells, values)
        shared = (venture.number, place, values["visitor"], values["customer"], values["channel"])
        key, by_content, label = self._identity(cells, values)
        return [
            (
                line,
                key[:-1] + bytes([target]),
                0,
                by_content,
                label,
                0,
                target,
                *shared,
                kind,
                (values["revenue"] or 0) if target == CONVERSION else None,
                moment,
                None,
            )
            for target, kind in events
        ]

    def refuse_blank_revenue(self, cells: Cells, values: dict[str, Any]) -> None:
        """A conversion whose value the file leaves out is not one worth nothing."""
        if (
            values["revenue"] is None
            and self.plan.has("revenue")
            and self.context.options.get("blanks") != "zero"
        ):
            raise self.refusal("revenue", cells, "is blank; --set blanks=zero takes it as 0")

    def _moment(self, cells: Cells, values: dict[str, Any], zone: ZoneInfo) -> str:
        said = values["time"]
        if said is None:
            raise self.refusal("time", cells, "is blank")
        try:
            read = said.moment(zone) if isinstance(said, _Said) else parse_moment(said, self._style, zone)
            moment = refuse_future(read, self.context.now)
        except CellRefusedError as error:
            raise self.refusal("time", cells, str(error)) from error
        text = moment.isoformat(sep=" ", timespec="microseconds")
        return text[:26] if self.context.is_sqlite else text

    def _place(self, cells: Cells, values: dict[str, Any]) -> int | None:
        campaign, channel = values["campaign"], values["channel"]
        if campaign is None or channel is None:
            return None
        try:
            return self._line(values["venture"], campaign, channel, values["currency"]).number
        except CellRefusedError as error:
            raise self.refusal("campaign", cells, str(error)) from error

    def _identity(self, cells: Cells, values: dict[str, Any]) -> tuple[bytes, int, str | None]:
        venture = values["venture"].key
        if self._id_place is not None:
            label = as_text(cells[self._id_place])
            if label:
                said = values["time"]
                own = (values["visitor"], said.text if isinstance(said, _Said) else said)
                parts = own if self._id_name in WEAK_IDS else ()
                return identity("event", venture, self._id_name, label, *parts), 0, label
        return identity("event", venture, self._content.text(cells)), 1, None

    def merge(self, connection: Connection, run_id: int, *, again: bool) -> None:
        """Add what is new, apply what was corrected."""
        ledger, stage = imported_events.c, self.stage.c
        for target in self.targets:
            same = and_(
                ledger.target == TARGETS[target].name,
                stage.target == target,
                stage.identity == ledger.identity,
                stage.ordinal == ledger.ordinal,
            )
            self.mark_known(connection, same)
        self._make_places(connection, again=again)
        for target in self.targets:
            table = TARGETS[target]
            self._number(connection, target, table)
            if not again:
                self._correct(connection, run_id, target, table)
            self._insert(connection, target, table)
            self._record(connection, run_id, target, table)

    def _make_places(self, connection: Connection, *, again: bool) -> None:
        stage = self.stage.c
        fates = (Fate.NEW,) if again else (Fate.NEW, Fate.KNOWN)
        first = func.min(func.date(stage.occurred_at), type_=Date)
        lines = (
            select(stage.place, first)
            .where(stage.place.is_not(None), stage.fate.in_(fates))
            .group_by(stage.place)
        )
        facts = {place: LineFacts(day) for place, day in connection.execute(lines)}
        used = connection.scalars(select(stage.venture).where(stage.fate.in_(fates)).distinct())
        created = self.context.places.create(connection, self.context.now, list(used), facts)
        self.context.report.created = created
        self.map_places(connection)

    def _number(self, connection: Connection, target: int, table: Table) -> None:
        """Give new rows the keys they will have."""
        stage = self.stage
        next_id: Any
        if self.context.is_sqlite:
            last = connection.scalar(select(func.coalesce(func.max(table.c.id), 0))) or 0
            next_id = stage.c.seq + last
        else:
            next_id = func.nextval(func.pg_get_serial_sequence(table.name, "id"))
        connection.execute(
            update(stage).where(stage.c.target == target, stage.c.fate == Fate.NEW).values(row_id=next_id)
        )

    def _insert(self, connection: Connection, target: int, table: Table) -> None:
        stage = self.stage
        joined = stage.join(venture_map, venture_map.c.place == stage.c.venture).outerjoin(
            line_map, line_map.c.place == stage.c.place
        )
        columns: dict[str, ColumnElement[Any]] = {
            "id": stage.c.row_id,
            "venture_id": venture_map.c.id,
            "line_id": line_map.c.id,
        }
        for name in _TOUCH_COLUMNS if target == TOUCH else _CONVERSION_COLUMNS:
            columns[name] = stage.c[name]
        if target == CONVERSION:
            columns["customer_id"] = _customer(stage)
        rows = (
            select(*columns.values())
            .select_from(joined)
            .where(stage.c.fate == Fate.NEW, stage.c.target == target)
            .order_by(stage.c.row_id)
        )
        connection.execute(table.insert().from_select(list(columns), rows))

    def _record(self, connection: Connection, run_id: int, target: int, table: Table) -> None:
        stage = self.stage
        rows = (
            select(
                literal(table.name),
                stage.c.identity,
                stage.c.ordinal,
                cast(run_id, BigInteger),
                venture_map.c.id,
                stage.c.row_id,
            )
            .select_from(stage.join(venture_map, venture_map.c.place == stage.c.venture))
            .where(stage.c.fate == Fate.NEW, stage.c.target == target)
            .order_by(stage.c.identity, stage.c.ordinal)
        )
        names = ["target", "identity", "ordinal", "run_id", "venture_id", "row_id"]
        connection.execute(imported_events.insert().from_select(names, rows))

    def _correct(self, connection: Connection, run_id: int, target: int, table: Table) -> None:
        """Known rows whose content differs from what they became are written anew."""
        stage, ledger = self.stage.c, imported_events.c
        columns = [
            name
            for name in (_TOUCH_COLUMNS if target == TOUCH else _CONVERSION_COLUMNS)
            if name not in ("kind", "revenue") or self.plan.has(name)
        ]
        placed = select(line_map.c.id).where(line_map.c.place == stage.place).scalar_subquery()
        same = and_(
            ledger.target == table.name,
            stage.target == target,
            stage.identity == ledger.identity,
            stage.ordinal == ledger.ordinal,
            table.c.id == ledger.row_id,
        )
        differs = or_(
            *(_plain(table.c[name]).is_distinct_from(stage[name]) for name in columns),
            and_(stage.place.is_not(None), table.c.line_id.is_distinct_from(placed)),
        )
        self.mark_changed(connection, same, differs)
        changes = and_(same, stage.fate == Fate.CHANGED)
        line = func.coalesce(placed, table.c.line_id)
        values: dict[str, ColumnElement[Any]] = {name: stage[name] for name in columns} | {"line_id": line}
        before = document(connection, {name: table.c[name] for name in values}, values)
        note_changed(connection, run_id, table, before, None, changes)
        connection.execute(update(table).where(changes).values(values))

    def sums(self, connection: Connection) -> None:
        """Counts of both, revenue and the period."""
        stage, report = self.stage.c, self.context.report
        query = (
            select(
                stage.target,
                func.count(),
                func.sum(stage.revenue),
                func.min(func.date(stage.occurred_at), type_=Date),
                func.max(func.date(stage.occurred_at), type_=Date),
            )
            .where(accepted(self.stage))
            .group_by(stage.target)
        )
        days = []
        for target, count, revenue, first, last in connection.execute(query):
            report.totals[TARGETS[target].name] = str(count)
            if target == CONVERSION:
                report.totals["revenue"] = str(Decimal(int(revenue or 0)).scaleb(-6))
            days += [first, last]
        if days:
            report.first_day, report.last_day = min(days).isoformat(), max(days).isoformat()

    def notes(self) -> list[str]:
        """Also how rows are known."""
        notes = super().notes()
        if self._id_place is None:
            notes.append("no column identifies a row, so each is known by all it says")
        zones = sorted({str(venture.zone) for venture in self.context.places.ventures})
        notes.append(f"times without a zone are in {', '.join(zones) or 'UTC'}")
        return notes


class _Said:
    """A moment in words, which needs the venture's time zone to be one."""

    def __init__(self, text: str, style: DateStyle) -> None:
        self.text = text.strip()
        self._style = style
        self._zone: ZoneInfo | None = None

    def moment(self, zone: ZoneInfo) -> datetime:
        """The moment in UTC."""
        if self._zone is not zone:
            self._moment, self._zone = parse_moment(self.text, self._style, zone), zone
        return self._moment


def _kind(cell: Cell) -> str:
    said = as_text(cell)
    if said.casefold() in ("purchase", "renewal"):
        return said.casefold()
    kind = touch_word(said)
    if kind is None:
        raise CellRefusedError("is no kind of touchpoint: impression, click, visit or conversion")
    return kind


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column compared as the database keeps it."""
    return type_coerce(column, BigInteger) if column.key == "revenue" else column


def _customer(stage: Table) -> ColumnElement[Any]:
    return (
        select(func.min(customers.c.id))
        .where(customers.c.venture_id == venture_map.c.id, customers.c.external_id == stage.c.customer)
        .correlate(stage, venture_map)
        .scalar_subquery()
    )
