"""What must hold of stored rows at the moment something is done that was agreed on before."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, select

from storage.changes import typed
from storage.database import metadata


class Requirement(BaseModel):
    """What must hold, as data, and what a person is told where it does not."""

    table: str
    where: dict[str, Any]
    """Which row, by column; values as JSON has them."""
    among: dict[str, list[Any]] | None = None
    """The values its columns may have; None: there must be no such row."""
    not_over: str | None = None
    """A column with the row's last day, if it has one, that must not lie behind."""
    code: str
    message: str
    cure: str = ""


def first_unmet(
    connection: Connection, requirements: Sequence[Requirement], today: date
) -> Requirement | None:
    """The first that does not hold; rows looked at stay as they are until the transaction ends."""
    return next((one for one in requirements if not _holds(connection, one, today)), None)


def _holds(connection: Connection, one: Requirement, today: date) -> bool:
    table = metadata.tables[one.table]
    same = [table.c[name] == value for name, value in typed(table, one.where).items()]
    row = connection.execute(select(table).where(*same).with_for_update(read=True)).first()
    if one.among is None:
        return row is None
    if row is None:
        return False
    found = row._mapping
    for name, allowed in one.among.items():
        if found[name] not in [typed(table, {name: value})[name] for value in allowed]:
            return False
    last = None if one.not_over is None else found[one.not_over]
    return last is None or last >= today
