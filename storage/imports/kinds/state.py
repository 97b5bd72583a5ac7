"""Things that are what the latest import says: known by their own key, created or brought up to date."""

import json
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage.database import Scaled
from storage.imports.kinds.base import Kind
from storage.imports.stage import Fate, accepted, venture_map
from storage.imports.touching import document, note_added, note_changed


class State(Kind):
    """A kind whose rows are things with a key."""

    target: ClassVar[Table]
    keys: ClassVar[tuple[str, ...]]
    """Columns of stage and target that together are unique; ``venture_id`` is staged as ``venture``."""
    merged_json: ClassVar[tuple[str, ...]] = ()
    """Documents that are added to rather than replaced."""

    def provided(self) -> list[str]:
        """The target's columns the file gives; the others keep what they have."""
        raise NotImplementedError

    def made_with(self) -> dict[str, Any]:
        """Values of new rows for columns nothing gives."""
        return {}

    def touched(self) -> dict[str, ColumnElement[Any]]:
        """Values set on every row that changes."""
        return {}

    def merge(self, connection: Connection, run_id: int, *, again: bool) -> None:
        """Insert what is new; bring up to date what differs."""
        if "venture_id" in self.keys:
            self._make_ventures(connection)
        same = and_(*(self.target.c[key] == self._staged(key) for key in self.keys))
        self.mark_known(connection, same)
        columns = self.provided()
        if not again and columns:
            differs = or_(*(self._differs(name) for name in columns))
            self.mark_changed(connection, same, differs)
            self._update(connection, run_id, columns, and_(same, self.stage.c.fate == Fate.CHANGED))
        self._insert(connection, columns)
        note_added(connection, run_id, self.target, and_(same, self.stage.c.fate == Fate.NEW))

    def _update(
        self, connection: Connection, run_id: int, columns: list[str], changes: ColumnElement[bool]
    ) -> None:
        target = self.target.c
        new = {name: self._new_value(name) for name in columns} | self.touched()
        values = {name: type_coerce(value, target[name].type) for name, value in new.items()}
        before = document(connection, {name: target[name] for name in values}, values)
        note_changed(connection, run_id, self.target, before, None, changes)
        connection.execute(update(self.target).where(changes).values(values))

    def _make_ventures(self, connection: Connection) -> None:
        used = self.used(connection, self.stage.c.venture)
        created = self.context.places.create(connection, self.context.now, used, self.line_facts(connection))
        self.context.report.created = created
        self.map_places(connection)

    def line_facts(self, connection: Connection) -> dict[int, Any]:
        """The channel lines rows need."""
        return {}

    def _insert(self, connection: Connection, columns: list[str]) -> None:
        values: dict[str, ColumnElement[Any]] = {key: self._staged(key) for key in self.keys}
        values |= {name: self._column(name) for name in columns}
        for name, value in self.made_with().items():
            made = literal(value, self.target.c[name].type)
            values[name] = func.coalesce(values[name], made) if name in values else made
        rows = (
            select(*(value.label(name) for name, value in values.items()))
            .select_from(self.stage)
            .where(self.stage.c.fate == Fate.NEW)
            .order_by(self.stage.c.seq)
        )
        connection.execute(self.target.insert().from_select(list(values), rows))

    def _staged(self, key: str) -> ColumnElement[Any]:
        if key != "venture_id":
            return self.stage.c[key]
        query = select(venture_map.c.id).where(venture_map.c.place == self.stage.c.venture)
        return query.correlate(self.stage).scalar_subquery()

    def _column(self, name: str) -> ColumnElement[Any]:
        """The stage's value of a target's column."""
        return self.stage.c[name]

    def _new_value(self, name: str) -> ColumnElement[Any]:
        """What a changed row gets; a blank takes nothing away."""
        new, old = self._column(name), self.target.c[name]
        if name in self.merged_json:
            if self.context.is_sqlite:
                return func.json_patch(old, new)
            return type_coerce(old, JSONB).op("||")(new)
        return func.coalesce(new, _kept(old))

    def _differs(self, name: str) -> ColumnElement[bool]:
        old, new = _kept(self.target.c[name]), self._new_value(name)
        if self.context.is_sqlite and name in self.merged_json:
            return func.json(old) != new
        return old.is_distinct_from(new)

    def sums(self, connection: Connection) -> None:
        """How many things the file tells of."""
        accepted_rows = select(func.count()).select_from(self.stage).where(accepted(self.stage))
        self.context.report.totals[self.target.name] = str(connection.scalar(accepted_rows) or 0)


def as_json(value: object) -> str:
    """A document as the stage takes it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _kept(column: Column[Any]) -> ColumnElement[Any]:
    """A column as the database keeps it: amounts as whole units."""
    return type_coerce(column, BigInteger) if isinstance(column.type, Scaled) else column
