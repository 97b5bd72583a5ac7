"""How values are written and said, in one place."""

from datetime import date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

from engines.metrics import METRICS, Unit
from engines.terms import Channel, Period, to_minor

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
SPOKEN_CURRENCIES = {"USD": "dollars", "EUR": "euros", "GBP": "pounds"}
NOTHING = "–"
"""Stands where a value cannot be computed."""


def money(amount: Decimal, currency: str) -> str:
    """``$1,234.50``, ``-€3.00``, ``1,234 JPY``."""
    shown = to_minor(abs(amount), currency)
    sign = "-" if amount < 0 and shown else ""
    if currency in SYMBOLS:
        return f"{sign}{SYMBOLS[currency]}{shown:,}"
    return f"{sign}{shown:,} {currency}"


def count(number: int | Decimal) -> str:
    """``12,345``."""
    return f"{int(number):,}"


def percent(share: Decimal, *, signed: bool = False) -> str:
    """``12.3 %`` of a share 0.123; two decimals below one percent."""
    value = share * 100
    digits = "0.01" if abs(value) < 1 else "0.1"
    rounded = value.quantize(Decimal(digits), ROUND_HALF_EVEN)
    return f"{rounded:+,} %" if signed else f"{rounded:,} %"


def channel(name: str) -> str:
    """``paid search``; a name that is none of ours stays as it is."""
    return Channel(name).label if name in set(Channel) else name


def number(value: Decimal, places: int = 2) -> str:
    """``3.14``."""
    return f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN):,}"


def metric(name: str, value: Decimal | None, currency: str) -> str:
    """A metric's value as its unit is written."""
    if value is None:
        return NOTHING
    match METRICS[name].unit:
        case Unit.MONEY:
            return money(value, currency)
        case Unit.PERCENT:
            return percent(value)
        case Unit.COUNT:
            return count(value)
        case Unit.MONTHS:
            return f"{number(value, 1)} months"
        case Unit.RATIO | Unit.INDEX:
            return number(value)


def spoken(name: str, value: Decimal | None, currency: str) -> str:
    """A metric's value for the ear: rounded to what a person can take in."""
    if value is None:
        return "not known"
    match METRICS[name].unit:
        case Unit.MONEY:
            return f"{_rounded(value)} {SPOKEN_CURRENCIES.get(currency, currency)}"
        case Unit.PERCENT:
            return f"{number(value * 100, 1)} percent"
        case Unit.COUNT:
            return count(value) if abs(value) < 1000 else _rounded(value)
        case Unit.MONTHS:
            return f"{number(value, 1)} months"
        case Unit.RATIO | Unit.INDEX:
            return number(value, 1)


def _rounded(value: Decimal) -> str:
    for limit, word in (
        (Decimal(10**9), "billion"),
        (Decimal(10**6), "million"),
        (Decimal(1000), "thousand"),
    ):
        if abs(value) >= limit:
            shown = number(value / limit, 1)
            return f"{shown.removesuffix('.0')} {word}"
    return f"{value.quantize(Decimal(1), ROUND_HALF_EVEN):,}" if abs(value) >= 100 else number(value)


def day(on: date) -> str:
    """``Mar 5, 2026``."""
    return f"{on:%b} {on.day}, {on.year}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Where somebody is: ``Mar 5, 2026 14:30``; midnight is the day alone."""
    here = at.astimezone(zone)
    return day(here.date()) if here.time() == time() else f"{day(here.date())} {here:%H:%M}"


def days(period: Period) -> str:
    """``Mar 1 – Mar 5, 2026``."""
    if period.start == period.end:
        return day(period.start)
    if period.start.year == period.end.year:
        return f"{period.start:%b} {period.start.day} – {day(period.end)}"
    return f"{day(period.start)} – {day(period.end)}"


def named(period: Period) -> str:
    """The period's words and, where they do not say it, its days: ``last month (Feb 1 – Feb 28, 2026)``."""
    plain = days(period)
    return plain if period.label == f"{period.start} to {period.end}" else f"{period.label} ({plain})"


def sentence(words: str) -> str:
    """With a capital first letter."""
    return words[:1].upper() + words[1:]


def listed(words: list[str], joint: str = "and") -> str:
    """``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def change(now: Decimal | None, before: Decimal | None) -> Decimal | None:
    """Relative change; None when there is nothing to compare with."""
    return (now - before) / abs(before) if now is not None and before else None
