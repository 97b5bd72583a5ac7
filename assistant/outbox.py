"""Sends what the outbox holds: in order per target, again after a failure, settled one by one."""

import json
import logging
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING

from assistant import notices
from assistant.bus import Bus
from assistant.looping import Loop
from storage import outbox
from storage.outbox import Message

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
RETRY_AFTER = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
"""Pauses between attempts; after the last a message has failed for good. After Standard Webhooks."""
GONE = 410
"""The other side wants no more of it."""


class Sender:
    """Posts and mails notices in the thread of its ``loop``, and brings kept audit entries home."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.loop = Loop("outbox", self._step, LOOK_SECONDS)

    @cached_property
    def _client(self) -> "httpx2.Client":
        # Imported here: who sends nothing does not pay for it.
        import httpx2

        return httpx2.Client(timeout=self.bus.settings.notify.webhook_seconds, follow_redirects=False)

    def _step(self) -> bool:
        self.bus.journal.replay(self.bus.database)
        return self.send_one()

    def send_one(self) -> bool:
        """Send the next message that is due; False when there is none.

        A process that dies between sending and noting so leaves a message that is sent again with the same
        ``webhook-id`` or ``Message-ID``, by which the other side knows it.
        """
        now = self.bus.clock()
        said = self.bus.settings.notify
        targets = notices.targets(self.bus.settings)
        if not targets:
            return False
        with self.bus.database.read() as connection:
            if not outbox.is_due(connection, now, targets):
                return False
        lease = timedelta(seconds=2 * max(said.webhook_seconds, said.email.seconds))
        with self.bus.database.write() as connection:
            message = outbox.claim(connection, now, now + lease, targets)
        if message is None:
            return False
        problem, wait = self._mail(message) if message.target == notices.EMAIL else self._post(message)
        with self.bus.database.write() as connection:
            if problem is None:
                outbox.settle(connection, message, outbox.CONFIRMED, None, self.bus.clock())
            elif wait is None:
                outbox.settle(connection, message, outbox.FAILED, problem, self.bus.clock())
            else:
                outbox.retry(connection, message, self.bus.clock() + wait, problem)
        if problem is not None:
            log.warning("notice %s was not taken: %s", message.id, problem)
        return True

    def _mail(self, message: Message) -> tuple[str | None, timedelta | None]:
        """As `_post`, by e-mail."""
        # Imported here: who sends no mail does not load it.
        from assistant import mailing

        try:
            mailing.send(message, self.bus.settings)
        except mailing.MailError as error:
            return str(error), None if error.is_final else _pause(message)
        return None, None

    def _post(self, message: Message) -> tuple[str | None, timedelta | None]:
        """What was wrong, None for nothing; and when to try again, None for never."""
        from httpx2 import HTTPError

        body = json.dumps(message.payload, ensure_ascii=False)
        try:
            answer = self._client.post(
                str(self.bus.settings.notify.webhook_url),
                content=body.encode(),
                headers={"Content-Type": "application/json", **self._signed(message, body)},
            )
        except HTTPError as error:
            return f"{type(error).__name__}: {error}"[:300], _pause(message)
        if answer.is_success:
            return None, None
        problem = f"answered {answer.status_code}"
        if answer.status_code == GONE:
            return problem, None
        pause = _pause(message)
        asked = _asked_pause(answer.headers.get("retry-after"), self.bus.clock())
        return problem, pause if pause is None or asked is None else max(pause, asked)

    def _signed(self, message: Message, body: str) -> dict[str, str]:
        """The headers by which the other side knows that it is us, and that it is this message."""
        from standardwebhooks import Webhook

        secret = self.bus.settings.notify.webhook_secret
        if secret is None:
            raise ValueError("there is no webhook_secret")
        number = f"msg_{message.idempotency_key}"
        at = self.bus.clock()
        return {
            "webhook-id": number,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret.get_secret_value()).sign(number, at, body),
        }


def _pause(message: Message) -> timedelta | None:
    return RETRY_AFTER[message.attempts - 1] if message.attempts <= len(RETRY_AFTER) else None


def _asked_pause(header: str | None, now: datetime) -> timedelta | None:
    """What Retry-After says: seconds, or a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return timedelta(seconds=min(int(header.strip()[:9]), 86_400))
    try:
        until = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return max(until.astimezone(UTC) - now, timedelta())
