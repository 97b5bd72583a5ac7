"""The days an import of performance touched: as it left them, and as they were before."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    Table,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    type_coerce,
    union,
    union_all,
)

from engines.terms import Channel
from storage.campaigns import campaigns, channel_lines
from storage.imports.ledger import import_touched, imported_performance
from storage.imports.touching import field
from storage.performance import daily_performance

_BATCH = 2_000
_LEDGER, _DAYS, _TOUCHED = imported_performance.c, daily_performance.c, import_touched.c
_KEY = ("line_id", "day")
_MEASURES = tuple(column.name for column in daily_performance.c if column.name not in _KEY)
_AMOUNTS = ("revenue", "spend")


def later(connection: Connection, run_id: int) -> list[Select[Any]]:
    """Queries for the latest import that corrected rows of an import, or touched its days after it."""
    touched = _days(connection, run_id)
    day = tuple_(*(field(connection, _DAYS[name]) for name in _KEY))
    images = select(func.max(_TOUCHED.run_id)).where(_TOUCHED.run_id > run_id)
    rows = images.where(
        _TOUCHED.table_name == imported_performance.name, field(connection, _LEDGER.run_id) == run_id
    )
    taken_from = images.where(_TOUCHED.table_name == daily_performance.name, day.in_(touched))
    added_to = select(func.max(_LEDGER.run_id)).where(
        _LEDGER.run_id > run_id, tuple_(_LEDGER.line_id, _LEDGER.day).in_(touched)
    )
    return [rows, taken_from, added_to]


def changed(connection: Connection, run_id: int, rows: int) -> str | None:
    """What is no longer as an import of so many rows left it, as half a sentence; nothing if all is."""
    if connection.scalar(select(func.count()).where(_LEDGER.run_id == run_id)) != rows:
        return "some of its rows were removed since"
    days = _days(connection, run_id)
    now = select(*_raw(_DAYS)).where(tuple_(_DAYS.line_id, _DAYS.day).in_(days))
    own = select(*_raw(_LEDGER)).where(_LEDGER.run_id == run_id)
    corrected = _before(connection, run_id, imported_performance)
    before = _before(connection, run_id, daily_performance)
    both = union_all(now, corrected, _less(own), _less(before)).subquery()
    unequal = or_(*(func.sum(both.c[name]) != 0 for name in _MEASURES))
    query = select(both.c.line_id, both.c.day).group_by(both.c.line_id, both.c.day).having(unequal).limit(1)
    found = connection.execute(query).first()
    return None if found is None else _told(connection, *found)


def restore(connection: Connection, run_id: int) -> None:
    """Make the days, and the ledger of their rows, as they were before an import."""
    touched = tuple_(_DAYS.line_id, _DAYS.day).in_(_days(connection, run_id))
    connection.execute(delete(daily_performance).where(touched))
    before = _before(connection, run_id, daily_performance)
    connection.execute(insert(daily_performance).from_select([*_KEY, *_MEASURES], before))
    connection.execute(delete(imported_performance).where(_LEDGER.run_id == run_id))
    _restore_ledger(connection, run_id)


def _restore_ledger(connection: Connection, run_id: int) -> None:
    # Through here, as not every SQLite can turn the key's digits into bytes.
    corrected = select(_TOUCHED.before).where(
        _TOUCHED.run_id == run_id, _TOUCHED.table_name == imported_performance.name
    )
    read = connection.execute(corrected, execution_options={"yield_per": _BATCH})
    for batch in read.scalars().partitions():
        connection.execute(insert(imported_performance), [_ledger_row(before) for before in batch])


def _ledger_row(before: dict[str, Any]) -> dict[str, Any]:
    amounts = {name: Decimal(before[name]).scaleb(-6) for name in _AMOUNTS}
    day = date.fromisoformat(before["day"])
    return {**before, **amounts, "identity": bytes.fromhex(before["identity"]), "day": day}


def _days(connection: Connection, run_id: int) -> CompoundSelect[Any]:
    """Lines and days an import added to or took from."""
    corrected = _before(connection, run_id, imported_performance).subquery()
    return union(
        select(_LEDGER.line_id, _LEDGER.day).where(_LEDGER.run_id == run_id),
        select(corrected.c.line_id, corrected.c.day),
    )


def _before(connection: Connection, run_id: int, table: Table) -> Select[Any]:
    """The lines, days and measures of rows as they were before an import."""
    fields = (field(connection, table.c[name]).label(name) for name in (*_KEY, *_MEASURES))
    return select(*fields).where(_TOUCHED.run_id == run_id, _TOUCHED.table_name == table.name)


def _raw(columns: Any) -> Sequence[ColumnElement[Any]]:
    """Lines, days and measures as the database keeps them."""
    key = [columns[name] for name in _KEY]
    return key + [type_coerce(columns[name], BigInteger).label(name) for name in _MEASURES]


def _less(rows: Select[Any]) -> Select[Any]:
    """Rows that take away what these add."""
    added = rows.subquery()
    return select(*(added.c[name] for name in _KEY), *(-added.c[name] for name in _MEASURES))


def _told(connection: Connection, line_id: int, day: date) -> str:
    line = channel_lines.join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
    query = select(campaigns.c.name, channel_lines.c.channel).select_from(line)
    found = connection.execute(query.where(channel_lines.c.id == line_id)).first()
    if found is None:
        return "something its rows belonged to was removed since"
    campaign, channel = found
    where = f"{Channel(channel).label} in {campaign!r}"
    return f"the numbers of {day.isoformat()} for {where} were changed by something else since"
