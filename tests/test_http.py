"""The service over HTTP: answers, errors, access and the derived routes."""

import json
import re
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select, text, update

from assistant.app import create_app, factory
from assistant.bootstrap import Assistant
from assistant.channels.answers import conversation_of, status_of_command, status_of_turn
from assistant.channels.sessions import session_key
from assistant.derive import slot_schema
from assistant.handling import Handler
from assistant.reply import Answer, Error, Reply, Status, Telling
from assistant.settings import ConfigurationError
from intents.command import Command, Effect, Role
from storage import people
from storage.audit import audit
from tests.conftest import NOW, Server, assistant_on

SAY = "/api/v1/say"
AGENT = "/agents/gtm-strategist"
STATUS = "/api/v1/commands/show_status"


@dataclass
class Site:
    """A service without a network, and somebody who asks it."""

    assistant: Assistant
    client: TestClient
    headers: dict[str, str] = field(default_factory=dict)

    def as_role(self, role: Role = Role.CHAIRMAN) -> "Site":
        """Ask with an API token of a role."""
        token = Server("", self.assistant).token(role)
        return Site(self.assistant, self.client, {"Authorization": f"Bearer {token}"})

    def post(self, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        return self.client.post(path, json=body, headers=self._sent(headers))

    def post_raw(self, path: str, body: bytes, kind: str = "application/json") -> httpx2.Response:
        return self.client.post(path, content=body, headers={**self.headers, "Content-Type": kind})

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.client.get(path, headers=self._sent(headers))

    def _sent(self, more: dict[str, str]) -> list[tuple[bytes, bytes]]:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        return [(name.encode(), value.encode()) for name, value in sent.items()]

    def sign_in(self, role: Role = Role.CHAIRMAN) -> str:
        """Sign in by link and give the page's CSRF token."""
        self.get(Server("", self.assistant).sign_in_link(role))
        return csrf_token(self.get("/"))


def site_of(assistant: Assistant) -> Site:
    return Site(assistant, TestClient(create_app(assistant), raise_server_exceptions=False))


def csrf_token(page: httpx2.Response) -> str:
    found = re.search(r'name="csrf-token" content="([0-9a-f]+)"', page.text)
    assert found, page.text
    return found.group(1)


def audited(assistant: Assistant) -> list[tuple[str, str, str, str | None]]:
    """Channel, text, status and error of every entry."""
    columns = (audit.c.channel, audit.c.text, audit.c.status, audit.c.error_code)
    with assistant.database.read() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(audit.c.id))]


@pytest.fixture
def stranger(assistant: Assistant) -> Site:
    return site_of(assistant)


@pytest.fixture
def site(stranger: Site) -> Site:
    return stranger.as_role()


def is_error(response: httpx2.Response, status: int, code: str | None = None) -> bool:
    """Whether the response is an error in the one shape."""
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"error"}, body
    assert set(body["error"]) == {"code", "message", "cure"}
    assert all(body["error"].values()), body
    return code is None or body["error"]["code"] == code


# Talking


def test_say_answers_with_a_number_a_table_a_chart_and_evidence(site: Site) -> None:
    response = site.post(SAY, {"text": "show gtm performance for Acme"})
    assert response.status_code == 200
    reply = Reply.model_validate(response.json())
    assert (reply.command, reply.status) == ("show_performance", Status.DONE)
    assert "Acme" in reply.reply.text
    assert reply.reply.table is not None
    assert reply.reply.chart is not None
    assert reply.reply.evidence
    assert audited(site.assistant) == [("http", "show gtm performance for Acme", "done", None)]


def test_a_conversation_begins_with_an_id_of_its_own_and_goes_on(site: Site) -> None:
    first = site.post(SAY, {"text": "show gtm performance for Acme"}).json()
    assert first["conversation_id"]
    other = site.post(SAY, {"text": "and last month?"}).json()
    assert other["command"] != "show_performance" or other["slots"].get("venture") is None
    follow = site.post(SAY, {"text": "and last month?", "conversation_id": first["conversation_id"]}).json()
    assert (follow["command"], follow["slots"]["venture"]) == ("show_performance", "Acme")
    assert follow["slots"]["period"]["start"] == "2026-02-01"


@pytest.mark.parametrize(
    ("words", "status"),
    [("show the campaign", "question"), ("what is the weather like", "unknown"), ("   ", "unknown")],
)
def test_every_answered_turn_is_200(site: Site, words: str, status: str) -> None:
    response = site.post(SAY, {"text": words})
    assert (response.status_code, response.json()["status"]) == (200, status)


def test_the_same_key_acts_once(site: Site) -> None:
    first = site.post(SAY, {"text": "status"}, Idempotency_Key="k1").json()
    again = site.post(SAY, {"text": "status"}, Idempotency_Key="k1").json()
    assert again["turn_id"] == first["turn_id"]
    assert again["audit_id"] == first["audit_id"]
    assert len(audited(site.assistant)) == 1
    # A key belongs to its person.
    other = site.as_role(Role.VIEWER).post(SAY, {"text": "status"}, Idempotency_Key="k1").json()
    assert other["turn_id"] != first["turn_id"]


def test_a_key_is_good_for_one_request(site: Site) -> None:
    site.post(SAY, {"text": "status"}, Idempotency_Key="k1")
    order = {"command": "show_metric", "slots": {"metric": "roas"}}
    for path, body in (
        (SAY, {"text": "show gtm performance for Acme"}),
        (STATUS, {}),
        ("/api/v1/commands/show_metric", {"metric": "roas"}),
        (AGENT, order),
    ):
        assert is_error(site.post(path, body, Idempotency_Key="k1"), 422, "key_reused")
    assert len(audited(site.assistant)) == 1


def test_somebody_elses_conversation_is_refused(site: Site) -> None:
    first = site.post(SAY, {"text": "status"}).json()
    said = {"text": "repeat that", "conversation_id": first["conversation_id"]}
    reply = site.as_role(Role.VIEWER).post(SAY, said).json()
    assert (reply["status"], reply["error"]["code"]) == ("refused", "foreign_conversation")


def test_a_failing_database_gives_503_with_the_reply(site: Site) -> None:
    with site.assistant.database.write() as connection:
        connection.execute(text("drop table conversations"))
    response = site.post(SAY, {"text": "status", "conversation_id": "one"})
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert response.json()["status"] == "failed"
    assert response.json()["error"]["cure"]
    assert site.post(STATUS, {}, X_Conversation_Id="one").status_code == 503


def test_a_database_that_is_gone_gives_503(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = create_engine("sqlite:////nowhere/at/all/gtm.db")
    monkeypatch.setattr(site.assistant.database, "engine", gone)
    assert is_error(site.post(SAY, {"text": "status"}), 503, "database_unavailable")
    assert is_error(site.post(AGENT, {"command": "status"}), 503, "database_unavailable")
    assert is_error(site.get("/readyz"), 503, "not_ready")
    assert site.get("/healthz").status_code == 200
    assert site.get("/", Cookie="gtm_session=x").status_code == 200
    assert site.get("/sign-in?token=x").status_code == 503


def test_a_defect_in_a_command_gives_500_with_the_reply(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    known = site.assistant.bus.handlers["show_status"]

    def fail(asked: object, context: object) -> Answer[Any]:
        raise ZeroDivisionError(asked, context)

    handlers = {**site.assistant.bus.handlers, "show_status": Handler(known.command, known.result, fail)}
    monkeypatch.setattr(site.assistant.bus, "handlers", handlers)
    for response in (site.post(SAY, {"text": "status"}), site.post(STATUS, {})):
        assert response.status_code == 500
        assert response.json()["error"]["code"] == "internal_error"
        assert "ZeroDivision" not in response.text


def test_a_defect_of_the_service_is_told_in_the_same_shape(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.assistant.dialogue, "turn", lambda _turn: 1 // 0)
    response = site.post(SAY, {"text": "status"})
    assert is_error(response, 500, "internal_error")
    assert "content-security-policy" in response.headers


# Bad input

MALFORMED: list[tuple[str, bytes]] = [
    (SAY, b""),
    (SAY, b"{"),
    (SAY, b"\xff\xfe\xfd"),
    (SAY, b'{"text": "\xff"}'),
    (SAY, b"null"),
    (SAY, b"[]"),
    (SAY, b'"status"'),
    (SAY, b"{}"),
    (SAY, b'{"text": 5}'),
    (SAY, b'{"text": null}'),
    (SAY, b'{"text": "\\ud800"}'),
    (SAY, b'{"text": "status", "words": "x"}'),
    (SAY, b'{"text": "status", "conversation_id": "a b"}'),
    (SAY, b'{"text": "status", "conversation_id": ""}'),
    (SAY, json.dumps({"text": "status", "conversation_id": "a" * 65}).encode()),
    (SAY, json.dumps({"text": "a" * 10_001}).encode()),
    (SAY, b'{"text": ' + b"9" * 5_000 + b"}"),
    (SAY, b'{"text": ' + b"[" * 100_000),
    (STATUS, b"[1]"),
    (STATUS, b"NaN"),
    (AGENT, b"{}"),
    (AGENT, b'{"command": "status", "venture_id": true}'),
    (AGENT, b'{"command": "status", "venture_id": 1.5}'),
    (AGENT, b'{"command": "status", "venture": 1}'),
    (AGENT, b'{"command": "status", "slots": []}'),
]


@pytest.mark.parametrize(("path", "body"), MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_requests_are_refused_in_the_one_shape(site: Site, path: str, body: bytes) -> None:
    response = site.post_raw(path, body)
    assert response.status_code in (400, 422)
    assert is_error(response, response.status_code)
    assert audited(site.assistant) == []


def test_json_must_say_that_it_is_json(site: Site) -> None:
    assert is_error(site.post_raw(SAY, b'{"text": "status"}', "text/plain"), 422, "invalid_request")


@pytest.mark.parametrize("key", ["", "a b", "k" * 201, "ü"])
def test_an_odd_idempotency_key_is_refused(site: Site, key: str) -> None:
    assert is_error(site.post(SAY, {"text": "status"}, Idempotency_Key=key), 422, "invalid_request")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SLOTS = st.dictionaries(
    st.sampled_from(["venture", "campaign", "period", "metric", "metrics", "count", "status", "zzz"]), JSON
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(st.data())
def test_no_input_makes_the_service_fail(site: Site, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([SAY, AGENT, *_command_paths(site.assistant)]))
    body = data.draw(
        JSON
        | SLOTS
        | st.fixed_dictionaries({"text": st.text()})
        | st.fixed_dictionaries({"command": st.sampled_from(["status", "show_metric"]), "slots": SLOTS})
    )
    response = site.post_raw(path, json.dumps(body).encode())
    assert response.status_code < 500, response.text
    assert response.json()


def _command_paths(assistant: Assistant) -> list[str]:
    return [f"/api/v1/commands/{name}" for name in assistant.bus.catalogue]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(server: Server, chunked: bool) -> None:
    body = json.dumps({"text": "x" * 1_200_000}).encode()
    parts = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    headers = {"Authorization": f"Bearer {server.token()}", "Content-Type": "application/json"}
    with httpx2.Client(base_url=server.url) as client:
        response = client.post(SAY, content=parts if chunked else body, headers=headers)
        assert is_error(response, 413, "body_too_large")
        assert "content-security-policy" in response.headers
        assert client.get("/healthz").status_code == 200


def test_a_chunked_body_within_the_limit_is_taken(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token()}", "Content-Type": "application/json"}
    parts = iter([b'{"te', b'xt": "sta', b'tus"}'])
    response = httpx2.post(f"{server.url}{SAY}", content=parts, headers=headers)
    assert (response.status_code, response.json()["status"]) == (200, "done")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/static/../app.py", 404, "not_found"),
        ("GET", "/static/%2e%2e/templates/chat.html", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("DELETE", SAY, 405, "method_not_allowed"),
        ("POST", "/", 405, "method_not_allowed"),
        ("PUT", "/static/favicon.svg", 405, "method_not_allowed"),
    ],
)
def test_unknown_paths_and_methods(site: Site, method: str, path: str, status: int, code: str) -> None:
    assert is_error(site.client.request(method, path), status, code)


# The derived routes


def test_every_command_has_its_route_in_the_description(site: Site) -> None:
    described = site.get("/openapi.json").json()
    for name, handler in site.assistant.bus.handlers.items():
        route = described["paths"][f"/api/v1/commands/{name}"]["post"]
        assert route["operationId"] == name
        assert route["summary"] == handler.command.summary()
        assert all(example in route["description"] for example in handler.command.examples)
        assert route["x-examples"] == list(handler.command.examples)
        body = route["requestBody"]["content"]["application/json"]["schema"]
        schema = slot_schema(handler.command)
        assert set(body["properties"]) == set(schema["properties"])
        assert body.get("required") == schema.get("required")
        assert body["additionalProperties"] is False
        reply = route["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rsplit("/")[-1]
        result = described["components"]["schemas"][reply]["properties"]["result"]
        assert f"#/components/schemas/{handler.result.__name__}" in json.dumps(result)
        assert {"token": []} in route["security"]


def test_the_description_refers_only_to_what_it_contains(site: Site) -> None:
    told = site.get("/openapi.json").text
    described = json.loads(told)
    for reference in set(re.findall(r'"\$ref": ?"#/([^"]+)"', told)):
        found = described
        for part in reference.split("/"):
            found = found[part]
    assert set(described["components"]["securitySchemes"]) == {"token", "session"}
    examples = described["paths"][SAY]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert examples["question"]["value"]["text"]


def test_a_command_takes_slots_as_values_and_as_people_say_them(site: Site) -> None:
    path = "/api/v1/commands/show_performance"
    said = site.post(path, {"venture": "acme", "period": "last month", "metrics": ["roas"]})
    assert said.status_code == 200
    exact = {
        "venture": "Acme",
        "period": {"start": "2026-02-01", "end": "2026-02-28", "label": "last month"},
        "metrics": ["roas"],
    }
    assert said.json()["slots"] == exact
    assert site.post(path, exact).json()["result"] == said.json()["result"]
    assert audited(site.assistant)[0][1].startswith('show_performance {"venture": "acme"')


@pytest.mark.parametrize("place", ["query", "header"])
def test_a_command_can_belong_to_a_conversation(site: Site, place: str) -> None:
    path = "/api/v1/commands/show_performance"
    if place == "query":
        site.post(f"{path}?conversation_id=monday", {"venture": "Acme"})
    else:
        site.post(path, {"venture": "Acme"}, X_Conversation_Id="monday")
    follow = site.post(SAY, {"text": "and last month?", "conversation_id": "monday"}).json()
    assert follow["slots"]["venture"] == "Acme"


def test_a_command_without_slots_needs_no_body(site: Site) -> None:
    assert site.post_raw(STATUS, b"").status_code == 200


@pytest.mark.parametrize(
    ("name", "slots", "status", "code"),
    [
        ("show_performance", {"venture": "Nopeville Inc"}, 404, "unknown_venture"),
        ("dance", {}, 404, "unknown_command"),
        ("show_campaign", {}, 422, "missing"),
        ("show_performance", {"zzz": 1}, 422, "unknown_slot"),
        ("show_performance", {"period": "the day after never"}, 422, "not_understood"),
        ("show_performance", {"venture": 5}, 422, "invalid_value"),
        ("list_campaigns", {"metric": "ltv"}, 409, "not_sortable"),
    ],
)
def test_a_refused_command_says_why(
    site: Site, name: str, slots: dict[str, Any], status: int, code: str
) -> None:
    response = site.post(f"/api/v1/commands/{name}", slots)
    assert response.status_code == status, response.text
    reply = Reply.model_validate(response.json())
    assert reply.error is not None
    assert reply.error.code == code
    assert audited(site.assistant)[-1][2:] == (reply.status.value, code)


def reply_with(status: Status, code: str | None = None) -> Reply:
    error = None if code is None else Error(code=code, message="No.")
    return Reply(turn_id="1", text="", status=status, reply=Telling(text=""), error=error)


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (reply_with(Status.DONE), 200),
        (reply_with(Status.RUNNING), 202),
        (reply_with(Status.APPROVAL), 202),
        (reply_with(Status.CONFIRM), 202),
        (reply_with(Status.REFUSED, "role_required"), 403),
        (reply_with(Status.REFUSED, "ambiguous_name"), 422),
        (reply_with(Status.FAILED, "database_busy"), 503),
        (reply_with(Status.FAILED, "internal_error"), 500),
        (reply_with(Status.FAILED, "changed_since"), 409),
    ],
)
def test_the_status_of_a_command(reply: Reply, status: int) -> None:
    assert status_of_command(reply) == status
    assert status_of_turn(reply) == (status if status >= 500 else 200)


class Spend(Command):
    """Spends."""

    effect = Effect.SPEND


def test_what_is_read_back_can_be_said_yes_to() -> None:
    assert conversation_of(Spend, "monday") == "monday"
    made = conversation_of(Spend, None)
    assert made
    assert made != conversation_of(Spend, None)
    assert conversation_of(Command, None) is None


def test_the_list_of_commands_tells_what_a_program_needs(site: Site) -> None:
    listed = {entry["command"]: entry for entry in site.get("/api/v1/commands").json()}
    assert set(listed) == set(site.assistant.bus.catalogue)
    metric = listed["show_metric"]
    assert metric["area"] == "performance"
    assert metric["schema"]["required"] == ["metric"]
    assert metric["examples"]
    assert (metric["role"], metric["effect"], metric["permitted"]) == ("viewer", "read", True)


# Other agents


@pytest.mark.parametrize("venture", [1, "1", "Acme", "acme", None])
def test_status_for_another_agent(site: Site, venture: int | str | None) -> None:
    begun = time.perf_counter()
    response = site.post(AGENT, {"command": "status", "venture_id": venture})
    assert time.perf_counter() - begun < 5
    assert response.status_code == 200
    body = response.json()
    assert list(body) == ["status", "last_updated"]
    assert body["status"] == "operational"
    assert body["last_updated"].endswith("Z")
    assert datetime.fromisoformat(body["last_updated"]).utcoffset() == timedelta(0)
    assert audited(site.assistant)[0][0] == "agents"


@pytest.mark.parametrize("venture", [999_999, "999999", "Nopeville Inc", -1, "", "\x00"])
def test_an_unknown_venture_of_another_agent(site: Site, venture: int | str) -> None:
    for command in ("status", "show_performance"):
        response = site.post(AGENT, {"command": command, "venture_id": venture})
        assert is_error(response, 404, "unknown_venture")
    assert [entry[0::2] for entry in audited(site.assistant)] == [("agents", "refused")] * 2


def test_other_commands_of_another_agent(site: Site) -> None:
    order = {"command": "show_performance", "venture_id": 1, "slots": {"period": "last month"}}
    response = site.post(AGENT, order, Idempotency_Key="a1")
    reply = Reply.model_validate(response.json())
    assert (response.status_code, reply.slots["venture"]) == (200, "Acme")
    assert site.post(AGENT, order, Idempotency_Key="a1").json()["turn_id"] == reply.turn_id
    assert is_error(site.post(AGENT, {"command": "dance"}), 404, "unknown_command")
    assert site.post(AGENT, {"command": "help", "venture_id": 1}).status_code == 200
    twice = {"command": "show_performance", "venture_id": 1, "slots": {"venture": "Acme"}}
    assert site.post(AGENT, twice).status_code == 422


def test_another_agent_needs_a_token(stranger: Site) -> None:
    order = {"command": "status", "venture_id": 1}
    assert is_error(stranger.post(AGENT, order), 401, "not_signed_in")
    token = stranger.sign_in()
    assert is_error(stranger.post(AGENT, order, X_CSRF_Token=token), 401, "not_signed_in")


# Health


def test_the_service_is_alive_and_ready(stranger: Site) -> None:
    assert stranger.get("/healthz").json() == {"status": "ok"}
    assert stranger.get("/readyz").json() == {"status": "ready"}


def test_a_schema_of_another_version_is_not_ready(stranger: Site) -> None:
    with stranger.assistant.database.write() as connection:
        connection.execute(text("update alembic_version set version_num = '0000'"))
    response = stranger.get("/readyz")
    assert is_error(response, 503, "not_ready")
    assert "schema" in response.json()["error"]["message"]


def test_metrics_count_turns_and_requests_without_naming_anybody(site: Site) -> None:
    site.post(SAY, {"text": "show gtm performance for Acme", "conversation_id": "secret-talk"})
    site.post("/api/v1/commands/dance", {})
    site.get("/no/such/page")
    site.get("/static/favicon.svg")
    told = site.get("/metrics").text
    assert 'gtm_turns_total{channel="http",command="show_performance",status="done"} 1.0' in told
    assert 'gtm_turn_seconds_count{channel="http"} 2.0' in told
    assert 'gtm_http_requests_total{method="POST",route="/api/v1/say",status="200"} 1.0' in told
    assert 'gtm_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in told
    assert 'gtm_http_requests_total{method="GET",route="/static",status="200"} 1.0' in told
    for private in ("Acme", "chairman", "secret-talk", "dance", "no/such"):
        assert private not in told


# Access

PROTECTED: list[tuple[str, str]] = [
    ("POST", SAY),
    ("POST", STATUS),
    ("POST", "/api/v1/commands/dance"),
    ("GET", "/api/v1/commands"),
    ("POST", AGENT),
]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_strangers_learn_how_to_prove_who_they_are(stranger: Site, method: str, path: str) -> None:
    body = {"text": "status"} if path == SAY else {"command": "status"} if path == AGENT else {}
    for authorization in ("", "Bearer", "Bearer nonsense", "Basic YTpi", "Bearer ü"):
        asking = Site(stranger.assistant, stranger.client, {"Authorization": authorization})
        response = asking.post(path, body) if method == "POST" else asking.get(path)
        assert is_error(response, 401)
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert audited(stranger.assistant) == []


@pytest.mark.parametrize("role", [*Role, None], ids=str)
def test_every_command_asks_for_its_role_and_no_other(stranger: Site, role: Role | None) -> None:
    """Before anything else is looked at: no slot is sent, and none is asked for by a refusal."""
    site = stranger if role is None else stranger.as_role(role)
    for name, command in site.assistant.bus.catalogue.items():
        response = site.post(f"/api/v1/commands/{name}", {})
        if role is None:
            assert is_error(response, 401, "not_signed_in"), name
            continue
        assert response.status_code < 500, response.text
        error = response.json()["error"]
        is_refused = response.status_code == 403 and error["code"] == "role_required"
        assert is_refused is not role.includes(command.role), (name, response.text)
        if is_refused:
            assert audited(site.assistant)[-1][2:] == ("refused", "role_required")


def test_tokens_that_are_over_do_not_count(site: Site) -> None:
    assert site.post(STATUS, {}).status_code == 200
    with site.assistant.database.write() as connection:
        connection.execute(update(people.tokens).values(revoked_at=NOW))
    assert is_error(site.post(STATUS, {}), 401, "token_not_valid")


def test_signing_in_by_link(stranger: Site) -> None:
    link = Server("", stranger.assistant).sign_in_link()
    response = stranger.client.get(link, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert f"max-age={12 * 3600}" in cookie
    assert "secure" not in cookie.replace("session", "")
    page = stranger.get("/")
    assert "chairman" in page.text
    assert "Sign out" in page.text
    said = {"text": "status"}
    assert stranger.post(SAY, said, X_CSRF_Token=csrf_token(page)).json()["status"] == "done"
    assert audited(stranger.assistant)[-1][0] == "web"


def test_a_link_works_once_and_not_after_its_time(stranger: Site) -> None:
    link = Server("", stranger.assistant).sign_in_link()
    assert stranger.client.get(link).status_code == 200
    stranger.client.cookies.clear()
    fresh = Server("", stranger.assistant).sign_in_link()
    with stranger.assistant.database.write() as connection:
        expired = update(people.tokens).where(people.tokens.c.used_at.is_(None)).values(expires_at=NOW)
        connection.execute(expired)
    for dead in (link, fresh, "/sign-in?token=made-up", "/sign-in"):
        response = stranger.client.get(dead)
        assert response.status_code == 410
        assert "gtm sign-in" in response.text
        assert "set-cookie" not in response.headers


def test_an_api_token_is_no_sign_in_link(site: Site) -> None:
    token = site.headers["Authorization"].removeprefix("Bearer ")
    assert site.client.get(f"/sign-in?token={token}").status_code == 410


def test_a_stranger_is_shown_how_to_sign_in(stranger: Site) -> None:
    page = stranger.get("/")
    assert page.status_code == 200
    assert "gtm sign-in" in page.text
    assert "csrf" not in page.text


def test_secure_cookies_behind_https(assistant: Assistant) -> None:
    server = assistant.settings.server.model_copy(update={"public_url": "https://gtm.example"})
    assistant.settings.server = server
    site = site_of(assistant)
    response = site.client.get(Server("", assistant).sign_in_link(), follow_redirects=False)
    assert "; secure" in response.headers["set-cookie"].lower()
    assert "strict-transport-security" in response.headers


def test_a_session_ends(tmp_path: Path, models: Path) -> None:
    now = [NOW]
    assistant = assistant_on(f"sqlite:///{tmp_path / 'gtm.db'}", tmp_path, models, lambda: now[0])
    site = site_of(assistant)
    token = site.sign_in()
    now[0] = NOW + timedelta(hours=11.9)
    assert site.post(STATUS, {}, X_CSRF_Token=token).status_code == 200
    now[0] = NOW + timedelta(hours=12.1)
    assert is_error(site.post(STATUS, {}, X_CSRF_Token=token), 401, "not_signed_in")
    assert "Your session is over" in site.get("/").text
    assistant.close()


def test_a_deactivated_user_is_out_at_once(stranger: Site) -> None:
    token = stranger.sign_in()
    bearer = stranger.as_role()
    with stranger.assistant.database.write() as connection:
        connection.execute(update(people.users).values(active=False))
    assert is_error(stranger.post(STATUS, {}, X_CSRF_Token=token), 401)
    assert is_error(bearer.post(STATUS, {}), 401)


def test_a_forged_session_does_not_count(stranger: Site) -> None:
    stranger.sign_in(Role.VIEWER)
    name, value = next(iter(stranger.client.cookies.items()))
    body, signature = value.rsplit(".", 1)
    for forged in (f"{body}x.{signature}", f"{body}.{signature[::-1]}", body, "", "é", "a.b.c"):
        stranger.client.cookies.clear()
        response = stranger.get("/", Cookie=f"{name}={forged}")
        assert "Sign out" not in response.text


def test_a_session_needs_the_pages_token_to_change_anything(stranger: Site) -> None:
    token = stranger.sign_in()
    assert stranger.get("/api/v1/commands").status_code == 200
    assert is_error(stranger.post(STATUS, {}), 403, "csrf_token_wrong")
    for wrong in ("x", "ü", token[::-1]):
        assert is_error(stranger.post(STATUS, {}, X_CSRF_Token=wrong), 403, "csrf_token_wrong")
    assert is_error(stranger.post("/sign-out"), 403, "csrf_token_wrong")
    assert stranger.post(STATUS, {}, X_CSRF_Token=token).status_code == 200
    assert stranger.sign_in() != token
    assert is_error(stranger.post(STATUS, {}, X_CSRF_Token=token), 403, "csrf_token_wrong")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://testserver"}, 200),
        ({"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://testserver.evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_other_sites_cannot_use_a_session(stranger: Site, headers: dict[str, str], status: int) -> None:
    token = stranger.sign_in()
    sent = {**headers, "X-CSRF-Token": token}
    assert stranger.client.post(STATUS, json={}, headers=sent).status_code == status


def test_a_token_needs_no_csrf_token_and_wins_over_a_session(stranger: Site) -> None:
    stranger.sign_in(Role.VIEWER)
    site = stranger.as_role()
    assert site.post(STATUS, {}, Origin="https://dashboard.example").status_code == 200
    assert audited(site.assistant)[-1][0] == "http"
    wrong = Site(site.assistant, site.client, {"Authorization": "Bearer nonsense"})
    assert is_error(wrong.post(STATUS, {}), 401, "token_not_valid")


def test_signing_out(stranger: Site) -> None:
    token = stranger.sign_in()
    response = stranger.post("/sign-out", X_CSRF_Token=token)
    assert response.status_code == 204
    assert "max-age=0" in response.headers["set-cookie"].lower()
    assert "gtm sign-in" in stranger.get("/").text
    assert stranger.post("/sign-out").status_code == 204


def test_the_session_key_is_private_and_kept(assistant: Assistant, tmp_path: Path) -> None:
    create_app(assistant)
    path = assistant.settings.data_dir / "session.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = session_key(assistant.settings.data_dir)
    assert key == session_key(assistant.settings.data_dir) == path.read_text()
    assert session_key(tmp_path / "other") != key
    path.write_text("short")
    with pytest.raises(ConfigurationError, match=r"session\.key"):
        session_key(assistant.settings.data_dir)


RESPONSES: list[tuple[str, Callable[[Site], httpx2.Response]]] = [
    ("answer", lambda site: site.post(SAY, {"text": "status"})),
    ("page", lambda site: site.get("/")),
    ("file", lambda site: site.get("/static/style.css")),
    ("not found", lambda site: site.get("/nowhere")),
    ("method", lambda site: site.get(SAY)),
    ("invalid", lambda site: site.post(SAY, {})),
    ("stranger", lambda site: Site(site.assistant, site.client).post(SAY, {"text": "status"})),
    ("link", lambda site: site.client.get(Server("", site.assistant).sign_in_link(), follow_redirects=False)),
]


@pytest.mark.parametrize("answer", [one for _, one in RESPONSES], ids=[name for name, _ in RESPONSES])
def test_every_response_carries_the_security_headers(
    site: Site, answer: Callable[[Site], httpx2.Response]
) -> None:
    headers = answer(site).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] in ("no-store", "no-cache")


@pytest.fixture
def configured(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").symlink_to(models)
    monkeypatch.setenv("GTM_DATA_DIR", str(tmp_path))


@pytest.mark.usefixtures("configured")
def test_the_factory_builds_the_service_from_the_settings() -> None:
    with TestClient(factory()) as client:
        assert client.get("/readyz").json() == {"status": "ready"}
