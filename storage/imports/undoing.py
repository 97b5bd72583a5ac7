"""Taking an import back: what it added goes and what it changed is as it was again, or nothing happens."""

from typing import Any, NoReturn

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    delete,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from storage import names
from storage.audit import audit
from storage.campaigns import campaigns, channel_lines
from storage.changes import RowChange, changes
from storage.customers import customers
from storage.imports import days
from storage.imports.errors import ImportChangedSinceError
from storage.imports.ledger import LONGEST_FILE_NAME, import_runs, import_touched, imported_events, lock
from storage.imports.request import ImportReport
from storage.imports.touching import BECAME, field
from storage.influencers import influencers
from storage.journeys import conversions, touchpoints
from storage.organic import keywords
from storage.schema import metadata
from storage.ventures import ventures

_EVENTS = (touchpoints, conversions)
_NAMED = {
    touchpoints: ("touchpoint of", "visitor"),
    conversions: ("conversion of", "visitor"),
    customers: ("customer", "external_id"),
    keywords: ("keyword", "phrase"),
    influencers: ("influencer", "handle"),
    channel_lines: ("channel line", "channel"),
    campaigns: ("campaign", "name"),
    ventures: ("venture", "name"),
}
"""Tables in the order their rows are taken back, children before parents, with what a row is called."""


def taking_back(report: ImportReport) -> RowChange:
    """What a kept import changed, as data; its ``reversed()`` takes the import back."""
    if report.run is None:
        raise ValueError("the import kept nothing")
    after = {"kind": report.kind, "file": report.file[:LONGEST_FILE_NAME]}
    return RowChange(table=import_runs.name, row_id=report.run, after=after)


def take_back(connection: Connection, run_id: int) -> None:
    """Make everything as it was before an import, in the caller's write transaction.

    The same file can be imported again afterwards. Raises `ImportChangedSinceError` when the import cannot
    be taken back exactly; the caller's transaction must then be rolled back.
    """
    lock(connection)
    run = connection.execute(select(import_runs).where(import_runs.c.id == run_id)).first()
    if run is None:
        change = RowChange(table=import_runs.name, row_id=run_id)
        raise ImportChangedSinceError(
            change, f"Import {run_id} is gone.", "It may have been taken back before."
        )
    undoing = _Undoing(connection, run)
    undoing.refuse_later()
    try:
        undoing.restore()
    except IntegrityError:
        undoing.refuse("something its rows belonged to was removed since")
    names.touch(connection)


class _Undoing:
    """The steps, for one import."""

    def __init__(self, connection: Connection, run: Row[Any]) -> None:
        self._connection, self._run, self._id = connection, run, run.id

    def refuse(self, why: str, cure: str = "Nothing was changed.") -> NoReturn:
        """Say why the import cannot be taken back."""
        before = {"kind": self._run.kind, "file": self._run.file}
        change = RowChange(table=import_runs.name, row_id=self._id, before=before)
        message = f"The import of {self._run.file} cannot be taken back: {why}."
        raise ImportChangedSinceError(change, message, cure)

    def refuse_later(self) -> None:
        """An import that touched the same rows or days since must be taken back first."""
        found = [self._connection.scalar(query) for query in self._later()]
        latest = max((one for one in found if one is not None), default=None)
        if latest is not None:
            self._refuse_for(latest, "corrected some of its rows or added to its days")

    def _refuse_for(self, later: int, did: str) -> NoReturn:
        query = select(import_runs.c.file, import_runs.c.at).where(import_runs.c.id == later)
        file, at = self._connection.execute(query).one()
        why = f"a later import, {file} of {at:%Y-%m-%d}, {did}"
        self.refuse(why, "Take that import back first.")

    def _later(self) -> list[Select[Any]]:
        mine, since = import_touched.c, import_touched.alias("since").c
        newer = select(func.max(since.run_id)).where(since.run_id > self._id)
        same = and_(mine.table_name == since.table_name, mine.row_id == since.row_id)
        queries = [newer.where(mine.run_id == self._id, mine.row_id != 0, same)]
        if self._run.kind == "performance":
            return queries + days.later(self._connection, self._id)
        return queries + [
            newer.where(since.table_name == table.name, since.row_id.in_(self._added(table)))
            for table in _EVENTS
        ]

    def _touched(self, table: Table) -> ColumnElement[bool]:
        mine = import_touched.c
        return and_(mine.run_id == self._id, mine.table_name == table.name)

    def _added(self, table: Table) -> Select[Any]:
        """The rows of a table the import added."""
        if table in _EVENTS:
            mine, since = imported_events.c, imported_events.alias("since").c
            # The number of an event that somebody deleted may be another's by now.
            taken = select(since.row_id).where(since.run_id > self._id, since.target == table.name)
            own = select(mine.row_id).where(mine.run_id == self._id, mine.target == table.name)
            return own.where(mine.row_id.not_in(taken))
        return select(import_touched.c.row_id).where(
            self._touched(table), import_touched.c.before.is_(null())
        )

    def restore(self) -> None:
        """Make everything as it was, and forget the import."""
        if self._run.kind == "performance":
            told = self._run.report
            wrong = days.changed(self._connection, self._id, told["imported"] + told["corrected"])
            if wrong:
                self.refuse(wrong)
            days.restore(self._connection, self._id)
        for table in _NAMED:
            self._restore_changed(table)
            self._remove_added(table)
            if table in _EVENTS:
                own = and_(imported_events.c.run_id == self._id, imported_events.c.target == table.name)
                self._connection.execute(delete(imported_events).where(own))
        self._connection.execute(delete(import_touched).where(import_touched.c.run_id == self._id))
        self._connection.execute(delete(import_runs).where(import_runs.c.id == self._id))

    def _restore_changed(self, table: Table) -> None:
        documents = import_touched.c
        changed = and_(self._touched(table), documents.before.is_not(null()))
        sample = self._connection.scalar(select(documents.before).where(changed).limit(1))
        if sample is None:
            return
        columns = [table.c[name] for name in sample if name != BECAME]
        differs = (one.is_distinct_from(field(self._connection, one, BECAME)) for one in columns)
        found = self._connection.scalar(
            select(documents.row_id)
            .select_from(import_touched.outerjoin(table, table.c.id == documents.row_id))
            .where(changed, or_(table.c.id.is_(None), *differs))
            .limit(1)
        )
        if found is not None:
            self._refuse_changed(table, found)
        before = {one.name: field(self._connection, one) for one in columns}
        self._connection.execute(update(table).where(table.c.id == documents.row_id, changed).values(before))

    def _remove_added(self, table: Table) -> None:
        if self._connection.scalar(self._added(table).limit(1)) is None:
            return
        added = table.c.id.in_(self._added(table))
        if "version" in table.c:
            # Nobody may change or come to use them from here on.
            rows = select(table.c.id, table.c.version).where(added).with_for_update()
            changed = next((key for key, version in self._connection.execute(rows) if version != 1), None)
        else:
            changed = self._connection.scalar(self._recorded(table))
        if changed is not None:
            self._refuse_changed(table, changed)
        self._refuse_used(table)
        self._connection.execute(delete(table).where(added))

    def _recorded(self, table: Table) -> Select[Any]:
        """Rows the import added that a command changed since, which was not undone."""
        return (
            select(changes.c.row_id)
            .join(audit, audit.c.id == changes.c.audit_id)
            .where(
                changes.c.table_name == table.name,
                changes.c.row_id.in_(self._added(table)),
                changes.c.undone_by.is_(None),
                audit.c.at >= self._run.at,
            )
            .limit(1)
        )

    def _refuse_changed(self, table: Table, row_id: int) -> NoReturn:
        self.refuse(f"{self._called(table, row_id)} was changed or removed since")

    def _refuse_used(self, table: Table) -> None:
        """Refuse when rows have come to depend on those the import added."""
        keys = [
            key
            for other in metadata.tables.values()
            for key in other.foreign_keys
            if key.column is table.c.id
        ]
        # Tables that tell which import their rows are of come first: they name it.
        for key in sorted(keys, key=lambda key: "run_id" not in key.parent.table.c):
            child = key.parent.table
            used = self._connection.execute(
                select(child).where(key.parent.in_(self._added(table))).limit(1)
            ).first()
            if used is not None:
                what = self._called(table, used._mapping[key.parent])
                later = self._importer(child, used)
                if later is not None:
                    self._refuse_for(later, f"uses {what}, which this one added")
                self.refuse(f"{what}, which it added, is used in {child.name.replace('_', ' ')} by now")

    def _importer(self, table: Table, row: Row[Any]) -> int | None:
        """The other import a row is of, if it is of one."""
        found = row._mapping
        if "run_id" in table.c:
            return int(found["run_id"])
        if "id" not in table.c:
            return None
        touched, events = import_touched.c, imported_events.c
        queries = (
            select(func.max(touched.run_id)).where(
                touched.table_name == table.name, touched.row_id == found["id"], touched.run_id != self._id
            ),
            select(func.max(events.run_id)).where(
                events.target == table.name, events.row_id == found["id"], events.run_id != self._id
            ),
        )
        return next((one for query in queries if (one := self._connection.scalar(query)) is not None), None)

    def _called(self, table: Table, row_id: int) -> str:
        word, column = _NAMED[table]
        name = self._connection.scalar(select(table.c[column]).where(table.c.id == row_id))
        return f"a {word}" if name is None else f"the {word} {name!r}"
