"""What takes the database too long is ended in a turn, never in work that takes its time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from assistant.app import create_app
from assistant.bootstrap import Assistant, build
from assistant.handling import Context, Handler
from assistant.jobs import Runner
from assistant.reply import Answer, Reply, Status, Telling
from assistant.settings import Settings
from assistant.work import Work, Worker
from intents.command import Command, Role
from storage import jobs, people
from storage.database import Database
from storage.jobs import NewJob
from tests.conftest import NOW, Server, Speaker

SECONDS = 0.2
COUNT = """
with recursive counted(i) as (select 1 union all select i + 1 from counted where i < :most)
select count(*) from counted a cross join (select 1 as one union all select 2) b where a.i % 7 <> b.one
"""


class Told(BaseModel):
    """Nothing much."""

    rows: int


def work_hard(connection: Connection) -> int:
    """Keep the database for longer than it may be kept."""
    for most in (500_000, 1_500_000):
        connection.execute(text(COUNT), {"most": most})
    return 1


def test_long_statements_end_and_the_connection_is_good_again(database_url: str) -> None:
    database = Database(database_url, SECONDS)
    for begin in (database.read, database.write):
        with pytest.raises(OperationalError), begin() as connection:
            work_hard(connection)
        with begin() as connection:
            assert connection.scalar(text("select 2")) == 2
    database.close()


def test_long_work_is_not_ended(database_url: str) -> None:
    database = Database(database_url, SECONDS)
    with database.unhurried().write() as connection:
        assert work_hard(connection) == 1
    with database.unhurried().read() as connection:
        assert work_hard(connection) == 1
    # They share their connections, not their patience.
    with pytest.raises(OperationalError), database.read() as connection:
        work_hard(connection)
    database.close()


@pytest.fixture
def hasty(database_url: str, tmp_path: Path, models: Path) -> Iterator[Assistant]:
    """An assistant whose status takes the database too long."""
    (tmp_path / "models").symlink_to(models)
    made = build(
        Settings(data_dir=tmp_path, database_url=database_url, database_seconds=SECONDS), lambda: NOW
    )

    def slow(_asked: Command, context: Context) -> Answer[Told]:
        return Answer(result=Told(rows=work_hard(context.connection)), telling=Telling(text="Done."))

    known = made.bus.handlers["show_status"]
    made.bus.handlers = {**made.bus.handlers, "show_status": Handler(known.command, Told, slow)}
    yield made
    made.close()


def test_a_turn_that_takes_too_long_ends_with_a_reason(hasty: Assistant) -> None:
    reply = Speaker(hasty).say("status")
    assert reply.status is Status.FAILED
    assert reply.error is not None
    assert (reply.error.code, bool(reply.error.cure)) == ("database_too_slow", True)
    assert reply.audit_id is not None
    headers = {"Authorization": f"Bearer {Server('', hasty).token()}"}
    with TestClient(create_app(hasty, alone=False)) as client:
        answer = client.post("/api/v1/commands/show_status", json={}, headers=headers)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["error"]["code"] == "database_too_slow"


def test_a_job_may_take_its_time(hasty: Assistant) -> None:
    def slow(_arguments: Told, work: Work) -> Answer[Any]:
        with work.database.write() as connection:
            rows = work_hard(connection)
        return Answer(result=Told(rows=rows), telling=Telling(text="Counted."))

    runner = Runner(hasty.bus, {"show_status": Worker("show_status", Told, slow)})
    with hasty.database.write() as connection:
        person = people.add_person(connection, "counter", Role.OPERATOR, "UTC", NOW)
        new = NewJob(str(uuid4()), "show_status", {"rows": 0}, "count", person.id, "test", None)
        jobs.start(connection, new, NOW)
    assert runner.run_one()
    with hasty.database.read() as connection:
        job = jobs.job(connection, new.id)
    assert job is not None
    assert job.state == jobs.DONE
    assert Reply.model_validate(job.reply).reply.text == "Counted."
