"""Slack beside the rest of the service: its address, its workers, its socket."""

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.client import HTTPException

from anyio import to_thread
from fastapi import APIRouter
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackApiError, SlackClientError

from assistant.channels.service import Service
from assistant.channels.slack.acting import act
from assistant.channels.slack.receiving import receiver
from assistant.channels.slack.refreshing import Homes
from assistant.channels.slack.routes import routes
from assistant.channels.slack.working import Workers

log = logging.getLogger(__name__)

RECONNECT_SECONDS = 15.0
"""The pause after a socket that could not be opened."""


class SlackChannel:
    """What listens to Slack, and acts on what it hears."""

    def __init__(self, here: Service) -> None:
        self._terms = here.assistant.settings.slack
        self._client = here.assistant.slack.client
        self.workers = Workers(here.assistant, act, here.metrics.turn)
        self._homes = Homes(here.assistant)
        self._app = receiver(here.assistant, self.workers.wake)
        self._stop = threading.Event()

    def router(self) -> APIRouter | None:
        """The address for Slack; none where only the socket is used."""
        secret = self._terms.signing_secret
        return None if secret is None else routes(self._app, secret.get_secret_value())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Act on what comes while the block lasts."""
        self.workers.start()
        self._homes.loop.start()
        listening = None
        if self._terms.app_token is not None:
            listening = threading.Thread(target=self._listen, name="slack-socket", daemon=True)
            listening.start()
        try:
            yield
        finally:
            self._stop.set()
            if listening is not None:
                await to_thread.run_sync(listening.join, 10.0)
            self._homes.loop.halt()
            await to_thread.run_sync(self.workers.stop)
            await to_thread.run_sync(self._homes.loop.stop)

    def _listen(self) -> None:
        """Hold a socket open, and open it again where it cannot be."""
        token = "" if self._terms.app_token is None else self._terms.app_token.get_secret_value()
        socket = SocketModeHandler(self._app, token, web_client=self._client)
        try:
            while not self._stop.is_set():
                try:
                    socket.client.connect()
                    break
                except (OSError, HTTPException, SlackClientError) as error:
                    # Its address is a secret, and may stand in the error.
                    log.warning("Slack's socket could not be opened: %s", _named(error))
                    self._stop.wait(RECONNECT_SECONDS)
            # From here on the library itself opens it anew.
            self._stop.wait()
        finally:
            socket.client.close()


def _named(error: Exception) -> str:
    return str(error.response.get("error")) if isinstance(error, SlackApiError) else type(error).__name__
