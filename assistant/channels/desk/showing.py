"""What the templates use: addresses, charts put together, small drawings."""

import re
from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlencode

from assistant.reply import Chart, Series
from engines.metrics import METRICS, Unit
from engines.terms import Channel

_CHANNELS = set(Channel)


def address(path: str, **said: Any) -> str:
    """A page's address with its names filled in and the others behind it."""
    for name in [name for name in said if f"{{{name}}}" in path]:
        path = path.replace(f"{{{name}}}", quote(str(said.pop(name)), safe=""))
    asked = urlencode({name: value for name, value in said.items() if value not in (None, "")}, doseq=True)
    return f"{path}?{asked}" if asked else path


def venture_page(name: str, period: str | None = None) -> str:
    """Where a venture is shown."""
    return address("/ventures/{venture}", venture=name, period=period)


def campaign_page(name: str, period: str | None = None) -> str:
    """Where a campaign is shown."""
    return address("/campaigns/{campaign}", campaign=name, period=period)


def influencer_page(handle: str) -> str:
    """Where an influencer is shown."""
    return address("/influencers/{influencer}", influencer=handle)


def scores(card: Any) -> Chart:
    """The parts of an influencer's score; those not known are left out."""
    known = [part for part in card.scores if part.score is not None]
    return Chart(
        kind="bar",
        title=f"Scores of {card.name}, 0 to 100",
        unit="",
        labels=[part.name for part in known],
        series=[Series(name="Score", values=[part.score for part in known])],
    )


def channel_name(name: str) -> str:
    """A channel as people call it."""
    return Channel(name).label if name in _CHANNELS else name.replace("_", " ")


def together(title: str, charts: Sequence[Chart | None]) -> Chart | None:
    """Charts over the same labels as one; those that are not there are left out."""
    found = [one for one in charts if one is not None]
    if not found:
        return None
    return found[0].model_copy(
        update={
            "title": title,
            "series": [series for one in found for series in one.series],
            "thresholds": [level for one in found for level in one.thresholds],
        }
    )


def spark(values: Sequence[float | None], width: int = 120, height: int = 28) -> str:
    """How values ran, as an SVG path of this size; empty for fewer than two."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return ""
    least, most = min(value for _, value in known), max(value for _, value in known)
    span, steps = (most - least) or 1, max(len(values) - 1, 1)
    points = (
        f"{place * width / steps:.1f} {height - 2 - (value - least) / span * (height - 4):.1f}"
        for place, value in known
    )
    return "M" + "L".join(points)


_CENTS = re.compile(r"\d{1,3}(?:,\d{3})+\.\d\d(?!\d)")


def brief(shown: str) -> str:
    """An amount without its cents where they are beside the point: of a thousand and more."""
    return _CENTS.sub(lambda amount: f"{Decimal(amount[0].replace(',', '')):,.0f}", shown)


def tone(figure: Any, better: Mapping[str, bool | None]) -> str:
    """Whether a change is good, bad or neither: a class of the style."""
    is_higher_better = better.get(figure.metric)
    if not figure.change or is_higher_better is None:
        return "even"
    return "good" if (figure.change > 0) == is_higher_better else "bad"


def about(rows: Sequence[Any], name: str, reads: Container[str]) -> list[Any]:
    """Audit entries in which something of that name was changed, or was to be."""
    wanted = name.casefold()
    changing = (row for row in rows if row.command and row.command not in reads)
    return [row for row in changing if wanted in row.text.casefold() or name in row.slots.values()]


MOST_PARTS = 8


def contributions(result: Any, label: str) -> Chart:
    """What each channel adds to a change, those that add or take most."""
    about = METRICS[result.metric]
    scale = 100 if about.unit is Unit.PERCENT else 1
    parts = sorted(result.parts, key=lambda one: -abs(one.contribution))[:MOST_PARTS]
    return Chart(
        kind="bar",
        title=f"What each channel adds to the change of {label}",
        unit={Unit.MONEY: result.currency, Unit.PERCENT: "%"}.get(about.unit, ""),
        labels=[channel_name(one.channel) for one in parts],
        series=[Series(name=label, values=[float(one.contribution) * scale for one in parts])],
    )


MOST_CURVES = 8


def curves(result: Any) -> dict[str, Any] | None:
    """Response curves with where each line stands and would stand; of many those that bring most."""
    moves = {f"{channel_name(one.channel)} in {one.campaign}": one for one in result.lines}
    found = [
        {
            "name": one.line.removesuffix(f" in {result.subject}"),
            "points": [[float(point.spend), float(point.revenue.value)] for point in one.points],
            "now": _at(one, moves[one.line].before) if one.line in moves else None,
            "then": _at(one, moves[one.line].after) if one.line in moves else None,
        }
        for one in result.curves
    ]
    if not found:
        return None
    found.sort(key=lambda one: -max(revenue for _, revenue in one["points"]))
    return {
        "kind": "curves",
        "title": "Expected revenue a month by spend a month",
        "unit": result.currency,
        "labels": [],
        "series": found[:MOST_CURVES],
        "thresholds": [],
    }


def _at(curve: Any, spend: Decimal) -> list[float] | None:
    """The point of a curve at a spend, straight between the points it is known at."""
    points = curve.points
    for left, right in pairwise(points):
        if left.spend <= spend <= right.spend:
            share = (spend - left.spend) / ((right.spend - left.spend) or 1)
            revenue = left.revenue.value + share * (right.revenue.value - left.revenue.value)
            return [float(spend), float(revenue)]
    return None
