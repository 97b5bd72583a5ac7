"""The ASGI application."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

from fastapi import FastAPI

from assistant.bootstrap import Assistant, build
from assistant.channels import agents, health, http, page
from assistant.channels.edge import AddHeaders, CountRequests, LimitBody, security_headers
from assistant.channels.errors import add_error_handlers
from assistant.channels.metrics import Metrics
from assistant.channels.routes import command_routes
from assistant.channels.service import Service
from assistant.channels.sessions import Sessions, session_key
from assistant.settings import load_settings

DESCRIPTION = """
One catalogue of commands: say them in words (`/api/v1/say`), or send them with their slots
(`/api/v1/commands/{name}`). Every answer has the same shape, every error is
`{"error": {"code", "message", "cure"}}`.
"""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(assistant: Assistant, lifespan: Lifespan | None = None) -> FastAPI:
    """The service over HTTP. Whoever built the assistant closes it."""
    server = assistant.settings.server
    app = FastAPI(
        title="GTM assistant",
        version=version("gtm-assistant"),
        description=DESCRIPTION,
        lifespan=lifespan,
        # Their pages load scripts from elsewhere, which our content policy forbids.
        docs_url=None,
        redoc_url=None,
    )
    key = session_key(assistant.settings.data_dir)
    sessions = Sessions(key, timedelta(hours=server.session_hours), assistant.clock)
    metrics = Metrics()
    app.state.service = Service(assistant, sessions, metrics)

    headers = security_headers(is_https=server.url.startswith("https:"))
    add_error_handlers(app, headers)
    # The last one added meets a request first.
    app.add_middleware(LimitBody, most=server.max_body_bytes)
    app.add_middleware(AddHeaders, headers=headers)
    app.add_middleware(CountRequests, metrics=metrics)

    app.include_router(http.router)
    app.include_router(command_routes(assistant.bus.handlers.values()))
    app.include_router(agents.router)
    app.include_router(health.router)
    app.include_router(page.router)
    app.mount("/static", page.page_files(), name="static")
    return app


def factory() -> FastAPI:
    """The service as the settings describe it, for ``uvicorn --factory assistant.app:factory``."""
    assistant = build(load_settings())

    @asynccontextmanager
    async def closing(_app: FastAPI) -> AsyncIterator[None]:
        yield
        assistant.close()

    return create_app(assistant, closing)
