"""The ASGI application."""

import gc
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter
from fastapi import FastAPI

from assistant.bootstrap import Assistant, build, set_up_log
from assistant.channels import (
    agents,
    briefings,
    converse,
    files,
    health,
    http,
    jobs,
    listening,
    openai_audio,
    openid,
    page,
    rasa_actions,
    voice,
    widget,
)
from assistant.channels.admission import LimitRate
from assistant.channels.connections import connections
from assistant.channels.desk import routes as desk
from assistant.channels.edge import AddHeaders, AwaitBody, CountRequests, LimitBody, security_headers
from assistant.channels.errors import add_error_handlers
from assistant.channels.lane import Lane
from assistant.channels.limits import Limits
from assistant.channels.metrics import Metrics
from assistant.channels.routes import command_routes
from assistant.channels.service import Service
from assistant.channels.sessions import Sessions, session_key
from assistant.channels.turns import Turns
from assistant.provider import Provider
from assistant.settings import Server, load_settings
from intents.rasa_project import WEBHOOK

if TYPE_CHECKING:
    from assistant.channels.slack.service import SlackChannel

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

DESCRIPTION = """
One catalogue of commands: say them in words (`/api/v1/say`), or send them with their slots
(`/api/v1/commands/{name}`). Every answer has the same shape, every error is
`{"error": {"code", "message", "cure"}}`.
"""


def create_app(assistant: Assistant, *, closing: bool = False, alone: bool = True) -> FastAPI:
    """The service over HTTP, which runs jobs while it serves; ``closing`` the assistant when it ends.

    Where it is not ``alone`` in its process, it leaves the collecting of garbage as it finds it.
    """
    server = assistant.settings.server
    app = FastAPI(
        title="GTM assistant",
        version=version("gtm-assistant"),
        description=DESCRIPTION,
        lifespan=_serving(assistant, closing=closing, alone=alone),
        # Their pages load scripts from elsewhere, which our content policy forbids.
        docs_url=None,
        redoc_url=None,
    )
    key = session_key(assistant.settings.data_dir)
    sessions = Sessions(key, timedelta(hours=server.session_hours), assistant.clock)
    metrics = Metrics()
    limits = Limits(server.requests_per_minute, server.unknown_per_minute)
    lane = Lane()
    terms = assistant.settings.sign_in
    provider = Provider(terms, f"{server.url}{openid.BACK}", assistant.clock) if terms.issuer else None
    here = Service(
        assistant,
        sessions,
        metrics,
        lane,
        Turns(assistant, lane),
        limits,
        provider,
        CapacityLimiter(MOST_HEARING),
    )
    app.state.service = here

    recording = assistant.settings.voice.most_bytes
    headers = security_headers(is_https=server.is_https)
    add_error_handlers(app, headers)
    # The last one added meets a request first.
    app.add_middleware(
        LimitBody,
        most=server.max_body_bytes,
        except_under=files.PREFIX,
        larger={
            WEBHOOK: rasa_actions.MOST_BYTES,
            voice.PATH: recording,
            f"{widget.PREFIX}voice": recording,
            openai_audio.TRANSCRIPTIONS: recording + openai_audio.FORM_BYTES,
        },
    )
    app.add_middleware(AwaitBody, seconds=server.body_seconds, parts_under=files.PREFIX)
    app.add_middleware(LimitRate, here=here, free=UNLIMITED)
    app.add_middleware(widget.AnswerSites, here=here)
    app.add_middleware(AddHeaders, headers=headers)
    app.add_middleware(CountRequests, metrics=metrics)

    app.include_router(http.router)
    app.include_router(converse.router)
    app.include_router(voice.router)
    app.include_router(listening.router)
    app.include_router(openai_audio.router)
    app.include_router(jobs.router)
    app.include_router(briefings.router)
    app.include_router(briefings.open_router)
    app.include_router(files.router)
    app.include_router(command_routes(tuple(assistant.bus.handlers.values())))
    app.include_router(agents.router)
    app.include_router(rasa_actions.router)
    app.include_router(rasa_actions.open_router)
    app.include_router(health.router)
    app.include_router(widget.router)
    app.include_router(page.router)
    app.include_router(openid.router)
    app.include_router(desk.router)
    slack = _slack(here)
    app.state.slack = slack
    if slack is not None and (router := slack.router()) is not None:
        app.include_router(router)
    app.mount("/static", page.page_files(), name="static")
    app.mount("/built", page.BUILT, name="built")
    return app


MOST_HEARING = 2
"""Streams of sound that are looked at, at the same moment."""
UNLIMITED = (
    rasa_actions.HEALTH,
    health.ALIVE,
    health.READY,
    health.METRICS,
    widget.SCRIPT,
    "/static/",
    "/built/",
)
"""Paths that may be asked for as often as anybody likes."""
COLLECTED_AFTER = 20_000
"""New objects until the youngest are looked through for cycles."""
LARGEST_FRAME = 65_536
"""Bytes of a WebSocket message."""


def server_options(server: Server) -> dict[str, Any]:
    """How uvicorn is to serve the application."""
    return {
        "host": server.host,
        "port": server.port,
        "http": connections(server.body_seconds, security_headers(is_https=server.is_https)),
        # A worker that loads its reader on a busy machine is no dead one.
        "timeout_worker_healthcheck": 30,
        "timeout_keep_alive": server.keep_alive_seconds,
        "proxy_headers": bool(server.proxies),
        "forwarded_allow_ips": server.proxies,
        "ws": "websockets-sansio",
        "ws_max_size": LARGEST_FRAME,
        "log_config": None,
        # Its access log would show sign-in tokens; the bus logs every turn.
        "access_log": False,
        "server_header": False,
    }


def _serving(assistant: Assistant, *, closing: bool, alone: bool) -> Lifespan:
    @asynccontextmanager
    async def serving(app: FastAPI) -> AsyncIterator[None]:
        if alone:
            # What is loaded by now stays: looking through it again and again is a tenth of a turn.
            gc.collect()
            gc.freeze()
            gc.set_threshold(COLLECTED_AFTER)
        assistant.start()
        here: Service = app.state.service
        try:
            slack: SlackChannel | None = app.state.slack
            async with _satellites(here), slack.running() if slack is not None else nullcontext():
                yield
        finally:
            if alone:
                gc.unfreeze()
            await to_thread(assistant.stop)
            if closing:
                assistant.close()

    return serving


def _satellites(here: Service) -> AbstractAsyncContextManager[None]:
    terms = here.assistant.settings.voice
    if terms.wyoming_port is None:
        return nullcontext()
    # Imported here: few have satellites.
    from assistant.channels.wyoming import satellites

    return satellites(here.assistant.voicing, here.lane, terms.wyoming_host, terms.wyoming_port)


def _slack(here: Service) -> "SlackChannel | None":
    if not here.assistant.settings.slack.listens:
        return None
    # Imported here: few are in Slack.
    from assistant.channels.slack.service import SlackChannel

    return SlackChannel(here)


def factory() -> FastAPI:
    """The service as the settings describe it, for ``uvicorn --factory assistant.app:factory``."""
    settings = load_settings()
    set_up_log(settings)
    return create_app(build(settings), closing=True)
