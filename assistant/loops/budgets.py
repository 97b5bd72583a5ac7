"""The daily look at how ventures split their money: what is sure and small is moved, the rest proposed."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

from pydantic import BaseModel
from sqlalchemy import Connection

from assistant import rulebook, wording
from assistant.commands.optimizing import CAUTIOUS, OptimizeBudget
from assistant.mandate import Case
from assistant.notices import LOOP_CHANNEL
from assistant.recurring import Done, Run, recurs
from assistant.reply import Action, Status
from assistant.turn import Turn
from engines import restraint
from engines.effect import Risk
from engines.terms import CampaignStatus
from storage import promises, proposals
from storage.campaigns import Campaign, campaigns_of
from storage.ventures import Venture, all_ventures

AGAIN_DAYS = 7
"""Days in which a venture's money is not looked at again after something was moved or proposed."""
SOURCE = "optimize_budget"


class Split(BaseModel):
    """What became of a venture's split."""

    venture: str
    outcome: str
    """moved, proposed, nothing_to_move, lately or refused."""
    told: str
    audit_id: int | None = None


class SplitRun(BaseModel):
    """What a look at the splits came to."""

    ventures: list[Split]


@recurs("Budget optimization", at="04:00")
def budget_optimization(run: Run) -> Done:
    """Looks for a better split of each venture's money over its channels and campaigns, cautiously."""
    with run.bus.database.read() as connection:
        ventures = [
            one
            for one in all_ventures(connection)
            if campaigns_of(connection, venture_id=one.id, status=CampaignStatus.ACTIVE)
        ]
    splits = []
    for one in ventures:
        run.keep()
        splits.append(_look_at(run, one))
    counted = [
        f"{sum(one.outcome == outcome for one in splits)} {word}"
        for outcome, word in (("moved", "moved"), ("proposed", "proposed"), ("refused", "could not be told"))
        if any(one.outcome == outcome for one in splits)
    ]
    noun = "venture" if len(splits) == 1 else "ventures"
    told = f"Looked at the money of {len(splits)} {noun}: "
    return Done(
        f"{told}{wording.listed(counted) if counted else 'nothing to move'}.", SplitRun(ventures=splits)
    )


def _look_at(run: Run, venture: Venture) -> Split:
    since = run.now - timedelta(days=AGAIN_DAYS)
    with run.bus.database.read() as connection:
        asked = proposals.asked_by(connection, run.person.id, since, venture_id=venture.id)
        moved = promises.of_venture(connection, venture.id, SOURCE, since)
    if asked or moved:
        return Split(venture=venture.name, outcome="lately", told="It was looked at within a week.")
    case = Case(run.loop.name, "", (), partial(_waits_for, run, venture))
    key = f"{run.loop.name}:{run.loop.due_at.isoformat()}:{venture.id}"
    turn = Turn(
        person=run.person, channel=LOOP_CHANNEL, text=f"Split the money of {venture.name} better.", key=key
    )
    reply = run.bus.enact(OptimizeBudget(venture=venture.name, risk=CAUTIOUS), turn, case)
    outcome = {Status.DONE: "moved", Status.APPROVAL: "proposed"}.get(reply.status, "refused")
    if reply.status is Status.DONE and not _changed(run, reply.audit_id):
        outcome = "nothing_to_move"
    return Split(venture=venture.name, outcome=outcome, told=reply.reply.text, audit_id=reply.audit_id)


def _changed(run: Run, audit_id: int | None) -> bool:
    with run.bus.database.read() as connection:
        return audit_id is not None and bool(promises.made_by(connection, audit_id))


def _waits_for(run: Run, venture: Venture, connection: Connection, action: Action) -> str | None:
    """Every campaign that is touched must be inside its limits; else a person decides about all of it."""
    run.make_sure(connection)
    limits = rulebook.restraint_of(run.bus.settings.rules)
    after = {change.row_id: Decimal((change.after or {})["allocated"]) for change in action.changes}
    active = campaigns_of(connection, venture_id=venture.id, status=CampaignStatus.ACTIVE)
    confidence, risk = action.confidence or Decimal(0), Risk(action.risk or Risk.HIGH)
    if action.promise is None:
        return "It tries out what is not known yet."
    for one in active:
        moved = _moved(one, after)
        if not moved:
            continue
        record = rulebook.record_of(connection, one, SOURCE, AGAIN_DAYS, run.now)
        if restraint.cools_until(limits, record, run.now) is not None:
            return f"{one.name} was changed lately."
        waits = restraint.waits_for(limits, record, confidence, risk, moved)
        if waits is not None:
            return waits
    return None


def _moved(campaign: Campaign, after: dict[int | None, Decimal]) -> Decimal:
    """How much of a campaign's money changes its place."""
    changes = [after.get(line.id, line.allocated) - line.allocated for line in campaign.lines]
    added = sum((one for one in changes if one > 0), Decimal(0))
    taken = -sum((one for one in changes if one < 0), Decimal(0))
    return max(added, taken)
