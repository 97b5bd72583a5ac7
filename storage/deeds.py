"""The latest turn that changed a budget, paused or resumed something: what is asked about afterwards."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from engines.terms import CampaignStatus
from storage.audit import audit
from storage.campaigns import channel_lines
from storage.changes import changes
from storage.people import users

BUDGET_CHANGED, WAS_PAUSED, WAS_RESUMED = "budget_changed", "was_paused", "was_resumed"

MOST_CHANGES = 2000
"""The latest changed rows that are looked through."""


@dataclass(frozen=True)
class Deed:
    """A turn that changed something, as the audit has it."""

    audit_id: int
    at: datetime
    person: str
    channel: str
    text: str
    command: str
    slots: dict[str, Any]
    approval: dict[str, Any] | None
    reply: dict[str, Any]
    undone_by: int | None


def latest_deed(
    connection: Connection, kind: str | None, campaign_ids: Collection[int] | None
) -> Deed | None:
    """The latest of a kind, or of any; of some campaigns, or of all. Taking back is no deed of its own."""
    table = changes.c
    query = (
        select(table.audit_id, table.table_name, table.row_id, table.before, table.after, table.undone_by)
        .join(audit, audit.c.id == table.audit_id)
        .where(table.table_name.in_(("campaigns", "channel_lines")), audit.c.command != "undo")
        .order_by(table.id.desc())
        .limit(MOST_CHANGES)
    )
    lines = None if campaign_ids is None else _lines_of(connection, campaign_ids)
    for audit_id, name, row_id, before, after, undone_by in connection.execute(query):
        if campaign_ids is not None and row_id not in (campaign_ids if name == "campaigns" else lines or ()):
            continue
        if _kinds(before or {}, after or {}) & (
            {kind} if kind else {BUDGET_CHANGED, WAS_PAUSED, WAS_RESUMED}
        ):
            return _deed(connection, audit_id, undone_by)
    return None


def _lines_of(connection: Connection, campaign_ids: Collection[int]) -> set[int]:
    query = select(channel_lines.c.id).where(channel_lines.c.campaign_id.in_(campaign_ids))
    return set(connection.scalars(query))


def _kinds(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    found = set()
    if before and after and before.get("allocated") != after.get("allocated"):
        found.add(BUDGET_CHANGED)
    if before.get("status") == CampaignStatus.ACTIVE and after.get("status") == CampaignStatus.PAUSED:
        found.add(WAS_PAUSED)
    if before.get("status") == CampaignStatus.PAUSED and after.get("status") == CampaignStatus.ACTIVE:
        found.add(WAS_RESUMED)
    return found


def _deed(connection: Connection, audit_id: int, undone_by: int | None) -> Deed:
    row = connection.execute(
        select(
            audit.c.id,
            audit.c.at,
            audit.c.person,
            audit.c.channel,
            audit.c.text,
            audit.c.command,
            audit.c.slots,
            audit.c.approval,
            audit.c.reply,
        ).where(audit.c.id == audit_id)
    ).one()
    return Deed(*row, undone_by)


@dataclass(frozen=True)
class Act:
    """Something that was done and still stands."""

    audit_id: int
    at: datetime
    person: str
    by_itself: bool
    """Whether the service did it without a person."""
    told: str
    slots: dict[str, Any]


def done_between(connection: Connection, start: datetime, end: datetime) -> list[Act]:
    """What was changed of campaigns and budgets, the latest first; not what was taken back."""
    stands = (
        select(changes.c.audit_id)
        .where(changes.c.undone_by.is_(None), changes.c.table_name.in_(("campaigns", "channel_lines")))
        .distinct()
    )
    query = (
        select(audit.c.id, audit.c.at, audit.c.person, users.c.is_service, audit.c.reply, audit.c.slots)
        .outerjoin(users, users.c.id == audit.c.user_id)
        .where(
            audit.c.at >= start,
            audit.c.at < end,
            audit.c.id.in_(stands),
            audit.c.command != "undo",
            audit.c.status == "done",
        )
        .order_by(audit.c.id.desc())
        .limit(MOST_CHANGES)
    )
    return [
        Act(number, at, person, bool(is_service), _first_line(reply), slots)
        for number, at, person, is_service, reply, slots in connection.execute(query)
    ]


def _first_line(reply: dict[str, Any]) -> str:
    """What was told of it: what is spoken is what was done, without its reasons."""
    told = reply.get("reply", {})
    return str(told.get("speech") or told.get("text", "")).partition("\n")[0].strip()
