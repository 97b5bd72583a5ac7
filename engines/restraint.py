"""When a machine may change money by itself, and when a person must decide."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from engines.effect import Risk

LEAST_PAUSE = timedelta(hours=1)
"""Between two changes of a campaign by a machine there is never less."""


@dataclass(frozen=True)
class Restraint:
    """The limits inside which a change needs no person."""

    above: Decimal
    """The confidence it must exceed."""
    of_campaign: Decimal
    """Greatest change within 24 hours, as a share of the campaign's money."""
    of_venture: Decimal
    """The same of all money of the venture's active campaigns."""
    cool_down: timedelta
    """Time that passes after any change of a campaign, whoever made it, before a machine changes it."""


@dataclass(frozen=True)
class Record:
    """What happened to a campaign and its venture lately; money in one currency."""

    last_change: datetime | None
    """Of the campaign or its lines, by anybody."""
    moved: Decimal
    """Of the campaign's money, by machines within 24 hours."""
    moved_of_venture: Decimal
    budget: Decimal
    """The campaign's money a month."""
    budget_of_venture: Decimal
    was_taken_back: bool
    """Whether a person took back what the same rule did to it."""


def cools_until(restraint: Restraint, record: Record, now: datetime) -> datetime | None:
    """Until when a campaign is left alone; None when it need not be."""
    if record.last_change is None:
        return None
    until = record.last_change + max(restraint.cool_down, LEAST_PAUSE)
    return until if until > now else None


def room(restraint: Restraint, record: Record) -> Decimal:
    """How much of the campaign's money may still be moved today."""
    own = record.budget * restraint.of_campaign - record.moved
    whole = record.budget_of_venture * restraint.of_venture - record.moved_of_venture
    return max(min(own, whole), Decimal(0))


def waits_for(
    restraint: Restraint, record: Record, confidence: Decimal, risk: Risk, moved: Decimal
) -> str | None:
    """Why a person must decide about a change of so much money; None when none needs to."""
    if confidence <= restraint.above:
        return f"Its confidence of {confidence:.0%} is not above {restraint.above:.0%}."
    if risk is not Risk.LOW:
        return f"Its risk is {risk.value}, not low."
    if record.was_taken_back:
        return "Somebody took back what the same rule did before."
    if moved + record.moved > record.budget * restraint.of_campaign:
        return f"It changes more than {restraint.of_campaign:.0%} of the campaign's money within a day."
    if moved + record.moved_of_venture > record.budget_of_venture * restraint.of_venture:
        return f"Loops would change more than {restraint.of_venture:.0%} of the venture's money within a day."
    return None
