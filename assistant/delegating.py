"""Deciding in the chairman's place: whom he named, and what they may decide."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection

from assistant import wording
from assistant.reply import Action, Problem
from engines.terms import Period
from intents.command import Role
from storage import delegations, people
from storage.delegations import Delegation
from storage.people import Person
from storage.proposals import Proposal
from storage.ventures import RateMissingError, Rates


def stands_in(connection: Connection, person: Person, now: datetime) -> bool:
    """Whether the chairman named somebody to decide in his place at this moment."""
    return bool(delegations.in_force(connection, now, user_id=person.id))


def permit(
    connection: Connection, person: Person, proposal: Proposal, planned: Action | None, now: datetime
) -> None:
    """Raise `Problem` unless a person may decide a proposal; ``planned`` is what a yes does, None for a no.

    A chairman may decide anything. Whom he named may decide within what he said, and says yes to nothing
    that they asked for themselves.
    """
    if person.role.includes(Role.CHAIRMAN):
        return
    found = delegations.in_force(connection, now, user_id=person.id)
    if not found:
        raise _only_chairman(proposal, "needs the chairman's yes")
    if planned is not None and proposal.requested_by == person.name:
        raise _only_chairman(proposal, "is what you asked for yourself")
    reasons = [_against(connection, one, proposal, planned, now) for one in found]
    if all(reasons):
        raise _only_chairman(proposal, reasons[0] or "")


def approvers(connection: Connection, proposal: Proposal, now: datetime) -> list[str]:
    """Who may say yes to a proposal as it is, by name: chairmen, and whom they named."""
    planned = Action.model_validate(proposal.action)
    named = [one.name for one in people.people(connection) if one.role is Role.CHAIRMAN]
    for one in delegations.in_force(connection, now):
        fits = _against(connection, one, proposal, planned, now) is None
        if fits and one.name != proposal.requested_by and one.name not in named:
            named.append(one.name)
    return named


def told(one: Delegation, ventures: dict[int, str]) -> str:
    """What somebody may decide: ``proposals of Acme up to $20,000.00``."""
    of = "" if one.venture_id is None else f" of {ventures.get(one.venture_id, 'one venture')}"
    most = "" if one.most is None else f" up to {wording.money(one.most, one.currency)}"
    return f"proposals{of}{most}"


def _only_chairman(proposal: Proposal, why: str) -> Problem:
    return Problem("not_delegated", f"Proposal {proposal.id} {why}.", "Ask the chairman.")


def _against(
    connection: Connection, one: Delegation, proposal: Proposal, planned: Action | None, now: datetime
) -> str | None:
    """Why a delegation does not cover a decision; None where it does."""
    if one.venture_id is not None and one.venture_id != proposal.venture_id:
        return "is of a venture you were not given"
    if planned is None or one.most is None:
        return None
    if planned.amount is None or planned.currency is None:
        return "names no amount, and yours are limited"
    amount = _in_currency(connection, planned.amount, planned.currency, one.currency, now)
    if amount is None:
        return f"is in {planned.currency}, of which there is no rate"
    limit = wording.money(one.most, one.currency)
    return None if abs(amount) <= one.most else f"is above the {limit} you may approve"


def _in_currency(
    connection: Connection, amount: Decimal, base: str, quote: str, now: datetime
) -> Decimal | None:
    today = now.astimezone(UTC).date()
    try:
        return Rates(connection, quote, Period(today, today)).convert(amount, base, today)
    except RateMissingError:
        return None


def names(found: Iterable[Delegation]) -> list[str]:
    """Whom delegations name, each once."""
    return list(dict.fromkeys(one.name for one in found))
