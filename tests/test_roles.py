"""Every role at every door: commands, routes, pages and what their forms offer."""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.routing import BaseRoute

from assistant.app import create_app
from assistant.bootstrap import Assistant
from assistant.reply import Status
from intents.command import Effect, Role
from storage import people
from storage.audit import audit
from storage.changes import changes
from storage.jobs import jobs
from storage.outbox import outbox
from storage.proposals import proposals
from tests.conftest import Speaker, run
from tests.test_http import Site, csrf_token, site_of

ANYONE = None
LEAST: dict[str, Role | None] = {
    "GET /openapi.json": ANYONE,
    "GET /healthz": ANYONE,
    "GET /readyz": ANYONE,
    "GET /metrics": ANYONE,
    "GET /sign-in": ANYONE,
    "GET /go": ANYONE,
    "GET /sign-in/provider": ANYONE,
    "GET /sign-in/back": ANYONE,
    # Whoever knows the address of a feed hears it: see test_briefings.
    "GET /feeds/{secret}/briefings.xml": ANYONE,
    "GET /feeds/{secret}/{number}.mp3": ANYONE,
    # Whoever has the link reads the mail it came with.
    "GET /mail/{secret}": ANYONE,
    "POST /mail/{secret}": ANYONE,
    # An action server of Rasa's; its own token is tested in test_rasa_actions.
    "GET /actions": ANYONE,
    "GET /health": ANYONE,
    "POST /webhook": ANYONE,
    "POST /sign-out": ANYONE,
    # A widget has a token and sites of its own: see test_widget.
    "GET /widget.js": ANYONE,
    "GET /widget/demo": ANYONE,
    "POST /widget/v1/hello": ANYONE,
    "POST /widget/v1/voice": ANYONE,
    "POST /widget/v1/speech": ANYONE,
    "WS /widget/v1/converse": ANYONE,
    "POST /api/v1/say": Role.VIEWER,
    "GET /api/v1/commands": Role.VIEWER,
    "POST /api/v1/commands/{name}": Role.VIEWER,
    "GET /api/v1/ears": Role.VIEWER,
    "POST /api/v1/voice": Role.VIEWER,
    "POST /api/v1/speech": Role.VIEWER,
    "GET /v1/models": Role.VIEWER,
    "POST /v1/audio/transcriptions": Role.VIEWER,
    "POST /v1/audio/speech": Role.VIEWER,
    "GET /api/v1/jobs": Role.VIEWER,
    "GET /api/v1/jobs/{job_id}": Role.VIEWER,
    "POST /api/v1/jobs/{job_id}/cancel": Role.VIEWER,
    "PUT /api/v1/files/{name}": Role.OPERATOR,
    "POST /agents/gtm-strategist": Role.VIEWER,
    "WS /api/v1/converse": Role.VIEWER,
    "WS /api/v1/voice/stream": Role.VIEWER,
    "POST /api/v1/briefings/feed": Role.VIEWER,
    "GET /api/v1/briefings/{number}/{kind}": Role.VIEWER,
    "GET /talk": Role.VIEWER,
    "GET /events": Role.VIEWER,
    "GET /": Role.VIEWER,
    "GET /portfolio": Role.VIEWER,
    "GET /ventures/{venture}": Role.VIEWER,
    "GET /campaigns/{campaign}": Role.VIEWER,
    # A look at what a command that spends would do needs who may ask for it.
    "GET /budget": Role.OPERATOR,
    "GET /attribution": Role.VIEWER,
    "GET /alerts": Role.VIEWER,
    "GET /influencers": Role.VIEWER,
    "GET /influencers/{influencer}": Role.VIEWER,
    "GET /loops": Role.VIEWER,
    "GET /audit": Role.LEAD,
    "GET /settings": Role.VIEWER,
    "GET /why/{name}": Role.VIEWER,
    "GET /briefings": Role.VIEWER,
    "GET /briefings/{briefing}": Role.VIEWER,
    "POST /act": Role.VIEWER,
    "POST /briefings/feed": Role.VIEWER,
    "POST /settings/sessions": Role.VIEWER,
    "POST /settings/slack": Role.VIEWER,
    "POST /settings/mail": Role.VIEWER,
    "POST /settings/widgets": Role.CHAIRMAN,
    "POST /settings/widgets/revoke": Role.CHAIRMAN,
}
"""Every route but those of commands, with the least role that is let in."""

ENDLESS = ("GET /events",)
"""Streams that go on for whoever is let in."""
NAMES = {
    "venture": "Acme",
    "campaign": "Spring%20Launch",
    "influencer": "somebody",
    "job_id": "1",
    "name": "show_status",
    "briefing": "1",
    "number": "now",
    "kind": "md",
}
SLOTS: dict[str, dict[str, Any]] = {
    "add_influencer": {"influencer": "somebody", "campaign": "Spring Launch"},
    "block_influencer": {"influencer": "somebody"},
    "create_campaign": {"venture": "Acme", "channels": ["email"], "name": "Backdoor", "budget": "50k"},
    "create_venture": {"name": "Backdoor"},
    "delegate_approvals": {"person": "viewer", "until": "tomorrow"},
    "explain_change": {"metric": "roas"},
    "import_data": {"kind": "performance", "file": "spend.csv", "venture": "Acme"},
    "optimize_budget": {"campaign": "Spring Launch"},
    "pause_campaign": {"campaign": "Spring Launch"},
    "pause_loop": {"loop": "spend_watch"},
    "reallocate_budget": {
        "amount": "1000",
        "source": "display",
        "target": "email",
        "campaign": "Spring Launch",
    },
    "resume_campaign": {"campaign": "Spring Launch"},
    "resume_loop": {"loop": "spend_watch"},
    "run_loop": {"loop": "spend_watch"},
    "set_alert": {"metric": "cac", "value": "above 1000"},
    "set_budget": {"campaign": "Spring Launch", "amount": "60k"},
    "set_spend_limit": {"campaign": "Spring Launch", "amount": "1", "pace": "day"},
    "schedule_briefing": {"frequency": "daily", "time": "at eight"},
    "show_campaign": {"campaign": "Spring Launch"},
    "show_influencer": {"influencer": "somebody"},
    "show_metric": {"metric": "roas"},
    "show_venture": {"venture": "Acme"},
    "update_venture": {"venture": "Acme", "stage": "scale"},
}
"""What a command cannot do without."""


@pytest.fixture
def site(assistant: Assistant) -> Site:
    """Nobody yet; refusals of whoever asks too often would hide everything else."""
    values = {"requests_per_minute": 0, "unknown_per_minute": 0}
    assistant.settings.server = assistant.settings.server.model_copy(update=values)
    return site_of(assistant)


def routes(found: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Every method and path of routes and those they include."""
    for route in found:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes(inner.routes)
        elif (path := getattr(route, "path", None)) and type(route).__name__ != "Mount":
            methods = getattr(route, "methods", None) or {"WS"}
            yield from ((method, path) for method in methods if method != "HEAD")


def written(assistant: Assistant) -> list[int]:
    """How much of anything there is that a command leaves."""
    with assistant.database.read() as connection:
        tables = (changes, proposals, jobs, outbox)
        return [connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_every_route_has_its_least_role_and_keeps_to_it(site: Site) -> None:
    known = {f"{method} {path}" for method, path in routes(create_app(site.assistant).routes)}
    commands = {f"POST /api/v1/commands/{name}" for name in site.assistant.bus.catalogue}
    assert known == set(LEAST) | commands
    for route, least in LEAST.items():
        method, path = route.split(" ")
        if least is ANYONE or method == "WS":
            continue
        path = path.format_map(NAMES)
        nobody = site.client.request(method, path)
        is_page = "You sign in with a one-time link" in nobody.text
        assert nobody.status_code == (200 if is_page else 204 if route in ENDLESS else 401), route
        for role in Role:
            if route in ENDLESS:
                continue
            site.client.cookies.clear()
            is_api = path.startswith(("/api", "/v1", "/agents"))
            asker = site.as_role(role) if is_api else site
            if not is_api:
                site.sign_in(role)
            status = site.client.request(method, path, headers=asker._sent({})).status_code
            # A form without its page's token is refused from anybody.
            if role.includes(least) and (is_api or method == "GET"):
                assert status not in (401, 403, 500), (route, role, status)
            else:
                assert status == 403, (route, role, status)
        site.client.cookies.clear()


@pytest.mark.parametrize("role", list(Role))
def test_every_command_is_for_its_role_and_above(assistant: Assistant, role: Role) -> None:
    catalogue = assistant.bus.catalogue
    for name, command in catalogue.items():
        before = written(assistant)
        reply = run(Speaker(assistant, role), name, **SLOTS.get(name, {}))
        refused = reply.error is not None and reply.error.code == "role_required"
        assert refused != role.includes(command.role), (name, role, reply.reply.text)
        if refused or command.effect is Effect.READ:
            assert written(assistant) == before, name
        if role is not Role.CHAIRMAN and command.effect in (Effect.SPEND, Effect.PUBLISH):
            assert reply.status in (Status.APPROVAL, Status.REFUSED, Status.QUESTION), (name, reply.status)
        if reply.status is Status.CONFIRM:
            assert written(assistant) == before, name


@pytest.mark.parametrize("role", list(Role))
def test_a_page_offers_nobody_what_they_may_not_do(site: Site, role: Role) -> None:
    """And its forms are refused from a hand that makes them up."""
    bus = site.assistant.bus
    asked = run(Speaker(site.assistant, Role.OPERATOR), "set_budget", **SLOTS["set_budget"])
    assert asked.status is Status.APPROVAL
    site.sign_in(role)
    with site.assistant.database.read() as connection:
        person = people.person_named(connection, role.value)
    assert person is not None
    offered: set[str] = set()
    for route, least in LEAST.items():
        method, path = route.split(" ")
        if (
            method == "GET"
            and least
            and role.includes(least)
            and "{name}" not in path
            and route not in ENDLESS
        ):
            page = site.get(path.format_map(NAMES))
            offered |= set(re.findall(r'name="_command" value="([^"]+)"', unescape(page.text)))
    assert {name for name in offered if not bus.may(bus.catalogue[name], person)} == set()
    assert bool(offered) is role.includes(Role.OPERATOR)
    token = csrf_token(site.get("/"))
    for path in ("/settings/widgets", "/settings/widgets/revoke"):
        answer = site.client.post(path, data={"_csrf": token, "name": "none", "sites": "https://a.example"})
        assert (answer.status_code == 403) is not role.includes(Role.CHAIRMAN)
    for name, command in bus.catalogue.items():
        if not bus.may(command, person):
            before = written(site.assistant)
            form = {"_csrf": token, "_command": name, **SLOTS.get(name, {})}
            answer = site.client.post("/act", data=form)
            assert f"needs the role {command.role}" in unescape(answer.text), name
            assert written(site.assistant) == before


def test_nobody_leaves_a_trace_of_a_command(site: Site) -> None:
    for name in site.assistant.bus.catalogue:
        assert site.post(f"/api/v1/commands/{name}", {}).status_code == 401
    with site.assistant.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(audit)) == 0
