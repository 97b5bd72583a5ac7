"""Coming in and going out: sessions that are ended, places that are locked out, and what is on record."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from assistant.bootstrap import Assistant
from assistant.channels.cli import cli
from intents.command import Role
from storage import accesses, people, sessions, widgets
from storage.audit import audit
from storage.widgets import every
from tests.conftest import NOW, Server, assistant_on, copied, serving


class Clock:
    """Stands still until it is moved."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock, sqlite_schema: Path, tmp_path: Path, models: Path) -> Iterator[Server]:
    """A service without data, whose clock the test moves."""
    made = assistant_on(copied(sqlite_schema, tmp_path / "gtm.db"), tmp_path, models, clock)
    with serving(made) as running:
        yield running
    made.close()


@contextmanager
def signed_in(
    server: Server, role: Role = Role.CHAIRMAN, agent: str = "a browser"
) -> Iterator[httpx2.Client]:
    """A browser of somebody who opened their link."""
    with httpx2.Client(base_url=server.url, headers={"User-Agent": agent}) as client:
        assert client.get(link(server, role)).status_code == 303
        yield client


def link(server: Server, role: Role = Role.CHAIRMAN) -> str:
    """A link that is good for an hour of the server's own time."""
    assistant = server.assistant
    with assistant.database.write() as connection:
        person = people.person_named(connection, role.value)
        assert person is not None
        token = people.issue_token(
            connection, person.id, people.SIGN_IN, "test", assistant.clock(), timedelta(hours=1)
        )
    return f"/sign-in?token={token}"


def is_in(client: httpx2.Client) -> bool:
    return client.get("/api/v1/ears").status_code == 200


def send(client: httpx2.Client, path: str, **fields: Any) -> httpx2.Response:
    """Send a form of the settings page."""
    found = re.search(r'name="csrf-token" content="(\w+)"', client.get("/settings").text)
    assert found
    return client.post(path, data={"_csrf": found[1], **fields})


def noted(assistant: Assistant) -> list[tuple[str, str | None, str]]:
    """What is on record, the latest first."""
    with assistant.database.read() as connection:
        return [(one.what, one.person, one.place) for one in accesses.latest(connection, 100)]


def test_a_session_ended_elsewhere_is_over_at_once(world: Server) -> None:
    with (
        signed_in(world, agent="phone") as one,
        signed_in(world, agent="laptop") as other,
        signed_in(world, agent="tablet") as third,
    ):
        shown = one.get("/settings").text
        assert "laptop" in shown
        assert "Sign out everywhere else" in shown
        number = re.findall(r'name="number" value="(\d+)"', shown)
        assert len(number) == 2
        assert send(one, "/settings/sessions", number=number[0]).status_code == 303
        assert (is_in(one), is_in(other), is_in(third)) == (True, True, False)
        assert send(one, "/settings/sessions").status_code == 303
        assert (is_in(one), is_in(other)) == (True, False)
    whats = [what for what, _, _ in noted(world.assistant)]
    assert whats == ["sessions ended"] * 2 + ["signed in"] * 3


def test_nobody_ends_somebody_elses_session(world: Server) -> None:
    with signed_in(world) as chairman, signed_in(world, Role.VIEWER) as viewer:
        with world.assistant.database.read() as connection:
            (begun,) = [one for one in sessions.begun(connection, NOW) if one.person == "chairman"]
        assert send(viewer, "/settings/sessions", number=str(begun.id)).status_code == 303
        assert is_in(chairman)
        told = viewer.post("/settings/sessions", data={"_csrf": "made up"})
        assert told.status_code == 403


def test_signed_out_a_kept_cookie_is_worth_nothing(world: Server) -> None:
    with signed_in(world) as client:
        kept = client.cookies["gtm_session"]
        assert send(client, "/sign-out").status_code == 303
        client.cookies.set("gtm_session", kept)
        assert not is_in(client)
    assert [what for what, _, _ in noted(world.assistant)] == ["signed out", "signed in"]


def test_a_session_is_over_after_its_time(world: Server, clock: Clock) -> None:
    with signed_in(world) as client:
        clock.now = NOW + timedelta(hours=11.9)
        assert is_in(client)
        clock.now = NOW + timedelta(hours=12.1)
        assert not is_in(client)
    with world.assistant.database.read() as connection:
        assert sessions.begun(connection, clock.now) == []


def test_a_place_that_guesses_is_locked_out_and_told_until_when(world: Server, clock: Clock) -> None:
    with httpx2.Client(base_url=world.url) as client:
        for _ in range(9):
            assert client.get("/sign-in?token=guessed").status_code == 410
            clock.now += timedelta(minutes=1)
        # One more is left, and a good one still lets in.
        assert client.get(link(world)).status_code == 303
        assert client.get("/sign-in?token=guessed").status_code == 410
        good = link(world)
        told = client.get(good)
        assert told.status_code == 429
        # The first counts no more a quarter of an hour after it was made.
        assert int(told.headers["retry-after"]) == 6 * 60
        assert "Wait 6 minutes" in told.text
        assert client.get("/sign-in/back?state=x").status_code in (404, 429)
        clock.now += timedelta(minutes=5, seconds=59)
        assert client.get(good).status_code == 429
        clock.now += timedelta(seconds=1)
        # It was not used up by being refused.
        assert client.get(good).status_code == 303
    whats = [what for what, _, _ in noted(world.assistant)]
    assert whats.count("refused") == 10
    assert whats.count("locked out") == 1
    assert {place for _, _, place in noted(world.assistant)} == {"127.0.0.1"}


def test_guessed_tokens_are_on_record_once(world: Server) -> None:
    server = world.assistant.settings.server
    world.assistant.settings.server = server.model_copy(update={"unknown_per_minute": 3})
    with serving(world.assistant) as strict, httpx2.Client(base_url=strict.url) as client:
        guess = {"Authorization": "Bearer gtm_guessed"}
        statuses = [client.get("/api/v1/ears", headers=guess).status_code for _ in range(6)]
        assert statuses == [401] * 3 + [429] * 3
    assert noted(world.assistant) == [("locked out", None, "127.0.0.1")]


def test_a_link_works_once_and_its_second_use_is_on_record(world: Server) -> None:
    once = link(world)
    assert httpx2.get(f"{world.url}{once}").status_code == 303
    assert httpx2.get(f"{world.url}{once}").status_code == 410
    assert [(what, who) for what, who, _ in noted(world.assistant)] == [
        ("refused", None),
        ("signed in", "chairman"),
    ]


def test_what_is_on_record_keeps_no_secret(world: Server) -> None:
    once = link(world)
    with httpx2.Client(base_url=world.url) as client:
        client.get(once)
        client.get("/sign-in?token=a-guess-of-somebodys")
        kept = client.cookies["gtm_session"]
    with world.assistant.database.read() as connection:
        rows = str(connection.execute(select(accesses.accesses)).all())
        rows += str(connection.execute(select(sessions.sessions)).all())
    assert once.rpartition("=")[2] not in rows
    assert "a-guess" not in rows
    assert kept[:30] not in rows


def test_the_talk_has_none_of_it_and_the_chairman_sees_it_on_the_audit_page(world: Server) -> None:
    httpx2.get(f"{world.url}/sign-in?token=guessed")
    with signed_in(world) as chairman, signed_in(world, Role.LEAD) as lead:
        page = chairman.get("/audit").text
        assert "Who came in" in page
        assert "nobody known" in page
        assert "Who came in" not in lead.get("/audit").text
    with world.assistant.database.read() as connection:
        assert not set(connection.scalars(select(audit.c.channel))) - {"desk"}


def test_the_chairman_makes_and_revokes_a_widget_on_the_settings_page(world: Server) -> None:
    with signed_in(world) as chairman, signed_in(world, Role.LEAD) as lead:
        asked = {"name": "shop", "sites": "https://a.example https://b.example", "role": "operator"}
        assert send(lead, "/settings/widgets", **asked).status_code == 403
        assert "<h2>Widgets</h2>" not in lead.get("/settings").text
        made = send(chairman, "/settings/widgets", **asked)
        assert made.status_code == 200
        token = re.search(r"data-token=&#34;(gtm_\S+?)&#34;", made.text)
        assert token
        with world.assistant.database.read() as connection:
            found = widgets.widget_of(connection, token[1])
        assert found is not None
        assert (found.origins, found.person.role) == (
            ("https://a.example", "https://b.example"),
            Role.OPERATOR,
        )
        shown = chairman.get("/settings").text
        assert "operator on https://a.example, https://b.example" in shown
        assert token[1] not in shown
        for wrong in ({"sites": "nowhere"}, {"role": "chairman"}, {"sites": ""}, {}):
            assert send(chairman, "/settings/widgets", **asked | wrong).status_code == 422
        assert send(lead, "/settings/widgets/revoke", name="shop").status_code == 403
        assert send(chairman, "/settings/widgets/revoke", name="shop").status_code == 303
    with world.assistant.database.read() as connection:
        assert [one.is_live(NOW) for one in every(connection)] == [False]
    whats = [(what, who, place) for what, who, place in noted(world.assistant) if "token" in what]
    assert whats == [
        ("token ended", "widget shop", "127.0.0.1"),
        ("token made", "widget shop", "127.0.0.1"),
    ]


def test_tokens_sessions_and_the_record_at_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GTM_DATA_DIR", str(tmp_path))

    def gtm(*words: str) -> Result:
        return CliRunner().invoke(cli, ["user", *words])

    assert gtm("add", "anna").exit_code == 0
    token = gtm("token", "anna", "--label", "laptop").stdout.strip()
    listed = gtm("tokens").stdout
    assert re.match(r"\d+ +anna +laptop +made [\d-]+, for ever\n", listed)
    assert token not in listed
    number = listed.split()[0]
    assert gtm("revoke", number).exit_code == 0
    assert gtm("revoke", number).exit_code == 2
    assert gtm("tokens", "anna").stdout == ""
    assert gtm("sessions", "anna").stdout == ""
    assert "Ended 0 sessions" in gtm("sign-out", "anna").stdout
    assert gtm("sign-out", "nobody").exit_code == 2
    assert "sign_in.issuer" in gtm("link", "anna", "anna@example.com").stderr
    monkeypatch.setenv("GTM_SIGN_IN__ISSUER", "https://id.example")
    monkeypatch.setenv("GTM_SIGN_IN__CLIENT_ID", "gtm")
    assert gtm("link", "anna", "anna@example.com").exit_code == 0
    assert gtm("link", "anna", "Anna@example.com").exit_code == 2
    told = gtm("accesses").stdout
    assert [line[20:34].strip() for line in told.splitlines()] == [
        "sessions ended",
        "token ended",
        "token made",
    ]
