"""The data-quality score: from counts of faulty rows to rates, points and reasons.

A check scores 1 with no faulty row and falls in a straight line to 0 at `HOPELESS`, one faulty row in ten:
beyond that a figure drawn from the table cannot be trusted. The score is 100 times the weighted mean:
``100 * sum(weight * max(0, 1 - rate / HOPELESS)) / sum(weight)``, over the checks that had rows to look at.
"""

from collections.abc import Mapping
from dataclasses import dataclass

HOPELESS = 0.10
"""Share of faulty rows at which a check scores nothing."""

CONTRADICTION = 3
"""Weight of a fault that makes a figure people decide by wrong."""
MISLEADING = 2
"""Weight of a fault that misleads about the row it is in."""
INCOMPLETE = 1
"""Weight of a value that is missing."""


@dataclass(frozen=True)
class Check:
    """One thing to look for in one table."""

    name: str
    table: str
    weight: int
    what: str
    """What the rows are and what is wrong with them, to follow "3 of 100"."""


CHECKS = (
    Check("keywords_without_cpc", "keywords", INCOMPLETE, "keywords have no cost per click"),
    Check("keywords_without_volume", "keywords", MISLEADING, "keywords are never searched for"),
    Check("keywords_beyond_difficulty", "keywords", MISLEADING, "keywords have a difficulty beyond 0 to 100"),
    Check("influencers_twice", "influencers", MISLEADING, "influencers are there twice under other handles"),
    Check("influencers_without_views", "influencers", INCOMPLETE, "influencers have no average views"),
    Check("customers_without_email", "customers", INCOMPLETE, "customers have no e-mail address"),
    Check("customers_lost_before_won", "customers", CONTRADICTION, "customers left before they came"),
    Check(
        "first_orders_unlike_acquisition",
        "conversions",
        CONTRADICTION,
        "first orders differ from how the customer was won",
    ),
    Check("leads_with_bad_email", "leads", MISLEADING, "leads have an address no mail can reach"),
    Check("touchpoints_without_line", "touchpoints", MISLEADING, "touchpoints belong to no channel line"),
    Check(
        "days_with_more_clicks_than_impressions",
        "daily_performance",
        CONTRADICTION,
        "days have more clicks than impressions",
    ),
    Check(
        "days_with_more_reach_than_impressions",
        "daily_performance",
        CONTRADICTION,
        "days reach more people than they have impressions",
    ),
    Check(
        "lines_unlike_their_conversions",
        "channel_lines",
        CONTRADICTION,
        "channel lines differ from their conversions in number or revenue",
    ),
    Check("backlinks_without_anchor", "backlinks", INCOMPLETE, "backlinks have no anchor text"),
    Check(
        "memories_with_wrong_shares",
        "campaign_memories",
        MISLEADING,
        "campaign memories have shares that do not add up to 1",
    ),
    Check("trends_peaking_before_seen", "trends", MISLEADING, "trends peaked before they were first seen"),
)
"""Every check, by table."""


@dataclass(frozen=True)
class Counted:
    """How many rows a check looked at and how many it found faulty."""

    checked: int
    found: int


@dataclass(frozen=True)
class CheckResult:
    """What one check found."""

    name: str
    table: str
    checked: int
    found: int
    weight: int
    sentence: str
    lost: float
    """Points of the score it cost."""

    @property
    def rate(self) -> float:
        """Share of faulty rows; 0 where there were none to look at."""
        return self.found / self.checked if self.checked else 0.0


@dataclass(frozen=True)
class QualityReport:
    """The score and what it rests on."""

    score: float
    """0 to 100; 0 for a database without rows to check."""
    checks: tuple[CheckResult, ...]
    reasons: tuple[str, ...]
    """A sentence for everything that cost points, the dearest first."""


def report(counts: Mapping[str, Counted]) -> QualityReport:
    """Score the counts of every check in `CHECKS`, by name; raises `KeyError` for a check not counted."""
    total = sum(check.weight for check in CHECKS if counts[check.name].checked)
    results = tuple(_result(check, counts[check.name], total) for check in CHECKS)
    if not total:
        return QualityReport(0.0, results, ("There are no rows to check.",))
    dearest = sorted(results, key=lambda result: -result.lost)
    return QualityReport(
        score=100 - sum(result.lost for result in results),
        checks=results,
        reasons=tuple(f"{one.sentence}: −{one.lost:.1f} points" for one in dearest if one.found),
    )


def _result(check: Check, counted: Counted, total: int) -> CheckResult:
    rate = counted.found / counted.checked if counted.checked else 0.0
    return CheckResult(
        name=check.name,
        table=check.table,
        checked=counted.checked,
        found=counted.found,
        weight=check.weight,
        sentence=f"{counted.found:,} of {counted.checked:,} {check.what} ({rate:.1%})",
        lost=100 * check.weight * min(1.0, rate / HOPELESS) / total if counted.checked else 0.0,
    )
