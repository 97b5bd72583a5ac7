"""A database that is locked, read-only, empty or gone while something is being changed."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, func, select, text

from assistant.bootstrap import Assistant
from assistant.reply import Reply, Status
from storage.audit import audit
from storage.campaigns import channel_lines
from storage.database import Database
from storage.synthetic import fill
from tests.conftest import AS_OF, NOW, Speaker, assistant_on

BUDGET = "set the budget of Spring Launch to 41,000"


@pytest.fixture
def shaky(
    database: Database, tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Assistant]:
    """An assistant on each kind of database, which waits for a lock only briefly."""
    monkeypatch.setattr("storage.database.BUSY_SECONDS", 0.3)
    fill(database, records=3_000, seed=1, as_of=AS_OF, now=NOW, truth_file=tmp_path / "truth.json.gz")
    url = database.url.render_as_string(hide_password=False)
    made = assistant_on(url, tmp_path, models)
    yield made
    made.close()


def budgets(assistant: Assistant) -> object:
    with assistant.database.read() as connection:
        return connection.scalar(select(func.sum(channel_lines.c.allocated)))


def entries(assistant: Assistant) -> int:
    with assistant.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(audit)) or 0


def failed(reply: Reply, code: str) -> bool:
    assert reply.error is not None, reply.reply.text
    assert reply.error.cure
    return (reply.status, reply.error.code) == (Status.FAILED, code)


def kept(assistant: Assistant) -> list[str]:
    """What the journal keeps: what was said."""
    path = assistant.settings.data_dir / "audit-journal.jsonl"
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_locked_database_changes_nothing_and_the_yes_still_stands(shaky: Assistant) -> None:
    talk = Speaker(shaky)
    assert talk.say(BUDGET).status is Status.CONFIRM
    before = budgets(shaky)
    with closing(sqlite3.connect(str(shaky.database.url.database), isolation_level=None)) as other:
        other.execute("begin immediate")
        assert failed(talk.say("yes"), "database_busy")
        assert failed(talk.say("show the funnel for Acme"), "database_busy")
        other.execute("rollback")
    assert budgets(shaky) == before
    assert kept(shaky) == ["yes", "show the funnel for Acme"]
    assert talk.say("yes").status is Status.DONE
    assert budgets(shaky) != before


def test_a_read_only_database_is_told(shaky: Assistant) -> None:
    talk = Speaker(shaky)
    assert talk.say(BUDGET).status is Status.CONFIRM
    before, written = budgets(shaky), entries(shaky)
    with read_only(shaky.database):
        assert failed(talk.say("yes"), "database_read_only")
    assert (budgets(shaky), entries(shaky)) == (before, written)
    assert kept(shaky) == ["yes"]
    assert talk.say("yes").status is Status.DONE


@contextmanager
def read_only(database: Database) -> Iterator[None]:
    """No transaction may write, as on a full disk or a standby server."""
    words = "PRAGMA query_only=ON" if database.is_sqlite else "set transaction read only"

    def forbid(connection: Connection) -> None:
        connection.exec_driver_sql(words)

    event.listen(database.engine, "begin", forbid)
    yield
    event.remove(database.engine, "begin", forbid)
    database.engine.dispose()


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_goes_away_in_mid_command_changes_nothing(shaky: Assistant) -> None:
    talk = Speaker(shaky)
    assert talk.say(BUDGET).status is Status.CONFIRM
    before = budgets(shaky)
    replies: list[Reply] = []
    with shaky.database.engine.connect() as holder:
        holder.execute(text("select 1 from channel_lines for update"))
        saying = threading.Thread(target=lambda: replies.append(talk.say("yes")))
        saying.start()
        hang_up(shaky.database)
        saying.join(20)
        holder.rollback()
    assert failed(replies[0], "database_unavailable")
    assert budgets(shaky) == before
    assert kept(shaky) == ["yes"]
    assert talk.say("yes").status is Status.DONE
    assert budgets(shaky) != before


def hang_up(database: Database) -> None:
    """End the session that waits for a lock."""
    waiting = text(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where wait_event_type = 'Lock' and datname = current_database()"
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with database.engine.connect() as connection:
            if connection.execute(waiting).all():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waited")


def test_work_that_could_not_be_written_down_has_no_number(shaky: Assistant) -> None:
    shaky.settings.inbox.mkdir()
    (shaky.settings.inbox / "sun.csv").write_text(
        "date,venture,campaign,channel,clicks,spend\n2026-03-01,Sun,Up,email,1,2\n", encoding="utf-8"
    )
    with read_only(shaky.database):
        reply = Speaker(shaky).say("import performance from sun.csv")
    assert failed(reply, "database_read_only")
    assert (reply.job_id, reply.audit_id) == (None, None)


def test_what_the_journal_kept_is_replayed_at_the_next_start(
    shaky: Assistant, models: Path, tmp_path: Path
) -> None:
    talk = Speaker(shaky)
    talk.say(BUDGET)
    with read_only(shaky.database):
        talk.say("yes")
    written = entries(shaky)
    (tmp_path / "models").unlink()
    url = shaky.database.url.render_as_string(hide_password=False)
    again = assistant_on(url, tmp_path, models)
    assert entries(again) == written + 1
    assert not (tmp_path / "audit-journal.jsonl").exists()
    again.close()


def test_a_database_without_tables_is_told(shaky: Assistant) -> None:
    talk = Speaker(shaky)
    with shaky.database.write() as connection:
        connection.execute(text("alter table channel_lines rename to elsewhere"))
    try:
        assert failed(talk.say("show campaign Spring Launch"), "database_incomplete")
    finally:
        with shaky.database.write() as connection:
            connection.execute(text("alter table elsewhere rename to channel_lines"))
    assert talk.say("show campaign Spring Launch").status is Status.DONE
