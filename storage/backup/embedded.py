"""Back-up and restore of SQLite, through its online backup API: the backup is a database itself."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from storage import migrate
from storage.backup.terms import (
    EMPTY_BUT_FOR,
    Progress,
    UnavailableError,
    UnusableError,
    broken,
    remove_logs,
    side_file,
)
from storage.database import Database

_PAGES_A_STEP = 2_000


def exists(database: Database) -> bool:
    """Whether the database's file is there."""
    return _path(database).exists()


def backup(database: Database, file: Path, progress: Progress) -> None:
    """Copy one moment of the database."""
    with side_file(file) as side:
        _copy(_path(database), side, "copying", progress)
        os.replace(side, file)
    _flush(file.parent)


def verified(_database: Database, file: Path) -> str:
    """The schema's revision in a sound backup."""
    try:
        with _opened(file, "ro") as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise broken(file, found)
            revision = connection.execute("select version_num from alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise broken(file, str(error)) from error
    if revision is None:
        raise broken(file, "its schema has no version")
    return str(revision[0])


def has_content(database: Database) -> bool:
    """Whether there is anything a restore would lose; what cannot be read counts as content."""
    path = _path(database)
    if not path.exists() or not path.stat().st_size:
        return False
    try:
        with _opened(path, "rw") as connection:
            tables = connection.execute("select name from sqlite_schema where type = 'table'").fetchall()
            return any(
                connection.execute(f'select 1 from "{name}" limit 1').fetchone()  # noqa: S608 - names it has
                for (name,) in tables
                if name not in EMPTY_BUT_FOR and not name.startswith("sqlite_")
            )
    except sqlite3.DatabaseError:
        return True


def restore(database: Database, file: Path, progress: Progress) -> None:
    """Copy the backup beside the database, bring it up to date there, and let it take its place."""
    path = _path(database)
    database.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        pass
    with side_file(path) as side:
        _copy(file, side, "restoring", progress)
        progress("migrating", 0, 0)
        copy = Database(f"sqlite:///{side}")
        try:
            migrate.upgrade(copy)
        finally:
            copy.close()
        _to_one_file(side)
        with _alone(path):
            os.replace(side, path)
    _flush(path.parent)


def _path(database: Database) -> Path:
    name = database.url.database
    if not name or name == ":memory:":
        raise UnavailableError(
            "no_file", "A database in memory has no file.", "Name one in GTM_DATABASE_URL."
        )
    return Path(name)


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=1)) as connection:
        yield connection


def _copy(source: Path, target: Path, stage: str, progress: Progress) -> None:
    def tell(_status: int, remaining: int, total: int) -> None:
        progress(stage, total - remaining, total)

    with (
        _opened(source, "rw" if stage == "copying" else "ro") as opened,
        closing(sqlite3.connect(target)) as copy,
    ):
        # A reader's snapshot: the copy need not begin again whenever somebody writes.
        opened.execute("BEGIN")
        opened.execute("select count(*) from sqlite_schema").fetchone()
        opened.backup(copy, pages=_PAGES_A_STEP, progress=tell)
    _to_one_file(target)


def _to_one_file(path: Path) -> None:
    """Without a log beside it, and on the disk."""
    with _opened(path, "rw") as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the database alone. Raises `UnusableError` when another connection has it open."""
    if not path.exists() or not path.stat().st_size:
        yield
        return
    with _opened(path, "rw") as connection:
        try:
            # Only the last connection may leave the write-ahead log.
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise UnusableError(
                "in_use", f"{path} is in use.", "Stop the service and whatever else uses it, then restore."
            ) from error
        except sqlite3.DatabaseError:
            # A damaged database cannot be held; nobody can be using it either.
            remove_logs(path)
        yield


def _flush(folder: Path) -> None:
    """Put a rename on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
