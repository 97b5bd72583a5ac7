"""Small charts as SVG: dots by row, and lines with bands. No script, no font but the reader's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

WIDTH, LEFT, RIGHT, TOP, ROW = 720, 130, 24, 56, 44
_INK, _FAINT, _ACCENT, _BAND = "#1f2933", "#9aa5b1", "#2563eb", "#bfdbfe"
_COLOURS = ("#2563eb", "#b45309", "#047857", "#7c3aed", "#be123c", "#4b5563")


@dataclass(frozen=True)
class Dots:
    """A row's values, their mean and its interval."""

    values: Sequence[float]
    mean: float
    low: float
    high: float


def dots(title: str, rows: Mapping[str, Dots], *, percent: bool = True) -> str:
    """A row of dots each, the mean and its interval over them, and a line at 0."""
    least = min(0.0, *(min(row.values) for row in rows.values()))
    most = max(0.0, *(max(row.values) for row in rows.values()))
    scale = _Scale(least, most, LEFT, WIDTH - RIGHT)
    height = TOP + ROW * len(rows) + 36
    parts = _axis(scale, TOP - 8, height - 30, percent=percent)
    for place, (name, row) in enumerate(rows.items()):
        y = TOP + ROW * place + ROW / 2
        parts.append(_text(LEFT - 10, y + 4, name, anchor="end"))
        parts += [
            f'<circle cx="{scale(value):.1f}" cy="{y - 7:.1f}" r="3.2" fill="{_ACCENT}" fill-opacity="0.45"/>'
            for value in row.values
        ]
        parts.append(
            f'<line x1="{scale(row.low):.1f}" x2="{scale(row.high):.1f}" y1="{y + 7:.1f}" y2="{y + 7:.1f}" '
            f'stroke="{_INK}" stroke-width="2"/>'
        )
        parts.append(f'<circle cx="{scale(row.mean):.1f}" cy="{y + 7:.1f}" r="4" fill="{_INK}"/>')
    return _svg(title, height, parts)


@dataclass(frozen=True)
class Band:
    """A line with what lies around it, an element a step."""

    middle: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def lines(title: str, series: Mapping[str, Band], unit: str) -> str:
    """A line with its band each, over steps counted from 1."""
    height, bottom = 360, 320
    least = min(0.0, *(min(band.low) for band in series.values()))
    most = max(0.0, *(max(band.high) for band in series.values()))
    steps = max(len(band.middle) for band in series.values())
    across = _Scale(1, max(steps, 2), LEFT, WIDTH - RIGHT)
    up = _Scale(least, most, bottom, TOP)
    parts = []
    for tick in up.ticks():
        parts.append(_rule(LEFT, WIDTH - RIGHT, up(tick), strong=tick == 0))
        parts.append(_text(LEFT - 10, up(tick) + 4, _number(tick), anchor="end"))
    parts += [_text(across(tick), bottom + 20, f"{tick:g}") for tick in across.ticks()]
    parts.append(_text(WIDTH - RIGHT, bottom + 36, f"day ({unit} on the left)", anchor="end"))
    for place, (name, band) in enumerate(series.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        there = [f"{across(step):.1f},{up(value):.1f}" for step, value in enumerate(band.high, 1)]
        back = [f"{across(step):.1f},{up(value):.1f}" for step, value in enumerate(band.low, 1)][::-1]
        middle = " ".join(f"{across(step):.1f},{up(value):.1f}" for step, value in enumerate(band.middle, 1))
        parts.append(f'<polygon points="{" ".join(there + back)}" fill="{colour}" fill-opacity="0.14"/>')
        parts.append(f'<polyline points="{middle}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(LEFT + 110 * place, TOP - 12, name, anchor="start", colour=colour))
    return _svg(title, height, parts)


@dataclass(frozen=True)
class _Scale:
    least: float
    most: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.least) / ((self.most - self.least) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Four to nine round numbers."""
        span = (self.most - self.least) or 1.0
        step = 10.0 ** floor(log10(span / 4))
        step = next((step * times for times in (1, 2, 5, 10) if span / (step * times) <= 8), step * 10)
        first = -floor(-self.least / step)
        return [
            round(place * step, 10) for place in range(first, first + 12) if place * step <= self.most + 1e-12
        ]


def _axis(scale: _Scale, top: float, bottom: float, *, percent: bool) -> list[str]:
    parts = []
    for tick in scale.ticks():
        colour = _INK if tick == 0 else _FAINT
        parts.append(
            f'<line x1="{scale(tick):.1f}" x2="{scale(tick):.1f}" y1="{top}" y2="{bottom}" stroke="{colour}" '
            f'stroke-width="{1.2 if tick == 0 else 0.6}"/>'
        )
        shown = f"{100 * tick:+g} %" if percent else _number(tick)
        parts.append(_text(scale(tick), bottom + 18, "0" if tick == 0 else shown))
    return parts


def _rule(start: float, end: float, y: float, *, strong: bool) -> str:
    return (
        f'<line x1="{start}" x2="{end}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_INK if strong else _FAINT}" '
        f'stroke-width="{1.2 if strong else 0.5}"/>'
    )


def _number(value: float) -> str:
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"


def _text(x: float, y: float, text: str, *, anchor: str = "middle", colour: str = _INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    shown = escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(title, quote=True)}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text x="{LEFT}" y="22" font-size="15" font-weight="bold" fill="{_INK}">{shown}</text>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
