"""Where a briefing goes: into the outbox, in the transaction that keeps it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from assistant import notices
from assistant.briefing import words
from assistant.briefing.facts import Briefing
from assistant.settings import Settings, parts
from storage import mail_addresses, outbox
from storage.briefings import Schedule

TARGETS = (notices.EMAIL, notices.WEBHOOK, notices.SLACK)
"""What of a schedule's places is sent to; the page and the feed look for themselves."""


def deliver(
    connection: Connection,
    settings: Settings,
    schedule: Schedule,
    facts: Briefing,
    now: datetime,
) -> list[str]:
    """Ask for it to be sent wherever the schedule says, and name these places."""
    sent = []
    for target in TARGETS:
        if target not in schedule.delivery:
            continue
        body = payload(settings, facts, now)
        if target == notices.EMAIL:
            to = addresses(connection, settings, schedule.user_id, facts.person)
            if not to:
                continue
            body["data"]["to"] = to
        body["data"]["heard"] = is_heard(settings, schedule)
        kinds = [notices.BRIEFING_READY]
        if target == notices.SLACK and body["data"]["heard"]:
            # By itself: what becomes of the sound says nothing of the words.
            kinds.append(notices.BRIEFING_SOUND)
        for kind in kinds:
            key = f"{kind}:{facts.number}:{target}"
            outbox.request(connection, target, kind, body, key=key, audit_id=None, now=now)
        sent.append(target)
    return sent


def is_heard(settings: Settings, schedule: Schedule) -> bool:
    """Whether the sound of a schedule's briefings is sent along."""
    said = settings.briefings.sound
    return said == "always" or (said == "asked" and schedule.spoken)


def addresses(connection: Connection, settings: Settings, user_id: int, person: str) -> list[str]:
    """Where a person's mail goes: to the address they confirmed, else where the settings say."""
    confirmed = mail_addresses.of(connection, user_id).address
    if confirmed is not None:
        return [confirmed]
    own = settings.briefings.addresses.get(person)
    return parts(own) if own else parts(settings.notify.email.to)


def payload(settings: Settings, facts: Briefing, now: datetime) -> dict[str, Any]:
    """A briefing as it is posted: its words, and the facts that they are made of."""
    return {
        "type": notices.BRIEFING_READY,
        "timestamp": now.isoformat(),
        "data": {
            "text": words.text(facts),
            "markdown": words.markdown(facts),
            "headline": facts.headline,
            "briefing": facts.number,
            "person": facts.person,
            "url": f"{settings.server.url}/briefings/{facts.number}",
            "facts": facts.model_dump(mode="json"),
        },
    }
