"""Bulk writing of ready-made columns, and a digest of what was written."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import repeat
from typing import Any, TypeAlias

import psycopg
from psycopg import sql
from sqlalchemy import BigInteger, Column, Connection, Select, Table, func, select, type_coerce

from storage.campaigns import campaigns, channel_lines
from storage.customers import customers, leads
from storage.database import Database, Scaled
from storage.influencers import influencers
from storage.journeys import conversions, touchpoints
from storage.organic import backlinks, campaign_memories, keywords, link_queries, trends
from storage.performance import daily_performance
from storage.synthetic.clock import moment_text
from storage.ventures import competitors, exchange_rates, segments, ventures

Cell: TypeAlias = int | str | None
"""A value as the database keeps it: a scaled whole number, a day, a moment, canonical JSON, 0 or 1."""

COUNTED: tuple[Table, ...] = (
    ventures,
    segments,
    competitors,
    campaigns,
    channel_lines,
    influencers,
    customers,
    leads,
    keywords,
    trends,
    backlinks,
    link_queries,
    campaign_memories,
)
"""The tables whose rows are the records of a portfolio."""

HISTORY: tuple[Table, ...] = (exchange_rates, daily_performance, touchpoints, conversions)
"""The tables of the history on top."""

_MOMENT_OF_FILL = {influencers.c.updated_at}
_READ_AT_ONCE = 10_000


def canonical(value: object) -> str:
    """JSON as `Writer` wants it: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class _Digest:
    """A SHA-256 a table over its rows in the order of their keys, and one over all of those."""

    def __init__(self) -> None:
        self._tables: dict[str, Any] = defaultdict(hashlib.sha256)

    def add(self, table: Table, rows: Iterable[tuple[Cell, ...]]) -> None:
        self._tables[table.name].update("\n".join(map(repr, rows)).encode() + b"\n")

    def hexdigest(self) -> str:
        lines = (f"{name} {self._tables[name].hexdigest()}\n" for name in sorted(self._tables))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


class Writer:
    """Writes columns into tables through one connection; keys count from 1 in every table."""

    def __init__(self, connection: Connection) -> None:
        self.counts: dict[str, int] = defaultdict(int)
        self._connection = connection
        self._digest = _Digest()
        self._is_sqlite = connection.dialect.name == "sqlite"
        if not self._is_sqlite:
            connection.exec_driver_sql("set local time zone 'UTC'")

    def add(self, table: Table, columns: Mapping[str, list[Any] | Cell]) -> int:
        """Write rows given by column, a single value standing for all rows; returns the key of the first.

        Every column of the table must be there, except a generated ``id``.
        """
        count = max(len(column) for column in columns.values() if isinstance(column, list))
        first = self.counts[table.name] + 1
        self.counts[table.name] += count
        cells = {"id": list(range(first, first + count))} | dict(columns)
        rows = list(_rows(cells, table.columns, count))
        self._digest.add(
            table, _rows(cells, _lasting(table), count) if _MOMENT_OF_FILL & set(table.columns) else rows
        )
        if self._is_sqlite:
            self._insert(table, rows)
        else:
            self._copy(table, rows)
        return first

    def next_id(self, table: Table) -> int:
        """The key the next row of ``table`` gets."""
        return self.counts[table.name] + 1

    def finish(self) -> str:
        """Set the key generators behind the last keys; returns the digest of all that was written."""
        if not self._is_sqlite:
            for table in (*COUNTED, *HISTORY):
                if "id" in table.columns:
                    self._connection.execute(select(_raised_sequence(table)))
        return self._digest.hexdigest()

    def _insert(self, table: Table, rows: list[tuple[Cell, ...]]) -> None:
        statement = str(table.insert().compile(dialect=self._connection.dialect))
        self._connection.exec_driver_sql(statement, rows)

    def _copy(self, table: Table, rows: list[tuple[Cell, ...]]) -> None:
        raw = self._connection.connection.driver_connection
        if not isinstance(raw, psycopg.Connection):
            raise TypeError("bulk writing knows SQLite and psycopg")
        names = sql.SQL(", ").join(map(sql.Identifier, table.columns.keys()))
        statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table.name), names)
        with raw.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)


def _lasting(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if column not in _MOMENT_OF_FILL]


def _rows(
    cells: Mapping[str, list[Any] | Cell], columns: Iterable[Column[Any]], count: int
) -> Iterator[tuple[Cell, ...]]:
    given = (cells[column.name] for column in columns)
    return zip(*(cell if isinstance(cell, list) else repeat(cell, count) for cell in given), strict=False)


def _raised_sequence(table: Table) -> Any:
    last = select(func.coalesce(func.max(table.c.id), 1)).scalar_subquery()
    return func.setval(func.pg_get_serial_sequence(table.name, "id"), last)


def digest(database: Database) -> str:
    """The digest of the portfolio as it stands in the database.

    Equal to that of the fill, on any database, until a row of its tables changes; the moment of the fill
    (``influencers.updated_at``) is left out.
    """
    found = _Digest()
    with database.read() as connection:
        for table in (*COUNTED, *HISTORY):
            rows = connection.execution_options(yield_per=_READ_AT_ONCE).execute(_stored(table))
            for part in rows.partitions():
                found.add(table, (tuple(map(_cell, row)) for row in part))
    return found.hexdigest()


def _stored(table: Table) -> Select[Any]:
    columns = (
        type_coerce(column, BigInteger) if isinstance(column.type, Scaled) else column
        for column in _lasting(table)
    )
    return select(*columns).order_by(*table.primary_key.columns)


def _cell(value: object) -> Cell:
    match value:
        case None | str():
            return value
        case datetime():
            return moment_text(value)
        case date():
            return value.isoformat()
        case dict() | list():
            return canonical(value)
        case _:
            return int(value)  # type: ignore[call-overload, no-any-return]
