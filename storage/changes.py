"""Changes to rows as data: they can be shown, frozen, carried out once, and taken back."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from sqlalchemy import (
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from storage.audit import audit
from storage.database import Json, Key, Scaled, UtcDateTime, metadata
from storage.people import WIDGET, tokens, users

changes = Table(
    "changes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("audit_id", ForeignKey("audit.id"), nullable=False),
    Column("place", Integer, nullable=False, comment="order within the command"),
    Column("table_name", String(60), nullable=False),
    Column("row_id", Key, nullable=False),
    Column("before", Json, comment="empty: the row was added"),
    Column("after", Json, comment="empty: the row was removed"),
    Column("undone_by", ForeignKey("audit.id")),
    Index(None, "audit_id"),
    Index(None, "table_name", "row_id"),
)


NOW: dict[str, str] = {"moment": "now"}


class RowChange(BaseModel):
    """One row before and after, by column; values as JSON has them. ``row_id`` is None for a row to add.

    A value ``{"new": place}`` stands for the number of the row that change number ``place`` of the same
    command adds, and `NOW` for the moment it is carried out.
    """

    table: str
    row_id: int | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None

    def reversed(self) -> "RowChange":
        """The change that takes this one back."""
        return RowChange(table=self.table, row_id=self.row_id, before=self.after, after=self.before)


class ChangedSinceError(Exception):
    """A row is no longer as the change found it."""

    def __init__(self, change: RowChange, now: dict[str, Any] | None) -> None:
        self.change = change
        self.now = now
        super().__init__(f"{change.table} {change.row_id} is {now}, not {change.before}")


class InUseError(ChangedSinceError):
    """A row to remove is used by others by now."""


def changed(table: str, row_id: int, **columns: tuple[Any, Any]) -> RowChange:
    """A change of some columns of a row: ``changed("campaigns", 3, status=("active", "paused"))``."""
    before = {name: _plain(old) for name, (old, _) in columns.items()}
    after = {name: _plain(new) for name, (_, new) in columns.items()}
    return RowChange(table=table, row_id=row_id, before=before, after=after)


def added(table: str, **columns: Any) -> RowChange:
    """A new row."""
    return RowChange(table=table, after={name: _plain(value) for name, value in columns.items()})


def carry_out(
    connection: Connection, wanted: Sequence[RowChange], now: datetime | None = None
) -> list[RowChange]:
    """Make every change or none, and give them with the numbers of added rows; ``now`` is what `NOW` means.

    Raises `ChangedSinceError` when a row is not as the change found it; the caller's transaction must then
    be rolled back.
    """
    done: list[RowChange] = []
    for change in wanted:
        done.append(_carry_out(connection, _resolved(change, done, now)))
    return done


def record(connection: Connection, audit_id: int, made: Iterable[RowChange]) -> None:
    """Keep what a command changed, for undo and for the audit."""
    rows = [
        {
            "audit_id": audit_id,
            "place": place,
            "table_name": change.table,
            "row_id": change.row_id,
            "before": change.before,
            "after": change.after,
        }
        for place, change in enumerate(made)
    ]
    if rows:
        connection.execute(insert(changes), rows)


def made_by(connection: Connection, audit_id: int) -> list[RowChange]:
    """What a turn changed, in order."""
    query = (
        select(changes.c.table_name, changes.c.row_id, changes.c.before, changes.c.after)
        .where(changes.c.audit_id == audit_id)
        .order_by(changes.c.place)
    )
    return [
        RowChange(table=table, row_id=row_id, before=before, after=after)
        for table, row_id, before, after in connection.execute(query)
    ]


def latest(connection: Connection) -> int | None:
    """The number of the last change there was."""
    found = connection.scalar(select(func.max(changes.c.id)))
    return None if found is None else int(found)


def last_undoable(
    connection: Connection, user_id: int, conversation_id: str | None, *, only_here: bool = False
) -> int | None:
    """The latest turn that changed something and still stands: of the conversation, else the person's own or
    one of what the service did by itself.

    With ``only_here`` nothing but the conversation's own is taken back.
    """
    latest = (
        select(func.max(changes.c.audit_id))
        .join(audit, audit.c.id == changes.c.audit_id)
        .where(changes.c.undone_by.is_(None), audit.c.command != "undo")
    )
    if conversation_id is not None:
        own = latest.where(audit.c.user_id == user_id)
        here = connection.scalar(own.where(audit.c.conversation_id == conversation_id))
        if here is not None:
            return int(here)
    if only_here:
        return None
    # A widget is a service too, but what it did, one of its visitors did.
    widgets = select(tokens.c.user_id).where(tokens.c.kind == WIDGET)
    services = select(users.c.id).where(users.c.is_service, users.c.id.not_in(widgets))
    found = connection.scalar(latest.where(or_(audit.c.user_id == user_id, audit.c.user_id.in_(services))))
    return None if found is None else int(found)


def mark_undone(connection: Connection, audit_id: int, by: int) -> bool:
    """Note that a turn's changes were taken back; False when somebody did so already."""
    marked = connection.execute(
        update(changes)
        .where(changes.c.audit_id == audit_id, changes.c.undone_by.is_(None))
        .values(undone_by=by)
    )
    return bool(marked.rowcount)


def _resolved(change: RowChange, done: list[RowChange], now: datetime | None) -> RowChange:
    if change.after is None:
        return change

    def meant(value: Any) -> Any:
        if value == NOW:
            return None if now is None else now.isoformat()
        return done[value["new"]].row_id if isinstance(value, dict) and set(value) == {"new"} else value

    resolved = {name: meant(value) for name, value in change.after.items()}
    return change.model_copy(update={"after": resolved})


def _carry_out(connection: Connection, change: RowChange) -> RowChange:
    if change.table == "import_runs" and change.after is None:
        _take_back_import(connection, change)
        return change
    table = metadata.tables[change.table]
    if change.before is None:
        return _add(connection, table, change)
    if change.after is None:
        _remove(connection, table, change)
    else:
        _update(connection, table, change)
    return change


def _add(connection: Connection, table: Table, change: RowChange) -> RowChange:
    values = typed(table, change.after or {})
    if change.row_id is not None:
        values["id"] = change.row_id
    number = connection.execute(insert(table).values(**values).returning(table.c.id)).scalar_one()
    return change.model_copy(update={"row_id": number})


def _remove(connection: Connection, table: Table, change: RowChange) -> None:
    if _is_used(connection, table, change.row_id):
        raise InUseError(change, _now(connection, table, change))
    removed = connection.execute(table.delete().where(_as_found(table, change)))
    if not removed.rowcount:
        raise ChangedSinceError(change, _now(connection, table, change))


def _take_back_import(connection: Connection, change: RowChange) -> None:
    # Imported here: taking an import back knows every table, and this module.
    from storage.imports.ledger import import_runs
    from storage.imports.undoing import take_back

    found = connection.scalar(select(import_runs.c.id).where(_as_found(import_runs, change)))
    if found is None:
        raise ChangedSinceError(change, _now(connection, import_runs, change))
    take_back(connection, found)


def _is_used(connection: Connection, table: Table, row_id: int | None) -> bool:
    """Whether rows have come to depend on a row since it was added."""
    return any(
        connection.scalar(select(exists().where(key.parent == row_id)))
        for other in metadata.tables.values()
        for key in other.foreign_keys
        if key.column is table.c.id
    )


def _update(connection: Connection, table: Table, change: RowChange) -> None:
    values = typed(table, change.after or {})
    if "version" in table.c:
        values["version"] = table.c.version + 1
    updated = connection.execute(update(table).where(_as_found(table, change)).values(**values))
    if not updated.rowcount:
        raise ChangedSinceError(change, _now(connection, table, change))


def _as_found(table: Table, change: RowChange) -> Any:
    """The row, with every value the change found; its version rises with every change and does not count."""
    plain = {
        name: value
        for name, value in (change.before or {}).items()
        if name != "version" and not isinstance(value, dict | list)
    }
    same = [
        table.c[name].is_(None) if value is None else table.c[name] == value
        for name, value in typed(table, plain).items()
    ]
    return and_(table.c.id == change.row_id, *same)


def _now(connection: Connection, table: Table, change: RowChange) -> dict[str, Any] | None:
    columns = [table.c[name] for name in change.before or {}]
    row = connection.execute(select(*columns).where(table.c.id == change.row_id)).first()
    return None if row is None else {name: _plain(value) for name, value in row._mapping.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value


def typed(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON has them as the columns of a table take them."""
    return {name: _value(table.c[name], value) for name, value in values.items()}


def _value(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, Scaled):
        return Decimal(value)
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(column.type, Date):
        return date.fromisoformat(value)
    return value
