"""Migrations make exactly the schema the tables declare, on both databases."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from storage import migrate
from storage.database import Database
from storage.migrations import HEAD
from storage.schema import metadata


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(migrate.SCRIPTS)).get_heads() == [HEAD]


def test_migrations_and_tables_agree(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_new_database_is_not_current_until_it_is_upgraded(bare_url: str) -> None:
    database = Database(bare_url)
    assert migrate.revision(database) is None
    migrate.upgrade(database)
    assert migrate.is_current(database)
    migrate.upgrade(database)
    assert migrate.revision(database) == HEAD
    database.close()


def test_missing_folders_are_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a' / 'b' / 'gtm.db'}")
    migrate.upgrade(database)
    assert (tmp_path / "a" / "b" / "gtm.db").exists()
    database.close()
