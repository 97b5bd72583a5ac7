"""Bring a database's schema up to date, and tell whether it is."""

from pathlib import Path

from sqlalchemy import inspect, text

from storage.database import Database
from storage.migrations import HEAD

__all__ = ["HEAD", "SCRIPTS", "is_current", "is_known", "revision", "upgrade"]

SCRIPTS = Path(__file__).parent / "migrations"


def revision(database: Database) -> str | None:
    """The revision the database stands at; None when it has no schema yet."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("select version_num from alembic_version")).scalar()


def is_current(database: Database) -> bool:
    """Whether the schema is the one this version of the code works on."""
    return revision(database) == HEAD


def is_known(revision: str) -> bool:
    """Whether this version of the code has the revision, so that it can be brought up to date."""
    return revision in {path.name.partition("_")[0] for path in (SCRIPTS / "versions").glob("*_*.py")}


def upgrade(database: Database) -> None:
    """Run every missing revision; nothing happens on a current schema."""
    if is_current(database):
        return
    # Imported here: a current database, the usual case, does not pay for it at start.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            # Processes that start at the same moment migrate one after the other.
            connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('gtm migrations'))")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
