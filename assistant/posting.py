"""Notices by webhook: posted as Standard Webhooks have it, signed."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING

from assistant.delivery import NotTakenError

if TYPE_CHECKING:
    import httpx2

    from assistant.bus import Bus
    from storage.outbox import Message

GONE = 410
"""The other side wants no more of it."""


class Webhook:
    """Posts notices to the address of the settings."""

    def __init__(self, bus: "Bus") -> None:
        self._bus = bus

    @cached_property
    def _client(self) -> "httpx2.Client":
        # Imported here: who sends nothing does not pay for it.
        import httpx2

        return httpx2.Client(timeout=self._bus.settings.notify.webhook_seconds, follow_redirects=False)

    def send(self, message: "Message") -> None:
        """Post a notice. Raises `NotTakenError`."""
        from httpx2 import HTTPError

        body = json.dumps(message.payload, ensure_ascii=False)
        try:
            answer = self._client.post(
                str(self._bus.settings.notify.webhook_url),
                content=body.encode(),
                headers={"Content-Type": "application/json", **self._signed(message, body)},
            )
        except HTTPError as error:
            raise NotTakenError(f"{type(error).__name__}: {error}"[:300], is_final=False) from error
        if not answer.is_success:
            wait = asked_pause(answer.headers.get("retry-after"), self._bus.clock())
            told = f"answered {answer.status_code}"
            raise NotTakenError(told, is_final=answer.status_code == GONE, wait=wait)

    def _signed(self, message: "Message", body: str) -> dict[str, str]:
        """The headers by which the other side knows that it is us, and that it is this message."""
        from standardwebhooks import Webhook as Signature

        secret = self._bus.settings.notify.webhook_secret
        if secret is None:
            raise ValueError("there is no webhook_secret")
        number = f"msg_{message.idempotency_key}"
        at = self._bus.clock()
        return {
            "webhook-id": number,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Signature(secret.get_secret_value()).sign(number, at, body),
        }


def asked_pause(header: str | None, now: datetime) -> timedelta | None:
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
