"""Several processes on one database, and processes that are killed."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import func, select

from assistant.bootstrap import Assistant
from assistant.reply import Reply, Status
from benchmarks.kills import Service, ordeal, prepare
from storage.audit import audit
from storage.campaigns import channel_lines
from storage.conversations import conversations
from storage.database import Database
from storage.imports.ledger import import_runs
from storage.jobs import jobs
from storage.proposals import proposals
from tests.conftest import Speaker, assistant_on
from tests.postgres import free_port, own_database, own_server, programs

MOVE = "move 1,000 from display to email in Spring Launch"


@pytest.fixture
def models_there(models: Path) -> Path:
    """The trained reader's folder, for processes of their own."""
    return models.resolve()


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_what_was_acknowledged_before_a_kill_is_there_once(
    kind: str, tmp_path: Path, models_there: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        verdict = ordeal(f"sqlite:///{tmp_path / 'gtm.db'}", tmp_path / "data", models_there, kills=3, seed=7)
    else:
        with own_database(request.getfixturevalue("postgresql_server")) as url:
            verdict = ordeal(url, tmp_path / "data", models_there, kills=3, seed=7)
    assert verdict.faults == []
    assert verdict.acknowledged > 50
    assert verdict.figures["money_changes"] > 0


@pytest.mark.postgresql
def test_a_database_restarted_under_load_is_waited_for(tmp_path: Path, models_there: Path) -> None:
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    with own_server(found) as server, own_database(server.url) as url:
        verdict = ordeal(
            url,
            tmp_path / "data",
            models_there,
            kills=2,
            seed=3,
            blow=lambda: server.control("-m", "immediate", "restart"),
        )
    assert verdict.faults == []
    assert verdict.figures["service_starts"] == 1
    assert set(verdict.figures["failures_met"]) <= {"database_unavailable"}


@pytest.fixture
def side_by_side(
    postgresql_server: str, tmp_path: Path, models_there: Path
) -> Iterator[tuple[list[httpx2.Client], dict[str, str], Database]]:
    """Two services on one PostgreSQL database, tokens, and the database."""
    with own_database(postgresql_server) as url:
        tokens = prepare(url, tmp_path / "one", models_there)
        (tmp_path / "two").mkdir()
        (tmp_path / "two" / "models").symlink_to(models_there)
        inbox = tmp_path / "inbox"
        services = [
            Service(url, tmp_path / name, free_port(), "http://127.0.0.1:9/") for name in ("one", "two")
        ]
        for one in services:
            one.environment |= {"GTM_IMPORTS__FOLDER": str(inbox)}
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Service.start, services))
        clients = [
            httpx2.Client(
                base_url=one.url, timeout=20, headers={"Authorization": f"Bearer {tokens['chairman']}"}
            )
            for one in services
        ]
        database = Database(url)
        yield clients, tokens, database
        database.close()
        for client in clients:
            client.close()
        for one in services:
            one.stop()


Beside = tuple[list[httpx2.Client], dict[str, str], Database]


def say(client: httpx2.Client, text: str, conversation: str = "c", **headers: str) -> dict[str, Any]:
    body = {"text": text, "conversation_id": conversation}
    told: dict[str, Any] = client.post("/api/v1/say", json=body, headers=headers).json()
    return told


def together(*calls: Callable[[], Any]) -> list[Any]:
    """What calls give that begin at the same moment."""
    begin = threading.Barrier(len(calls))

    def call(one: Callable[[], Any]) -> Any:
        begin.wait()
        return one()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


@pytest.mark.postgresql
def test_two_services_side_by_side(side_by_side: Beside) -> None:
    (one, two), tokens, database = side_by_side
    names_follow(one, two)
    a_key_acts_once(one, two, database)
    an_approval_acts_once(one, two, tokens["operator"], database)
    a_conversation_goes_on_in_both(one, two, database)
    jobs_are_done_once(one, two, database)


def names_follow(one: httpx2.Client, two: httpx2.Client) -> None:
    """A name made here is understood there within two seconds."""
    assert "Acme" in say(two, "show gtm performance for Acme")["reply"]["text"]
    assert say(one, "create a venture called Zephyr Nine")["status"] == "done"
    until = time.monotonic() + 2
    while True:
        asked = say(two, "show gtm performance for Zephyr Nine", uuid4().hex)
        if asked["slots"].get("venture") == "Zephyr Nine":
            return
        assert time.monotonic() < until, asked
        time.sleep(0.1)


def a_key_acts_once(one: httpx2.Client, two: httpx2.Client, database: Database) -> None:
    for number in range(10):
        key = {"Idempotency-Key": f"twice-{number}"}
        text = f"create a venture called Twin {number}"
        told = together(
            lambda: say(one, text, "left", **key),  # noqa: B023 - called at once
            lambda: say(two, text, "right", **key),  # noqa: B023
        )
        assert {reply["status"] for reply in told} == {"done"}
        assert told[0]["audit_id"] == told[1]["audit_id"]
    with database.read() as connection:
        twice = select(func.count()).where(audit.c.idempotency_key.like("twice-%"))
        assert connection.scalar(twice) == 10


def an_approval_acts_once(one: httpx2.Client, two: httpx2.Client, operator: str, database: Database) -> None:
    for _ in range(5):
        asked = say(one, MOVE, "op", Authorization=f"Bearer {operator}")
        assert asked["status"] == "approval", asked
        with database.read() as connection:
            number = connection.scalar(select(func.max(proposals.c.id)))
        told = together(
            lambda: say(one, f"approve proposal {number}", "l"),  # noqa: B023
            lambda: say(two, f"approve proposal {number}", "r"),  # noqa: B023
        )
        assert sorted(reply["status"] for reply in told) == ["done", "refused"], told


def a_conversation_goes_on_in_both(one: httpx2.Client, two: httpx2.Client, database: Database) -> None:
    assert say(one, "show gtm performance for Acme", "shared")["status"] == "done"
    assert say(two, "and last month?", "shared")["slots"]["venture"] == "Acme"
    assert say(one, MOVE, "shared")["status"] == "confirm"
    with database.read() as connection:
        before = connection.scalar(select(func.sum(channel_lines.c.allocated)))
    told = together(lambda: say(one, "yes", "shared"), lambda: say(two, "yes", "shared"))
    assert sorted(reply["command"] or "" for reply in told) == ["", "reallocate_budget"]
    together(*(lambda: say(one, "status", "shared"), lambda: say(two, "status", "shared")) * 8)
    with database.read() as connection:
        turns = connection.scalar(select(conversations.c.turns).where(conversations.c.id == "shared"))
        said = connection.scalar(select(func.count()).where(audit.c.conversation_id == "shared"))
        assert connection.scalar(select(func.sum(channel_lines.c.allocated))) == before
    assert turns == said == 21


def jobs_are_done_once(one: httpx2.Client, two: httpx2.Client, database: Database) -> None:
    for number in range(8):
        body = f"date,venture,campaign,channel,clicks,spend\n2026-03-01,Imp,Camp {number},email,1,2.50\n"
        assert one.put(f"/api/v1/files/f{number}.csv", content=body.encode()).status_code == 200
        told = say((one, two)[number % 2], f"import performance from f{number}.csv", uuid4().hex)
        assert told["status"] == "running", told
    until = time.monotonic() + 30
    while True:
        with database.read() as connection:
            states: dict[str, int] = dict(
                connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state)).all()
            )
            runs = connection.scalar(select(func.count()).select_from(import_runs))
        if set(states) == {"done"}:
            break
        assert time.monotonic() < until, states
        time.sleep(0.1)
    assert (states["done"], runs) == (8, 8)


def test_two_processes_in_one_conversation_take_turns(
    small_portfolio: Path, tmp_path: Path, models: Path, assistant: Assistant
) -> None:
    """Two doors with locks of their own on one SQLite file."""
    del small_portfolio
    (tmp_path / "other").mkdir()
    other = assistant_on(str(assistant.database.url), tmp_path / "other", models)
    talks = [Speaker(assistant, conversation="shared"), Speaker(other, conversation="shared")]
    talks[0].say("show gtm performance for Acme")

    def speak(talk: Speaker) -> list[Reply]:
        return [talk.say("and last month?") for _ in range(15)]

    with ThreadPoolExecutor(2) as pool:
        replies = [reply for told in pool.map(speak, talks) for reply in told]
    other.close()
    assert {reply.status for reply in replies} == {Status.DONE}
    with assistant.database.read() as connection:
        assert connection.scalar(select(conversations.c.turns)) == 31


@pytest.mark.postgresql
def test_several_workers_answer_and_end_together(
    postgresql_server: str, tmp_path: Path, models_there: Path
) -> None:
    with own_database(postgresql_server) as url:
        tokens = prepare(url, tmp_path / "data", models_there)
        service = Service(url, tmp_path / "data", free_port(), "http://127.0.0.1:9/")
        service.start("--workers", "2")
        headers = {"Authorization": f"Bearer {tokens['chairman']}"}
        with httpx2.Client(base_url=service.url, headers=headers, timeout=20) as client:
            assert say(client, "show gtm performance for Acme")["status"] == "done"
            assert say(client, "and last month?")["slots"]["venture"] == "Acme"
        service.stop()
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{service.url}/healthz")
