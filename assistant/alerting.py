"""Raises alerts: a row, and a notice to whoever outside is told."""

from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection

from assistant import notices
from assistant.settings import Settings
from storage import alerts, outbox


def raise_alert(
    connection: Connection,
    settings: Settings,
    key: str,
    kind: str,
    told: str,
    now: datetime,
    *,
    venture_id: int | None = None,
    campaign_id: int | None = None,
) -> bool:
    """Raise an alert in the caller's transaction; False when there is one of that key already."""
    if not alerts.raise_once(
        connection, key, kind, told, now, venture_id=venture_id, campaign_id=campaign_id
    ):
        return False
    if settings.notify.webhook_url is not None:
        outbox.request(
            connection,
            notices.WEBHOOK,
            notices.ALERT_RAISED,
            notices.alert_payload(kind, told, now),
            key=f"{notices.ALERT_RAISED}:{uuid5(NAMESPACE_URL, key)}",
            audit_id=None,
            now=now,
        )
    return True
