"""What the templates use: addresses, charts put together, small drawings."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from assistant.reply import Chart
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


_CENTS = re.compile(r"(?<=[\d,]{5})\.\d\d$")


def brief(shown: str) -> str:
    """An amount without its cents where they are beside the point: of a thousand and more."""
    return _CENTS.sub("", shown)


def tone(figure: Any, better: Mapping[str, bool | None]) -> str:
    """Whether a change is good, bad or neither: a class of the style."""
    is_higher_better = better.get(figure.metric)
    if not figure.change or is_higher_better is None:
        return "even"
    return "good" if (figure.change > 0) == is_higher_better else "bad"
