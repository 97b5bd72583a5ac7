"""Naming somebody who decides in the chairman's place."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from assistant import coming, delegating, wording
from assistant.commands.budget import money_of
from assistant.handling import Context, handles
from assistant.reply import Action, Answer, Button, Problem, Telling
from intents.command import Command, Effect, Role
from intents.slots import ComingPeriod, MoneySlot, PersonName, SpanCount, SpanName, VentureName
from storage import people
from storage.changes import added, changed
from storage.delegations import Delegation, in_force


class Delegated(BaseModel):
    """Who may decide what, until when."""

    person: str
    until: datetime
    venture: str | None
    most: Decimal | None
    """Of one proposal, in ``currency``; None for any amount."""
    currency: str


class DelegateApprovals(Command):
    """Lets somebody approve and reject in the chairman's place for a while."""

    effect = Effect.RECORD
    role = Role.CHAIRMAN
    examples = (
        "let Anna approve up to 20k until Monday",
        "Anna decides for me for two weeks",
    )

    person: PersonName = Field(description="Who may approve in your place?")
    amount: MoneySlot | None = Field(None, description="Up to how much a proposal?")
    until: ComingPeriod | None = Field(None, description="Until when?")
    count: SpanCount | None = Field(None, description="For how long?")
    span: SpanName | None = Field(None, description="Hours, days, weeks or months?")
    venture: VentureName | None = Field(None, description="Of which venture?")

    def asks_for(self) -> str | None:
        """Nobody is named for ever."""
        return "until" if self.until is None and self.span is None else None


@handles
def delegate_approvals(asked: DelegateApprovals, context: Context) -> Answer[Delegated]:
    """Plan it, always read back; what the same person had for the same venture ends with it."""
    person = people.person_named(context.connection, asked.person)
    if person is None or person.is_service:
        raise Problem("unknown_person", f"There is nobody called {asked.person}.", "Name somebody else.")
    if person.role is Role.CHAIRMAN:
        raise Problem("chairman_already", f"{person.name} is chairman, and may approve anything.")
    if asked.amount is not None and (asked.amount.amount or 0) <= 0:
        raise Problem("not_positive", "That lets nobody approve anything.", "Say an amount above zero.")
    venture = context.venture(asked.venture)
    said = None if asked.amount is None else asked.amount.currency
    currency = said or (context.settings.currency if venture is None else venture.currency)
    most = None if asked.amount is None else money_of(asked.amount, currency)
    until = coming.until(asked.until, asked.count, asked.span, context)
    if until is None:
        raise Problem("until_when", "Until when may they approve?", "Say a day, or for how long.")
    when = wording.moment(until, ZoneInfo(context.person.time_zone))
    given = Delegated(
        person=person.name,
        until=until,
        venture=None if venture is None else venture.name,
        most=most,
        currency=currency,
    )
    what = _told(given)
    found = in_force(context.connection, context.now, user_id=person.id)
    before = [one for one in found if one.venture_id == (None if venture is None else venture.id)]
    done = f"{person.name} may approve and reject {what} in your place until {when}."
    return Answer(
        result=given,
        telling=Telling(text=done, speech=done, buttons=[Button(label="Undo", say="undo that")]),
        action=Action(
            summary=f"let {person.name} approve and reject {what} in your place until {when}",
            done=done,
            changes=[
                *(changed("delegations", one.id, ended_at=(None, context.now)) for one in before),
                added(
                    "delegations",
                    user_id=person.id,
                    granted_by=context.person.id,
                    granted_at=context.now,
                    until=until,
                    venture_id=None if venture is None else venture.id,
                    most=most,
                    currency=currency,
                    version=1,
                ),
            ],
            kind="campaign",
            venture_id=None if venture is None else venture.id,
            asks_first=True,
        ),
    )


def _told(given: Delegated) -> str:
    of = "" if given.venture is None else f" of {given.venture}"
    most = "" if given.most is None else f" up to {wording.money(given.most, given.currency)} each"
    return f"proposals{of}{most}"


class DelegationEnded(BaseModel):
    """Who may no longer decide."""

    people: list[str]


class EndDelegation(Command):
    """Takes back that somebody may approve in the chairman's place."""

    effect = Effect.RECORD
    role = Role.CHAIRMAN
    may_be_negated = True
    examples = ("Anna no longer approves for me", "I'm back, end the delegation")

    person: PersonName | None = Field(None, description="Whose?")


@handles
def end_delegation(asked: EndDelegation, context: Context) -> Answer[DelegationEnded]:
    """End one person's, or all there are."""
    found: list[Delegation] = in_force(context.connection, context.now)
    if asked.person is not None:
        found = [one for one in found if one.name == asked.person]
    if not found:
        who = asked.person or "Nobody"
        verb = "does not decide" if asked.person else "decides"
        raise Problem("not_delegated", f"{who} {verb} in your place.")
    named = delegating.names(found)
    done = f"{wording.listed(named)} no longer {'decides' if len(named) == 1 else 'decide'} in your place."
    return Answer(
        result=DelegationEnded(people=named),
        telling=Telling(text=done, speech=done, buttons=[Button(label="Undo", say="undo that")]),
        action=Action(
            summary=f"end what {wording.listed(named)} may decide in your place",
            done=done,
            changes=[changed("delegations", one.id, ended_at=(None, context.now)) for one in found],
            kind="campaign",
        ),
    )
