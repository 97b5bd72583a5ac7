"""How often somebody may ask: a person, an address of strangers, whoever guesses tokens."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import httpx2
import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from assistant.app import create_app
from assistant.bootstrap import Assistant
from assistant.channels.limits import Limits, person, place
from intents.command import Role
from tests.conftest import Server
from tests.test_http import SAY, STATUS, Site, is_error, site_of

FREE = ("/healthz", "/readyz", "/metrics", "/static/favicon.svg")


def configured(assistant: Assistant, **values: object) -> Assistant:
    """The assistant with other settings of its server."""
    assistant.settings.server = assistant.settings.server.model_copy(update=values)
    return assistant


@pytest.fixture
def site(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Three requests a minute, of which a stranger may guess two tokens; it stays one minute."""
    minute = SimpleNamespace(time=lambda: 1_800_000_020.0)
    for counting in ("limits.storage.memory", "limits.strategies", "assistant.channels.limits"):
        monkeypatch.setattr(f"{counting}.time", minute)
    return site_of(configured(assistant, requests_per_minute=3, unknown_per_minute=2))


def test_a_person_has_one_count_whatever_they_come_with(site: Site) -> None:
    # The page is asked for twice: after the link, and for its token.
    csrf = site.sign_in()
    answer = site.as_role().post(STATUS, {})
    assert answer.status_code == 200
    assert answer.headers["ratelimit-policy"] == '"requests";q=3;w=60'
    assert answer.headers["ratelimit"].startswith('"requests";r=0;t=')
    assert "retry-after" not in answer.headers
    assert is_error(site.post(STATUS, {}, X_CSRF_Token=csrf), 429, "too_many_requests")
    refused = site.as_role().post(SAY, {"text": "status"})
    assert is_error(refused, 429, "too_many_requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
    assert "content-security-policy" in refused.headers
    assert site.as_role(Role.VIEWER).post(STATUS, {}).status_code == 200


def test_strangers_share_the_count_of_their_address(site: Site) -> None:
    app = site.client.app
    for path in ("/", "/nowhere", "/openapi.json"):
        assert site.get(path).status_code != 429
    assert is_error(site.get("/"), 429, "too_many_requests")
    assert site.as_role().post(STATUS, {}).status_code == 200
    assert TestClient(app, client=("192.0.2.7", 1)).get("/").status_code == 200


def test_who_guesses_tokens_is_refused_and_nobody_else_at_their_address(site: Site) -> None:
    guessing = Site(site.assistant, site.client, {"Authorization": "Bearer gtm_guess"})
    for _ in range(2):
        assert is_error(guessing.post(STATUS, {}), 401, "token_not_valid")
    refused = guessing.post(STATUS, {})
    assert is_error(refused, 429, "too_many_requests")
    assert refused.headers["ratelimit-policy"] == '"unknown";q=2;w=60'
    assert "www-authenticate" not in refused.headers
    assert site.as_role().post(STATUS, {}).status_code == 200


def test_a_websocket_is_counted_like_a_request(site: Site) -> None:
    headers = {"Authorization": site.as_role().headers["Authorization"]}
    for _ in range(3):
        with site.client.websocket_connect("/api/v1/converse", headers=headers) as socket:
            assert socket.receive_json()["person"] == "chairman"
    with pytest.raises(WebSocketDenialResponse) as denied:
        site.client.websocket_connect("/api/v1/converse", headers=headers).__enter__()
    assert denied.value.status_code == 429
    assert denied.value.json()["error"]["code"] == "too_many_requests"
    assert denied.value.headers["retry-after"]


@pytest.mark.parametrize("path", FREE)
def test_what_watches_the_service_is_never_refused(site: Site, path: str) -> None:
    answers = [site.get(path) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 6
    assert all("ratelimit" not in answer.headers for answer in answers)


def test_there_need_be_no_limit(assistant: Assistant) -> None:
    site = site_of(configured(assistant, requests_per_minute=0, unknown_per_minute=0))
    answers = [site.post(STATUS, {}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401] * 5
    assert "ratelimit" not in answers[0].headers


@pytest.mark.parametrize(
    ("client", "same", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("not an address", "not an address", True),
    ],
)
def test_an_ipv6_network_is_one_place(client: str, same: str, is_same: bool) -> None:
    assert (place((client, 1)) == place((same, 2))) is is_same
    assert place(None) == place(None) != place((client, 1))


def test_a_refused_caller_may_ask_again_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_800_000_000.0 + 20]
    monkeypatch.setattr(time, "time", lambda: now[0])
    limits = Limits(requests_per_minute=4, unknown_per_minute=1)
    asked: Callable[[], bool] = lambda: (found := limits.asked(person(1))) is not None and found.admitted  # noqa: E731
    assert [asked() for _ in range(5)] == [True] * 4 + [False]
    refused = limits.asked(person(1))
    assert refused is not None
    assert refused.headers["Retry-After"] == "40"
    now[0] += 39
    assert not asked()
    now[0] += 1.1
    assert asked()
    assert not asked()
    now[0] += 120
    assert [asked() for _ in range(4)] == [True] * 4


@pytest.mark.parametrize(("trusted", "statuses"), [("", [200, 200, 429]), ("127.0.0.1, ::1", [200] * 3)])
def test_what_a_proxy_says_counts_only_when_it_is_trusted(
    assistant: Assistant, request: pytest.FixtureRequest, trusted: str, statuses: list[int]
) -> None:
    configured(assistant, requests_per_minute=2, trusted_proxies=trusted)
    server: Server = request.getfixturevalue("server")
    answers = [
        httpx2.get(f"{server.url}/", headers={"X-Forwarded-For": f"203.0.113.9, 198.51.100.{last}"})
        for last in range(3)
    ]
    assert [answer.status_code for answer in answers] == statuses


def test_an_app_of_its_own_counts_for_itself(assistant: Assistant) -> None:
    configured(assistant, requests_per_minute=1)
    for _ in range(2):
        assert TestClient(create_app(assistant)).get("/").status_code == 200
