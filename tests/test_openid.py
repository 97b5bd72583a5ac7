"""Signing in at a certified OpenID provider on loopback, there and back through the public doors."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.sync_api import expect, sync_playwright
from sqlalchemy.exc import IntegrityError

from assistant.bootstrap import Assistant
from assistant.channels.openid import own_path
from assistant.settings import OpenId
from assistant.settings import Server as ServerTerms
from intents.command import Role
from storage import accesses, identities, people, sessions
from tests.conftest import Server, assistant_on, copied, serving
from tests.postgres import free_port
from tests.test_page import chromium

ROOT = Path(__file__).parent.parent
PACKAGES = ROOT / "assistant/web/node_modules"
SECRET = "a secret of the tests"
ANNA = "anna@example.com"


class Clock:
    """The real time, and more when wanted: the provider keeps the real one."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class World:
    """A service and the provider its people sign in at."""

    server: Server
    issuer: str
    clock: Clock
    node: "subprocess.Popen[str]"

    @property
    def assistant(self) -> Assistant:
        """The service's."""
        return self.server.assistant

    def lie(self, **how: object) -> None:
        """What the provider's next ID tokens say instead."""
        assert httpx2.post(f"{self.issuer}/lie", json=how).status_code == 200

    def noted(self) -> list[str]:
        """What is on record about coming in, the latest first."""
        with self.assistant.database.read() as connection:
            return [f"{one.what} {one.person}" for one in accesses.latest(connection, 20)]


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def provider(ports: tuple[int, int]) -> Iterator["subprocess.Popen[str]"]:
    """The provider, which knows this service."""
    own, service = ports
    program = [
        str(Path(sys.executable).with_name("node")),
        str(ROOT / "tests/oidc_provider.mjs"),
        str(PACKAGES),
        str(own),
    ]
    back = f"http://127.0.0.1:{service}/sign-in/back"
    with subprocess.Popen(
        [*program, back],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as node:
        assert node.stdout is not None
        assert node.stdout.readline() == "ready\n"
        # It ends when nobody holds its input any more.
        yield node


@pytest.fixture
def terms() -> dict[str, str]:
    """Settings of the sign-in, to be changed by tests that are about them."""
    return {}


@pytest.fixture
def world(
    provider: "subprocess.Popen[str]",
    ports: tuple[int, int],
    terms: dict[str, str],
    sqlite_schema: Path,
    tmp_path: Path,
    models: Path,
) -> Iterator[World]:
    own, port = ports
    issuer, clock = f"http://127.0.0.1:{own}", Clock()
    told = OpenId.model_validate(
        {"issuer": issuer, "client_id": "gtm", "client_secret": SECRET, "name": "Example", **terms}
    )
    assistant = assistant_on(
        copied(sqlite_schema, tmp_path / "gtm.db"),
        tmp_path,
        models,
        clock,
        sign_in=told,
        server=ServerTerms(public_url=f"http://127.0.0.1:{port}"),
    )
    with assistant.database.write() as connection:
        lead = people.person_named(connection, Role.LEAD.value)
        assert lead is not None
        identities.link(connection, lead.id, issuer, identities.invited(ANNA.upper()), ANNA, clock())
    with serving(assistant, port) as server:
        world = World(server, issuer, clock, provider)
        world.lie()
        yield world
    assistant.close()


class Browser(httpx2.Client):
    """Goes where it is sent, and fills in the provider's forms."""

    def __init__(self, world: World) -> None:
        super().__init__(base_url=world.server.url, timeout=20)
        self.issuer = world.issuer

    def go(self, path: str, who: str = "anna") -> httpx2.Response:
        """Begin at an address, sign in where asked."""
        response = self.get(path)
        while response.is_redirect or "/interaction/" in str(response.url):
            response = self.step(response, who)
        return response

    def until_back(self, path: str = "/sign-in/provider", who: str = "anna") -> str:
        """The address the provider sends back to, not opened yet."""
        response = self.get(path)
        while not (response.is_redirect and "/sign-in/back" in response.headers["location"]):
            response = self.step(response, who)
        return response.headers["location"]

    def step(self, response: httpx2.Response, who: str) -> httpx2.Response:
        """Follow a redirect, or fill in a form."""
        if response.is_redirect:
            return self.get(str(response.url.join(response.headers["location"])))
        form = re.search(r'<form[^>]*action="([^"]+)"', response.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', response.text)
        assert form
        assert prompt, response.text
        return self.post(form[1], data={"prompt": prompt[1], "login": who, "password": "any"})

    def name(self) -> str | None:
        """Who is signed in."""
        found = re.search(r'<span class="name">(\w+)</span>', self.get("/talk").text)
        return found[1] if found else None


@pytest.fixture
def browser(world: World) -> Iterator[Browser]:
    with Browser(world) as made:
        yield made


def test_somebody_whose_address_is_known_comes_in(world: World, browser: Browser) -> None:
    offered = browser.get("/portfolio?period=last+week")
    assert "Sign in with Example" in offered.text
    link = re.search(r'href="(/sign-in/provider\?next=[^"]+)"', offered.text)
    assert link
    page = browser.go(link[1])
    assert (page.status_code, page.url.path, page.url.query) == (200, "/portfolio", b"period=last+week")
    assert browser.name() == "lead"
    assert world.noted() == ["signed in lead"]
    with world.assistant.database.read() as connection:
        (begun,) = sessions.begun(connection, world.clock())
        assert (begun.how, begun.person) == ("oidc", "lead")
        # From now on it is the subject that counts, not the address.
        assert identities.is_known(connection, world.issuer, "anna")
        assert not identities.is_known(connection, world.issuer, identities.invited(ANNA))


def test_what_is_sent_to_the_provider_proves_the_answer(browser: Browser) -> None:
    asked = parse_qs(urlsplit(browser.get("/sign-in/provider").headers["location"]).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert {"openid", "email"} <= set(asked["scope"][0].split())
    again = parse_qs(urlsplit(browser.get("/sign-in/provider").headers["location"]).query)
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name][0]) >= 43
        assert asked[name] != again[name]


def test_signed_out_it_must_be_done_again(browser: Browser) -> None:
    browser.go("/sign-in/provider")
    token = re.search(r'name="csrf-token" content="(\w+)"', browser.get("/talk").text)
    assert token
    assert browser.post("/sign-out", headers={"X-CSRF-Token": token[1]}).status_code == 204
    assert browser.name() is None


def test_an_address_the_provider_does_not_vouch_for_is_nobodys(world: World, browser: Browser) -> None:
    page = browser.go("/sign-in/provider", "mallory")
    assert page.status_code == 403
    assert "does not vouch for an e-mail address" in page.text
    assert browser.name() is None
    assert world.noted() == ["refused None"]


def test_people_nobody_knows_are_refused_with_the_cure(browser: Browser) -> None:
    page = browser.go("/sign-in/provider", "nobody")
    assert page.status_code == 403
    assert "gtm user link NAME nobody@example.com" in page.text


@pytest.mark.parametrize("terms", [{"unknown": "viewer"}])
def test_people_nobody_knows_may_be_let_in_as_viewers(world: World, browser: Browser) -> None:
    assert browser.go("/sign-in/provider", "nobody").status_code == 200
    with world.assistant.database.read() as connection:
        found = people.person_named(connection, "nobody@example.com")
    assert found is not None
    assert found.role is Role.VIEWER
    # Whoever claims somebody's address without proof gets a name of their own, and not that person.
    with Browser(world) as other:
        other.go("/sign-in/provider", "mallory")
    with world.assistant.database.read() as connection:
        assert identities.person_known_as(connection, world.issuer, "mallory") != found
        lead = people.person_named(connection, Role.LEAD.value)
        assert identities.person_known_as(connection, world.issuer, "mallory") != lead


@pytest.mark.parametrize("terms", [{"unknown": "viewer"}])
def test_whoever_was_sent_away_does_not_come_in_anew(world: World, browser: Browser) -> None:
    browser.go("/sign-in/provider")
    with world.assistant.database.write() as connection:
        connection.execute(people.users.update().where(people.users.c.name == "lead").values(active=False))
    assert browser.name() is None
    with Browser(world) as other:
        assert other.go("/sign-in/provider").status_code == 403


def hours(more: float) -> int:
    return int(time.time() + more * 3600)


LIES: list[dict[str, object]] = [
    {"claims": {"nonce": "another"}},
    {"claims": {"nonce": None}},
    {"claims": {"aud": "somebody-else"}},
    {"claims": {"aud": ["gtm", "somebody-else"], "azp": "somebody-else"}},
    {"claims": {"iss": "http://127.0.0.1:1"}},
    {"claims": {"exp": hours(-1)}},
    {"claims": {"iat": hours(24), "exp": hours(48)}},
    {"claims": {"exp": None}},
    {"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
    {"claims": {"sub": ""}},
    {"key": True},
]


@pytest.mark.parametrize("lie", LIES, ids=[f"lie {number}" for number in range(len(LIES))])
def test_what_cannot_be_believed_is_refused(world: World, browser: Browser, lie: dict[str, object]) -> None:
    world.lie(**lie)
    page = browser.go("/sign-in/provider")
    assert page.status_code == 403
    assert "cannot be believed" in page.text or "makes no sense" in page.text
    assert browser.name() is None
    world.lie()
    assert browser.go("/sign-in/provider").status_code == 200
    assert browser.name() == "lead"


def test_clocks_may_be_a_little_apart(world: World, browser: Browser) -> None:
    world.lie(claims={"exp": int(time.time() - 20)})
    assert browser.go("/sign-in/provider").status_code == 200
    assert browser.name() == "lead"


def test_an_answer_is_good_once_and_in_the_browser_that_asked(world: World, browser: Browser) -> None:
    back = browser.until_back()
    kept = browser.cookies["gtm_signing_in"]
    with Browser(world) as thief:
        page = thief.get(back)
        assert (page.status_code, "has not begun to sign in" in page.text) == (403, True)
    assert browser.get(back).status_code == 303
    with Browser(world) as again:
        again.cookies.set("gtm_signing_in", kept)
        page = again.get(back)
        assert page.status_code == 403
        assert "refused" in page.text
        assert again.name() is None


def test_a_state_leads_to_one_session(world: World, browser: Browser) -> None:
    """Even where a provider would take a code twice: the session is named after the state."""
    back = browser.until_back()
    assert browser.get(back).status_code == 303
    name, now = f"journey-{parse_qs(urlsplit(back).query)['state'][0]}", world.clock()
    with pytest.raises(IntegrityError), world.assistant.database.write() as connection:
        sessions.begin(connection, 1, name, "oidc", "", "", now, now)


def test_an_answer_to_another_sign_in_is_refused(browser: Browser) -> None:
    back = browser.until_back()
    browser.get("/sign-in/provider")  # another begins, in another window
    page = browser.get(back)
    assert page.status_code == 403
    assert "belongs to another sign-in" in page.text
    assert browser.name() is None


def test_an_answer_of_another_provider_is_refused(browser: Browser) -> None:
    back = browser.until_back()
    page = browser.get(re.sub(r"iss=[^&]+", "iss=http%3A%2F%2Fevil.example", back))
    assert page.status_code == 403
    assert "another provider" in page.text


def test_whoever_takes_too_long_begins_anew(world: World, browser: Browser) -> None:
    back = browser.until_back()
    world.clock.ahead = timedelta(minutes=16)
    page = browser.get(back)
    assert (page.status_code, "more than 15 minutes" in page.text) == (403, True)


def test_whoever_says_no_there_is_told_so_here(browser: Browser) -> None:
    location = browser.get("/sign-in/provider").headers["location"]
    state = parse_qs(urlsplit(location).query)["state"][0]
    page = browser.get(f"/sign-in/back?error=access_denied&error_description=Not+today&state={state}")
    assert page.status_code == 403
    assert "did not sign you in (Not today)" in page.text


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\tevil", "javascript:alert(1)"]
)
def test_it_leads_to_no_other_site(browser: Browser, to: str) -> None:
    browser.get("/sign-in/provider", params={"next": to})
    page = browser.get(browser.until_back(f"/sign-in/provider?{httpx2.QueryParams({'next': to})}"))
    assert page.headers["location"] == "/"


@pytest.mark.parametrize(("to", "path"), [("/budget?a=b", "/budget?a=b"), ("/sign-out", "/"), ("", "/")])
def test_it_leads_to_pages_of_ours(to: str, path: str) -> None:
    assert own_path(to) == path


@pytest.mark.parametrize("terms", [{"issuer": "http://127.0.0.1:9"}])
def test_a_provider_that_is_down_is_told_with_another_way_in(browser: Browser) -> None:
    page = browser.get("/sign-in/provider")
    assert page.status_code == 503
    assert "does not answer" in page.text
    assert "gtm sign-in" in page.text


@pytest.mark.parametrize("terms", [{"client_secret": "wrong"}])
def test_a_wrong_secret_names_the_setting(browser: Browser) -> None:
    page = browser.go("/sign-in/provider")
    assert page.status_code == 403
    assert "GTM_SIGN_IN__CLIENT_SECRET" in page.text
    assert "wrong" not in page.text


def test_without_a_provider_there_is_no_such_way(server: Server) -> None:
    assert httpx2.get(f"{server.url}/sign-in/provider").status_code == 404
    assert "Sign in with" not in httpx2.get(server.url).text


@pytest.mark.browser
def test_a_real_browser_goes_the_whole_way(world: World) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium())
        page = browser.new_page(base_url=world.server.url)
        page.set_default_timeout(15_000)
        # As people come: by another name of the machine than the provider's.
        page.goto("/settings")
        page.get_by_role("link", name="Sign in with Example").click()
        page.locator("input[name=login]").fill("anna")
        page.locator("input[name=password]").fill("any")
        page.locator("button[type=submit]").click()
        page.locator("button[type=submit]").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
        cookies = {one["name"]: one for one in page.context.cookies(world.server.url)}
        assert cookies["gtm_session"]["sameSite"] == "Strict"
        assert cookies["gtm_session"]["httpOnly"]
        assert "gtm_signing_in" not in cookies
        browser.close()
