"""Days and moments as files write them, in several formats at once; day or month first is found out."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Literal, TypeAlias

from storage.imports.errors import CellRefusedError, ImportRefusedError
from storage.imports.sources.excel import FORMULA
from storage.imports.sources.header import Cell

Order: TypeAlias = Literal["dmy", "mdy"]

EARLIEST = 1990
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january",
            "feb february",
            "mar march",
            "apr april",
            "may",
            "jun june",
            "jul july",
            "aug august",
            "sep sept september",
            "oct october",
            "nov november",
            "dec december",
        ),
        1,
    )
    for name in names.split()
}
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?!\d)")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_NAMED_DAY = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?[-\s.]+([a-z]+)\.?[-\s,]+(\d{4}|\d{2})(?!\d)", re.IGNORECASE
)
_NAMED_MONTH = re.compile(r"([a-z]+)\.?[-\s]+(\d{1,2})(?:st|nd|rd|th)?,?[-\s]+(\d{4})(?!\d)", re.IGNORECASE)
_WEEKDAY = re.compile(r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+", re.IGNORECASE)
_CLOCK = re.compile(
    r"[T\s,]*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([ap]\.?m\.?)?\s*(Z|UTC|GMT|[-+]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_LONGEST = 60


@dataclass
class DateStyle:
    """Which comes first in dates such as 2/1/21: told by those that can be read only one way."""

    told: Order | None = None
    """Set by the request."""
    seen: dict[str, dict[Order, str]] = field(default_factory=dict)
    """By divider, an example of each order."""
    unsure: dict[str, str] = field(default_factory=dict)
    """By divider, a date that can be read both ways."""

    def look(self, text: str) -> None:
        """Learn from a date."""
        found = _YEAR_LAST.match(text.strip())
        if not found:
            return
        first, divider, second = int(found[1]), found[2], int(found[3])
        if first > 12 >= second:
            self.seen.setdefault(divider, {}).setdefault("dmy", text.strip())
        elif second > 12 >= first:
            self.seen.setdefault(divider, {}).setdefault("mdy", text.strip())
        elif first != second:
            self.unsure.setdefault(divider, text.strip())

    def order(self, divider: str) -> Order | None:
        """The order of dates with a divider; None where nothing tells."""
        if self.told:
            return self.told
        seen = self.seen.get(divider)
        if seen:
            return next(iter(seen)) if len(seen) == 1 else None
        orders = {order for others in self.seen.values() for order in others}
        return orders.pop() if len(orders) == 1 else None

    def decide(self, column: str) -> list[str]:
        """What was decided, as sentences. Raises `ImportRefusedError` where the file does not tell."""
        decided = []
        for divider, example in self.unsure.items():
            order = self.order(divider)
            if order is None:
                raise self._ambiguous(column, divider, example)
            if not self.told:
                said = "day first" if order == "dmy" else "month first"
                proofs = self.seen.get(divider) or next(iter(self.seen.values()))
                decided.append(f"dates such as {example} are read {said}, as {proofs[order]} shows")
        return decided

    def _ambiguous(self, column: str, divider: str, example: str) -> ImportRefusedError:
        both = self.seen.get(divider) or {}
        why = (
            f"{both['dmy']} has the day first and {both['mdy']} the month"
            if len(both) == 2
            else "no date in the file tells day from month"
        )
        return ImportRefusedError(
            "ambiguous_dates",
            f"Column {column!r}: {example} can be read two ways, and {why}.",
            "Say --set date_order=mdy (month first) or --set date_order=dmy (day first).",
        )


def parse_day(cell: Cell, style: DateStyle) -> date:
    """The day in a cell. Raises `CellRefusedError`."""
    if isinstance(cell, datetime):
        return _sane(cell.date())
    if isinstance(cell, date):
        return _sane(cell)
    day, rest = _day(_text(cell), style)
    if rest and not _CLOCK.fullmatch(rest):
        raise CellRefusedError("is no date")
    return day


def parse_moment(cell: Cell, style: DateStyle, zone: tzinfo) -> datetime:
    """The moment in a cell, in UTC; one without a zone is in ``zone``. Raises `CellRefusedError`."""
    if isinstance(cell, datetime):
        moment = cell if cell.tzinfo else cell.replace(tzinfo=zone)
        _sane(moment.date())
        return moment.astimezone(UTC)
    if isinstance(cell, date):
        return datetime.combine(_sane(cell), time(), zone).astimezone(UTC)
    text = _text(cell)
    if len(text) >= 19 and text[10] in "T ":
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            _sane(moment.date())
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    day, rest = _day(text, style)
    return _at(day, rest, zone).astimezone(UTC)


def _text(cell: Cell) -> str:
    if isinstance(cell, int) and not isinstance(cell, bool):
        cell = str(cell)
    if not isinstance(cell, str) or len(cell) > _LONGEST:
        raise CellRefusedError("is no date")
    if cell == FORMULA:
        raise CellRefusedError("is a formula without a stored value; save the workbook with its values")
    return cell.strip()


def _day(text: str, style: DateStyle) -> tuple[date, str]:
    """The day a text begins with, and what follows it."""
    text = _WEEKDAY.sub("", text, count=1)
    if found := _YEAR_FIRST.match(text):
        parts = (int(found[1]), int(found[3]), int(found[4]))
    elif found := _YEAR_LAST.match(text):
        parts = _year_last(int(found[1]), int(found[3]), found[4], style.order(found[2]))
    elif found := _COMPACT.match(text):
        parts = (int(found[1]), int(found[2]), int(found[3]))
    elif (found := _NAMED_DAY.match(text)) and found[2].lower() in _MONTHS:
        parts = (_year(found[3]), _MONTHS[found[2].lower()], int(found[1]))
    elif (found := _NAMED_MONTH.match(text)) and found[1].lower() in _MONTHS:
        parts = (int(found[3]), _MONTHS[found[1].lower()], int(found[2]))
    else:
        raise CellRefusedError("is no date")
    try:
        day = date(*parts)
    except ValueError as error:
        raise CellRefusedError("is a day that does not exist") from error
    return _sane(day), text[found.end() :]


def _year_last(first: int, second: int, year: str, order: Order | None) -> tuple[int, int, int]:
    """Year, month and day; a number beyond 12 can only be the day."""
    if first > 12 >= second:
        order = "dmy"
    elif second > 12 >= first:
        order = "mdy"
    elif order is None and first != second:
        raise CellRefusedError(
            "can be read two ways; write it as 2021-02-01, or say --set date_order=mdy or dmy"
        )
    day, month = (second, first) if order == "mdy" else (first, second)
    return _year(year), month, day


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if year < 70 else 1900)


def _sane(day: date) -> date:
    if day.year < EARLIEST:
        raise CellRefusedError(f"is before {EARLIEST}")
    return day


def _at(day: date, rest: str, zone: tzinfo) -> datetime:
    """The moment of a clock time on a day."""
    if not rest:
        return datetime.combine(day, time(), zone)
    found = _CLOCK.fullmatch(rest)
    if not found:
        raise CellRefusedError("is no point in time")
    hour = int(found[1])
    if found[5]:
        if not 1 <= hour <= 12:
            raise CellRefusedError("is no point in time")
        hour = hour % 12 + (12 if found[5].lower().startswith("p") else 0)
    try:
        clock = time(hour, int(found[2]), int(found[3] or 0), int((found[4] or "0")[:6].ljust(6, "0")))
    except ValueError as error:
        raise CellRefusedError("is a time that does not exist") from error
    return datetime.combine(day, clock, _zone(found[6]) or zone)


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    if offset >= timedelta(hours=24):
        raise CellRefusedError("has a time zone that does not exist")
    return timezone(-offset if text[0] == "-" else offset)


def refuse_future(moment: datetime, now: datetime) -> datetime:
    """The moment, unless it lies beyond today anywhere on earth. Raises `CellRefusedError`."""
    if moment > now + timedelta(days=1):
        raise CellRefusedError("lies in the future")
    return moment


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or its last day."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))
