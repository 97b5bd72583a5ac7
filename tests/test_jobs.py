"""Work in the background: begun by a command, done once, followed, ended, taken back."""

import csv
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from pydantic import BaseModel
from sqlalchemy import func, select

from assistant.bootstrap import Assistant
from assistant.jobs import LEASE, Runner
from assistant.reply import Answer, Problem, Reply, Status, Telling
from assistant.work import Work, Worker
from intents.command import Role
from storage import jobs, people
from storage.audit import audit
from storage.imports.ledger import import_runs
from storage.jobs import Job, NewJob
from storage.performance import daily_performance
from storage.ventures import ventures
from tests.conftest import NOW, Server, Speaker, assistant_on, run


@pytest.fixture
def bare(database_url: str, tmp_path: Path, models: Path) -> Iterator[Assistant]:
    """An assistant on an empty database of each kind."""
    made = assistant_on(database_url, tmp_path, models)
    yield made
    made.close()


@pytest.fixture
def talk(bare: Assistant) -> Speaker:
    return Speaker(bare)


def put(assistant: Assistant, name: str, rows: list[list[Any]]) -> Path:
    """A CSV file in the inbox."""
    inbox = assistant.settings.inbox
    inbox.mkdir(parents=True, exist_ok=True)
    with (inbox / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return inbox / name


SPEND: list[list[Any]] = [
    ["date", "venture", "campaign", "channel", "impressions", "clicks", "conversions", "spend"],
    ["2026-03-01", "Solstice", "Sun Up", "email", 1000, 50, 5, "12.50"],
    ["2026-03-02", "Solstice", "Sun Up", "email", 2000, 70, 6, "20.25"],
    ["2026-03-02", "Solstice", "Sun Up", "display", 500, 5, "seven", "7.00"],
]


def the_job(assistant: Assistant, reply: Reply) -> Job:
    assert reply.job_id is not None
    with assistant.database.read() as connection:
        found = jobs.job(connection, reply.job_id)
    assert found is not None
    return found


def counted(assistant: Assistant, table: Any) -> int:
    with assistant.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def done(assistant: Assistant, reply: Reply) -> Reply:
    """The reply of a job that is done here and now."""
    assert reply.status is Status.RUNNING, reply.reply.text
    assert assistant.jobs.run_one()
    return Reply.model_validate(the_job(assistant, reply).reply)


def test_an_import_is_asked_for_done_and_taken_back(bare: Assistant, talk: Speaker) -> None:
    put(bare, "spend.csv", SPEND)
    asked = talk.say("import performance from spend.csv")
    assert asked.status is Status.RUNNING
    assert the_job(bare, asked).state == jobs.WAITING
    ended = done(bare, asked)
    assert ended.status is Status.DONE
    assert "3 rows: 2 imported, 1 refused" in ended.reply.text
    assert ended.reply.table is not None
    assert ended.reply.table.rows == [["4", "conversions", "seven", ended.reply.table.rows[0][3]]]
    assert "3,000" in talk.say("what are the impressions of Solstice in March 2026").reply.text
    assert talk.say("undo that").status is Status.DONE
    assert counted(bare, daily_performance) == 0
    assert counted(bare, ventures) == 0
    assert counted(bare, import_runs) == 0


def test_refused_rows_are_left_beside_the_file_and_are_no_file_to_import(
    bare: Assistant, talk: Speaker
) -> None:
    put(bare, "spend.csv", [*SPEND, *([["2026-03-03", "Solstice", "Sun Up", "email", 1, 1, 1, 1, "?"]] * 30)])
    ended = done(bare, talk.say("import performance from spend.csv"))
    assert "listed in spend.csv.refused.csv" in ended.reply.text
    assert len((bare.settings.inbox / "spend.csv.refused.csv").read_text().splitlines()) == 1 + 31
    refused = talk.say("import performance from spend.csv.refused.csv")
    assert refused.reply.choices == ["spend.csv"]
    put(bare, "spend.csv", SPEND[:3])
    done(bare, talk.say("import performance from spend.csv"))
    assert [path.name for path in bare.settings.inbox.iterdir()] == ["spend.csv"]


def test_the_end_of_a_job_is_on_record(bare: Assistant, talk: Speaker) -> None:
    put(bare, "spend.csv", SPEND)
    asked = talk.say("import performance from spend.csv")
    ended = done(bare, asked)
    with bare.database.read() as connection:
        rows = connection.execute(
            select(audit.c.id, audit.c.channel, audit.c.command, audit.c.status).order_by(audit.c.id)
        ).all()
    assert [tuple(row) for row in rows] == [
        (asked.audit_id, "test", "import_data", "running"),
        (ended.audit_id, "job", "import_data", "done"),
    ]


def test_the_same_file_again_changes_nothing(bare: Assistant, talk: Speaker) -> None:
    put(bare, "spend.csv", SPEND)
    done(bare, talk.say("import performance from spend.csv"))
    again = done(bare, talk.say("import performance from spend.csv"))
    assert "Nothing changed" in again.reply.text
    assert counted(bare, import_runs) == 1
    assert counted(bare, daily_performance) == 2


def test_what_is_missing_is_asked_for(bare: Assistant, talk: Speaker) -> None:
    put(bare, "spend.csv", SPEND)
    question = talk.say("import the file spend.csv")
    assert question.status is Status.QUESTION
    assert "performance" in question.reply.choices
    assert talk.say("performance").status is Status.RUNNING


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("import performance from nothing.csv", "unknown_file"),
        ("import performance from ../gtm.csv", "unknown_file"),
        ("import performance from /etc/hosts.csv", "unknown_file"),
        ("import keywords from spend.csv", "missing_fields"),
        ("import performance from broken.xlsx", "wrong_extension"),
    ],
)
def test_a_file_that_will_not_do_is_refused_at_once(
    bare: Assistant, talk: Speaker, words: str, code: str
) -> None:
    put(bare, "spend.csv", SPEND)
    put(bare, "broken.xlsx", SPEND)
    refused = talk.say(words)
    assert refused.status is Status.REFUSED
    assert refused.error is not None
    assert refused.error.code == code
    assert counted(bare, jobs.jobs) == 0


def test_a_link_out_of_the_inbox_is_no_file(bare: Assistant, talk: Speaker, tmp_path: Path) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text("date,venture\n")
    bare.settings.inbox.mkdir(parents=True)
    (bare.settings.inbox / "secret.csv").symlink_to(outside)
    refused = talk.say("import performance from secret.csv")
    assert refused.error is not None
    assert refused.error.code == "unknown_file"


def test_a_viewer_may_not_import(bare: Assistant) -> None:
    put(bare, "spend.csv", SPEND)
    refused = Speaker(bare, Role.VIEWER).say("import performance from spend.csv")
    assert refused.error is not None
    assert refused.error.code == "role_required"


def test_programs_say_what_the_file_lacks(bare: Assistant, talk: Speaker) -> None:
    rows: list[list[Any]] = [["Campagne", "Kosten", "Klicks"], ["Sun Up", "5.50", 7]]
    put(bare, "kosten.csv", rows)
    asked = run(
        talk,
        "import_data",
        kind="performance",
        file="kosten.csv",
        map={"campaign": "Campagne", "spend": "Kosten", "clicks": "Klicks"},
        set={"venture": "Solstice", "channel": "email", "date": "2026-03-01"},
    )
    ended = done(bare, asked)
    assert "1 imported" in ended.reply.text


class Steps(BaseModel):
    """What the work of these tests is told."""

    steps: int = 3


def begin(assistant: Assistant, work: Callable[[Steps, Work], Any], **told: Any) -> str:
    """A job whose work is the test's own."""
    assistant.jobs.workers = {"show_status": Worker("show_status", Steps, work)}
    with assistant.database.write() as connection:
        person = people.person_named(connection, "chairman")
        assert person is not None
        new = NewJob(str(uuid4()), "show_status", told, "some work", person.id, "test", None)
        jobs.start(connection, new, NOW)
    return new.id


def state(assistant: Assistant, job_id: str) -> Job:
    with assistant.database.read() as connection:
        found = jobs.job(connection, job_id)
    assert found is not None
    return found


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answer(text: str = "Done.") -> Answer[Steps]:
    return Answer(result=Steps(), telling=Telling(text=text, speech=text))


def endless(begun: threading.Event) -> Callable[[Steps, Work], Answer[Steps]]:
    """Work that goes on until it is ended, and fails the test when it is not."""

    def work(_asked: Steps, work: Work) -> Answer[Steps]:
        begun.set()
        for _ in range(2_000):
            work.tell(0.5, "half")
            time.sleep(0.01)
        raise AssertionError("it was not ended")

    return work


def test_progress_is_told_while_it_runs(bare: Assistant) -> None:
    go_on = threading.Event()

    def work(_asked: Steps, work: Work) -> Answer[Steps]:
        work.tell(0.25, "a quarter")
        assert go_on.wait(20)
        return answer()

    job_id = begin(bare, work)
    bare.jobs.loop.start()
    until(lambda: state(bare, job_id).message == "a quarter")
    assert float(state(bare, job_id).progress) == 0.25
    assert "some work, 25 % (a quarter)" in Speaker(bare).say("status").reply.text
    go_on.set()
    until(lambda: state(bare, job_id).state == jobs.DONE)
    bare.jobs.loop.stop()


def test_cancelling_ends_a_job_that_runs(bare: Assistant, talk: Speaker) -> None:
    begun = threading.Event()
    job_id = begin(bare, endless(begun))
    bare.jobs.loop.start()
    assert begun.wait(20)
    assert "Ending: some work" in talk.say("cancel").reply.text
    until(lambda: not state(bare, job_id).is_open)
    bare.jobs.loop.stop()
    ended = state(bare, job_id)
    assert ended.state == jobs.CANCELLED
    assert Reply.model_validate(ended.reply).error is not None
    assert talk.say("cancel").reply.text == "There is nothing to cancel."


def test_a_job_that_waits_is_cancelled_before_it_begins(bare: Assistant, talk: Speaker) -> None:
    put(bare, "spend.csv", SPEND)
    asked = talk.say("import performance from spend.csv")
    talk.say("cancel")
    bare.jobs.run_one()
    assert the_job(bare, asked).state == jobs.CANCELLED
    assert counted(bare, daily_performance) == 0


def test_a_stopped_process_gives_its_job_back(bare: Assistant) -> None:
    begun = threading.Event()
    job_id = begin(bare, endless(begun))
    bare.jobs.loop.start()
    assert begun.wait(20)
    bare.jobs.loop.stop()
    assert state(bare, job_id).state == jobs.WAITING


def test_the_job_of_a_killed_process_is_done_by_the_next(bare: Assistant, talk: Speaker) -> None:
    put(bare, "spend.csv", SPEND)
    asked = talk.say("import performance from spend.csv")
    host = bare.jobs.name.rsplit(":", 2)[0]
    gone = f"{host}:4194304:dead"  # beyond the largest number of a process
    with bare.database.write() as connection:
        jobs.claim(connection, gone, NOW, NOW + LEASE)
    assert not bare.jobs.run_one()
    assert bare.jobs.take_over() == 1
    assert done(bare, asked).status is Status.DONE
    assert counted(bare, import_runs) == 1


def test_two_processes_do_every_job_once(bare: Assistant) -> None:
    did: list[str] = []

    def work(_asked: Steps, work: Work) -> Answer[Steps]:
        did.append(work.job.id)
        return answer()

    begun = [begin(bare, work) for _ in range(12)]
    runners = [bare.jobs, Runner(bare.bus, bare.jobs.workers)]
    for one in runners:
        one.loop.start()
    until(lambda: all(state(bare, job_id).state == jobs.DONE for job_id in begun))
    for one in runners:
        one.loop.stop()
    assert sorted(did) == sorted(begun)


def test_a_job_that_was_taken_over_is_not_done_twice(bare: Assistant, talk: Speaker) -> None:
    """The first holder comes to its end after its lease ran out and another did the work."""
    put(bare, "spend.csv", SPEND)
    asked = talk.say("import performance from spend.csv")
    with bare.database.write() as connection:
        held = jobs.claim(connection, "elsewhere:1:a", NOW, NOW - timedelta(seconds=1))
    assert held is not None
    assert done(bare, asked).status is Status.DONE
    with bare.database.write() as connection:
        assert not jobs.settle(connection, held.id, "elsewhere:1:a", jobs.DONE, {}, NOW)
    assert counted(bare, import_runs) == 1


@pytest.mark.parametrize(
    ("raised", "code"),
    [(Problem("too_sad", "It is too sad."), "too_sad"), (ZeroDivisionError("oops"), "internal_error")],
)
def test_a_job_that_fails_says_why(bare: Assistant, raised: Exception, code: str) -> None:
    def work(_asked: Steps, _work: Work) -> Answer[Steps]:
        raise raised

    job_id = begin(bare, work)
    assert bare.jobs.run_one()
    ended = state(bare, job_id)
    assert ended.state == jobs.FAILED
    error = Reply.model_validate(ended.reply).error
    assert error is not None
    assert error.code == code


def test_a_job_that_takes_its_process_down_is_given_up(bare: Assistant) -> None:
    job_id = begin(bare, lambda _asked, _work: answer())
    for _ in range(3):
        with bare.database.write() as connection:
            jobs.claim(connection, "elsewhere:1:a", NOW, NOW - timedelta(seconds=1))
    assert bare.jobs.run_one()
    assert state(bare, job_id).state == jobs.FAILED


def test_a_file_is_sent_and_imported_over_http(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token(Role.OPERATOR)}"}
    body = "\n".join(",".join(map(str, row)) for row in SPEND)
    with httpx2.Client(base_url=server.url, headers=headers, timeout=20) as client:
        assert client.put("/api/v1/files/spend.csv", content=body).json() == {
            "file": "spend.csv",
            "bytes": len(body),
        }
        slots = {"kind": "performance", "file": "spend.csv"}
        begun = client.post("/api/v1/commands/import_data", json=slots)
        assert begun.status_code == 202
        path = f"/api/v1/jobs/{begun.json()['job_id']}"
        until(lambda: client.get(path).json()["state"] == "done")
        assert "2 imported" in client.get(path).json()["reply"]["reply"]["text"]
        assert [one["job_id"] for one in client.get("/api/v1/jobs").json()] == [begun.json()["job_id"]]
        assert client.post(f"{path}/cancel").status_code == 409
        client.headers["Authorization"] = f"Bearer {server.token(Role.LEAD)}"
        assert client.get(path).status_code == 404
        assert client.get("/api/v1/jobs").json() == []


@pytest.mark.parametrize("name", ["..%2Fevil.csv", ".hidden.csv", "page.html", "a.csv.exe", "a%00.csv"])
def test_files_of_other_names_are_refused(server: Server, name: str) -> None:
    headers = {"Authorization": f"Bearer {server.token(Role.OPERATOR)}"}
    answered = httpx2.put(f"{server.url}/api/v1/files/{name}", content=b"x", headers=headers)
    assert answered.status_code in (404, 422)
    assert not server.assistant.settings.inbox.exists() or not list(server.assistant.settings.inbox.iterdir())


def test_a_file_that_is_too_large_leaves_nothing(server: Server) -> None:
    server.assistant.settings.imports.max_file_bytes = 1_000
    headers = {"Authorization": f"Bearer {server.token(Role.OPERATOR)}"}
    answered = httpx2.put(f"{server.url}/api/v1/files/big.csv", content=b"x" * 5_000, headers=headers)
    assert answered.status_code == 413
    assert list(server.assistant.settings.inbox.iterdir()) == []


def test_a_viewer_may_send_no_file(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token(Role.VIEWER)}"}
    assert httpx2.put(f"{server.url}/api/v1/files/a.csv", content=b"x", headers=headers).status_code == 403
