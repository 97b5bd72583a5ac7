"""Where Slack knocks: Bolt proves that it is Slack; what it sends is written down, then acknowledged."""

import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from sqlalchemy.exc import SQLAlchemyError

from assistant.bootstrap import Assistant
from assistant.channels.slack.incoming import incoming
from storage import slack

log = logging.getLogger(__name__)


def receiver(assistant: Assistant, wake: Callable[[], None]) -> App:
    """Bolt's application, for HTTP and for Socket Mode alike; ``wake`` is called when there is work.

    It answers 200 once the work is written down, and 503 where that failed: Slack then sends it again.
    """
    terms = assistant.settings.slack
    secret = None if terms.signing_secret is None else terms.signing_secret.get_secret_value()
    token = None if terms.bot_token is None else terms.bot_token.get_secret_value()
    app = App(
        name="gtm-assistant",
        logger=_quiet(),
        signing_secret=secret or "",
        # By a function, so that Bolt asks Slack nothing before it acknowledges.
        authorize=lambda **_: AuthorizeResult(enterprise_id=None, team_id=None, bot_token=token),
        ssl_check_enabled=False,
    )

    @app.middleware
    def keep(body: dict[str, Any], req: BoltRequest) -> BoltResponse:
        # Bolt takes a command whose words hold "payload" for a form that has none.
        return _kept(assistant, body or dict(parse_qsl(req.raw_body, keep_blank_values=True)), wake)

    return app


def _quiet() -> logging.Logger:
    """Bolt's log without what anybody may send: it would log bodies whose signature is wrong."""
    made = logging.getLogger("slack_bolt.quiet")
    made.setLevel(logging.WARNING)
    return made


def _kept(assistant: Assistant, body: Mapping[str, Any], wake: Callable[[], None]) -> BoltResponse:
    new = incoming(body)
    if new is None:
        return BoltResponse(status=200, body="")
    try:
        with assistant.database.write() as connection:
            is_new = slack.receive(connection, new, assistant.clock())
    except SQLAlchemyError as error:
        log.warning("what Slack sent could not be written down: %s", type(error).__name__)
        return BoltResponse(status=503, body="")
    if is_new:
        wake()
    return BoltResponse(status=200, body="")
