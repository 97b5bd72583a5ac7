"""What the ventures of a portfolio are: their nature, campaigns and channel lines, before any history."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.random import Generator

from engines.market import DAYS_A_MONTH, Flags, Floats
from engines.terms import CampaignStatus, Channel, VentureStage
from storage.synthetic.counts import Counts, apportion
from storage.synthetic.words import CATEGORIES, campaign_name, venture_name

HISTORY_DAYS = 365

CURRENCIES = {"USD": 1.0, "EUR": 0.92, "GBP": 0.79}
"""Currencies of the portfolio, in units for one US dollar."""

_PLACES = {
    "America/New_York": ("USD", "US"),
    "America/Chicago": ("USD", "US"),
    "Europe/Berlin": ("EUR", "DE"),
    "America/Los_Angeles": ("USD", "US"),
    "Europe/Madrid": ("EUR", "ES"),
    "Europe/London": ("GBP", "GB"),
    "Asia/Singapore": ("USD", "SG"),
}
ZONES = tuple(_PLACES)
"""Time zones of the portfolio."""

_KINDS = ("b2b_smb", "b2b_enterprise", "b2c_premium", "b2c_mass")
_STAGES = (VentureStage.GROWTH, VentureStage.SCALE, VentureStage.EARLY_REVENUE, VentureStage.GROWTH)
_CATEGORY_ORDER = (
    "fitness", "logistics", "beauty", "technology", "food", "finance", "travel", "education", "home",
    "fashion", "pets", "gaming",
)  # fmt: skip

_LINES_OF_CAMPAIGNS = {4: (5, 4, 4, 3), 5: (5, 5, 4, 3, 3)}
_STATUSES = (
    CampaignStatus.COMPLETED,
    CampaignStatus.ACTIVE,
    CampaignStatus.PAUSED,
    CampaignStatus.COMPLETED,
    CampaignStatus.PLANNED,
    CampaignStatus.ACTIVE,
    CampaignStatus.CONFIGURED,
    CampaignStatus.COMPLETED,
    CampaignStatus.ACTIVE,
    CampaignStatus.CANCELLED,
)
_BEFORE_START = {CampaignStatus.PLANNED, CampaignStatus.CONFIGURED, CampaignStatus.CANCELLED}
_OBJECTIVES = ("conversion", "leads", "awareness", "retention")

_SPRING_LAUNCH = {
    Channel.EMAIL: 6_000,
    Channel.PAID_SEARCH: 14_000,
    Channel.PAID_SOCIAL: 12_000,
    Channel.DISPLAY: 12_500,
    Channel.SEO: 5_500,
}
_SPRING_LAUNCH_DAYS = 150
_MAIN = (Channel.EMAIL, Channel.PAID_SEARCH, Channel.SEO, Channel.PAID_SOCIAL, Channel.CONTENT)
_CONSUMER_MORE = (
    Channel.DISPLAY,
    Channel.VIDEO,
    Channel.INFLUENCER,
    Channel.ORGANIC_SOCIAL,
    Channel.AFFILIATE,
)
_BUSINESS_MORE = (Channel.PARTNERSHIPS, Channel.EVENTS, Channel.COMMUNITY, Channel.DISPLAY, Channel.AFFILIATE)


@dataclass(frozen=True)
class LinePlan:
    """One channel line to be; money is whole units of the venture's currency."""

    channel: Channel
    status: CampaignStatus
    allocated: int
    planned: int
    first_day: int
    """The first day of the history it runs on (below 0: since before)."""
    last_day: int
    """The last one; before `first_day` for a line that never ran."""


@dataclass(frozen=True)
class CampaignPlan:
    """One campaign to be."""

    name: str
    objective: str
    status: CampaignStatus
    start_on: date
    end_on: date | None
    lines: tuple[LinePlan, ...]


@dataclass(frozen=True)
class VenturePlan:
    """One venture to be."""

    index: int
    name: str
    stage: VentureStage
    category: str
    kind: str
    currency: str
    zone: str
    country: str
    margin: int
    """Gross margin in ten-thousandths."""
    fiscal_year_start: int
    customers: int
    leads: int
    keywords: int
    backlinks: int
    roas: float
    cost_of_customer: float
    campaigns: tuple[CampaignPlan, ...]

    @property
    def lines(self) -> list[LinePlan]:
        """The lines of all campaigns in order."""
        return [line for campaign in self.campaigns for line in campaign.lines]

    @property
    def is_consumer(self) -> bool:
        """Sells to people rather than firms."""
        return self.kind.startswith("b2c")

    @property
    def customers_before(self) -> int:
        """Customers won before the history starts."""
        return self.customers // 5

    def running(self) -> Flags:
        """Lines by days of the history."""
        days = np.arange(HISTORY_DAYS)
        first = np.array([line.first_day for line in self.lines])[:, None]
        last = np.array([line.last_day for line in self.lines])[:, None]
        return (days >= first) & (days <= last)

    def daily_budgets(self) -> Floats:
        """What each line may spend a day."""
        return np.array([line.allocated for line in self.lines]) / DAYS_A_MONTH


@dataclass(frozen=True)
class Quotas:
    """How many rows of each kind every venture gets, by venture."""

    campaigns: list[int]
    customers: list[int]
    leads: list[int]
    keywords: list[int]
    backlinks: list[int]

    @classmethod
    def draw(cls, rng: Generator, counts: Counts) -> "Quotas":
        """Customers and leads by unequal weights (the first venture has most), the rest evenly."""
        even = np.ones(counts.ventures)
        weights = rng.lognormal(0, 0.3, counts.ventures)
        weights[0] = 4.0
        return cls(
            campaigns=apportion(counts.campaigns, even).tolist(),
            customers=apportion(counts.customers, weights).tolist(),
            leads=apportion(counts.leads, weights).tolist(),
            keywords=apportion(counts.keywords, even).tolist(),
            backlinks=apportion(counts.backlinks, even).tolist(),
        )


def plan_venture(rng: Generator, index: int, quotas: Quotas, as_of: date) -> VenturePlan:
    """Venture ``index`` (from 0); the first is always Acme with its Spring Launch."""
    zone = ZONES[index % len(ZONES)]
    currency, country = _PLACES[zone]
    kind = _KINDS[index % len(_KINDS)]
    cost = float(rng.uniform(280, 420)) * CURRENCIES[currency]
    fresh = quotas.customers[index] - quotas.customers[index] // 5
    count = quotas.campaigns[index]
    first = sum(quotas.campaigns[:index])
    outlines = [_outline(rng, index, place, count, first + place, as_of) for place in range(count)]
    return VenturePlan(
        index=index,
        name=venture_name(index),
        stage=_STAGES[index % 12 % len(_STAGES)],
        category=_CATEGORY_ORDER[index % len(CATEGORIES)],
        kind=kind,
        currency=currency,
        zone=zone,
        country=country,
        margin=int(rng.integers(55, 85)) * 100,
        fiscal_year_start={1: 7, 5: 4}.get(index % 12, 1),
        customers=quotas.customers[index],
        leads=quotas.leads[index],
        keywords=quotas.keywords[index],
        backlinks=quotas.backlinks[index],
        roas=float(rng.uniform(2.5, 3.6)),
        cost_of_customer=cost,
        campaigns=_campaigns(rng, outlines, cost * fresh, consumer=kind.startswith("b2c"), as_of=as_of),
    )


@dataclass(frozen=True)
class _Outline:
    name: str
    status: CampaignStatus
    start_on: date
    end_on: date | None
    objective: str
    lines: int


def _outline(rng: Generator, index: int, place: int, count: int, serial: int, as_of: date) -> _Outline:
    """The first campaign of a venture runs all the time; the others differ."""
    lines = _LINES_OF_CAMPAIGNS[count][place]
    if place == 0:
        name, status = campaign_name(serial), CampaignStatus.ACTIVE
        start, end = as_of - timedelta(days=int(rng.integers(760, 900))), None
    elif index == 0 and place == 1:
        name, status = "Spring Launch", CampaignStatus.ACTIVE
        start, end = as_of - timedelta(days=_SPRING_LAUNCH_DAYS - 1), as_of + timedelta(days=90)
    elif index == 0 and place == 2:
        name, status = "Summer Splash", CampaignStatus.ACTIVE
        start, end = as_of - timedelta(days=299), None
    elif place == count - 1 and index % 12 in _SHARED_NAMES:
        name, status = _SHARED_NAMES[index % 12], CampaignStatus.COMPLETED
        start, end = _last_season(name, as_of)
    else:
        name, status = campaign_name(serial), _STATUSES[serial % len(_STATUSES)]
        start, end = _dates(rng, status, as_of)
    return _Outline(name, status, start, end, _OBJECTIVES[(index + place) % len(_OBJECTIVES)], lines)


_SHARED_NAMES = {
    1: "Black Friday",
    3: "Black Friday",
    6: "Black Friday",
    2: "Holiday Lights",
    8: "Holiday Lights",
}
_SEASONS = {"Black Friday": ((11, 10), (12, 1)), "Holiday Lights": ((12, 1), (12, 26))}


def _last_season(name: str, as_of: date) -> tuple[date, date]:
    (first_month, first_day), (last_month, last_day) = _SEASONS[name]
    year = as_of.year if date(as_of.year, last_month, last_day) < as_of else as_of.year - 1
    return date(year, first_month, first_day), date(year, last_month, last_day)


def _dates(rng: Generator, status: CampaignStatus, as_of: date) -> tuple[date, date | None]:
    length = timedelta(days=int(rng.integers(40, 150)))
    if status in _BEFORE_START:
        start = as_of + timedelta(days=int(rng.integers(7, 60)))
        return start, start + length
    if status is CampaignStatus.COMPLETED:
        end = as_of - timedelta(days=int(rng.integers(10, 200)))
        return end - length, end
    return as_of - timedelta(days=int(rng.integers(60, 330))), as_of + length


def _campaigns(
    rng: Generator, outlines: list[_Outline], year_budget: float, *, consumer: bool, as_of: date
) -> tuple[CampaignPlan, ...]:
    """Divide the money of a year so that what has run cost about ``year_budget``."""
    drafts = [_line_drafts(rng, outline, consumer, as_of) for outline in outlines]
    weighted_days = sum(draft.weight * draft.days for some in drafts for draft in some if not draft.fixed)
    fixed = sum(draft.fixed / DAYS_A_MONTH * draft.days for some in drafts for draft in some)
    left = max(year_budget - fixed, 0.3 * year_budget)
    unit = left / max(weighted_days, 1) * DAYS_A_MONTH
    return tuple(
        CampaignPlan(
            name=outline.name,
            objective=outline.objective,
            status=outline.status,
            start_on=outline.start_on,
            end_on=outline.end_on,
            lines=tuple(_line(rng, draft, unit) for draft in some),
        )
        for outline, some in zip(outlines, drafts, strict=True)
    )


@dataclass(frozen=True)
class _LineDraft:
    channel: Channel
    status: CampaignStatus
    weight: float
    fixed: int
    """Money a month that is given; 0 where it is divided by weight."""
    first_day: int
    last_day: int

    @property
    def days(self) -> int:
        return max(0, min(self.last_day, HISTORY_DAYS - 1) - max(self.first_day, 0) + 1)


def _line_drafts(rng: Generator, outline: _Outline, consumer: bool, as_of: date) -> list[_LineDraft]:
    if outline.name == "Spring Launch":
        channels = list(_SPRING_LAUNCH)
    else:
        more = list(_CONSUMER_MORE if consumer else _BUSINESS_MORE)
        pool = list(_MAIN) if outline.lines == 5 and outline.end_on is None else [*_MAIN[:4], *more]
        channels = [pool[place] for place in rng.permutation(len(pool))[: outline.lines].tolist()]
    origin = as_of - timedelta(days=HISTORY_DAYS - 1)
    first = (outline.start_on - origin).days
    drafts = []
    for channel in channels:
        status, last = _line_end(rng, outline, first, (outline.end_on or as_of) - origin)
        fixed = _SPRING_LAUNCH[channel] if outline.name == "Spring Launch" else 0
        drafts.append(_LineDraft(channel, status, float(rng.lognormal(0, 0.5)), fixed, first, last))
    return drafts


def _line_end(rng: Generator, outline: _Outline, first: int, end: timedelta) -> tuple[CampaignStatus, int]:
    """A line's state and last day; some lines of running campaigns rest."""
    today = HISTORY_DAYS - 1
    rests = rng.random() < 0.1 and outline.end_on is not None and outline.name != "Spring Launch"
    if outline.status in _BEFORE_START:
        return outline.status, first - 1
    if outline.status is CampaignStatus.COMPLETED:
        return outline.status, end.days
    if outline.status is CampaignStatus.PAUSED or rests:
        return CampaignStatus.PAUSED, today - int(rng.integers(10, 50))
    return CampaignStatus.ACTIVE, today


def _line(rng: Generator, draft: _LineDraft, unit: float) -> LinePlan:
    allocated = draft.fixed or max(200, round(draft.weight * unit / 50) * 50)
    planned = max(200, round(allocated * float(rng.uniform(0.85, 1.15)) / 50) * 50)
    return LinePlan(draft.channel, draft.status, allocated, planned, draft.first_day, draft.last_day)
