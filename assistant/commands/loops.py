"""The loops: what they did, when they are due, pausing, resuming and running them."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

import assistant.loops
from assistant import wording
from assistant.handling import Context, handles
from assistant.recurring import Recurring, find_loops
from assistant.reply import Action, Answer, Button, Column, Evidence, Listed, Problem, Table, Telling
from engines.calibration import Group, Judged, calibration
from intents.command import Command, Effect, Role
from intents.slots import LoopName
from storage import alerts, loops, promises
from storage.changes import RowChange, changed

ALL = "all"
ALERT_DAYS = 7
"""How long an alert that nobody acknowledged is told with the loops."""


@lru_cache(maxsize=1)
def declared() -> dict[str, Recurring]:
    """Every loop of the service by its name."""
    return find_loops(assistant.loops)


class LoopReport(BaseModel):
    """A loop: what it does, how it stands and what its last run came to."""

    loop: str
    title: str
    does: str
    rhythm: str
    state: str
    """running or paused."""
    next_due: datetime | None
    """None while it is paused, or before a service has run."""
    last_began: datetime | None = None
    last_outcome: str | None = None
    """done or failed; empty while it is under way or was cut off."""
    last_told: str = ""
    last_result: dict[str, Any] | None = None
    failures: int = 0
    """In a row."""


class Share(BaseModel):
    """Promises together: how sure they were said to be, and how many were kept."""

    count: int
    stated: Decimal
    true: Decimal
    low: Decimal
    high: Decimal
    is_off: bool
    """Whether the stated confidence is outside of what the promises kept allow (90 %)."""


class CalibrationReport(BaseModel):
    """Whether the confidences of changes came true."""

    judged: Share
    by_confidence: list[Share]
    by_rule: dict[str, Share]
    brier: Decimal
    in_range: Decimal
    waiting: int
    """Promises whose day has not come."""


class LoopList(BaseModel):
    """The loops of the service."""

    loops: list[LoopReport]
    alerts: list[str]
    calibration: CalibrationReport | None
    """None until a change was judged."""


class ListLoops(Command):
    """Lists what the service does by itself: when, what came of it, and whether its promises were kept."""

    examples = ("list the loops", "what did the optimizer do", "how right were your promises")

    loop: LoopName | None = Field(None, description="Which loop?")


@handles
def list_loops(asked: ListLoops, context: Context) -> Answer[LoopList]:
    """Tell of every loop, or of one, with the alerts that nobody has acknowledged."""
    known = loops.all_loops(context.connection)
    reports = [_report(one, known.get(one.name), context) for one in _meant(asked.loop)]
    since = context.now - timedelta(days=ALERT_DAYS)
    told = [one.headline for one in alerts.latest(context.connection, since)]
    result = LoopList(loops=reports, alerts=told, calibration=_calibration(context))
    return Answer(result=result, telling=_telling(result, context))


def _meant(name: str | None) -> list[Recurring]:
    known = declared()
    if name in (None, ALL):
        return list(known.values())
    if name not in known:
        raise Problem("unknown_loop", f"There is no loop {name} here.", "List the loops.")
    return [known[name]]


def _report(one: Recurring, row: loops.Loop | None, context: Context) -> LoopReport:
    report = LoopReport(
        loop=one.name,
        title=one.title,
        does=one.summary,
        rhythm=one.rhythm,
        state=loops.RUNNING if row is None else row.state,
        next_due=None if row is None or row.is_paused else row.due_at,
        failures=0 if row is None else row.failures,
    )
    last = None if row is None else next(iter(loops.runs(context.connection, row.id, 1)), None)
    if last is None:
        return report
    return report.model_copy(
        update={
            "last_began": last.began_at,
            "last_outcome": last.outcome,
            "last_told": last.told,
            "last_result": last.result,
        }
    )


def _calibration(context: Context) -> CalibrationReport | None:
    """What became of the changes that were judged."""
    found = calibration([_judged(one) for one in promises.judged(context.connection)])
    if found is None:
        return None
    return CalibrationReport(
        judged=_share(found.whole),
        by_confidence=[_share(one) for one in found.groups],
        by_rule={name: _share(one) for name, one in found.sources.items()},
        brier=found.brier,
        in_range=found.in_range,
        waiting=promises.count_open(context.connection),
    )


def _judged(one: promises.Kept) -> Judged:
    in_range = one.actual is not None and one.low <= one.actual <= one.high
    return Judged(one.source, one.confidence, bool(one.kept), in_range)


def _share(group: Group) -> Share:
    return Share(
        count=group.count,
        stated=group.stated,
        true=group.true,
        low=group.low,
        high=group.high,
        is_off=group.is_off,
    )


def _telling(result: LoopList, context: Context) -> Telling:
    zone = ZoneInfo(context.person.time_zone)
    lines = [_line(one, zone) for one in result.loops] if len(result.loops) == 1 else [_overview(result)]
    notes = [*(f"Alert: {one}" for one in result.alerts), *_told_calibration(result.calibration)]
    return Telling(
        text="\n".join([*lines, *notes]),
        speech=lines[0],
        table=_table(result, zone) if len(result.loops) > 1 else _findings(result.loops[0]),
        buttons=[
            Button(label=f"Run {one.title}", say=f"run the {one.title} loop".lower())
            for one in result.loops[:2]
        ],
        listed=[
            Listed(label=one.title, command="list_loops", slots={"loop": one.loop}) for one in result.loops
        ],
        evidence=_evidence(result.calibration),
    )


def _overview(result: LoopList) -> str:
    failing = [one.title for one in result.loops if one.failures]
    paused = [one.title for one in result.loops if one.state == loops.PAUSED]
    told = f"{len(result.loops)} loops: {wording.listed([one.title for one in result.loops])}."
    told += f" Paused: {wording.listed(paused)}." if paused else " None is paused."
    return f"{told} Failing: {wording.listed(failing)}." if failing else told


def _line(one: LoopReport, zone: ZoneInfo) -> str:
    if one.state == loops.PAUSED:
        when = "paused"
    elif one.next_due is None:
        when = f"{one.rhythm}, once the service runs"
    else:
        when = f"{one.rhythm}, next {_moment(one.next_due, zone)}"
    if one.last_began is None:
        last = "It has not run yet."
    elif one.last_outcome is None:
        last = f"It is under way since {_moment(one.last_began, zone)}, or was cut off."
    else:
        failed = f" Failed {one.failures} times in a row." if one.failures > 1 else ""
        last = f"Last {_moment(one.last_began, zone)}: {one.last_told}{failed}"
    return f"{one.title}: {when}. {last}"


def _moment(at: datetime, zone: ZoneInfo) -> str:
    here = at.astimezone(zone)
    return f"{wording.day(here.date())} {here:%H:%M}"


def _table(result: LoopList, zone: ZoneInfo) -> Table:
    return Table(
        title="Loops",
        columns=[
            Column(key="loop", label="Loop"),
            Column(key="rhythm", label="When"),
            Column(key="state", label="State"),
            Column(key="next", label="Next"),
            Column(key="last", label="Last"),
            Column(key="told", label="What came of it"),
        ],
        rows=[
            [
                one.title,
                one.rhythm,
                "failing" if one.failures else one.state,
                wording.NOTHING if one.next_due is None else _moment(one.next_due, zone),
                wording.NOTHING if one.last_began is None else _moment(one.last_began, zone),
                one.last_told,
            ]
            for one in result.loops
        ],
    )


def _findings(one: LoopReport) -> Table | None:
    """What the last run found, a row a finding."""
    found = (one.last_result or {}).get("findings")
    if not found:
        return None
    return Table(
        title=f"What {one.title} found",
        columns=[
            Column(key="campaign", label="Campaign"),
            Column(key="rule", label="Rule"),
            Column(key="outcome", label="Outcome"),
            Column(key="why", label="Why"),
        ],
        rows=[
            [row["campaign"], row["rule"].replace("_", " "), row["outcome"].replace("_", " "), row["why"]]
            for row in found
        ],
    )


def _told_calibration(found: CalibrationReport | None) -> list[str]:
    if found is None:
        return []
    whole = found.judged
    changes = "change was" if whole.count == 1 else "changes were"
    lines = [
        f"Promises: {whole.count} {changes} judged. Stated confidence {wording.percent(whole.stated)}, kept "
        f"{wording.percent(whole.true)} (90 % range {wording.percent(whole.low)} to "
        f"{wording.percent(whole.high)}); {wording.percent(found.in_range)} came out in the stated range."
    ]
    lines += [
        f"{name.replace('_', ' ')}: stated {wording.percent(one.stated)}, kept {wording.percent(one.true)} "
        f"of {one.count}{', which is off' if one.is_off else ''}."
        for name, one in found.by_rule.items()
    ]
    return lines


def _evidence(found: CalibrationReport | None) -> list[Evidence]:
    if found is None:
        return []
    return [
        Evidence(
            claim=f"{wording.percent(found.judged.true)} of the promises were kept",
            formula="changes after which the contribution (gross margin × revenue − spend) was higher than "
            "without them / changes judged; without them is what it was before, moved as the venture's other "
            "campaigns moved",
            calculation=f"Brier score {found.brier}",
            data="changes with a promise, compared over equally long times before and after",
            rows=found.judged.count,
            assumptions=["The range of the true share is Wilson's, at 90 %."],
        )
    ]


class LoopChange(BaseModel):
    """Loops whose state changes."""

    loops: list[str]
    state: str


class PauseLoop(Command):
    """Pauses a loop, or all of them: it does nothing until it is resumed."""

    effect = Effect.CONTROL
    role = Role.OPERATOR
    examples = ("pause the optimization loop", "pause all loops")
    may_be_negated = True

    loop: LoopName = Field(description="Which loop?")


@handles
def pause_loop(asked: PauseLoop, context: Context) -> Answer[LoopChange]:
    """Plan the change from running to paused."""
    return _switched(asked.loop, context, loops.RUNNING, loops.PAUSED)


class ResumeLoop(Command):
    """Lets a paused loop, or all of them, run again."""

    effect = Effect.CONTROL
    role = Role.OPERATOR
    examples = ("resume the optimization loop", "start all loops again")

    loop: LoopName = Field(description="Which loop?")


@handles
def resume_loop(asked: ResumeLoop, context: Context) -> Answer[LoopChange]:
    """Plan the change from paused to running."""
    return _switched(asked.loop, context, loops.PAUSED, loops.RUNNING)


def _switched(name: str, context: Context, before: str, after: str) -> Answer[LoopChange]:
    verb = "Paused" if after == loops.PAUSED else "Resumed"
    rows = _rows(name, context)
    wanted = [row for row in rows if row.state == before]
    titles = [declared()[row.name].title for row in wanted]
    if not wanted:
        what = declared()[rows[0].name].title if len(rows) == 1 else "every loop"
        raise Problem(f"not_{before}", f"{what} is {after} already.", "Nothing was changed.")
    done = f"{verb}: {wording.listed(titles)}."
    return Answer(
        result=LoopChange(loops=[row.name for row in wanted], state=after),
        telling=Telling(text=done, speech=done, buttons=[Button(label="Undo", say="undo that")]),
        action=Action(
            summary=f"{verb.lower()[:-1]} {wording.listed(titles)}",
            done=done,
            changes=[changed("loops", row.id, state=(row.state, after)) for row in wanted],
            kind="loop",
        ),
    )


def _rows(name: str, context: Context) -> list[loops.Loop]:
    """The rows of a loop, or of all; a service writes them down when it first starts."""
    known = loops.all_loops(context.connection)
    rows = [known[one.name] for one in _meant(name) if one.name in known]
    if not rows:
        raise Problem("no_loops", "The loops have not been started yet.", "Start the service: gtm serve.")
    return rows


class LoopAsked(BaseModel):
    """Loops that are due now."""

    loops: list[str]


class RunLoop(Command):
    """Has a loop run now instead of when it is next due."""

    effect = Effect.CONTROL
    role = Role.OPERATOR
    examples = ("run the optimization loop now", "run the spend watch")

    loop: LoopName = Field(description="Which loop?")


@handles
def run_loop(asked: RunLoop, context: Context) -> Answer[LoopAsked]:
    """Make it due now; the service that ticks next does it."""
    rows = _rows(asked.loop, context)
    paused = [declared()[row.name].title for row in rows if row.is_paused]
    if paused:
        raise Problem("is_paused", f"{wording.listed(paused)} is paused.", "Resume it first.")
    titles = wording.listed([declared()[row.name].title for row in rows])
    seconds = wording.number(Decimal(str(context.settings.loops.tick_seconds)), 0)
    done = f"{titles}: due now."
    text = f"{done} A running service does it within about {seconds} seconds."
    return Answer(
        result=LoopAsked(loops=[row.name for row in rows]),
        telling=Telling(
            text=text, speech=f"{titles} runs now.", buttons=[Button(label="Loops", say="list the loops")]
        ),
        action=Action(
            summary=f"run {titles} now",
            done=done,
            changes=[_due(row, context.now) for row in rows],
            kind="loop",
        ),
    )


def _due(row: loops.Loop, now: datetime) -> RowChange:
    return changed("loops", row.id, due_at=(row.due_at, min(row.due_at, now)))
