"""The whole database into a file and back, while others use it or nobody does."""

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from storage import migrate
from storage.backup import embedded, postgresql
from storage.backup.terms import (
    BackupReport,
    Kind,
    Progress,
    RestoreReport,
    UnavailableError,
    UnusableError,
    kind_of,
    silent,
)
from storage.database import Database

__all__ = ["BackupReport", "Kind", "RestoreReport", "UnavailableError", "UnusableError", "backup", "restore"]


def backup(database: Database, file: Path, progress: Progress = silent) -> BackupReport:
    """Write one consistent moment of the database to a new ``file``, whole or not at all.

    Others may go on writing. Only the file's owner may read it. Raises `UnusableError` when the file is there
    already or the database is none of ours, `UnavailableError` when something needed is missing.
    """
    if file.exists():
        raise UnusableError("file_exists", f"{file} is there already.", "Name another file, or remove it.")
    if not file.parent.is_dir():
        raise UnavailableError("no_folder", f"There is no folder {file.parent}.", "Make it first.")
    try:
        revision = migrate.revision(database) if not database.is_sqlite or embedded.exists(database) else None
        if revision is None:
            raise UnusableError(
                "nothing_there", "The database has no tables yet.", "There is nothing to keep."
            )
        write = embedded.backup if database.is_sqlite else postgresql.backup
        write(database, file, progress)
    except (DBAPIError, sqlite3.Error, OSError) as error:
        raise _unavailable(error) from error
    kind = Kind.SQLITE if database.is_sqlite else Kind.POSTGRESQL
    return BackupReport(kind, str(file), file.stat().st_size, revision)


def restore(
    database: Database, file: Path, *, replace: bool = False, progress: Progress = silent
) -> RestoreReport:
    """Put a backup in the place of the database, whole or not at all, and bring its schema up to date.

    The file is verified first. Raises `UnusableError` when it is broken, of another kind of database or of a
    newer version, when the database has content and ``replace`` is not given, or when somebody uses it;
    `UnavailableError` when something needed is missing. Either way the database is as it was.
    """
    kind = kind_of(file)
    if (kind is Kind.SQLITE) is not database.is_sqlite:
        here = Kind.SQLITE if database.is_sqlite else Kind.POSTGRESQL
        raise UnusableError(
            "other_kind",
            f"{file} is a backup of {kind.label}, and the settings name a database of {here.label}.",
            f"Set GTM_DATABASE_URL to a database of {kind.label}.",
        )
    place = embedded if database.is_sqlite else postgresql
    try:
        progress("verifying", 0, 0)
        revision = place.verified(database, file)
        if not migrate.is_known(revision):
            raise UnusableError(
                "newer_version",
                f"{file} is of a newer version of gtm (schema {revision}).",
                "Upgrade first: install that version or a later one, then restore.",
            )
        if not replace and place.has_content(database):
            raise UnusableError(
                "not_empty",
                f"The database {database.shown_url} is not empty.",
                "Name another one, or say --replace: what is in it now is then gone.",
            )
        place.restore(database, file, progress)
        progress("migrating", 0, 0)
        migrate.upgrade(database)
    except (DBAPIError, sqlite3.Error, OSError) as error:
        raise _unavailable(error) from error
    return RestoreReport(kind, str(file), revision, migrate.HEAD)


def _unavailable(error: DBAPIError | sqlite3.Error | OSError) -> UnavailableError:
    if isinstance(error, OSError):
        return UnavailableError(
            "file_failed", f"{error.strerror}: {error.filename}.", "Check folder and disk."
        )
    said = (str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines() or [""])[0]
    return UnavailableError("database_unavailable", f"The database failed: {said}.", "Check that it runs.")
