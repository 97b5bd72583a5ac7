"""Back-up and restore: one moment of the database, whole or not at all."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import func, select, text, update
from typer.testing import CliRunner

from assistant.channels.cli import cli
from intents.command import Role
from storage import migrate, people
from storage.backup import UnavailableError, UnusableError, backup, embedded, postgresql, restore
from storage.database import Database
from storage.schema import metadata
from storage.synthetic import fill
from storage.ventures import ventures
from tests.conftest import BACKENDS, copied
from tests.postgres import own_database

NOW = datetime(2026, 3, 15, 10, tzinfo=UTC)


def _fill(url: str) -> None:
    database = Database(url)
    migrate.upgrade(database)
    fill(database, records=3_000, seed=3, as_of=date(2026, 3, 15), now=NOW)
    with database.write() as connection:
        people.add_person(connection, "ada", Role.CHAIRMAN, "UTC", NOW)
    database.close()


@pytest.fixture(scope="module")
def sqlite_kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with a small portfolio in it, to be copied."""
    file = tmp_path_factory.mktemp("kept") / "gtm.db"
    _fill(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="module")
def postgresql_kept(postgresql_server: str) -> Iterator[str]:
    """The name of a PostgreSQL database with a small portfolio in it, to be copied."""
    with own_database(postgresql_server) as url:
        _fill(url)
        yield url.rpartition("/")[2]


@pytest.fixture(params=BACKENDS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of each kind with a small portfolio in it."""
    if request.param == "sqlite":
        made = Database(copied(request.getfixturevalue("sqlite_kept"), tmp_path / "gtm.db"))
        yield made
        made.close()
        return
    server, like = (request.getfixturevalue(f"postgresql_{what}") for what in ("server", "kept"))
    with own_database(server, like) as url:
        made = Database(url)
        yield made
        made.close()


@pytest.fixture
def elsewhere(kept: Database, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Another database of the same kind, without any table."""
    if kept.is_sqlite:
        made = Database(f"sqlite:///{tmp_path / 'elsewhere' / 'gtm.db'}")
        yield made
        made.close()
        return
    with own_database(request.getfixturevalue("postgresql_server")) as url:
        made = Database(url)
        yield made
        made.close()


def content(database: Database) -> dict[str, list[str]]:
    """Every row of every table."""
    with database.read() as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
        }


def refused(do: Callable[[], Any]) -> UnusableError:
    with pytest.raises(UnusableError) as caught:
        do()
    return caught.value


def test_a_backup_restores_elsewhere_to_the_same_rows(
    kept: Database, elsewhere: Database, tmp_path: Path
) -> None:
    file, told = tmp_path / "kept.backup", []
    written = backup(kept, file, lambda stage, _done, _total: told.append(stage))
    assert written.bytes == file.stat().st_size
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    read = restore(elsewhere, file, progress=lambda stage, _done, _total: told.append(stage))
    assert (read.revision, read.revision_now) == (migrate.HEAD, migrate.HEAD)
    assert set(told) == {"copying", "verifying", "restoring", "migrating"}
    assert content(elsewhere) == content(kept)
    assert migrate.is_current(elsewhere)
    with elsewhere.write() as connection:
        people.add_person(connection, "ben", Role.VIEWER, "UTC", NOW)
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_it_is_one_moment_while_others_write(
    kept: Database, elsewhere: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_PAGES_A_STEP", 20)
    file, over, moved = tmp_path / "moving.backup", threading.Event(), threading.Semaphore(0)

    def budget(connection: Any) -> Any:
        return connection.scalar(select(func.sum(ventures.c.monthly_budget)))

    def move_money() -> None:
        first, last = ventures.c.id == 1, ventures.c.id == 10
        while not over.is_set():
            for amount, where in ((Decimal(-1), first), (Decimal(1), last)):
                with kept.write() as connection:
                    if amount < 0:
                        connection.execute(
                            update(ventures).where(last).values(version=ventures.c.version + 1)
                        )
                    change = {"monthly_budget": ventures.c.monthly_budget + amount}
                    connection.execute(update(ventures).where(where).values(change))
                    other = {"monthly_budget": ventures.c.monthly_budget - amount}
                    connection.execute(update(ventures).where(last if amount < 0 else first).values(other))
            moved.release()

    with kept.read() as connection:
        whole = budget(connection)

    def wait_for_a_move(*_: Any) -> None:
        moved.acquire(timeout=10)

    writer = threading.Thread(target=move_money)
    writer.start()
    try:
        backup(kept, file, wait_for_a_move)
    finally:
        over.set()
        writer.join()
    restore(elsewhere, file)
    with elsewhere.read() as connection:
        assert budget(connection) == whole
        versions = connection.scalar(select(ventures.c.version).where(ventures.c.id == 10))
    with kept.read() as connection:
        assert budget(connection) == whole
        later = connection.scalar(select(ventures.c.version).where(ventures.c.id == 10))
    assert versions is not None
    assert later is not None
    assert versions < later


def test_a_backup_never_takes_the_place_of_a_file(kept: Database, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_text("mine")
    assert refused(lambda: backup(kept, file)).code == "file_exists"
    assert file.read_text() == "mine"
    with pytest.raises(UnavailableError, match="no folder"):
        backup(kept, tmp_path / "nowhere" / "file")


def test_an_empty_database_has_nothing_to_keep(elsewhere: Database, tmp_path: Path) -> None:
    assert refused(lambda: backup(elsewhere, tmp_path / "file")).code == "nothing_there"
    assert not (tmp_path / "file").exists()


def _cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def _scribbled(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + os.urandom(20_000) + data[middle + 20_000 :]


@pytest.mark.parametrize("damage", [_cut, _scribbled])
def test_a_damaged_file_changes_nothing(
    kept: Database, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    file, before = tmp_path / "file", content(kept)
    backup(kept, file)
    file.write_bytes(damage(file.read_bytes()))
    found = refused(lambda: restore(kept, file, replace=True))
    assert found.code == "broken_file"
    assert "damaged" in found.message
    assert content(kept) == before


def test_what_is_no_backup_is_refused(kept: Database, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("remember the milk")
    assert refused(lambda: restore(kept, file)).code == "not_a_backup"
    with pytest.raises(UnavailableError, match="cannot be read"):
        restore(kept, tmp_path / "missing")
    other = b"PGDMP" if kept.is_sqlite else b"SQLite format 3\0"
    file.write_bytes(other + b"more")
    found = refused(lambda: restore(kept, file))
    assert (found.code, "GTM_DATABASE_URL" in found.cure) == ("other_kind", True)


def test_a_newer_backup_asks_for_an_upgrade(kept: Database, elsewhere: Database, tmp_path: Path) -> None:
    with kept.write() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    backup(kept, tmp_path / "newer")
    found = refused(lambda: restore(elsewhere, tmp_path / "newer"))
    assert found.code == "newer_version"
    assert "Upgrade first" in found.cure
    assert migrate.revision(elsewhere) is None


def test_an_older_backup_is_brought_up_to_date(bare_url: str, tmp_path: Path) -> None:
    older = Database(bare_url)
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    with older.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.commit()
    backup(older, tmp_path / "older")
    read = restore(older, tmp_path / "older")
    assert (read.revision, read.revision_now) == ("0002", migrate.HEAD)
    assert migrate.is_current(older)
    older.close()


def test_content_is_replaced_only_when_that_is_said(kept: Database, tmp_path: Path) -> None:
    file, before = tmp_path / "file", content(kept)
    backup(kept, file)
    with kept.write() as connection:
        connection.execute(update(ventures).values(name="Changed"))
        connection.execute(text("create table somebody_elses (id integer)"))
    changed = content(kept)
    found = refused(lambda: restore(kept, file))
    assert (found.code, "--replace" in found.cure) == ("not_empty", True)
    assert content(kept) == changed
    restore(kept, file, replace=True)
    assert content(kept) == before


def test_a_first_start_is_no_content(kept: Database, elsewhere: Database, tmp_path: Path) -> None:
    backup(kept, tmp_path / "file")
    migrate.upgrade(elsewhere)
    with elsewhere.write() as connection:
        people.add_person(connection, "chairman", Role.CHAIRMAN, "UTC", NOW)
    restore(elsewhere, tmp_path / "file")
    assert content(elsewhere) == content(kept)


def test_a_database_in_use_is_left_alone(
    kept: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_WAIT_SECONDS", 1)
    file, before = tmp_path / "file", content(kept)
    backup(kept, file)
    service = Database(kept.url.render_as_string(hide_password=False))
    with service.read() as connection:
        connection.execute(select(ventures.c.id)).all()
        found = refused(lambda: restore(kept, file, replace=True))
    assert (found.code, "Stop the service" in found.cure) == ("in_use", True)
    service.close()
    assert content(kept) == before
    restore(kept, file, replace=True)


def test_a_damaged_database_can_be_replaced(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'gtm.db'}")
    migrate.upgrade(database)
    backup(database, tmp_path / "file")
    database.close()
    path = Path(str(database.url.database))
    path.write_bytes(b"not a database at all" * 1000)
    assert refused(lambda: restore(database, tmp_path / "file")).code == "not_empty"
    restore(database, tmp_path / "file", replace=True)
    assert migrate.is_current(database)


_KILLED = """
import os, signal, sys
from pathlib import Path
from storage.backup import embedded, restore
from storage.database import Database
embedded._PAGES_A_STEP = 20
def progress(stage, done, total):
    if stage == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
restore(Database(sys.argv[1]), Path(sys.argv[2]), replace=True, progress=progress)
"""


@pytest.mark.parametrize("stage", ["verifying", "restoring"])
def test_a_killed_restore_loses_nothing(kept: Database, tmp_path: Path, stage: str) -> None:
    file = tmp_path / "file"
    backup(kept, file)
    with kept.write() as connection:
        connection.execute(update(ventures).values(name="Changed"))
    before = content(kept)
    kept.close()
    url = kept.url.render_as_string(hide_password=False)
    done = subprocess.run([sys.executable, "-c", _KILLED, url, str(file), stage], check=False)
    assert done.returncode == -signal.SIGKILL
    assert content(kept) == before
    kept.close()
    restore(kept, file, replace=True)
    assert content(kept) != before


def test_a_copy_that_cannot_take_the_place_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Database(f"sqlite:///{tmp_path / 'gtm.db'}")
    migrate.upgrade(kept)
    file, before = tmp_path / "file", content(kept)
    backup(kept, file)

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device", "gtm.db")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(UnavailableError, match="No space left"):
        restore(kept, file, replace=True)
    assert content(kept) == before


def test_a_password_is_never_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(
        f'#!/bin/sh\necho "$@ / $PGPASSWORD" > {tmp_path}/said\necho "no such luck" >&2\nexit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    database = Database("postgresql://gtm:s3cret@db.example/gtm")
    with pytest.raises(UnavailableError, match="no such luck"):
        postgresql.backup(database, tmp_path / "file", lambda *_: None)
    words, password = (tmp_path / "said").read_text().strip().split(" / ")
    assert password == "s3cret"
    assert "s3cret" not in words
    assert "postgresql://gtm@db.example/gtm" in words


def test_a_machine_without_the_programs_is_told_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgresql, "_INSTALLED", tmp_path)
    with pytest.raises(UnavailableError, match="Install the PostgreSQL client"):
        postgresql.backup(Database("postgresql://db.example/gtm"), tmp_path / "file", lambda *_: None)


def test_the_commands(kept: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTM_DATABASE_URL", kept.url.render_as_string(hide_password=False))
    monkeypatch.setenv("GTM_DATA_DIR", str(tmp_path))
    (tmp_path / "session.key").write_text("x" * 64)
    gtm, file = CliRunner(), str(tmp_path / "file")
    told = gtm.invoke(cli, ["backup", file])
    assert told.exit_code == 0, told.output
    assert "hashes of API tokens" in told.output
    assert "session.key" in told.output
    assert gtm.invoke(cli, ["backup", file]).exit_code == 1
    written = gtm.invoke(cli, ["backup", f"{file}2", "--json"])
    assert str(tmp_path / "session.key") in json.loads(written.stdout)["not_in_it"]
    held = gtm.invoke(cli, ["restore", file, "--json"])
    assert held.exit_code == 1
    assert json.loads(held.stdout)["error"]["code"] == "not_empty"
    assert gtm.invoke(cli, ["restore", str(tmp_path / "missing")]).exit_code == 2
    kept.close()
    done = gtm.invoke(cli, ["restore", file, "--replace", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["revision_now"] == migrate.HEAD
