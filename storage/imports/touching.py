"""What an import adds and changes, written down while it does so, so that it can be taken back.

Rows as they were are JSON documents that the database itself makes and reads: amounts are whole units in
them, and nothing passes through here row by row.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    LargeBinary,
    String,
    Table,
    cast,
    func,
    insert,
    literal,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage.database import Scaled
from storage.imports.ledger import import_touched

BECAME = "became"
"""The part of a document that tells what the import made of the row."""


def note_made(connection: Connection, run_id: int, made: Iterable[tuple[Table, int]]) -> None:
    """Write down rows the import added, one by one."""
    rows = [{"run_id": run_id, "table_name": table.name, "row_id": row_id} for table, row_id in made]
    if rows:
        connection.execute(insert(import_touched), rows)


def note_added(connection: Connection, run_id: int, table: Table, condition: ColumnElement[bool]) -> None:
    """Write down the rows of a table that the import added: those a condition joins to the stage."""
    added = select(cast(run_id, BigInteger), literal(table.name), table.c.id).where(condition)
    connection.execute(insert(import_touched).from_select(_COLUMNS[:-1], added))


def note_changed(
    connection: Connection,
    run_id: int,
    table: Table,
    before: ColumnElement[Any],
    source: FromClause | None,
    condition: ColumnElement[bool],
) -> None:
    """Write down rows as they are before the import changes them: those of ``source`` under a condition."""
    row_id = table.c.id if "id" in table.c else literal(0, BigInteger)
    rows = select(cast(run_id, BigInteger), literal(table.name), row_id, before).where(condition)
    rows = rows if source is None else rows.select_from(source)
    connection.execute(insert(import_touched).from_select(_COLUMNS, rows))


_COLUMNS = ["run_id", "table_name", "row_id", "before"]


def document(
    connection: Connection,
    values: Mapping[str, ColumnElement[Any]],
    became: Mapping[str, ColumnElement[Any]] | None = None,
) -> ColumnElement[Any]:
    """A document of these values by name, and of what they will become."""
    is_sqlite = connection.dialect.name == "sqlite"
    parts: list[ColumnElement[Any]] = []
    for name, value in values.items():
        parts += [literal_column(f"'{name}'"), _kept(value, is_sqlite=is_sqlite)]
    if became is not None:
        parts += [literal_column(f"'{BECAME}'"), document(connection, became)]
    return func.json_object(*parts) if is_sqlite else func.jsonb_build_object(*parts)


def field(connection: Connection, column: Column[Any], *path: str) -> ColumnElement[Any]:
    """A column's value in the documents of ``import_touched``, as the database keeps it."""
    names = [*path, column.name]
    if connection.dialect.name == "sqlite":
        path_of: ColumnElement[str] = literal_column(f"'$.{'.'.join(names)}'")
        return type_coerce(func.json_extract(import_touched.c.before, path_of), _kept_type(column))
    found = type_coerce(import_touched.c.before, JSONB)[tuple(names)]
    if isinstance(column.type, JSON):
        return type_coerce(found, JSONB)
    return type_coerce(cast(found.astext, column.type), _kept_type(column))


def _kept_type(column: Column[Any]) -> Any:
    return BigInteger() if isinstance(column.type, Scaled) else column.type


def _kept(value: ColumnElement[Any], *, is_sqlite: bool) -> ColumnElement[Any]:
    """A value as a document holds it."""
    if isinstance(value.type, LargeBinary):
        return func.lower(func.hex(value)) if is_sqlite else func.encode(value, "hex")
    if isinstance(value.type, Scaled):
        return type_coerce(value, BigInteger)
    if is_sqlite and isinstance(value.type, JSON):
        # Nested, the document would come back in another spelling.
        return type_coerce(value, String).concat("")
    return value
