"""What was said and done."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from assistant import wording
from assistant.handling import Context, handles
from assistant.reply import Answer, Column, Table, Telling
from assistant.turn import DESK
from engines.terms import Period
from intents.command import Command, Role
from intents.slots import Count, PeriodSlot, PersonName
from storage.audit import between
from storage.performance import day_bounds

SHOWN = 20


class AuditRow(BaseModel):
    """One utterance."""

    number: int
    at: datetime
    person: str
    channel: str
    text: str
    command: str | None
    slots: dict[str, Any] = {}
    status: str
    approved_by: str | None
    took_ms: float


class AuditReport(BaseModel):
    """The utterances of a period, the latest first."""

    period: Period
    entries: list[AuditRow]


class ShowAudit(Command):
    """Shows who said what, what came of it and who approved it."""

    role = Role.LEAD
    examples = ("show the audit log", "what did operator do today")

    person: PersonName | None = Field(None, description="Whose?")
    period: PeriodSlot | None = Field(None, description="Of which period?")
    count: Count | None = Field(None, description="How many entries?")


@handles
def show_audit(asked: ShowAudit, context: Context) -> Answer[AuditReport]:
    """List the latest entries; without a period those of the last seven days.

    What pages asked by being opened is on record too, but nobody said it, and it is not listed.
    """
    period = asked.period or Period.last_days(7, context.today)
    start, end = day_bounds(period, context.person.time_zone)
    found = between(context.connection, start, end, person=asked.person, count=asked.count or SHOWN, but=DESK)
    rows = [AuditRow.model_validate(one, from_attributes=True) for one in found]
    whose = f" of {asked.person}" if asked.person else ""
    text = f"{len(rows)} entries{whose}, {wording.named(period)}, the latest first."
    zone = ZoneInfo(context.person.time_zone)
    table = Table(
        title="Audit",
        columns=[
            Column(key="at", label="When"),
            Column(key="person", label="Who"),
            Column(key="text", label="Said"),
            Column(key="command", label="Command"),
            Column(key="status", label="Became"),
            Column(key="approved_by", label="Approved by"),
        ],
        rows=[
            [
                f"{row.at.astimezone(zone):%Y-%m-%d %H:%M}",
                row.person,
                row.text[:80],
                row.command or wording.NOTHING,
                row.status,
                row.approved_by or wording.NOTHING,
            ]
            for row in rows
        ],
    )
    return Answer(
        result=AuditReport(period=period, entries=rows),
        telling=Telling(text=text, speech=text, table=table if rows else None),
    )
