"""The widget's door: what its token may, from where, and how it ends."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from assistant.channels.cli import cli
from assistant.channels.sites import origin_of
from intents.command import Role
from storage import widgets
from storage.audit import audit
from storage.changes import changes
from storage.database import Database
from storage.people import WIDGET, tokens
from storage.proposals import proposals
from tests.conftest import NOW, Server

SITE = "https://www.example.com"
ASKED = "show gtm performance for Acme"
WIRE = 30_000
"""Bytes the widget may have over the wire."""


def widget(server: Server, name: str = "shop", role: Role = Role.OPERATOR, **how: Any) -> str:
    """The token of a new widget."""
    given: dict[str, Any] = {"origins": [SITE], "per_minute": 100, "time_zone": "UTC", "now": NOW, **how}
    with server.assistant.database.write() as connection:
        return widgets.create(connection, name, role, **given)


def ask(server: Server, path: str, token: str, origin: str | None = SITE, **how: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}", **({"Origin": origin} if origin else {})}
    method = how.pop("method", "POST")
    return httpx2.request(method, f"{server.url}{path}", headers=headers | how.pop("headers", {}), **how)


@contextmanager
def line(server: Server, token: str, origin: str | None = SITE) -> Iterator[ClientConnection]:
    """The conversation as a browser opens it."""
    with connect(
        server.url.replace("http", "ws") + "/widget/v1/converse",
        origin=None if origin is None else Origin(origin),
        subprotocols=[Subprotocol("gtm"), Subprotocol(f"bearer.{token}")],
    ) as opened:
        assert json.loads(opened.recv(timeout=20))["type"] == "hello"
        yield opened


def said(line: ClientConnection, text: str, conversation: str | None = None) -> dict[str, Any]:
    """Say something; the reply, or the error that came instead."""
    more = {} if conversation is None else {"conversation_id": conversation}
    line.send(json.dumps({"type": "say", "text": text, "turn_id": str(uuid4()), **more}))
    pieces = ""
    while True:
        told: dict[str, Any] = json.loads(line.recv(timeout=20))
        if told["type"] == "text":
            pieces += told["text"]
        if told["type"] == "error":
            return told
        if told["type"] == "reply":
            assert pieces == told["reply"]["reply"]["text"]
            reply: dict[str, Any] = told["reply"]
            return reply


def test_it_talks_as_an_identity_of_its_own(server: Server) -> None:
    with line(server, widget(server)) as opened:
        reply = said(opened, ASKED)
    assert reply["status"] == "done"
    with server.assistant.database.read() as connection:
        row = connection.execute(select(audit.c.person, audit.c.channel, audit.c.role)).one()
    assert tuple(row) == ("widget shop", "widget", "operator")


def test_what_spends_becomes_a_proposal_and_its_yes_is_nobodys_approval(server: Server) -> None:
    talk = uuid4().hex
    with line(server, widget(server)) as opened:
        reply = said(opened, "move 500 from display to email for Acme", talk)
        assert reply["status"] == "approval"
        for words in ("yes", "approve it", "approve proposal 1"):
            said(opened, words, talk)
    with server.assistant.database.read() as connection:
        assert connection.execute(select(proposals.c.decision, proposals.c.execution)).all() == [(None, None)]
        assert not connection.execute(select(changes.c.id)).all()


@pytest.mark.parametrize("role", [Role.LEAD, Role.CHAIRMAN])
def test_no_widget_is_more_than_an_operator(server: Server, role: Role) -> None:
    with pytest.raises(ValueError, match="viewer or operator"):
        widget(server, role=role)


def test_visitors_take_back_only_what_was_done_in_their_own_conversation(server: Server) -> None:
    token = widget(server)
    one, other = uuid4().hex, uuid4().hex
    with line(server, token) as opened:
        assert said(opened, "set a spend limit of 200 dollars a day for Acme", one)["status"] == "done"
        refused = said(opened, "undo that", other)
        assert refused["error"]["code"] == "nothing_to_undo"
        assert said(opened, "undo that", one)["status"] == "done"


def test_people_do_not_take_back_what_a_visitor_did(server: Server) -> None:
    with line(server, widget(server)) as opened:
        assert said(opened, "set a spend limit of 200 dollars a day for Acme")["status"] == "done"
    headers = {"Authorization": f"Bearer {server.token(Role.OPERATOR)}"}
    told = httpx2.post(f"{server.url}/api/v1/say", json={"text": "undo that"}, headers=headers).json()
    assert told["error"]["code"] == "nothing_to_undo"


OTHERS = (
    "https://evil.example",
    "http://www.example.com",
    f"{SITE}:8443",
    "null",
    None,
    f"{SITE}.evil.example",
)


@pytest.mark.parametrize("origin", OTHERS)
def test_other_sites_are_refused(server: Server, origin: str | None) -> None:
    token = widget(server)
    told = ask(server, "/widget/v1/hello", token, origin)
    assert (told.status_code, told.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in told.headers
    with pytest.raises(InvalidStatus) as refused, line(server, token, origin):
        pass
    assert refused.value.response.status_code in (401, 403)


def test_a_known_site_may_read_and_nobody_else(server: Server) -> None:
    token = widget(server)
    told = ask(server, "/widget/v1/hello", token)
    assert told.status_code == 200
    assert told.headers["access-control-allow-origin"] == SITE
    assert "access-control-allow-credentials" not in told.headers
    assert "Origin" in told.headers["vary"]
    assert told.json()["role"] == "operator"
    for origin, status in ((SITE, 204), ("https://evil.example", 403)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        before = httpx2.options(f"{server.url}/widget/v1/voice", headers=asked)
        assert before.status_code == status
        assert ("access-control-allow-origin" in before.headers) is (status == 204)


def test_one_widgets_token_is_no_good_on_anothers_site(server: Server) -> None:
    widget(server, "other", origins=["https://other.example"])
    told = ask(server, "/widget/v1/hello", widget(server), "https://other.example")
    assert (told.status_code, told.json()["error"]["code"]) == (403, "origin_not_allowed")


def test_its_token_opens_nothing_else(server: Server) -> None:
    token = widget(server)
    for route in httpx2.get(f"{server.url}/openapi.json").json()["paths"]:
        if route.startswith(("/health", "/readyz", "/metrics")):
            continue
        path = re.sub(r"{\w+}", "1", route)
        statuses = {ask(server, path, token, method=one).status_code for one in ("GET", "POST", "PUT")}
        assert statuses <= {401, 404, 405, 429}, route
    pages = httpx2.get(f"{server.url}/settings", headers={"Authorization": f"Bearer {token}"})
    assert "Sign in" in pages.text


def test_other_credentials_open_no_widget(server: Server) -> None:
    """Neither a person's token nor the cookie of somebody who is signed in at the service."""
    assert ask(server, "/widget/v1/hello", server.token()).status_code == 401
    with httpx2.Client() as client:
        client.get(server.sign_in_link())
        assert client.cookies
        told = client.post(f"{server.url}/widget/v1/hello", headers={"Origin": SITE})
    assert told.status_code == 401


def test_revoked_it_says_so_at_once(server: Server) -> None:
    token = widget(server)
    with line(server, token) as opened:
        assert said(opened, ASKED)["status"] == "done"
        with server.assistant.database.write() as connection:
            assert widgets.revoke(connection, "shop", NOW)
        assert said(opened, ASKED)["error"]["code"] == "widget_revoked"
        with pytest.raises(ConnectionClosed) as over:
            opened.recv(timeout=20)
    assert over.value.rcvd is not None
    assert over.value.rcvd.code == 4401
    told = ask(server, "/widget/v1/hello", token)
    assert (told.status_code, told.json()["error"]["code"]) == (401, "widget_revoked")
    # The page may read why.
    assert told.headers["access-control-allow-origin"] == SITE


def test_expired_it_says_so(server: Server) -> None:
    token = widget(server, lifetime=timedelta(0))
    assert ask(server, "/widget/v1/hello", token).json()["error"]["code"] == "widget_revoked"


def test_a_name_can_be_given_again_with_another_role(server: Server) -> None:
    first = widget(server)
    with pytest.raises(widgets.NameTakenError):
        widget(server)
    with server.assistant.database.write() as connection:
        widgets.revoke(connection, "shop", NOW)
    second = widget(server, role=Role.VIEWER)
    assert ask(server, "/widget/v1/hello", first).status_code == 401
    assert ask(server, "/widget/v1/hello", second).json()["role"] == "viewer"


def test_it_is_asked_only_so_often(server: Server) -> None:
    token = widget(server, per_minute=2)
    with line(server, token) as opened:
        said(opened, ASKED)
        said(opened, ASKED)
        assert said(opened, ASKED)["error"]["code"] == "too_many_requests"
    told = ask(server, "/widget/v1/hello", token)
    assert told.status_code == 429
    assert int(told.headers["retry-after"]) >= 1
    assert told.headers["access-control-allow-origin"] == SITE


def test_only_its_digest_is_kept(database: Database) -> None:
    with database.write() as connection:
        token = widgets.create(connection, "shop", Role.VIEWER, [SITE], 30, "UTC", NOW)
    with database.read() as connection:
        rows = connection.execute(select(tokens).where(tokens.c.kind == WIDGET)).all()
        assert token not in str(rows)
        assert widgets.widget_of(connection, "gtm_guessed") is None
        found = widgets.widget_of(connection, token)
    assert found is not None
    assert (found.name, found.origins, found.person.is_service) == ("shop", (SITE,), True)


def test_it_is_small_and_may_be_loaded_by_every_site(server: Server) -> None:
    told = httpx2.get(f"{server.url}/widget.js", headers={"Accept-Encoding": "gzip"})
    assert told.status_code == 200
    assert told.headers["cross-origin-resource-policy"] == "cross-origin"
    assert told.headers["content-type"].startswith("text/javascript")
    assert told.headers["content-encoding"] == "gzip"
    assert 5_000 < int(told.headers["content-length"]) <= WIRE
    # Everything it needs is in it.
    assert "import(" not in told.text


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://Shop.Example", "https://shop.example"),
        ("https://shop.example:443/", "https://shop.example"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_a_site_is_told_as_browsers_name_it(written: str, origin: str) -> None:
    assert origin_of(written) == origin


@pytest.mark.parametrize(
    "written", ["shop.example", "https://", "ftp://a.b", "https://a.b/x", "https://*.a.b", "null"]
)
def test_what_is_no_site_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"is no site|many sites"):
        origin_of(written)


def test_the_terminal_makes_lists_and_revokes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTM_DATA_DIR", str(tmp_path))

    def gtm(*words: str) -> Result:
        return CliRunner().invoke(cli, ["widget", *words])

    made = gtm("create", "shop", "--origin", SITE, "--origin", "http://localhost:3000", "--days", "30")
    assert made.exit_code == 0, made.stderr
    tag = re.search(
        r'<script src="http://127.0.0.1:8000/widget.js" data-token="(gtm_\S+)" async></script>', made.stdout
    )
    assert tag
    assert f"/widget/demo#{tag[1]}" in made.stdout
    assert gtm("create", "shop", "--origin", SITE).exit_code == 2
    assert "viewer or operator" in gtm("create", "b", "--origin", SITE, "--role", "chairman").stderr
    listed = gtm("list").stdout
    assert "shop" in listed
    assert "viewer" in listed
    assert tag[1] not in listed
    assert gtm("revoke", "shop").exit_code == 0
    assert gtm("list").stdout == ""
    assert gtm("revoke", "shop").exit_code == 2
