"""Holds levels against what was measured, and tells people of alerts when it is time to."""

from datetime import timedelta
from decimal import Decimal

from pydantic import BaseModel

from assistant import wording
from assistant.alerting import Finding, keep, sweep, tell_due
from assistant.handling import Context
from assistant.notices import LOOP_CHANNEL
from assistant.recurring import Done, Run, recurs
from assistant.reply import Evidence, Problem
from assistant.turn import Turn
from assistant.watched import Reading, read_level, subject_of
from storage import alerts
from storage.thresholds import Threshold, all_thresholds

PREFIX = "threshold:"


class LevelState(BaseModel):
    """A level that is watched, and how the metric stands to it."""

    subject: str
    metric: str
    comparison: str
    level: Decimal
    value: Decimal | None
    """None where it cannot be told."""
    outcome: str
    """within, raised, joined, known or unknown."""
    why: str = ""


class AlertRun(BaseModel):
    """What a look at the levels came to."""

    levels: list[LevelState]
    closed: int
    told: int
    escalated: int


@recurs("Alert watch", every=timedelta(minutes=5), longest_pause=timedelta(minutes=30))
def alert_watch(run: Run) -> Done:
    """Holds every level that was set against its metric, and tells people what is new or unacknowledged."""
    found: list[tuple[LevelState, Finding | None]] = []
    unjudged: set[str] = set()
    with run.bus.database.read() as connection:
        context = run.bus.context(connection, Turn(person=run.person, channel=LOOP_CHANNEL, text=""))
        for one in all_thresholds(connection):
            run.keep()
            state, finding = _hold(context, one)
            found.append((state, finding))
            if state.outcome == "unknown":
                unjudged.add(one.cause)
    with run.bus.database.write() as connection:
        run.make_sure(connection)
        for state, finding in found:
            if finding is not None:
                state.outcome = keep(connection, run.bus.settings, finding, run.now)
        # What cannot be judged today is neither raised nor over.
        still = {one.cause for _, one in found if one is not None} | unjudged
        closed = sweep(connection, PREFIX, still, run.now)
        told, escalated = tell_due(connection, run.bus.settings, run.now)
    result = AlertRun(levels=[state for state, _ in found], closed=closed, told=told, escalated=escalated)
    return Done(_told(result), result)


def _told(result: AlertRun) -> str:
    crossed = [one for one in result.levels if one.outcome in ("raised", "joined", "known")]
    noun = "level" if len(result.levels) == 1 else "levels"
    told = f"Looked at {len(result.levels)} {noun}: {len(crossed)} crossed, {result.closed} over."
    return f"{told} Told {result.told}, again {result.escalated}."


def _hold(context: Context, one: Threshold) -> tuple[LevelState, Finding | None]:
    subject, label = subject_of(context, one)
    state = LevelState(
        subject=label,
        metric=one.metric,
        comparison=one.comparison,
        level=one.value,
        value=None,
        outcome="unknown",
    )
    try:
        reading = read_level(context, subject, one.metric, one.days)
    except Problem as problem:
        return state.model_copy(update={"why": problem.message}), None
    state.value = reading.value
    if reading.value is None:
        return state.model_copy(update={"why": reading.why}), None
    is_open = alerts.open_of(context.connection, one.cause) is not None
    margin = context.settings.alerts.back_by
    if not one.is_crossed(reading.value, open_already=is_open, margin=margin):
        state.outcome = "within"
        return state, None
    return state, _finding(one, label, reading, is_open=is_open)


def _finding(one: Threshold, label: str, reading: Reading, *, is_open: bool) -> Finding:
    level = wording.metric(one.metric, one.value, one.currency)
    beyond = one.is_crossed(reading.value or Decimal(0), open_already=False, margin=Decimal(0))
    side = one.comparison if beyond or not is_open else f"not yet clearly back {_BACK[one.comparison]}"
    told = f"{reading.label} of {label} is {reading.shown} over {reading.over}, {side} {level}."
    evidence: tuple[Evidence, ...] = reading.evidence
    return Finding(
        cause=one.cause,
        kind=alerts.THRESHOLD,
        told=told,
        since=str(reading.period.end),
        parts=(one.comparison,),
        evidence=evidence,
        venture_id=one.venture_id,
        campaign_id=one.campaign_id,
    )


_BACK = {"above": "below", "below": "above"}
