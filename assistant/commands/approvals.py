"""What waits for a yes, and taking things back."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from assistant import delegating, wording
from assistant.handling import Context, handles
from assistant.reply import (
    Action,
    Answer,
    Button,
    Column,
    Decision,
    Evidence,
    Listed,
    Problem,
    Table,
    Telling,
)
from engines.terms import CampaignStatus
from intents.command import Command, Effect, Role
from intents.slots import MoneySlot, ProposalNumber, Reason, VentureName
from storage import audit, changes, proposals
from storage.changes import RowChange
from storage.delegations import in_force
from storage.proposals import Proposal


class ExpectedEffect(BaseModel):
    """What a proposal is expected to bring a month: contribution (gross margin of revenue, less spend)."""

    contribution: Decimal
    low: Decimal
    high: Decimal
    """Nine in ten outcomes lie between the two."""
    currency: str

    @property
    def told(self) -> str:
        """``$1,200.00 more contribution a month ($300.00 to $2,400.00)``."""
        more = "more" if self.contribution >= 0 else "less"
        shown, low, high = (
            wording.money(value, self.currency) for value in (abs(self.contribution), self.low, self.high)
        )
        return f"{shown} {more} contribution a month ({low} to {high})"


class ProposalRow(BaseModel):
    """A proposal that waits."""

    number: int
    summary: str
    command: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    confidence: Decimal | None
    risk: str | None
    expected: ExpectedEffect | None
    """None where nothing was computed: somebody simply asked for it."""
    approvers: list[str]
    """Who may approve it as it is."""
    evidence: list[Evidence]


class Deputy(BaseModel):
    """Somebody who may decide in the chairman's place."""

    person: str
    told: str
    """Which proposals: "proposals of Acme up to $20,000.00"."""
    until: datetime


class ApprovalList(BaseModel):
    """Everything that waits for the chairman."""

    proposals: list[ProposalRow]
    deputies: list[Deputy]


class ListApprovals(Command):
    """Lists what waits for the chairman's approval."""

    examples = ("what is waiting for my approval", "list approvals for Acme")

    venture: VentureName | None = Field(None, description="Of which venture?")


@handles
def list_approvals(asked: ListApprovals, context: Context) -> Answer[ApprovalList]:
    """List the waiting proposals, the oldest first."""
    venture = context.venture(asked.venture)
    found = proposals.waiting(
        context.connection, context.now, venture_id=None if venture is None else venture.id
    )
    rows = [_row(one, context) for one in found]
    deputies = _deputies(context)
    also = "".join(f" {_deputy_told(one, context)}" for one in deputies)
    if not rows:
        text = "Nothing waits for approval."
        return Answer(
            result=ApprovalList(proposals=[], deputies=deputies),
            telling=Telling(text=f"{text}{also}", speech=text),
        )
    noun = "proposal waits" if len(rows) == 1 else "proposals wait"
    told = "; ".join(
        f"{row.number}: {row.summary}, asked by {row.requested_by}"
        f"{f', expected to bring {row.expected.told}' if row.expected else ''}"
        for row in rows
    )
    return Answer(
        result=ApprovalList(proposals=rows, deputies=deputies),
        telling=Telling(
            text=f"{len(rows)} {noun} for approval. {told}.{also}",
            speech=f"{len(rows)} {noun} for approval. First: {rows[0].summary}.",
            table=Table(
                title="Waiting for approval",
                columns=[
                    Column(key="number", label="Proposal", numeric=True),
                    Column(key="summary", label="What"),
                    Column(key="by", label="Asked by"),
                    Column(key="until", label="Until"),
                    Column(key="approvers", label="Who may approve"),
                ],
                rows=[
                    [
                        str(row.number),
                        row.summary,
                        row.requested_by,
                        wording.day(row.expires_at.date()),
                        wording.listed(row.approvers, "or"),
                    ]
                    for row in rows
                ],
            ),
            buttons=[
                Button(label=f"Approve {rows[0].number}", say=f"approve proposal {rows[0].number}"),
                Button(label=f"Reject {rows[0].number}", say=f"reject proposal {rows[0].number}"),
            ],
            evidence=[one for row in rows for one in row.evidence],
            listed=[
                Listed(label=row.summary, command="approve", slots={"proposal": row.number}) for row in rows
            ],
        ),
    )


def _deputies(context: Context) -> list[Deputy]:
    ventures = context.labels("venture")
    return [
        Deputy(person=one.name, told=delegating.told(one, ventures), until=one.until)
        for one in in_force(context.connection, context.now)
    ]


def _deputy_told(one: Deputy, context: Context) -> str:
    until = wording.moment(one.until, ZoneInfo(context.person.time_zone))
    return f"{one.person} may decide {one.told} until {until}."


def expected_effect(one: Proposal) -> ExpectedEffect | None:
    """What a proposal is expected to bring; None where nothing was computed."""
    promise = Action.model_validate(one.action).promise
    if promise is None:
        return None
    return ExpectedEffect(
        contribution=promise.expected, low=promise.low, high=promise.high, currency=promise.currency
    )


def _row(one: Proposal, context: Context) -> ProposalRow:
    return ProposalRow(
        number=one.id,
        summary=one.summary,
        command=one.command,
        requested_by=one.requested_by,
        requested_at=one.requested_at,
        expires_at=one.expires_at,
        confidence=one.confidence,
        risk=one.risk,
        expected=expected_effect(one),
        approvers=delegating.approvers(context.connection, one, context.now),
        evidence=[Evidence.model_validate(piece) for piece in one.evidence],
    )


class Decided(BaseModel):
    """A decision about a proposal."""

    proposal: int
    decision: str
    summary: str


class Approve(Command):
    """Approves a waiting proposal, as it is or with another amount; it is then carried out, once."""

    role = Role.CHAIRMAN
    may_be_delegated = True
    effect = Effect.RECORD
    examples = ("approve it", "approve proposal 3", "approve but make it 20k")

    proposal: ProposalNumber | None = Field(None, description="Which proposal?")
    amount: MoneySlot | None = Field(None, description="With which amount instead?")
    reason: Reason | None = Field(None, description="Why?")


@handles
def approve(asked: Approve, context: Context) -> Answer[Decided]:
    """Say yes to a proposal; what it froze is checked against the present before it is done."""
    one = _meant(asked.proposal, context)
    planned = (
        Action.model_validate(one.action)
        if asked.amount is None
        else _with_amount(one, asked.amount, context)
    )
    delegating.permit(context.connection, context.person, one, planned, context.now)
    text = f"Approved proposal {one.id}. {planned.done}"
    decided = planned.model_copy(
        update={"done": text, "decides": Decision(proposal=one.id, approved=True, reason=asked.reason)}
    )
    return Answer(
        result=Decided(proposal=one.id, decision="approved", summary=planned.summary),
        telling=Telling(text=text, speech=text, buttons=[Button(label="Undo", say="undo that")]),
        action=decided,
    )


def _with_amount(one: Proposal, amount: Any, context: Context) -> Action:
    """The proposal's command again with another amount, planned on how things stand now."""
    command = context.catalogue[one.command]
    slot = next((name for name in ("amount", "budget") if name in command.model_fields), None)
    if slot is None:
        raise Problem("no_amount", f"Proposal {one.id} has no amount to change.", "Approve or reject it.")
    planned = context.plan(command.model_validate({**one.slots, slot: amount})).action
    if planned is None:
        raise Problem("nothing_to_do", f"With that amount proposal {one.id} changes nothing.", "Reject it.")
    return planned


class Reject(Command):
    """Rejects a waiting proposal; nothing is changed."""

    role = Role.CHAIRMAN
    may_be_delegated = True
    effect = Effect.RECORD
    examples = ("reject it", "reject proposal 3 because the margin is too thin")
    may_be_negated = True

    proposal: ProposalNumber | None = Field(None, description="Which proposal?")
    reason: Reason | None = Field(None, description="Why?")


@handles
def reject(asked: Reject, context: Context) -> Answer[Decided]:
    """Say no to a proposal."""
    one = _meant(asked.proposal, context)
    delegating.permit(context.connection, context.person, one, None, context.now)
    text = f"Rejected proposal {one.id}: {one.summary}."
    return Answer(
        result=Decided(proposal=one.id, decision="rejected", summary=one.summary),
        telling=Telling(text=text, speech=text),
        action=Action(
            summary=f"reject proposal {one.id}",
            done=text,
            changes=[],
            decides=Decision(proposal=one.id, approved=False, reason=asked.reason),
        ),
    )


def _meant(number: int | None, context: Context) -> Proposal:
    """The proposal of a number; without one, the only one that waits."""
    if number is not None:
        found = proposals.proposal(context.connection, number)
        if found is None:
            raise Problem("unknown_proposal", f"There is no proposal {number}.", "List the approvals.")
        if found.decision is not None:
            raise Problem("already_decided", f"Proposal {number} is {found.decision} already.")
        return found
    waiting = proposals.waiting(context.connection, context.now)
    if not waiting:
        raise Problem("nothing_waits", "Nothing waits for approval.")
    if len(waiting) > 1:
        numbers = [f"proposal {one.id}" for one in waiting]
        raise Problem(
            "ambiguous_proposal",
            f"{len(waiting)} proposals wait: "
            + "; ".join(f"{one.id}, {one.summary}" for one in waiting)
            + ".",
            "Say its number.",
            choices=numbers,
        )
    return waiting[0]


class Undone(BaseModel):
    """What was, or would be, taken back."""

    audit_id: int
    command: str
    told: str
    changes: int


class Undo(Command):
    """Takes back the last thing you, or a loop by itself, changed, if nobody changed it since."""

    role = Role.OPERATOR
    effect = Effect.RECORD
    examples = ("undo that", "take that back")


@handles
def undo(asked: Undo, context: Context) -> Answer[Undone]:
    """Plan the reverse of the last change; of what spends it needs the same yes."""
    del asked
    # Whoever speaks through a service, as the visitors of a widget, is one of many.
    last = changes.last_undoable(
        context.connection, context.person.id, context.conversation_id, only_here=context.person.is_service
    )
    if last is None:
        raise Problem("nothing_to_undo", "There is nothing of yours to take back.")
    command, text = audit.told_in(context.connection, last)
    told = text.partition("\n")[0]
    made = changes.made_by(context.connection, last)
    back = [change.reversed() for change in reversed(made)]
    done = f"Took back: {told}"
    where = audit.conversation_of(context.connection, last)
    return Answer(
        result=Undone(audit_id=last, command=command, told=told, changes=len(back)),
        telling=Telling(text=done, speech=done),
        action=Action(
            summary=f"take back “{told}”",
            done=done,
            changes=back,
            effect=Effect.SPEND if any(_spends(change) for change in back) else Effect.RECORD,
            renames=any(change.table in ("ventures", "campaigns") for change in back),
            undoes=last,
            # What was done elsewhere is not in front of the person who says "undo" here.
            asks_first=context.conversation_id is not None and where != context.conversation_id,
        ),
    )


def _spends(change: RowChange) -> bool:
    """Whether a change moves money or lets spending start again."""
    before, after = change.before or {}, change.after or {}
    moves = bool(before and after) and before.get("allocated") != after.get("allocated")
    starts = after.get("status") == CampaignStatus.ACTIVE and before.get("status") != CampaignStatus.ACTIVE
    return moves or starts
