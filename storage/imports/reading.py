"""From cells to values: how this file writes its numbers and dates, and one getter a field."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from storage.imports.columns import Plan
from storage.imports.dates import DateStyle
from storage.imports.errors import CellRefusedError, ImportRefusedError
from storage.imports.numbers import CURRENCIES, Style, is_blank_value
from storage.imports.request import Progress
from storage.imports.sources import Cell, Source

_NUMBERS = ("count", "money", "share", "rank")
_DAYS = ("day", "moment")
_KEPT = 20_000
"""Parsed texts remembered a column."""
_ISO = re.compile(r"\(([A-Z]{3})\)")

Cells: TypeAlias = Sequence[Cell]
Getter: TypeAlias = Callable[[Cells], Any]


class RowRefusedError(Exception):
    """A row that cannot be taken: its first faulty column, that value, and all reasons."""

    def __init__(self, column: str, value: Cell, reason: str) -> None:
        super().__init__(reason)
        self.column, self.value, self.reason = column, value, reason


@dataclass
class Styles:
    """How the file writes what its columns hold."""

    numbers: dict[str, Style] = field(default_factory=dict)
    """By field."""
    days: dict[str, DateStyle] = field(default_factory=dict)
    blank: set[str] = field(default_factory=set)
    """Fields whose column is blank in every row."""
    rows: int = 0
    currency: str | None = None
    """Written beside the amounts or in a column's name; "$" where only that is."""
    notes: list[str] = field(default_factory=list)


def survey(source: Source, plan: Plan, options: Mapping[str, str], progress: Progress) -> Styles:
    """Read the whole file once for what its values tell together. Raises `ImportRefusedError`."""
    styles = _empty_styles(plan, options)
    watched: list[tuple[int, set[Cell], Callable[[str], None] | None, set[str], str]] = []
    filled: set[str] = set()
    for name, (place, *_) in plan.places.items():
        style = styles.numbers.get(name) or styles.days.get(name)
        watched.append((place, set(), style.look if style else None, filled, name))
    stage = "looking through the file"
    for _, cells in source.rows():
        styles.rows += 1
        if not styles.rows % 10_000:
            progress(stage, source.position, source.total)
        for place, seen, look, full, name in watched:
            if place < len(cells):
                cell = cells[place]
                if cell not in seen:
                    _notice(cell, seen, look, full, name)
    progress(stage, source.total, source.total)
    styles.blank = plan.places.keys() - filled
    for name, dates in styles.days.items():
        styles.notes += dates.decide(plan.column(name))
    styles.currency = _currency(plan, styles)
    return styles


def _notice(
    cell: Cell, seen: set[Cell], look: Callable[[str], None] | None, filled: set[str], name: str
) -> None:
    if len(seen) < _KEPT:
        seen.add(cell)
    if is_blank_value(cell):
        return
    filled.add(name)
    if look and isinstance(cell, str):
        look(cell)


def _empty_styles(plan: Plan, options: Mapping[str, str]) -> Styles:
    mark, order = options.get("decimal"), options.get("date_order")
    styles, whole = Styles(), Style(mark=mark)  # type: ignore[arg-type]
    for name in plan.places:
        kind = plan.shape.by_name[name].type
        if kind in _NUMBERS:
            styles.numbers[name] = Style(mark=mark, whole=whole)  # type: ignore[arg-type]
        elif kind in _DAYS:
            styles.days[name] = DateStyle(told=order)  # type: ignore[arg-type]
    return styles


def _currency(plan: Plan, styles: Styles) -> str | None:
    """The one currency the amounts are written in."""
    found: dict[str, str] = {}
    for name, style in styles.numbers.items():
        if plan.shape.by_name[name].type != "money":
            continue
        for currency, example in style.currencies.items():
            found.setdefault("$" if "$" in example and currency == "USD" else currency, example)
        named = _ISO.search(plan.column(name))
        if named and named[1] in CURRENCIES:
            found.setdefault(named[1], plan.column(name))
    if "$" in found and len(found) > 1 and any(other.endswith("D") for other in found if other != "$"):
        del found["$"]
    if len(found) > 1 and not plan.has("currency"):
        raise ImportRefusedError(
            "several_currencies",
            f"The amounts are in several currencies: {', '.join(map(repr, found.values()))}.",
            "Say --map currency=COLUMN if a column tells which, or import them apart.",
        )
    return next(iter(found), None)


def getter(place: int | None, constant: Any, parse: Callable[[Cell], Any]) -> Getter:
    """Gives a row's value of a field: parsed, else the constant where the cell is blank."""
    if place is None:
        return lambda _cells: constant
    known: dict[str, Any] = {}

    def get(cells: Cells) -> Any:
        cell = cells[place]
        if cell.__class__ is not str:
            return constant if is_blank_value(cell) else parse(cell)
        try:
            return known[cell]
        except KeyError:
            value = constant if is_blank_value(cell) else parse(cell)
            if len(known) >= _KEPT:
                known.clear()
            known[cell] = value
            return value

    return get


def as_text(cell: Cell, longest: int = 200) -> str:
    """A cell as trimmed text; whole numbers without a point. Raises `CellRefusedError`."""
    text = cell.strip() if isinstance(cell, str) else plain_text(cell)
    if len(text) > longest:
        raise CellRefusedError(f"is longer than {longest} characters")
    if any(ord(letter) < 32 for letter in text):
        text = " ".join(text.split())
    if "\0" in text:
        raise CellRefusedError("holds a NUL character")
    return text


def plain_text(cell: Cell) -> str:
    """A cell as text, alike whether a file's format knows numbers and days or only text."""
    match cell:
        case str():
            text = cell.strip()
            return text.rstrip("0").rstrip(".") if _is_padded(text) else text
        case None:
            return ""
        case bool():
            return str(cell)
        case float() | Decimal():
            number = Decimal(repr(cell)) if isinstance(cell, float) else cell
            whole = number.is_finite() and number == number.to_integral_value()
            return str(int(number)) if whole else format(number, "f").rstrip("0")
        case datetime():
            return (
                cell.date().isoformat()
                if not cell.time() or cell.time().isoformat() == "00:00:00"
                else cell.isoformat()
            )
        case date():
            return cell.isoformat()
        case _:
            return str(cell)


def _is_padded(text: str) -> bool:
    return text.endswith("0") and "." in text and text.replace(".", "", 1).isdecimal()


class Content:
    """The hash of a row's content, the same whatever order its columns have."""

    def __init__(self, columns: Sequence[str]) -> None:
        order = sorted(range(len(columns)), key=lambda place: columns[place].casefold())
        self._order = [(place, columns[place].casefold()) for place in order]

    def text(self, cells: Cells) -> str:
        """What the row says, blanks left out."""
        said = []
        for place, name in self._order:
            text = plain_text(cells[place])
            if text:
                said.append(f"{name}={text}")
        return "\x1f".join(said)


def identity(*parts: object) -> bytes:
    """Sixteen bytes that stand for what a row is known by."""
    return hashlib.blake2b("\x1e".join(map(str, parts)).encode("utf-8", "replace"), digest_size=16).digest()
