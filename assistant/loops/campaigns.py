"""The hourly look at every active campaign: what is sure and small is done, the rest proposed."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from sqlalchemy import Connection

from assistant import rulebook, wording
from assistant.alerting import raise_alert, tracking_cause
from assistant.commands.budget import PauseCampaign, SetBudget, to_cents
from assistant.mandate import Case
from assistant.notices import LOOP_CHANNEL
from assistant.recurring import Done, Run, recurs
from assistant.reply import Action, Evidence, Problem, Status
from assistant.rulebook import Stale, Watched
from assistant.turn import Turn
from engines import restraint, rules
from engines.effect import Line, Risk
from engines.metrics import METRICS
from engines.remedy import WITHOUT_CURVE, Outlook, outlook
from engines.response import MONTH_DAYS, Estimate, fit_all
from engines.rules import Breach, Remedy, Rule, Unjudged
from engines.terms import CampaignStatus, Period, minor_units
from intents.command import Command
from intents.slots import Amount
from storage import alerts, proposals
from storage.campaigns import campaign as campaign_of
from storage.campaigns import campaigns_of
from storage.performance import Scope, history, measure
from storage.promises import Promise
from storage.ventures import Rates, all_ventures

HISTORY_DAYS = 364
"""Days of history the response curves are fitted to."""
SILENCE_DAYS = 28
"""Days that are looked at for tracking that stopped."""
ADVICE_DAYS = 7
"""How long the same advice is not given again."""
SMALLEST_STEP = Decimal("0.01")
"""Share of a campaign's money below which a step is not worth making."""


class RuleFinding(BaseModel):
    """A rule that a campaign is on the wrong side of, and what came of it."""

    campaign: str
    rule: str
    told: str
    outcome: str
    """applied, proposed, advised, held, waiting, cooling, done_before, tracking or refused."""
    why: str = ""
    confidence: Decimal | None = None
    expected: Decimal | None = None
    """More contribution a month, with its 90 % range, in the campaign's currency."""
    low: Decimal | None = None
    high: Decimal | None = None
    currency: str = ""
    audit_id: int | None = None


class NotJudged(BaseModel):
    """A rule that could not be held against a campaign, or any rule where none is named."""

    campaign: str
    rule: str | None
    why: str


class OptimizationRun(BaseModel):
    """What a look at the campaigns came to."""

    campaigns: int
    findings: list[RuleFinding] = []
    not_judged: list[NotJudged] = []


@recurs("Campaign optimization", every=timedelta(hours=1))
def campaign_optimization(run: Run) -> Done:
    """Holds every active campaign against the rules: does what is sure and small, proposes the rest."""
    found = OptimizationRun(campaigns=0)
    chosen = rulebook.rules_of(run.bus.settings.rules)
    if not chosen:
        return Done("There are no rules in the configuration.", found)
    for watched in _watched(run):
        run.keep()
        found.campaigns += 1
        if isinstance(watched, Stale):
            found.not_judged.append(NotJudged(campaign=watched.label, rule=None, why=watched.why))
            continue
        _look_at(run, watched, chosen, found)
    return Done(_told(found), found)


def _watched(run: Run) -> list[Watched | Stale]:
    with run.bus.database.read() as connection:
        names = run.bus.names.current(connection)
        labels = {names.id("campaign", label): label for label in names.labels("campaign")}
        return [
            rulebook.watch(
                connection,
                run.bus.settings,
                venture,
                one,
                labels.get(one.id, one.name),
                run.now.astimezone(ZoneInfo(venture.time_zone)).date(),
            )
            for venture in all_ventures(connection)
            for one in campaigns_of(connection, venture_id=venture.id, status=CampaignStatus.ACTIVE)
        ]


def _look_at(run: Run, watched: Watched, chosen: tuple[Rule, ...], found: OptimizationRun) -> None:
    """Hold every rule against a campaign; after a change by itself it is left alone."""
    for rule in chosen:
        verdict = rules.hold(rule, watched.seen)
        if isinstance(verdict, Unjudged):
            found.not_judged.append(NotJudged(campaign=watched.label, rule=rule.name, why=verdict.why))
        elif verdict is not None:
            finding = _act_on(run, watched, verdict)
            found.findings.append(finding)
            if finding.outcome in ("applied", "tracking"):
                return


def _act_on(run: Run, watched: Watched, breach: Breach) -> RuleFinding:
    rule = breach.rule
    finding = RuleFinding(
        campaign=watched.label, rule=rule.name, told=_breach(watched, breach), outcome="advised"
    )
    if not rule.remedy.is_ours:
        return _advise(run, watched, finding, breach)
    with run.bus.database.read() as connection:
        since = _silence(connection, watched)
        if since is not None:
            finding.outcome, finding.why = "tracking", f"no conversion is recorded since {since}"
        else:
            plan = _plan(run, connection, watched, breach, finding)
    if since is not None:
        told = f"{watched.label} spends, and no conversion is recorded since {since}: check its tracking."
        with run.bus.database.read() as connection:
            if alerts.open_of(connection, tracking_cause(watched.venture.id)) is not None:
                return finding
        _alert(run, watched, f"tracking:{watched.campaign.id}:{since}", alerts.TRACKING, told)
        return finding
    if plan is None:
        return finding
    finding.confidence, finding.currency = plan.promise.confidence, plan.promise.currency
    finding.expected, finding.low, finding.high = plan.promise.expected, plan.promise.low, plan.promise.high
    if plan.promise.confidence <= run.bus.settings.rules.propose_above:
        finding.outcome, finding.why = "held", "its remedy would probably cost more than it saves"
        return finding
    return _carry_out(run, watched, breach, finding, plan)


def _silence(connection: Connection, watched: Watched) -> str | None:
    period = Period.last_days(SILENCE_DAYS, watched.until)
    since = rules.silent_since(rulebook.by_day(connection, watched.campaign, period))
    return None if since is None else str(since)


_ADVICE = {
    Remedy.BIDS: "Its bids should go {change}; they are set at the ad platform.",
    Remedy.AUDIENCE: "Its audience should be narrowed at the ad platform.",
    Remedy.CREATIVES: "It needs new creatives.",
}


def _advise(run: Run, watched: Watched, finding: RuleFinding, breach: Breach) -> RuleFinding:
    change = breach.rule.change
    words = "" if change is None else f"{'up' if change > 0 else 'down'} by {wording.percent(abs(change))}"
    advice = _ADVICE[breach.rule.remedy].format(change=words)
    finding.why, finding.confidence = advice, breach.rule.confidence
    week = run.now.date().toordinal() // ADVICE_DAYS
    key = f"advice:{breach.rule.name}:{watched.campaign.id}:{week}"
    _alert(run, watched, key, alerts.ADVICE, f"{finding.told} {advice}")
    return finding


def _alert(run: Run, watched: Watched, key: str, kind: str, told: str) -> None:
    venture, campaign = watched.venture.id, watched.campaign.id
    with run.bus.database.read() as connection:
        if alerts.is_raised(connection, key):
            return
    with run.bus.database.write() as connection:
        raise_alert(
            connection,
            run.bus.settings,
            key,
            kind,
            told,
            run.now,
            venture_id=venture,
            campaign_id=campaign,
        )


@dataclass(frozen=True)
class _Plan:
    """What is to be done to a campaign, and what that promises."""

    command: Command
    moved: Decimal
    outlook: Outlook
    promise: Promise
    evidence: tuple[Evidence, ...] = field(default=())


def _plan(
    run: Run, connection: Connection, watched: Watched, breach: Breach, finding: RuleFinding
) -> _Plan | None:
    """What the rule's remedy comes to now; None where it is not the time for it, as the finding then says."""
    rule, campaign = breach.rule, watched.campaign
    limits = rulebook.restraint_of(run.bus.settings.rules)
    record = rulebook.record_of(connection, campaign, rule.name, rule.days, run.now)
    until = restraint.cools_until(limits, record, run.now)
    if until is not None:
        finding.outcome = "cooling"
        finding.why = f"it was changed lately and is left alone until {until:%Y-%m-%d %H:%M} UTC"
        return None
    if _is_proposed(run, connection, campaign.id, rule):
        finding.outcome, finding.why = "waiting", "the same was proposed lately"
        return None
    if rule.remedy is Remedy.BUDGET and rulebook.is_asked_about(connection, campaign, run.now):
        finding.outcome, finding.why = "waiting", "another proposal about its money waits"
        return None
    left, began = rulebook.left_to_do(connection, campaign, rule, run.now)
    share = None
    if rule.in_steps or not began:
        share = _share(rule, left, restraint.room(limits, record), campaign.allocated)
    if share is None:
        finding.outcome, finding.why = "done_before", f"it did what it may within {rule.days} days"
        return None
    return _planned(run, connection, watched, breach, share)


def _is_proposed(run: Run, connection: Connection, campaign_id: int, rule: Rule) -> bool:
    since = run.now - timedelta(days=rule.days)
    return any(
        (one.action.get("promise") or {}).get("source") == rule.name
        for one in proposals.asked_by(connection, run.person.id, since, campaign_id=campaign_id)
    )


def _share(rule: Rule, left: Decimal, room: Decimal, budget: Decimal) -> Decimal | None:
    """By what share of its money the campaign changes now; None where nothing is left to do."""
    step = min(left, room) if rule.in_steps else left
    if not budget or step < budget * SMALLEST_STEP:
        return None
    return step / budget if rule.change is not None and rule.change > 0 else -step / budget


def _planned(run: Run, connection: Connection, watched: Watched, breach: Breach, share: Decimal) -> _Plan:
    rule, campaign = breach.rule, watched.campaign
    if rule.remedy is Remedy.PAUSE:
        command: Command = PauseCampaign(campaign=watched.label)
        after = [Decimal(0) for _ in campaign.lines]
    else:
        total = to_cents(campaign.allocated * (1 + share), campaign.currency)
        command = SetBudget(campaign=watched.label, amount=Amount(amount=total, currency=campaign.currency))
        after = [line.allocated * total / campaign.allocated for line in campaign.lines]
    ids = [line.id for line in campaign.lines]
    fits = fit_all(history(connection, ids, watched.until, HISTORY_DAYS), seed=0)
    lines = [
        Line(line.id, line.channel, line.channel, line.allocated, fits[line.id]) for line in campaign.lines
    ]
    period = Period.last_days(rule.days, watched.until)
    brings = _revenue(connection, watched, period)
    margin = watched.venture.gross_margin
    expected = outlook(lines, [brings.get(line.id, Decimal(0)) for line in campaign.lines], after, margin)
    confidence = _confidence(breach, expected)
    gain = expected.contribution
    moved = abs(sum(after, Decimal(0)) - campaign.allocated)
    promise = Promise(
        source=rule.name,
        venture_id=campaign.venture_id,
        campaign_id=campaign.id,
        currency=campaign.currency,
        before=campaign.allocated,
        after=_cents(sum(after, Decimal(0)), campaign.currency),
        moved=_cents(moved, campaign.currency),
        expected=_cents(gain.value, campaign.currency),
        low=_cents(gain.low, campaign.currency),
        high=_cents(gain.high, campaign.currency),
        confidence=confidence,
        days=run.bus.settings.rules.judge_days,
    )
    evidence = _evidence(watched, breach, period, expected, promise)
    return _Plan(command, moved, expected, promise, evidence)


def _revenue(connection: Connection, watched: Watched, period: Period) -> dict[int, Decimal]:
    """What each line brought, as a month's rate."""
    currency = watched.campaign.currency
    found = measure(
        connection,
        Scope(campaign_id=watched.campaign.id),
        period,
        by="line",
        currency=currency,
        rates=Rates(connection, currency, period),
        with_customers=False,
    )
    month = Decimal(str(MONTH_DAYS)) / period.days
    return {line: totals.revenue * month for line, totals in found.parts.items()}


def _confidence(breach: Breach, expected: Outlook) -> Decimal:
    """The least of what is stated, what the counts allow and what the remedy is expected to bring."""
    by_counts = 1.0 if breach.by_chance is None else 1 - breach.by_chance
    return min(breach.rule.confidence, round(Decimal(min(by_counts, expected.confidence)), 4))


def _cents(value: Decimal | float, currency: str) -> Decimal:
    return round(Decimal(value), minor_units(currency))


def _breach(watched: Watched, breach: Breach) -> str:
    metric, currency = METRICS[breach.rule.metric], watched.campaign.currency
    level = wording.metric(breach.rule.metric, breach.level, currency)
    over = f"over {breach.rule.days} days" if breach.rule.days > 1 else "on the last day"
    if breach.value is None:
        spent = wording.money(breach.totals.spend, currency)
        missing = metric.inputs[1].replace("_", " ")
        return f"{watched.label} spent {spent} {over} and had no {missing}; {metric.label} is to be {level}."
    side = "above" if breach.rule.is_above else "below"
    value = wording.metric(breach.rule.metric, breach.value, currency)
    return f"{metric.label} of {watched.label} is {value} {over}, {side} {level}."


def _why(breach: Breach, told: str, plan: _Plan) -> str:
    promise = plan.promise
    value, low, high = (
        wording.money(amount, promise.currency) for amount in (promise.expected, promise.low, promise.high)
    )
    return (
        f"{told} Rule {breach.rule.name.replace('_', ' ')}: expected contribution {value} a month more "
        f"(90 % range {low} to {high}), confidence {wording.percent(promise.confidence)}, risk "
        f"{breach.rule.risk.value}."
    )


def _evidence(
    watched: Watched, breach: Breach, period: Period, expected: Outlook, promise: Promise
) -> tuple[Evidence, ...]:
    rule, currency = breach.rule, watched.campaign.currency
    metric = METRICS[rule.metric]
    inputs = ", ".join(
        f"{name.replace('_', ' ')} {wording.metric(name, Decimal(getattr(breach.totals, name)), currency)}"
        for name in metric.inputs
    )
    sure = [f"Stated by the rule: {wording.percent(rule.confidence)}."]
    if breach.by_chance is not None:
        chance = wording.percent(Decimal(str(round(breach.by_chance, 4))))
        sure.append(f"Counts this bad would come by chance in {chance} of cases.")
    bringing = wording.percent(Decimal(str(round(expected.confidence, 4))))
    sure.append(f"By its response, the contribution rises with {bringing}.")
    measured = Evidence(
        claim=_breach(watched, breach),
        formula=metric.formula,
        calculation=inputs,
        data=f"daily performance of {watched.label}",
        period=period,
        fresh_until=watched.until,
        assumptions=sure,
    )
    promised = Evidence(
        claim=f"{wording.money(promise.expected, currency)} more contribution a month",
        formula="gross margin × change of revenue − change of spend",
        calculation=f"{watched.venture.gross_margin:.0%} × {_money(expected.revenue, currency)} − "
        f"{wording.money(expected.spend, currency)}",
        data=f"response curves of {expected.fitted} of {expected.lines} lines",
        fresh_until=watched.until,
        assumptions=[] if expected.fitted == expected.lines else [wording.sentence(f"{WITHOUT_CURVE}.")],
    )
    return measured, promised


def _money(found: Estimate, currency: str) -> str:
    return wording.money(_cents(found.value, currency), currency)


def _carry_out(run: Run, watched: Watched, breach: Breach, finding: RuleFinding, plan: _Plan) -> RuleFinding:
    why = _why(breach, finding.told, plan)
    promise = plan.promise
    case = Case(
        loop=run.loop.name,
        why=why,
        evidence=plan.evidence,
        waits_for=partial(_waits_for, run, watched, breach.rule, plan),
        confidence=promise.confidence,
        risk=breach.rule.risk.value,
        promise=promise,
    )
    key = f"{run.loop.name}:{run.loop.due_at.isoformat()}:{breach.rule.name}:{watched.campaign.id}"
    turn = Turn(person=run.person, channel=LOOP_CHANNEL, text=finding.told, key=key)
    reply = run.bus.enact(plan.command, turn, case)
    outcomes = {Status.DONE: "applied", Status.APPROVAL: "proposed"}
    finding.outcome = outcomes.get(reply.status, "refused")
    finding.why = reply.reply.text
    finding.audit_id = reply.audit_id
    return finding


def _waits_for(
    run: Run, watched: Watched, rule: Rule, plan: _Plan, connection: Connection, action: Action
) -> str | None:
    """Look again, now that nobody else can change anything: the limits hold over all processes."""
    del action
    run.make_sure(connection)
    now = campaign_of(connection, watched.campaign.id)
    limits = rulebook.restraint_of(run.bus.settings.rules)
    record = rulebook.record_of(connection, now or watched.campaign, rule.name, rule.days, run.now)
    until = restraint.cools_until(limits, record, run.now)
    if until is not None or now is None:
        raise Problem("changed_since", f"{watched.label} was changed a moment ago.", "Nothing was changed.")
    return restraint.waits_for(limits, record, plan.promise.confidence, Risk(rule.risk), plan.moved)


def _told(found: OptimizationRun) -> str:
    counted: dict[str, int] = {}
    for one in found.findings:
        counted[one.outcome] = counted.get(one.outcome, 0) + 1
    words = {
        "applied": "changed",
        "proposed": "proposed",
        "advised": "advised",
        "held": "held back because the remedy would cost more",
        "waiting": "waiting for a yes",
        "cooling": "left alone after a change",
        "tracking": "held back because tracking stopped",
        "refused": "refused",
    }
    parts = [f"{counted[outcome]} {word}" for outcome, word in words.items() if outcome in counted]
    noun = "campaign" if found.campaigns == 1 else "campaigns"
    told = f"Looked at {found.campaigns} {noun}: {wording.listed(parts) if parts else 'nothing to do'}."
    missing = len(found.not_judged)
    return f"{told} {missing} checks lacked data." if missing else told
