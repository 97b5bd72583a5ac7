"""Why something was changed: who did it, by which rule or proposal, on what figures, and who said yes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from assistant import wording
from assistant.handling import Context
from assistant.notices import LOOP_CHANNEL
from assistant.reply import Evidence, Problem
from storage import audit, promises, proposals
from storage.campaigns import campaigns_of
from storage.deeds import BUDGET_CHANGED, WAS_PAUSED, WAS_RESUMED, Deed, latest_deed

_NAMED = {
    None: "change",
    BUDGET_CHANGED: "change of a budget",
    WAS_PAUSED: "pause",
    WAS_RESUMED: "resumption",
}


class DeedTold(BaseModel):
    """A change and how it came about."""

    audit_id: int
    at: datetime
    by: str
    rule: str | None = None
    """Of a change that a rule or an optimization promised something of."""
    confidence: Decimal | None = None
    proposal: int | None = None
    approved_by: str | None = None
    taken_back: bool = False


@dataclass(frozen=True)
class Account:
    """What is told of a change."""

    told: DeedTold
    text: str
    speech: str
    evidence: list[Evidence]


def account(context: Context, deed: str | None, venture: str | None, campaign: str | None) -> Account:
    """Explain the latest change of a kind to a campaign, a venture, or anything. Raises `Problem`."""
    owner = context.venture(venture)
    if campaign is not None:
        about: list[int] | None = [context.campaign(campaign, owner).id]
    elif owner is not None:
        about = [one.id for one in campaigns_of(context.connection, venture_id=owner.id)]
    else:
        about = None
    found = latest_deed(context.connection, deed, about)
    if found is None:
        of = f" of {campaign or venture}" if campaign or venture else ""
        raise Problem("no_such_change", f"There is no {_NAMED[deed]}{of} on record.", "Show the audit log.")
    return _account(context, found)


def _account(context: Context, found: Deed) -> Account:
    told = DeedTold(
        audit_id=found.audit_id, at=found.at, by=found.person, taken_back=found.undone_by is not None
    )
    reasons, evidence = _reasons(context, found)
    here = found.at.astimezone(ZoneInfo(context.person.time_zone))
    when = f"{wording.day(here.date())} {here:%H:%M}"
    reply = found.reply.get("reply", {})
    done = str(reply.get("speech") or reply.get("text", "")).partition("\n")[0]
    lines = [f"{done} {_who(found)} on {when}."]
    number = found.slots.get("proposal") or _decided(found)
    if found.command == "approve" and number is not None:
        asked = proposals.proposal(context.connection, int(number))
        if asked is not None:
            told.proposal, told.approved_by = asked.id, found.person
            evidence = evidence or [Evidence.model_validate(one) for one in asked.evidence]
            lines.append(_asked(asked))
    elif found.approval:
        told.approved_by = str(found.approval.get("by"))
        lines.append(f"{told.approved_by} said yes to exactly that after it was read back.")
    elif found.channel == LOOP_CHANNEL:
        lines.append("It was inside the limits of what is done without a person.")
    lines += _promised(context, found, told)
    if reasons and reasons not in lines[0]:
        lines.append(f"Why: {reasons}")
    elif found.channel != LOOP_CHANNEL and not evidence:
        lines.append("No reason was given.")
    if told.taken_back:
        lines.append("It was taken back since.")
    return Account(told, "\n".join(lines), lines[0], evidence)


def _who(found: Deed) -> str:
    if found.channel == LOOP_CHANNEL:
        return f"The {found.person} did that by itself"
    return f"{found.person} asked for that (“{found.text}”)"


def _asked(one: proposals.Proposal) -> str:
    sure = "" if one.confidence is None else f", {wording.percent(one.confidence)} sure"
    risk = "" if one.risk is None else f", {one.risk} risk"
    return f"It was proposal {one.id} by {one.requested_by}{sure}{risk}."


def _decided(found: Deed) -> Any:
    result = found.reply.get("result")
    return result.get("proposal") if isinstance(result, dict) else None


def _reasons(context: Context, found: Deed) -> tuple[str, list[Evidence]]:
    """What was told with it; for what was read back, what was told then."""
    reply: dict[str, Any] = found.reply.get("reply", {})
    text, evidence = str(reply.get("text", "")), reply.get("evidence") or []
    turn = (found.approval or {}).get("read_back_in")
    if turn is not None:
        asked = audit.reply_of_turn(context.connection, turn)
        if asked is not None:
            earlier = asked[1].get("reply", {})
            text, evidence = str(earlier.get("text", "")), earlier.get("evidence") or evidence
    speech = str(reply.get("speech") or "")
    text = text.removeprefix(speech).partition("Shall I ")[0].strip()
    return text, [Evidence.model_validate(one) for one in evidence]


def _promised(context: Context, found: Deed, told: DeedTold) -> list[str]:
    lines = []
    for one in promises.of_turn(context.connection, found.audit_id):
        told.rule, told.confidence = one.source, one.confidence
        low, high, expected = (
            wording.money(amount, one.currency) for amount in (one.low, one.high, one.expected)
        )
        source = one.source.replace("_", " ")
        lines.append(
            f"By “{source}”: {wording.percent(one.confidence)} sure that contribution rises, by {expected} "
            f"a month expected, 90 % range {low} to {high}."
        )
        if one.actual is not None:
            lines.append(f"It brought {wording.money(one.actual, one.currency)} a month.")
    return lines
