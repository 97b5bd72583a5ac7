"""A reply's chart as a picture, where nothing can draw it: in a mail, in Slack, in a briefing."""

import math
import re
import threading
from collections.abc import Sequence
from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from assistant.reply import Chart, Series
from assistant.wording import SYMBOLS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 680, 360
"""Size in CSS pixels: as wide as mails and Slack show pictures."""
DOTS = 2
"""Dots of a PNG to a pixel, so that it is sharp on today's screens."""
_INCH = 100
"""Pixels to an inch; only the quotient of sizes and text matters."""
COLORS = ("#1f6f5c", "#c2570c", "#4a5fc1", "#a2347e", "#77700a", "#5a6470")
"""The desk's own, for the light ground that mails and Slack have."""
INK, QUIET, GRID, LIMIT = "#1d2733", "#5a6470", "#dfe4ea", "#b3261e"
MOST_LABELS = 8
"""Days named under a line."""
MOST_BARS = 12
"""Labels of a bar chart that are drawn; the rest is counted, and stands in the table."""
LONGEST_LABEL = 26
_LOW, _HIGH = re.compile(r"^low\b", re.IGNORECASE), re.compile(r"^high\b", re.IGNORECASE)

# The library's drawing is not made for several threads at once.
_drawing = threading.Lock()


def png(chart: Chart, *, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """The chart as PNG; ``width`` and ``height`` in CSS pixels, drawn twice as fine.

    The same chart gives the same bytes. Raises ValueError where it holds no value to draw.
    """
    about = {"Software": None, "Description": described(chart)}
    return _saved(chart, width, height, format="png", dpi=_INCH * DOTS, metadata=about)


def svg(chart: Chart, *, width: int = WIDTH, height: int = HEIGHT) -> str:
    """The chart as SVG, with its title and description for who cannot see it.

    The same chart gives the same text. Raises ValueError where it holds no value to draw.
    """
    drawn = _saved(chart, width, height, format="svg", metadata={"Date": None, "Creator": None}).decode()
    start = drawn.index("<svg")
    label, told = quoteattr(_plain(chart.title)), escape(described(chart))
    opening, rest = drawn[start : drawn.index(">", start)], drawn[drawn.index(">", start) + 1 :]
    title = escape(_plain(chart.title))
    return f'{opening} role="img" aria-label={label}>\n <title>{title}</title>\n <desc>{told}</desc>{rest}'


def described(chart: Chart) -> str:
    """The chart in words, as its alternative text: what it shows, from where to where, and its levels."""
    told = [f"{_plain(chart.title)}."]
    for one in chart.series:
        known = [
            (label, value)
            for label, value in zip(chart.labels, one.values, strict=False)
            if value is not None and _is(value)
        ]
        if not known:
            told.append(f"{_plain(one.name)}: no values.")
        elif chart.kind == "bar":
            listed = ", ".join(f"{_plain(label)} {_exact(value, chart.unit)}" for label, value in known[:6])
            more = f" and {len(known) - 6} more" if len(known) > 6 else ""
            told.append(f"{_plain(one.name)}: {listed}{more}.")
        else:
            values = [value for _, value in known]
            (first, begun), (last, ended) = known[0], known[-1]
            told.append(
                f"{_plain(one.name)}: {_exact(begun, chart.unit)} on {_short(first)}, "
                f"{_exact(ended, chart.unit)} on {_short(last)}, "
                f"between {_exact(min(values), chart.unit)} and {_exact(max(values), chart.unit)}."
            )
    told += [f"{_plain(one.label)}: {_exact(one.value, chart.unit)}." for one in chart.thresholds]
    return " ".join(told)


def _saved(chart: Chart, width: int, height: int, **how: Any) -> bytes:
    written = BytesIO()
    with _drawing:
        _figure(chart, width, height).savefig(written, **how)
    return written.getvalue()


def _is(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _figure(chart: Chart, width: int, height: int) -> "Figure":
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if not any(_is(value) for one in chart.series for value in one.values):
        raise ValueError("the chart holds no value")
    # A dollar sign is money, not mathematics; a fixed salt makes the same picture the same text.
    mpl.rcParams.update({"text.parse_math": False, "svg.hashsalt": "chart"})
    figure = Figure(
        figsize=(width / _INCH, height / _INCH), dpi=_INCH, facecolor="white", layout="constrained"
    )
    axes = figure.add_subplot()
    figure.suptitle(
        _fitting(chart.title, width // 8), x=0.015, ha="left", fontsize=10.5, fontweight="bold", color=INK
    )
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=QUIET)
    axes.set_axisbelow(True)
    (_bars if chart.kind == "bar" else _lines)(axes, chart)
    handles, names = axes.get_legend_handles_labels()
    if len(handles) > 1:
        columns = min(len(handles), 3)
        figure.legend(
            handles,
            names,
            loc="outside lower left",
            ncols=columns,
            frameon=False,
            fontsize=8.5,
            labelcolor=INK,
        )
    return figure


def _lines(axes: "Axes", chart: Chart) -> None:
    places = range(len(chart.labels))
    color = 0
    for shape in _shapes(chart.series):
        if isinstance(shape, Series):
            values = [value if value is not None and _is(value) else math.nan for value in shape.values]
            tone = COLORS[color % len(COLORS)]
            alone = [
                place
                for place, value in enumerate(values)
                if not math.isnan(value) and all(_gap(values, place + step) for step in (-1, 1))
            ]
            axes.plot(
                places, values, color=tone, linewidth=1.8, label=_drawable(shape.name), solid_capstyle="round"
            )
            axes.plot(alone, [values[place] for place in alone], "o", color=tone, markersize=4)
            color += 1
        else:
            low, high = ([math.nan if value is None else value for value in one.values] for one in shape)
            tone = COLORS[max(color - 1, 0) % len(COLORS)]
            name = f"{_drawable(shape[0].name)} to {_drawable(shape[1].name)}"
            axes.fill_between(places, low, high, color=tone, alpha=0.18, linewidth=0, label=name)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.yaxis.set_major_formatter(lambda value, _: _compact(value, chart.unit))
    axes.locator_params(axis="y", nbins=5)
    every = max(1, math.ceil(len(chart.labels) / MOST_LABELS))
    axes.set_xticks(list(places)[::every], [_drawable(_short(label)) for label in chart.labels[::every]])
    for limit in chart.thresholds:
        axes.axhline(limit.value, color=LIMIT, linewidth=1.1, linestyle=(0, (4, 3)))
        axes.annotate(
            _fitting(limit.label, 60), (1, limit.value), xycoords=("axes fraction", "data"), xytext=(0, 3),
            textcoords="offset points", ha="right", fontsize=8, color=LIMIT,
        )  # fmt: skip
    _from_zero(axes, chart)


def _gap(values: Sequence[float], place: int) -> bool:
    return not 0 <= place < len(values) or math.isnan(values[place])


def _shapes(series: Sequence[Series]) -> list[Series | tuple[Series, Series]]:
    """Each series, and as one band what stands as low and high one after the other."""
    found: list[Series | tuple[Series, Series]] = []
    for one in series:
        before = found[-1] if found else None
        if isinstance(before, Series) and _LOW.match(before.name) and _HIGH.match(one.name):
            found[-1] = (before, one)
        else:
            found.append(one)
    return found


def _bars(axes: "Axes", chart: Chart) -> None:
    labels = chart.labels[:MOST_BARS]
    thick = 0.78 / len(chart.series)
    for index, one in enumerate(chart.series):
        values = [
            value if value is not None and _is(value) else math.nan for value in one.values[: len(labels)]
        ]
        at = [place + (index - (len(chart.series) - 1) / 2) * thick for place in range(len(labels))]
        drawn = axes.barh(
            at, values, thick * 0.9, color=COLORS[index % len(COLORS)], label=_drawable(one.name)
        )
        told = ["" if math.isnan(value) else _compact(value, chart.unit) for value in values]
        axes.bar_label(drawn, told, padding=4, fontsize=8.5, color=INK)
    axes.set_yticks(range(len(labels)), [_fitting(label, LONGEST_LABEL) for label in labels])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.invert_yaxis()
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.margins(x=0.14)
    axes.xaxis.set_major_formatter(lambda value, _: _compact(value, chart.unit))
    axes.locator_params(axis="x", nbins=5)
    axes.axvline(0, color=QUIET, linewidth=0.8)
    for limit in chart.thresholds:
        axes.axvline(limit.value, color=LIMIT, linewidth=1.1, linestyle=(0, (4, 3)))
        axes.annotate(
            _fitting(limit.label, 60), (limit.value, 1), xycoords=("data", "axes fraction"), xytext=(0, 4),
            textcoords="offset points", ha="center", fontsize=8, color=LIMIT,
        )  # fmt: skip
    if len(chart.labels) > len(labels):
        axes.set_xlabel(f"and {len(chart.labels) - len(labels)} more", fontsize=8.5, color=QUIET, loc="left")


def _from_zero(axes: "Axes", chart: Chart) -> None:
    """Zero stands at the bottom: a line cut off below exaggerates."""
    low, high = axes.get_ylim()
    least = min(value for one in chart.series for value in one.values if value is not None and _is(value))
    if least >= 0:
        axes.set_ylim(0, max(high, 0, *(limit.value * 1.12 for limit in chart.thresholds)) or 1)
    else:
        axes.set_ylim(low, max(high, 0))


def _short(label: str) -> str:
    """Days as people write them; anything else as it is."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", label):
        return _plain(label)
    day = date.fromisoformat(label)
    return f"{day:%b} {day.day}"


def _compact(value: float, unit: str) -> str:
    for limit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= limit:
            return _with_unit(f"{abs(value) / limit:,.1f}".removesuffix(".0") + letter, value, unit)
    small = abs(value) < 10 and value != int(value)
    shown = f"{abs(value):,.{2 if small else 1}f}".rstrip("0").rstrip(".")
    return _with_unit(shown, value, unit)


def _exact(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    shown = f"{abs(value):,.2f}"
    return _with_unit(shown.removesuffix(".00"), value, unit)


def _with_unit(shown: str, value: float, unit: str) -> str:
    sign = "-" if value < 0 and shown.strip("0.,") else ""
    if unit in SYMBOLS:
        return f"{sign}{SYMBOLS[unit]}{shown}"
    if unit in ("×", "x"):
        return f"{sign}{shown}×"
    return f"{sign}{shown} {unit}".rstrip()


def _plain(words: str) -> str:
    """Without what cannot stand in XML or on one line."""
    return " ".join("".join(one if one.isprintable() else " " for one in words).split())


def _fitting(words: str, letters: int) -> str:
    drawn = _drawable(words)
    return drawn if len(drawn) <= letters else f"{drawn[: letters - 1]}…"


def _drawable(words: str) -> str:
    """With a box for each letter that the font does not have; the description has them all."""
    from matplotlib import font_manager

    known = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    # A leading underscore would hide the entry in the legend.
    return "".join(one if ord(one) in known else "□" for one in _plain(words)).lstrip("_") or "□"
