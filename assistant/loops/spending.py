"""Watches what is spent: a limit that is reached pauses what it is about, once."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from sqlalchemy import Connection

from assistant import wording
from assistant.alerting import raise_alert
from assistant.commands.budget import PauseCampaign, StopSpending
from assistant.mandate import Case
from assistant.notices import LOOP_CHANNEL
from assistant.recurring import Done, Run, recurs
from assistant.reply import Action, Evidence, Status
from assistant.turn import Turn
from engines.moves import Pace
from engines.terms import CampaignStatus, Period
from intents.command import Command
from storage import alerts
from storage.campaigns import campaign, campaigns_of
from storage.limits import SpendLimit, all_limits
from storage.performance import Measured, Scope, measure
from storage.ventures import RateMissingError, Rates, Venture, venture


class LimitState(BaseModel):
    """A limit and how much of it is spent."""

    subject: str
    pace: str
    limit: Decimal
    spent: Decimal | None
    """None where it cannot be told."""
    currency: str
    outcome: str
    """within, stopped, stopped_before, nothing_active or unknown."""
    why: str = ""


class SpendRun(BaseModel):
    """What a look at the limits came to."""

    limits: list[LimitState]


@recurs("Spend watch", every=timedelta(minutes=1), longest_pause=timedelta(minutes=15))
def spend_watch(run: Run) -> Done:
    """Compares what was spent with every spend limit, and pauses what has reached its own."""
    with run.bus.database.read() as connection:
        limits = all_limits(connection)
    states = []
    for limit in limits:
        run.keep()
        states.append(_watch(run, limit))
    stopped = [one.subject for one in states if one.outcome == "stopped"]
    noun = "limit" if len(limits) == 1 else "limits"
    told = f"Looked at {len(limits)} spend {noun}: "
    told += f"stopped {wording.listed(stopped)}." if stopped else "nothing to stop."
    return Done(told, SpendRun(limits=states))


def _watch(run: Run, limit: SpendLimit) -> LimitState:
    with run.bus.database.read() as connection:
        owner = venture(connection, limit.venture_id)
        if owner is None:
            return _state(limit, "", None, "unknown", "its venture is gone")
        names = run.bus.names.current(connection)
        labels = {names.id("campaign", label): label for label in names.labels("campaign")}
        one = None if limit.campaign_id is None else campaign(connection, limit.campaign_id)
        subject = owner.name if one is None else labels.get(one.id, one.name)
        period = period_of(limit.pace, run.now.astimezone(ZoneInfo(owner.time_zone)).date())
        try:
            found = _spent(connection, limit, period)
        except RateMissingError as error:
            return _state(limit, subject, None, "unknown", str(error))
        spent = found.whole.spend
        if spent < limit.amount:
            return _state(limit, subject, spent, "within")
        key = f"limit:{limit.id}:{limit.amount}:{limit.currency}:{period.start}"
        if alerts.is_raised(connection, key):
            return _state(limit, subject, spent, "stopped_before")
        is_active = (
            bool(campaigns_of(connection, venture_id=owner.id, status=CampaignStatus.ACTIVE))
            if one is None
            else one.status == CampaignStatus.ACTIVE
        )
    command: Command = StopSpending(venture=owner.name) if one is None else PauseCampaign(campaign=subject)
    return _stop(run, limit, owner, subject, found, period, key, command if is_active else None)


def period_of(pace: str, today: date) -> Period:
    """The day, the week (from Monday) or the calendar month up to a day."""
    start = today
    if pace == Pace.WEEK:
        start = today - timedelta(days=today.weekday())
    elif pace == Pace.MONTH:
        start = today.replace(day=1)
    return Period(start, today)


def _spent(connection: Connection, limit: SpendLimit, period: Period) -> Measured:
    return measure(
        connection,
        Scope(venture_id=limit.venture_id, campaign_id=limit.campaign_id),
        period,
        by="campaign",
        currency=limit.currency,
        rates=Rates(connection, limit.currency, period),
        with_customers=False,
    )


def _state(limit: SpendLimit, subject: str, spent: Decimal | None, outcome: str, why: str = "") -> LimitState:
    return LimitState(
        subject=subject,
        pace=limit.pace,
        limit=limit.amount,
        spent=spent,
        currency=limit.currency,
        outcome=outcome,
        why=why,
    )


def _stop(
    run: Run,
    limit: SpendLimit,
    owner: Venture,
    subject: str,
    found: Measured,
    period: Period,
    key: str,
    command: Command | None,
) -> LimitState:
    """Pause what reached its limit, and raise the alert in the same transaction: so it happens once."""
    spent = found.whole.spend
    amount, shown = (wording.money(one, limit.currency) for one in (limit.amount, spent))
    told = f"{subject} has spent {shown} of the {amount} it may spend a {limit.pace}."

    def raise_it(connection: Connection) -> None:
        raise_alert(
            connection,
            run.bus.settings,
            key,
            alerts.SPEND_LIMIT,
            f"{told} It is paused." if command is not None else f"{told} Nothing of it is active.",
            run.now,
            venture_id=owner.id,
            campaign_id=limit.campaign_id,
        )

    if command is None:
        with run.bus.database.write() as connection:
            run.make_sure(connection)
            raise_it(connection)
        return _state(limit, subject, spent, "nothing_active")
    evidence = Evidence(
        claim=f"{shown} spent",
        formula="sum of daily spend",
        data=f"daily performance of {subject}",
        rows=found.rows,
        period=period,
        fresh_until=found.fresh_until,
        assumptions=[f"The limit of {amount} a {limit.pace} stands for the chairman's yes to stopping."],
    )

    def may_act(connection: Connection, action: Action) -> None:
        del action
        run.make_sure(connection)

    case = Case(run.loop.name, told, (evidence,), may_act, also=raise_it)
    turn = Turn(person=run.person, channel=LOOP_CHANNEL, text=told, key=f"{key}:{_minute(run.now)}")
    reply = run.bus.enact(command, turn, case)
    outcome = "stopped" if reply.status is Status.DONE else "unknown"
    return _state(limit, subject, spent, outcome, "" if outcome == "stopped" else reply.reply.text)


def _minute(now: datetime) -> str:
    return f"{now:%Y%m%d%H%M}"
