"""Rows set aside in a temporary table of the connection until all of them are known to be sound.

Nothing here touches the tables of the portfolio, and on SQLite no lock of theirs is held.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Subquery,
    Table,
    and_,
    case,
    func,
    select,
    true,
    update,
)

_BATCH = 2_000


class Fate(IntEnum):
    """What becomes of a staged row."""

    NEW = 0
    KNOWN = 1
    CHANGED = 2
    REPEATED = 3
    CLASHING = 4
    """Of one identity with an earlier row of the file, but with other values."""
    MERGED = 5


def stage_table(*columns: Column[Any]) -> Table:
    """A temporary table with what every stage needs before its own columns."""
    return Table(
        "import_stage",
        MetaData(),
        Column("seq", Integer, primary_key=True, autoincrement=False),
        Column("line", BigInteger, nullable=False),
        Column("identity", LargeBinary(16), nullable=False),
        Column("ordinal", Integer, nullable=False),
        Column("by_content", SmallInteger, nullable=False),
        Column("label", String),
        Column("fate", SmallInteger, nullable=False),
        *columns,
        prefixes=["TEMPORARY"],
    )


_MAPS = MetaData()
line_map = Table(
    "import_lines",
    _MAPS,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("id", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
)
"""The channel line of each place."""
venture_map = Table(
    "import_ventures",
    _MAPS,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("id", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
)
"""The venture of each place."""


class Stage:
    """A staging table being filled; rows have the table's columns in order, as the driver takes them."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self.table = table
        self._connection = connection
        self._is_sqlite = connection.dialect.name == "sqlite"
        self._waiting: list[tuple[Any, ...]] = []
        self.count = 0
        marks = ", ".join("?" * len(table.columns))
        self._insert = f"insert into {table.name} values ({marks})"  # noqa: S608 - our own name

    def add(self, row: tuple[Any, ...]) -> None:
        """Set a row aside; its ``seq`` is put before it."""
        self.count += 1
        self._waiting.append((self.count, *row))
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        if self._is_sqlite:
            self._connection.exec_driver_sql(self._insert, self._waiting)
        else:
            self._copy()
        self._waiting.clear()

    def _copy(self) -> None:
        raw = self._connection.connection.driver_connection
        if not isinstance(raw, psycopg.Connection):
            raise TypeError("imports know SQLite and psycopg")
        statement = sql.SQL("copy {} from stdin").format(sql.Identifier(self.table.name))
        with raw.cursor() as cursor, cursor.copy(statement) as copy:
            for row in self._waiting:
                copy.write_row(row)


@contextmanager
def staging(connection: Connection, table: Table) -> Iterator[Stage]:
    """Make the temporary tables, and take them away whatever happens."""
    tables = (table, line_map, venture_map)
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("set time zone 'UTC'")
    for one in tables:
        one.create(connection)
    try:
        yield Stage(connection, table)
    except BaseException:
        if not connection.closed and not connection.invalidated:
            connection.rollback()
        raise
    finally:
        if not connection.closed and not connection.invalidated:
            _drop(connection, tables)


def _drop(connection: Connection, tables: Iterable[Table]) -> None:
    connection.rollback()
    for table in tables:
        connection.exec_driver_sql(f"drop table if exists {table.name}")
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("reset time zone")
    connection.commit()


def index_identity(connection: Connection, table: Table) -> None:
    """Let rows of one identity be found together."""
    connection.exec_driver_sql(f"create index import_stage_identity on {table.name} (identity)")
    connection.exec_driver_sql("analyze import_stage")


def settle_repeats(connection: Connection, table: Table, values: Sequence[Column[Any]]) -> None:
    """Tell apart rows of one identity.

    Rows known by their content are numbered; of rows known by the source's id the first counts, the others
    are `Fate.REPEATED` when they say the same and `Fate.CLASHING` when they do not.
    """
    later = _later(table)
    connection.execute(
        update(table)
        .where(table.c.seq == later.c.seq, table.c.by_content == 1)
        .values(ordinal=later.c.number)
    )
    first = table.alias("first_of")
    same = and_(true(), *(table.c[one.name].is_not_distinct_from(first.c[one.name]) for one in values))
    connection.execute(
        update(table)
        .where(table.c.seq == later.c.seq, table.c.by_content == 0, first.c.seq == later.c.first)
        .values(fate=case((same, Fate.REPEATED), else_=Fate.CLASHING))
    )


def _later(table: Table) -> Subquery:
    """Rows that are not the first of their identity, with their number and the first."""
    several = select(table.c.identity).group_by(table.c.identity).having(func.count() > 1)
    numbered = (
        select(
            table.c.seq,
            (func.row_number().over(partition_by=table.c.identity, order_by=table.c.seq) - 1).label("number"),
            func.min(table.c.seq).over(partition_by=table.c.identity).label("first"),
        )
        .where(table.c.identity.in_(several))
        .subquery()
    )
    return select(numbered).where(numbered.c.number > 0).subquery("later")


def clashes(connection: Connection, table: Table) -> Iterator[tuple[int, str | None, int]]:
    """Line and id of every clashing row, and the line of the row it clashes with."""
    first = table.alias("first_of")
    firsts = (
        select(first.c.identity, func.min(first.c.seq).label("seq")).group_by(first.c.identity).subquery()
    )
    earlier = table.alias("earlier")
    query = (
        select(table.c.line, table.c.label, earlier.c.line)
        .join(firsts, firsts.c.identity == table.c.identity)
        .join(earlier, earlier.c.seq == firsts.c.seq)
        .where(table.c.fate == Fate.CLASHING)
        .order_by(table.c.seq)
    )
    for row in connection.execute(query):
        yield row[0], row[1], row[2]


def counted(connection: Connection, table: Table, *, by_line: bool = False) -> dict[Fate, int]:
    """How many staged rows have each fate; ``by_line``: a line that became several rows counts once."""
    fate: ColumnElement[int] = table.c.fate
    rows = select(fate.label("fate")).subquery()
    if by_line and "target" in table.c:
        # What is new outweighs what is known, and that what is repeated: the least number does.
        best = func.min(case((fate == Fate.CHANGED, -1), (fate == Fate.NEW, -2), else_=fate))
        of_line = select(best.label("best")).group_by(table.c.line).subquery()
        rows = select(
            case(
                (of_line.c.best == -1, Fate.CHANGED), (of_line.c.best == -2, Fate.NEW), else_=of_line.c.best
            ).label("fate")
        ).subquery()
    found = {
        Fate(one): count
        for one, count in connection.execute(select(rows.c.fate, func.count()).group_by(rows.c.fate))
    }
    return {fate: found.get(fate, 0) for fate in Fate}


def fill_map(connection: Connection, table: Table, ids: dict[int, int]) -> None:
    """Write the id of each place."""
    if ids:
        connection.execute(table.insert(), [{"place": place, "id": id_} for place, id_ in ids.items()])


def accepted(table: Table) -> ColumnElement[bool]:
    """Rows that count, new or not."""
    return table.c.fate.in_((Fate.NEW, Fate.KNOWN, Fate.CHANGED))
