"""Finding the best split of a budget."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from pydantic import BaseModel, Field

from assistant import wording
from assistant.commands.budget import LineMove, budget_action, money_of
from assistant.handling import Context, handles
from assistant.reply import Action, Answer, Chart, Column, Evidence, Problem, Series, Table, Telling
from assistant.reporting import rounded
from assistant.splitting import Asked, Spreading, WeekMoney, channel_limits, spreading, target
from engines.effect import CONFIDENCE_MEANING, RISK_RULE, Line
from engines.learning import LEARNABLE, learn_all
from engines.optimum import Constraints, Optimum, optimize
from engines.pooling import POOLING_MEANING, fit_together
from engines.response import Day, Estimate, Fit, Refusal
from engines.terms import CampaignStatus, Channel, Period
from intents.command import Command, Effect, Role
from intents.slots import (
    CampaignChange,
    CampaignName,
    ChannelMoney,
    ChannelName,
    ComingPeriod,
    ExtraMoney,
    LineChange,
    MoneySlot,
    RiskName,
    TargetMetric,
    TargetRange,
    VentureName,
)
from storage.campaigns import Campaign, campaigns_of
from storage.performance import Scope, history, latest_day
from storage.promises import Promise

HISTORY_DAYS = 364
"""Days of history the response curves are fitted to."""

CAUTIOUS, BALANCED, BOLD = "cautious", "balanced", "bold"
MOST_CHANGES = {CAUTIOUS: Decimal("0.15"), BALANCED: Decimal("0.3"), BOLD: Decimal("0.5")}
"""Greatest change of a line in one step by risk: further out the curves promise more than they keep."""
SEASON_TOLD = 0.05
"""Height of a yearly wave from which on the answer speaks of it."""
WORST_SHARE = 0.2
"""Of the curves drawn, the worst for which a cautious split is made."""
_WANTED = {
    CAUTIOUS: "cautious: made for the worst fifth of the curves drawn; a line changes by 15 % at most",
    BALANCED: "",
    BOLD: "bold: a line changes by up to 50 %, where curves promise more than they keep",
}


class Range(BaseModel):
    """A figure with the range it lies in with 90 % probability."""

    value: Decimal
    low: Decimal
    high: Decimal


class CurvePoint(BaseModel):
    """Expected revenue a month at a spend a month."""

    spend: Decimal
    revenue: Range


class CurveReport(BaseModel):
    """A line's response curve as fitted, and how well it fits its history."""

    line: str
    ceiling: Decimal
    half_saturation: Decimal
    slope: Decimal
    carry_over: Decimal
    weeks: int
    r_squared: Decimal
    typical_error: Decimal
    points: list[CurvePoint]


class OptimumReport(BaseModel):
    """A proposed split of a month's budget and what to expect of it.

    ``change`` is against now, ``gain`` against the present split of the proposed total, ``worst`` the mean
    gain of the worst tenth of the curves drawn.
    """

    subject: str
    currency: str
    total_before: Decimal
    total_after: Decimal
    lines: list[LineMove]
    reasons: dict[str, str]
    brings: dict[str, Range]
    curves: list[CurveReport]
    revenue_now: Range
    revenue_then: Range
    change: Range
    gain: Range
    worst: Decimal
    confidence: Decimal
    confidence_meaning: str
    risk: str
    channel_cap: Decimal
    notes: list[str]
    weeks: list[WeekMoney] = []
    """Where the money is for a time: what each of its weeks gets."""


class OptimizeBudget(Command):
    """Finds the best split of a campaign's, or a venture's, monthly budget over its channel lines."""

    effect = Effect.SPEND
    role = Role.OPERATOR
    examples = (
        "optimize budget allocation for Spring Launch",
        "optimize budget for campaign Spring Launch",
        "what if I add 20k to Spring Launch",
        "optimize the budget of Acme carefully",
        "optimize the budget of Spring Launch at a ROAS of at least 3",
        "optimize the budget of Acme and keep CAC under 80",
        "optimize the budget of Acme with at least 5k on email",
        "spread 30k over the next six weeks in Spring Launch",
        "optimize the budget of Acme, no campaign may change by more than 20%",
    )
    suggested = True

    campaign: CampaignName | None = Field(None, description="Of which campaign?")
    venture: VentureName | None = Field(None, description="Of which venture?")
    budget: MoneySlot | None = Field(None, description="With how much a month?")
    more: ExtraMoney | None = Field(None, description="With how much more a month?")
    risk: RiskName = Field(BALANCED, description="How much risk?")
    metric: TargetMetric | None = Field(None, description="A target of ROAS, CAC or CPA?")
    target: TargetRange | None = Field(None, description="What must it be?")
    channel: ChannelName | None = Field(None, description="On which channel?")
    channel_money: ChannelMoney | None = Field(None, description="What must that channel get?")
    campaign_change: CampaignChange | None = Field(None, description="How far may a campaign change?")
    line_change: LineChange | None = Field(None, description="How far may a line change?")
    period: ComingPeriod | None = Field(None, description="For which time is the money?")

    def asks_for(self) -> str | None:
        """One of the two must be named, and what a cost must be."""
        if self.campaign is None and self.venture is None:
            return "campaign"
        return "target" if self.metric in ("cac", "cpa") and self.target is None else None


@handles
def optimize_budget(asked: OptimizeBudget, context: Context) -> Answer[OptimumReport]:
    """Fit each line's response to its history and split the money where it brings most, within limits."""
    name, campaigns = _meant(asked, context)
    currency = campaigns[next(iter(campaigns))].currency
    fits, period = _fits(context, campaigns)
    lines = [
        Line(
            line.id,
            line.channel,
            f"{Channel(line.channel).label} in {label}",
            line.allocated,
            fits[line.id],
            campaign=label,
        )
        for label, campaign in campaigns.items()
        for line in campaign.lines
    ]
    now = sum((line.allocated for line in lines), Decimal(0))
    total = _total(asked, now, currency)
    over = None
    if asked.period is not None:
        given = asked.budget is not None or asked.more is not None
        over = spreading(context, total if given else None, now, asked.period, currency)
        total = over.monthly if given else now
    learned = any(isinstance(fit, Fit) and fit.learned for fit in fits.values())
    rules = _rules(asked, context, list(campaigns.values()), period)
    limits = Constraints(
        max_change=_step(asked, len(campaigns)) if total == now else asked.line_change,
        worst_share=WORST_SHARE if asked.risk == CAUTIOUS else None,
        explore=context.today.toordinal() if learned and asked.risk != CAUTIOUS else None,
        least_return=rules.least_return,
        channel_least=rules.channel_least,
        channel_most=rules.channel_most,
        campaign_change=asked.campaign_change if len(campaigns) > 1 else None,
    )
    found = optimize(lines, total, currency, constraints=limits)
    wants_more = asked.target is not None or asked.channel_money is not None
    if isinstance(found, Refusal) and wants_more and asked.line_change is None and limits.max_change:
        # What is asked for may need more than a usual step.
        found = optimize(lines, total, currency, constraints=replace(limits, max_change=None))
        rules.told.append("lines change by more than a usual step for that")
    if isinstance(found, Refusal):
        raise Problem(found.code, f"{name}: {found.reason}.", f"{wording.sentence(found.cure)}.")
    report = _report(name, currency, now, found, campaigns, lines)
    report.notes[:0] = _asked_notes(asked, rules, over, lines)
    if over is not None:
        report.weeks = over.weeks
    telling = _telling(report, found, lines, period)
    worthwhile = found.moved > 0 if learned else found.worthwhile
    must = found.total != now or (found.moved > 0 and bool(asked.channel_money))
    if not worthwhile and not must:
        text = f"{telling.text} That is too little to move money for; nothing is proposed."
        return Answer(result=report, telling=telling.model_copy(update={"text": text}))
    action = _action(report, found, campaigns)
    if found.total == now and not learned:
        action = action.model_copy(update={"promise": _promise(report, found, campaigns, context)})
    return Answer(result=report, telling=telling, action=action)


def _step(asked: OptimizeBudget, campaigns: int) -> Decimal:
    """How far a line may change; of one campaign, whose total stays, a campaign's limit is its lines'."""
    steps = [MOST_CHANGES[asked.risk], asked.line_change, asked.campaign_change if campaigns == 1 else None]
    return min(step for step in steps if step is not None)


def _rules(asked: OptimizeBudget, context: Context, campaigns: Sequence[Campaign], period: Period) -> Asked:
    """The limits asked for in words."""
    rules = channel_limits(asked.channel, asked.channel_money, campaigns[0].currency)
    found = target(context, asked.metric, asked.target, campaigns, period)
    if found is not None:
        rules.least_return = found[0]
        rules.told.insert(0, found[1])
    return rules


def _asked_notes(
    asked: OptimizeBudget, rules: Asked, over: Spreading | None, lines: Sequence[Line]
) -> list[str]:
    """What was asked for, and that a season is in the figures where one is."""
    notes = [] if not _WANTED[asked.risk] else [_WANTED[asked.risk]]
    notes += rules.told
    if asked.campaign_change is not None:
        notes.append(f"no campaign changes by more than {wording.percent(asked.campaign_change)}")
    if asked.line_change is not None:
        notes.append(f"no line changes by more than {wording.percent(asked.line_change)}")
    if over is not None:
        notes.append(over.told)
    seasons = [line for line in lines if isinstance(line.fit, Fit) and line.fit.season >= SEASON_TOLD]
    if seasons:
        most = max(line.fit.season for line in seasons if isinstance(line.fit, Fit))
        notes.append(
            f"a yearly season of up to ±{wording.percent(_exact(most))} is taken out of {len(seasons)} "
            "curves: figures are of an average month"
        )
    return notes


def _total(asked: OptimizeBudget, now: Decimal, currency: str) -> Decimal:
    if asked.budget is not None and asked.more is not None:
        raise Problem("contradictory_slots", "Is that the whole budget, or on top of it?", "Say one of them.")
    if asked.more is not None:
        return now + money_of(asked.more, currency)
    return now if asked.budget is None else money_of(asked.budget, currency)


def _meant(asked: OptimizeBudget, context: Context) -> tuple[str, dict[str, Campaign]]:
    """The campaign, or the venture's active campaigns in one currency, by their canonical names."""
    venture = context.venture(asked.venture)
    if asked.campaign is not None:
        return asked.campaign, {asked.campaign: context.campaign(asked.campaign, venture)}
    if venture is None:
        raise Problem("which_campaign", "Optimize what?", "Name a campaign or a venture.")
    active = campaigns_of(context.connection, venture_id=venture.id, status=CampaignStatus.ACTIVE)
    labels = context.labels("campaign")
    fitting = {labels[one.id]: one for one in active if one.currency == venture.currency}
    if not fitting:
        raise Problem(
            "nothing_active", f"{venture.name} has no active campaign.", "Resume or launch one first."
        )
    return venture.name, fitting


def _fits(context: Context, campaigns: dict[str, Campaign]) -> tuple[dict[int, Fit | Refusal], Period]:
    """Every line's response curve from the year up to the latest full day with data.

    The venture's other active campaigns are fitted with them: what its lines are like is learned from all.
    """
    ids = [line.id for campaign in campaigns.values() for line in campaign.lines]
    first = next(iter(campaigns.values()))
    others = [
        line.id
        for one in campaigns_of(context.connection, venture_id=first.venture_id, status=CampaignStatus.ACTIVE)
        if one.currency == first.currency
        for line in one.lines
    ]
    yesterday = context.today - timedelta(days=1)
    ends = [
        latest_day(context.connection, Scope(campaign_id=one.id), yesterday) for one in campaigns.values()
    ]
    until = max((day for day in ends if day is not None), default=yesterday)
    days = history(context.connection, [*dict.fromkeys([*ids, *others])], until, HISTORY_DAYS)
    together = fit_together(days, seed=0)
    fits = {key: together[key] for key in ids}
    return _or_learned(fits, days, until), Period.last_days(HISTORY_DAYS, until)


def _or_learned(
    fits: dict[int, Fit | Refusal], days: Mapping[int, Sequence[Day]], until: date
) -> dict[int, Fit | Refusal]:
    """The fits; where fewer than two lines have one, young lines get what their few weeks say."""
    young = [key for key, fit in fits.items() if isinstance(fit, Refusal) and fit.code in LEARNABLE]
    if sum(isinstance(fit, Fit) for fit in fits.values()) >= 2 or len(young) < 2:
        return fits
    return fits | learn_all({key: days.get(key, ()) for key in young}, until)


CURVE_STEPS = (0, 25, 50, 75, 100, 125, 150, 175, 200)
"""Percent of its present money at which a line's curve is told."""


def _exact(value: float, places: int = 2) -> Decimal:
    return Decimal(str(round(value, places)))


def _range(found: Estimate) -> Range:
    return Range(value=_exact(found.value), low=_exact(found.low), high=_exact(found.high))


def _curve(line: Line, fit: Fit) -> CurveReport:
    spends = [line.allocated * step / 100 for step in CURVE_STEPS]
    return CurveReport(
        line=line.name,
        ceiling=_exact(fit.curve.ceiling),
        half_saturation=_exact(fit.curve.half),
        slope=_exact(fit.curve.slope),
        carry_over=_exact(fit.carry_over),
        weeks=fit.weeks,
        r_squared=_exact(fit.r_squared, 4),
        typical_error=_exact(fit.typical_error, 4),
        points=[
            CurvePoint(spend=rounded(spend) or Decimal(0), revenue=_range(fit.expected(float(spend))))
            for spend in spends
        ],
    )


def _report(
    name: str,
    currency: str,
    now: Decimal,
    found: Optimum,
    campaigns: dict[str, Campaign],
    lines: list[Line],
) -> OptimumReport:
    owner = {line.id: label for label, campaign in campaigns.items() for line in campaign.lines}
    return OptimumReport(
        subject=name,
        currency=currency,
        total_before=rounded(now) or Decimal(0),
        total_after=rounded(found.total) or Decimal(0),
        lines=[
            LineMove(
                campaign=owner[move.id],
                channel=move.channel,
                before=rounded(move.before) or Decimal(0),
                after=rounded(move.after) or Decimal(0),
            )
            for move in found.moves
        ],
        reasons={move.name: move.reason for move in found.moves},
        brings={move.name: _range(move.brings) for move in found.moves if move.brings is not None},
        curves=[_curve(line, line.fit) for line in lines if isinstance(line.fit, Fit)],
        revenue_now=_range(found.effect.now),
        revenue_then=_range(found.effect.proposed),
        change=_range(found.effect.change),
        gain=_range(found.effect.gain),
        worst=_exact(found.effect.worst),
        confidence=Decimal(str(round(found.effect.confidence, 4))),
        confidence_meaning=CONFIDENCE_MEANING,
        risk=found.risk.value,
        channel_cap=found.cap,
        notes=list(found.notes),
    )


def _telling(report: OptimumReport, found: Optimum, lines: list[Line], period: Period) -> Telling:
    def money(amount: Decimal) -> str:
        return wording.money(amount, report.currency)

    gain, change = report.gain, report.change
    split = ""
    if report.total_after != report.total_before:
        split = (
            f" Of that, {money(gain.value)} ({money(gain.low)} to {money(gain.high)}) come from splitting it "
            "better than now."
        )
    text = (
        f"{report.subject}: {money(found.moved)} of {money(report.total_after)} a month would change lines. "
        f"Expected revenue {money(report.revenue_then.value)} a month instead of "
        f"{money(report.revenue_now.value)}: "
        f"{_more(change.value, report)} (90 % range {money(change.low)} to {money(change.high)}), "
        f"confidence {wording.percent(report.confidence)}, risk {report.risk}.{split}"
    )
    notes = " ".join(f"{wording.sentence(note)}." for note in report.notes)
    return Telling(
        text=f"{text} {notes}".strip(),
        speech=f"Expected gain {wording.spoken('revenue', change.value, report.currency)} a month.",
        table=_table(report, found),
        chart=Chart(
            kind="line",
            title=f"Expected revenue a month by line of {report.subject}, by its money (100 % is now)",
            unit=report.currency,
            labels=[f"{step} %" for step in CURVE_STEPS],
            series=[
                Series(name=curve.line, values=[float(point.revenue.value) for point in curve.points])
                for curve in report.curves
            ],
        ),
        evidence=_evidence(report, lines, period),
    )


def _more(amount: Decimal, report: OptimumReport) -> str:
    return f"{wording.money(abs(amount), report.currency)} {'more' if amount >= 0 else 'less'}"


def _table(report: OptimumReport, found: Optimum) -> Table:
    def money(amount: Decimal) -> str:
        return wording.money(amount, report.currency)

    return Table(
        title="Money a month",
        columns=[
            Column(key="line", label="Line"),
            Column(key="before", label="Now", numeric=True),
            Column(key="after", label="Then", numeric=True),
            Column(key="change", label="Change", numeric=True),
            Column(key="brings", label="Brings (90 % range)", numeric=True),
            Column(key="reason", label="Why"),
        ],
        rows=[
            [
                move.name,
                money(move.before),
                money(move.after),
                money(move.change),
                _brings(report, move.name),
                move.reason,
            ]
            for move in found.moves
        ],
    )


def _brings(report: OptimumReport, line: str) -> str:
    found = report.brings.get(line)
    if found is None:
        return ""
    value, low, high = (
        wording.money(amount, report.currency) for amount in (found.value, found.low, found.high)
    )
    return f"{value} ({low} to {high})"


def _evidence(report: OptimumReport, lines: list[Line], period: Period) -> list[Evidence]:
    fitted = [(line, line.fit) for line in lines if isinstance(line.fit, Fit)]
    summary = Evidence(
        claim=f"confidence {wording.percent(report.confidence)}, risk {report.risk}",
        formula="the split that maximizes the sum of the lines' curves; every line not at a limit has the "
        "same marginal revenue",
        calculation=f"mean gain in the worst tenth of the curves drawn {_money(float(report.worst), report)}",
        data=f"{len(fitted)} fitted response curves",
        rows=len(fitted),
        period=period,
        assumptions=[
            CONFIDENCE_MEANING,
            RISK_RULE,
            POOLING_MEANING,
            f"A channel gets at most {wording.percent(report.channel_cap)} of the budget.",
        ],
    )
    return [summary, *(_curve_evidence(line, fit, report, period) for line, fit in fitted)]


CURVE_FORMULA = "revenue a month = ceiling × spend^slope / (spend^slope + half-saturation^slope)"
LEARNED = ", learned week by week, older weeks counting less"


def _curve_evidence(line: Line, fit: Fit, report: OptimumReport, period: Period) -> Evidence:
    usual = fit.expected(float(line.allocated))
    low, high = _money(usual.low, report), _money(usual.high, report)
    spend = _money(float(line.allocated), report)
    return Evidence(
        claim=f"response curve of {line.name}",
        formula=CURVE_FORMULA + (LEARNED if fit.learned else ", carried over day to day"),
        calculation=f"ceiling {_money(fit.curve.ceiling, report)}, "
        f"half at {_money(fit.curve.half, report)}, slope {fit.curve.slope:.2f}, "
        f"carry-over {fit.carry_over:.2f}, R² {fit.r_squared:.2f}; "
        f"{spend} bring {_money(usual.value, report)} (90 %: {low} to {high})",
        data=f"daily spend and revenue of {line.name}",
        rows=fit.weeks * 7,
        period=period,
    )


def _money(value: float, report: OptimumReport) -> str:
    return wording.money(Decimal(str(round(value, 2))), report.currency)


def _promise(
    report: OptimumReport, found: Optimum, campaigns: dict[str, Campaign], context: Context
) -> Promise:
    """What the split of the same money promises, to be judged once it was in force for a while."""
    first = next(iter(campaigns.values()))
    margin = context.owner(first).gross_margin
    gain = (report.change.value, report.change.low, report.change.high)
    expected, low, high = (rounded(margin * one) or Decimal(0) for one in gain)
    return Promise(
        source="optimize_budget",
        venture_id=first.venture_id,
        campaign_id=first.id if len(campaigns) == 1 else None,
        currency=report.currency,
        before=report.total_before,
        after=report.total_after,
        moved=found.moved,
        expected=expected,
        low=low,
        high=high,
        confidence=report.confidence,
        days=context.settings.rules.judge_days,
    )


def _action(report: OptimumReport, found: Optimum, campaigns: dict[str, Campaign]) -> Action:
    amount = wording.money(found.moved, report.currency)
    what = f"{amount} a month between the channel lines of {report.subject}"
    if report.total_after != report.total_before:
        total = wording.money(report.total_after, report.currency)
        what = f"{report.subject} to {total} a month, split over its channel lines as shown"
    verb, past = ("move", "Moved") if report.total_after == report.total_before else ("set", "Set")
    return budget_action(
        campaigns,
        {move.id: move.after for move in found.moves},
        summary=f"{verb} {what}",
        done=f"{past} {what}.",
        amount=found.moved,
        confidence=report.confidence,
        risk=report.risk,
    )
