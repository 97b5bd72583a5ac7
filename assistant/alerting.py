"""Raises alerts, keeps them up to date while their cause lasts, and tells whoever is outside."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from assistant import notices
from assistant.reply import Evidence
from assistant.settings import Settings
from storage import alerts, outbox
from storage.alerts import Alert

OPEN_DAYS = 7
"""An alert that has no end of its own counts as open for so long."""


def tracking_cause(venture_id: int) -> str:
    """The cause of a venture's broken tracking, whoever sees it first."""
    return f"market:{venture_id}:tracking"


@dataclass(frozen=True)
class Finding:
    """Something that lasts, and is worth an alert."""

    cause: str
    kind: str
    told: str
    since: str
    """When it began, as a part of its key: the same cause may come again later."""
    parts: tuple[str, ...] = ()
    """What it is about in particular; one that joins makes it news to whoever acknowledged it."""
    evidence: tuple[Evidence, ...] = field(default=())
    venture_id: int | None = None
    campaign_id: int | None = None


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
    cause: str | None = None,
) -> bool:
    """Raise an alert in the caller's transaction; False when there is one of that key already."""
    number = alerts.raise_once(
        connection, key, kind, told, now, venture_id=venture_id, campaign_id=campaign_id, cause=cause
    )
    if number is None:
        return False
    _notify(connection, settings, number, now)
    return True


def keep(connection: Connection, settings: Settings, found: Finding, now: datetime) -> str:
    """Raise the alert of a cause, or bring the open one up to date: ``raised``, ``joined`` or ``known``."""
    evidence = [one.model_dump(mode="json") for one in found.evidence]
    parts = sorted(set(found.parts))
    known = alerts.open_of(connection, found.cause)
    if known is None:
        number = alerts.raise_once(
            connection,
            f"{found.cause}:{found.since}:{now.date()}",
            found.kind,
            found.told,
            now,
            venture_id=found.venture_id,
            campaign_id=found.campaign_id,
            cause=found.cause,
            parts=parts,
            evidence=evidence,
        )
        if number is None:
            return "known"
        _notify(connection, settings, number, now)
        return "raised"
    joined = not set(parts) <= set(known.parts or ())
    if joined or known.told != found.told:
        all_parts = sorted({*parts, *(known.parts or ())})
        alerts.retell(connection, known.id, found.told, all_parts, evidence, now, anew=joined)
    if joined and not known.sleeps(now):
        _notify(connection, settings, known.id, now)
    return "joined" if joined else "known"


def sweep(connection: Connection, prefix: str, still: set[str], now: datetime) -> int:
    """Close the alerts of causes that begin like this and no longer last; how many they were."""
    over = [one for one in alerts.open_causes(connection, prefix) if one.cause not in still]
    for one in over:
        alerts.close(connection, one.id, now)
    return len(over)


def is_quiet(settings: Settings, now: datetime) -> bool:
    """Whether people are not to be disturbed at a moment."""
    begins, ends = settings.alerts.quiet_from, settings.alerts.quiet_until
    if begins is None or ends is None or begins == ends:
        return False
    here = now.astimezone(ZoneInfo(settings.time_zone)).time()
    first, last = time.fromisoformat(begins), time.fromisoformat(ends)
    return first <= here < last if first < last else here >= first or here < last


def tell_due(connection: Connection, settings: Settings, now: datetime) -> tuple[int, int]:
    """Tell what waited for the end of the quiet hours or of a snooze, and again what nobody acknowledged.

    How many of each. Quiet hours hold back escalations, too.
    """
    since, told, again = now - timedelta(days=OPEN_DAYS), 0, 0
    for one in alerts.to_notify(connection, since, now):
        told += _notify(connection, settings, one.id, now)
    hours = settings.alerts.escalate_hours
    if not hours or is_quiet(settings, now):
        return told, again
    for one in alerts.to_escalate(connection, since, now - timedelta(hours=hours), now):
        alerts.mark_escalated(connection, one.id, now)
        _request(connection, settings, notices.ALERT_ESCALATED, one, now)
        again += 1
    return told, again


def _notify(connection: Connection, settings: Settings, number: int, now: datetime) -> int:
    one = alerts.alert(connection, number)
    if one is None or (is_quiet(settings, now) and one.kind not in settings.alerts.urgent):
        return 0
    alerts.mark_notified(connection, number, now)
    _request(connection, settings, notices.ALERT_RAISED, one, now)
    return 1


def _request(connection: Connection, settings: Settings, notice: str, one: Alert, now: datetime) -> None:
    told = one.told if notice == notices.ALERT_RAISED else f"Nobody has acknowledged this yet: {one.told}"
    for target in notices.targets(settings):
        # The moment is part of it: what joined an alert later is another notice.
        key = uuid5(NAMESPACE_URL, f"{target}:{one.key}:{now.isoformat()}")
        outbox.request(
            connection,
            target,
            notice,
            notices.alert_payload(notice, one.kind, told, now, one.id),
            key=f"{notice}:{key}",
            audit_id=None,
            now=now,
        )
