"""One definition of every metric, used everywhere a number is shown, compared or forecast.

Money figures are in one currency a calculation. A metric that cannot be computed (no spend, no clicks …) is
None, never zero.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from engines.lifetime import Lifetime
from engines.response import Estimate

LIFE_HORIZON_MONTHS = 60
"""A customer's life is counted no further than this."""


@dataclass(frozen=True)
class Totals:
    """Exact sums over channel lines and days, in one currency."""

    spend: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)
    reach: int = 0
    """Sum of daily reach; people reached on two days count twice."""
    impressions: int = 0
    clicks: int = 0
    leads: int = 0
    conversions: int = 0
    new_customers: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            spend=self.spend + other.spend,
            revenue=self.revenue + other.revenue,
            reach=self.reach + other.reach,
            impressions=self.impressions + other.impressions,
            clicks=self.clicks + other.clicks,
            leads=self.leads + other.leads,
            conversions=self.conversions + other.conversions,
            new_customers=self.new_customers + other.new_customers,
        )


@dataclass(frozen=True)
class Cohort:
    """Customers won in the year up to a period's end, watched from their first order to that end.

    ``customer_months`` is the time they were at risk of leaving, in months of 30.4375 days.
    """

    customers: int
    churned: int
    customer_months: Decimal
    revenue: Decimal

    @property
    def monthly_revenue(self) -> Decimal | None:
        """Revenue a customer and month."""
        return _ratio(self.revenue, self.customer_months)

    @property
    def monthly_churn(self) -> Decimal | None:
        """Churned customers over customer-months at risk: the maximum-likelihood constant hazard."""
        return _ratio(Decimal(self.churned), self.customer_months)

    @property
    def life_months(self) -> Decimal | None:
        """Expected months of a customer's life under that hazard, up to `LIFE_HORIZON_MONTHS`."""
        churn = self.monthly_churn
        if churn is None:
            return None
        if churn == 0:
            return Decimal(LIFE_HORIZON_MONTHS)
        churn = min(churn, Decimal(1))
        return (1 - (1 - churn) ** LIFE_HORIZON_MONTHS) / churn


@dataclass(frozen=True)
class Retention:
    """Revenue of the customers who bought in the period before: then, and in this period."""

    before: Decimal
    now: Decimal


@dataclass(frozen=True)
class Journeys:
    """How visitors converted, by how many channels touched them, for cross-channel synergy.

    ``single`` maps a channel to (visitors it alone touched, those who converted); ``multi`` maps a set of
    channels to the same.
    """

    single: Mapping[str, tuple[int, int]]
    multi: Mapping[frozenset[str], tuple[int, int]]


@dataclass(frozen=True)
class Facts:
    """Everything a metric may be computed from; the optional parts are loaded when a metric needs them."""

    totals: Totals
    gross_margin: Decimal | None = None
    """Share of revenue left after direct cost, 0 to 1."""
    cohort: Cohort | None = None
    lifetime: Lifetime | None = None
    """What the cohort's purchases say of a life whose end nobody records; it goes before `cohort`'s own."""
    retention: Retention | None = None
    whole: Totals | None = None
    """Totals of everything the subject is a part of, for `efficiency`."""
    journeys: Journeys | None = None


class Unit(StrEnum):
    """How a metric's value is written."""

    MONEY = "money"
    RATIO = "ratio"
    PERCENT = "percent"
    COUNT = "count"
    MONTHS = "months"
    INDEX = "index"


class Need(StrEnum):
    """What a metric needs besides totals."""

    COHORT = "cohort"
    RETENTION = "retention"
    WHOLE = "whole"
    JOURNEYS = "journeys"


@dataclass(frozen=True)
class Metric:
    """A named figure with its formula."""

    name: str
    label: str
    unit: Unit
    formula: str
    """In the names of its inputs, as shown to whoever asks why."""
    compute: Callable[[Facts], Decimal | None]
    higher_is_better: bool | None = True
    """None where neither is."""
    needs: frozenset[Need] = frozenset()
    inputs: tuple[str, ...] = ()
    """Other metrics or totals its formula names, for showing the numbers in it."""


def _ratio(numerator: Decimal, denominator: Decimal | int) -> Decimal | None:
    return numerator / denominator if denominator else None


def _roi(facts: Facts) -> Decimal | None:
    totals = facts.totals
    return _ratio(totals.revenue - totals.spend, totals.spend)


def _cac(facts: Facts) -> Decimal | None:
    return _ratio(facts.totals.spend, facts.totals.new_customers)


def _ltv(facts: Facts) -> Decimal | None:
    cohort = facts.cohort
    if cohort is None or facts.gross_margin is None:
        return None
    if facts.lifetime is not None:
        return Decimal(str(round(facts.lifetime.revenue.value, 6))) * facts.gross_margin
    revenue, life = cohort.monthly_revenue, cohort.life_months
    return None if revenue is None or life is None else revenue * facts.gross_margin * life


@dataclass(frozen=True)
class LifeModel:
    """How a customer's life was estimated for LTV."""

    name: str
    why: str
    range: Estimate | None
    """Of the LTV, with 90 %; None where nothing says how far off it may be."""


def life_model(facts: Facts) -> LifeModel | None:
    """The model behind ``facts``' LTV; None where that cannot be computed.

    The range with recorded departures is that of their rate alone (Jeffreys' interval of a Poisson rate:
    Brown, Cai & DasGupta, "Interval estimation in exponential families", 2003), not of the revenue.
    """
    value, cohort = _ltv(facts), facts.cohort
    if value is None or cohort is None:
        return None
    if facts.lifetime is not None:
        margin, told = float(facts.gross_margin or 0), facts.lifetime.revenue
        return LifeModel(
            "BG/NBD and Gamma-Gamma",
            f"no departure is recorded, and {facts.lifetime.repeating:,} of {facts.lifetime.customers:,} "
            "customers bought again",
            Estimate(told.value * margin, told.low * margin, told.high * margin),
        )
    if not cohort.churned:
        return LifeModel(
            f"a life of {LIFE_HORIZON_MONTHS} months",
            "no departure is recorded and the purchases cannot say when customers leave, so this is the "
            "most it can be",
            None,
        )
    return LifeModel(
        "a constant rate of leaving",
        f"{cohort.churned:,} of {cohort.customers:,} customers left in {cohort.customer_months:,.0f} "
        "customer-months",
        _by_departures(value, cohort),
    )


def _by_departures(value: Decimal, cohort: Cohort) -> Estimate:
    # Kept out of the start of every command.
    from scipy.special import gammaincinv

    lives = []
    for tail in (0.95, 0.05):
        churn = min(float(gammaincinv(cohort.churned + 0.5, tail)) / float(cohort.customer_months), 1.0)
        lives.append((1 - (1 - churn) ** LIFE_HORIZON_MONTHS) / churn)
    monthly = float(value / (cohort.life_months or 1))
    return Estimate(float(value), monthly * lives[0], monthly * lives[1])


def _ltv_cac(facts: Facts) -> Decimal | None:
    ltv, cac = _ltv(facts), _cac(facts)
    return ltv / cac if ltv is not None and cac else None


def _payback(facts: Facts) -> Decimal | None:
    cac = _cac(facts)
    if cac is None or facts.cohort is None or facts.gross_margin is None:
        return None
    monthly = facts.cohort.monthly_revenue
    return cac / (monthly * facts.gross_margin) if monthly and facts.gross_margin else None


def _nrr(facts: Facts) -> Decimal | None:
    return _ratio(facts.retention.now, facts.retention.before) if facts.retention else None


def _efficiency(facts: Facts) -> Decimal | None:
    """Share of all conversions over share of all spend: 1 is average."""
    if facts.whole is None or not facts.whole.conversions or not facts.whole.spend:
        return None
    conversions = Decimal(facts.totals.conversions) / facts.whole.conversions
    return _ratio(conversions, facts.totals.spend / facts.whole.spend)


def _synergy(facts: Facts) -> Decimal | None:
    """Visitors of several channels who converted, over those expected of independent channels, less 1.

    With rates r_c of visitors touched by channel c alone, independence expects 1 - prod(1 - r_c) of those
    touched by all of a set. Bliss (1939) independence, as used for combined effects.
    """
    if facts.journeys is None:
        return None
    rates = {c: Decimal(won) / seen for c, (seen, won) in facts.journeys.single.items() if seen}
    expected = actual = Decimal(0)
    for channels, (seen, won) in facts.journeys.multi.items():
        if not all(channel in rates for channel in channels):
            continue
        missed = Decimal(1)
        for channel in sorted(channels):
            missed *= 1 - rates[channel]
        expected += seen * (1 - missed)
        actual += won
    return actual / expected - 1 if expected else None


def _total(name: str, label: str, unit: Unit, better: bool | None = True) -> Metric:
    return Metric(
        name,
        label,
        unit,
        f"sum of daily {label.lower()}",
        lambda facts: Decimal(getattr(facts.totals, name)),
        higher_is_better=better,
    )


def _over(
    name: str,
    label: str,
    unit: Unit,
    top: str,
    bottom: str,
    *,
    better: bool | None = True,
    times: int = 1,
) -> Metric:
    formula = f"{top} / {bottom}" + (f" × {times:,}" if times > 1 else "")

    def compute(facts: Facts) -> Decimal | None:
        return _ratio(Decimal(getattr(facts.totals, top)) * times, getattr(facts.totals, bottom))

    return Metric(name, label, unit, formula, compute, higher_is_better=better, inputs=(top, bottom))


_ALL = (
    _total("spend", "Spend", Unit.MONEY, better=None),
    _total("revenue", "Revenue", Unit.MONEY),
    _total("reach", "Reach", Unit.COUNT),
    _total("impressions", "Impressions", Unit.COUNT),
    _total("clicks", "Clicks", Unit.COUNT),
    _total("leads", "Leads", Unit.COUNT),
    _total("conversions", "Conversions", Unit.COUNT),
    Metric(
        "new_customers",
        "New customers",
        Unit.COUNT,
        "customers whose first order falls into the period",
        lambda facts: Decimal(facts.totals.new_customers),
    ),
    Metric(
        "profit",
        "Profit on ad spend",
        Unit.MONEY,
        "revenue - spend",
        lambda facts: facts.totals.revenue - facts.totals.spend,
        inputs=("revenue", "spend"),
    ),
    _over("roas", "ROAS", Unit.RATIO, "revenue", "spend"),
    Metric("roi", "ROI", Unit.PERCENT, "(revenue - spend) / spend", _roi, inputs=("revenue", "spend")),
    _over("ctr", "CTR", Unit.PERCENT, "clicks", "impressions"),
    _over("conversion_rate", "Conversion rate", Unit.PERCENT, "conversions", "clicks"),
    _over("cpc", "CPC", Unit.MONEY, "spend", "clicks", better=False),
    _over("cpa", "CPA", Unit.MONEY, "spend", "conversions", better=False),
    _over("cpl", "CPL", Unit.MONEY, "spend", "leads", better=False),
    _over("cpm", "CPM", Unit.MONEY, "spend", "impressions", better=False, times=1000),
    _over("aov", "Average order value", Unit.MONEY, "revenue", "conversions"),
    _over("cac", "CAC", Unit.MONEY, "spend", "new_customers", better=False),
    Metric(
        "ltv",
        "LTV",
        Unit.MONEY,
        f"gross margin × revenue expected of a customer within {LIFE_HORIZON_MONTHS} months, from those won "
        "in the year up to the period's end: their monthly revenue × expected life by recorded departures; "
        "where none is recorded, BG/NBD and Gamma-Gamma fitted to their purchases",
        _ltv,
        needs=frozenset({Need.COHORT}),
    ),
    Metric(
        "ltv_cac",
        "LTV:CAC",
        Unit.RATIO,
        "ltv / cac",
        _ltv_cac,
        needs=frozenset({Need.COHORT}),
        inputs=("ltv", "cac"),
    ),
    Metric(
        "payback",
        "Payback",
        Unit.MONTHS,
        "cac / (monthly revenue a customer × gross margin)",
        _payback,
        higher_is_better=False,
        needs=frozenset({Need.COHORT}),
        inputs=("cac",),
    ),
    Metric(
        "nrr",
        "NRR",
        Unit.PERCENT,
        "revenue in the period from customers who bought in the equally long period before / "
        "their revenue then",
        _nrr,
        needs=frozenset({Need.RETENTION}),
    ),
    Metric(
        "efficiency",
        "Efficiency",
        Unit.INDEX,
        "share of all conversions / share of all spend",
        _efficiency,
        needs=frozenset({Need.WHOLE}),
        inputs=("conversions", "spend"),
    ),
    Metric(
        "synergy",
        "Cross-channel synergy",
        Unit.PERCENT,
        "conversions of visitors touched by several channels / those expected of independent channels - 1",
        _synergy,
        needs=frozenset({Need.JOURNEYS}),
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})
"""Every metric by name."""


def compute(names: tuple[str, ...], facts: Facts) -> dict[str, Decimal | None]:
    """The named metrics of ``facts``. An unknown name raises `KeyError`."""
    return {name: METRICS[name].compute(facts) for name in names}


def needs(names: tuple[str, ...]) -> frozenset[Need]:
    """What must be loaded besides totals to compute the named metrics."""
    return frozenset[Need]().union(*(METRICS[name].needs for name in names))


def is_ratio_of_spend(name: str) -> bool:
    """Whether a metric divides by or into spend, so that next to no spend makes it erratic."""
    return name != "profit" and _rests_on_spend(name)


def _rests_on_spend(name: str) -> bool:
    return any(one == "spend" or _rests_on_spend(one) for one in METRICS[name].inputs)
