"""Numbers as files write them: "$1,892", "1.2M", "3,5", "12%", "(40)", 1.429999948."""

import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Literal, TypeAlias

from storage.imports.errors import CellRefusedError
from storage.imports.sources.excel import FORMULA
from storage.imports.sources.header import Cell

Mark: TypeAlias = Literal["point", "comma"]
"""What divides whole units from their parts."""

MOST_COUNT = 10**12
MOST_MONEY = 10**10
"""Largest amount of one row, in whole units: sums of many still fit a database's integers."""

_MICRO = Decimal("0.000001")
_BLANKS = frozenset({"", "-", "--", "—", "–", "n/a", "na", "nan", "null", "none", "nil", "(not set)", "#n/a"})
_SCALES = {"k": 10**3, "m": 10**6, "mn": 10**6, "mio": 10**6, "b": 10**9, "bn": 10**9}
_SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP", "₹": "INR", "¥": "JPY", "r$": "BRL"}
_LOCAL = frozenset({"kr", "zł", "kč", "ft", "lei", "rs", "rm", "us$", "a$", "c$", "s$"})
_ISO_CODES = (
    "AED ARS AUD BDT BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW "
    "KWD LKR MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD "
    "UYU VND ZAR"
)
CURRENCIES = frozenset(_ISO_CODES.split())
"""ISO 4217 codes that are told apart from other words beside a number."""
_SHAPE = re.compile(
    r"""(?P<open>\()? \s*
        (?P<sign>[-+−])? \s*
        (?P<before>[^\W\d_]{1,3}\$|[$€£₹¥]|[^\W\d_]{2,3})? \s*
        (?P<late>[-+−])? \s*
        (?P<digits>\d[\d.,' \u00a0\u202f’]*|[.,]\d+) (?P<power>e[-+]?\d{1,2})? \s*
        (?P<scale>k|m|mn|mio|b|bn)? \s*
        (?P<after>%|[$€£₹¥]|[^\W\d_]{2,3})?
        \s* (?P<close>\))?""",
    re.VERBOSE | re.IGNORECASE,
)
_GROUPED = re.compile(r"\d{1,3}(?:[,.]\d{2,3})*[,.]\d{3}")
_LONGEST = 40
_PLAIN = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")


def is_blank_value(cell: Cell) -> bool:
    """Whether a cell holds nothing, or one of the marks exporters write for nothing."""
    if isinstance(cell, str):
        return cell.strip().casefold() in _BLANKS
    return cell is None or cell != cell


def currency_in(text: str) -> str | None:
    """The currency an amount is written with: "€12", "12 EUR"."""
    shape = _SHAPE.fullmatch(text.strip())
    for sign in (shape["before"], shape["after"]) if shape else ():
        known = _SYMBOLS.get((sign or "").lower(), (sign or "").upper())
        if known in CURRENCIES:
            return known
    return None


def _is_unit(sign: str | None) -> bool:
    """Whether what stands beside a number may: nothing, a percent sign or a currency."""
    return not sign or sign == "%" or sign.lower() in _SYMBOLS.keys() | _LOCAL or sign.upper() in CURRENCIES


@dataclass
class Style:
    """How a file writes its numbers; told by the values that can be read only one way."""

    mark: Mark | None = None
    """Set by the request; None: whatever the values tell."""
    seen: dict[Mark, str] = field(default_factory=dict)
    """An example of each."""
    currencies: dict[str, str] = field(default_factory=dict)
    """Currencies written beside amounts, with an example."""
    whole: "Style | None" = None
    """The style of all columns together, for columns that tell nothing."""

    def look(self, text: str) -> None:
        """Learn from a value."""
        mark = _sure_mark(text)
        if mark and _SHAPE.fullmatch(text.strip()):
            self.seen.setdefault(mark, text)
            if self.whole:
                self.whole.seen.setdefault(mark, text)
        if not text[-1:].isdigit() or not text[:1].isdigit():
            currency = currency_in(text)
            if currency:
                self.currencies.setdefault(currency, text)

    @property
    def decides(self) -> Mark | None:
        """The mark the column uses; None where its values contradict each other."""
        if self.mark:
            return self.mark
        if not self.seen and self.whole:
            return self.whole.decides or "point"
        if len(self.seen) == 2:
            return None
        return next(iter(self.seen), "point")


def _sure_mark(text: str) -> Mark | None:
    """The decimal mark of a number that can be read only one way."""
    points, commas = text.count("."), text.count(",")
    if not commas and points < 2:
        return None
    if points and commas:
        return "point" if text.rfind(".") > text.rfind(",") else "comma"
    if commas > 1 or points > 1:
        return "point" if commas > 1 else "comma"
    digits = re.sub(r"[^\d,]", "", text)
    return None if re.fullmatch(r"[1-9]\d{0,2},\d{3}", digits) else "comma"


def parse_decimal(cell: Cell, style: Style) -> Decimal:
    """The exact number in a cell; a percentage as a share. Raises `CellRefusedError`."""
    if isinstance(cell, str):
        return _from_text(cell, style)
    if isinstance(cell, bool) or not isinstance(cell, (int, float, Decimal)):
        raise CellRefusedError("is no number")
    number = Decimal(repr(cell)) if isinstance(cell, float) else Decimal(cell)
    if not number.is_finite():
        raise CellRefusedError("is no number")
    return number


def _from_text(text: str, style: Style) -> Decimal:
    text = text.strip()
    if _PLAIN.fullmatch(text):
        if style.decides == "comma" and _GROUPED.fullmatch(text):
            text = text.replace(".", "")
        return Decimal(text)
    if text == FORMULA:
        raise CellRefusedError("is a formula without a stored value; save the workbook with its values")
    if text.startswith("#") and text[1:2].isalpha():
        raise CellRefusedError("is a spreadsheet's error")
    shape = _SHAPE.fullmatch(text) if len(text) <= _LONGEST else None
    if (
        not shape
        or bool(shape["open"]) != bool(shape["close"])
        or (shape["sign"] and shape["late"])
        or not _is_unit(shape["before"])
        or not _is_unit(shape["after"])
    ):
        raise CellRefusedError("is no number")
    try:
        number = Decimal(_plain(shape["digits"], style) + (shape["power"] or ""))
    except InvalidOperation as error:
        raise CellRefusedError("is no number") from error
    number *= _SCALES.get((shape["scale"] or "").lower(), 1)
    if shape["after"] == "%":
        number /= 100
    is_negative = (
        shape["open"] or "-" in (shape["sign"], shape["late"]) or "−" in (shape["sign"], shape["late"])
    )
    return -number if is_negative else number


def _plain(digits: str, style: Style) -> str:
    """The digits with a point and nothing else between them."""
    digits = re.sub(r"[' \u00a0\u202f’]", "", digits)
    points, commas = digits.count("."), digits.count(",")
    if not points and not commas:
        return digits
    mark = _sure_mark(digits)
    if mark is None:
        mark = style.decides
        if mark is None:
            raise CellRefusedError("can be read two ways; say --set decimal=point or --set decimal=comma")
        if commas and mark == "point" and not _GROUPED.fullmatch(digits):
            raise CellRefusedError("is no number")
    apart, dot = (",", ".") if mark == "point" else (".", ",")
    whole, _, part = digits.rpartition(dot) if dot in digits else (digits, "", "")
    if dot in whole or apart in part or (apart in whole and not _GROUPED.fullmatch(whole)):
        raise CellRefusedError("is no number")
    return whole.replace(apart, "") + ("." + part if part else "")


def parse_count(cell: Cell, style: Style, *, rounds: bool = False) -> int:
    """A whole number from 0. Raises `CellRefusedError`."""
    if isinstance(cell, str) and cell.isdecimal() and cell.isascii() and len(cell) <= 13:
        count = int(cell)
    else:
        number = parse_decimal(cell, style)
        if number < 0:
            raise CellRefusedError("is negative")
        if number > MOST_COUNT:
            raise CellRefusedError(f"is beyond {MOST_COUNT:,}")
        near = number.to_integral_value(ROUND_HALF_EVEN)
        if abs(number - near) > _MICRO and not rounds:
            cure = (
                "decimal=comma reads its point as thousands"
                if _is_grouped(cell)
                else "fractions=round rounds it"
            )
            raise CellRefusedError(f"is not a whole number; --set {cure}")
        count = int(near)
    if count > MOST_COUNT:
        raise CellRefusedError(f"is beyond {MOST_COUNT:,}")
    return count


def _is_grouped(cell: Cell) -> bool:
    return isinstance(cell, str) and bool(re.fullmatch(r"\d{1,3}\.\d{3}", cell.strip()))


def parse_money(cell: Cell, style: Style) -> int:
    """An amount from 0 in millionths, rounded half-even. Raises `CellRefusedError`."""
    number = parse_decimal(cell, style)
    if number < 0:
        raise CellRefusedError("is negative")
    if number > MOST_MONEY:
        raise CellRefusedError(f"is beyond {MOST_MONEY:,}")
    return int(number.quantize(_MICRO, ROUND_HALF_EVEN).scaleb(6))


def parse_share(cell: Cell, style: Style) -> Decimal:
    """A share from 0 to 1; "12%" and 12 under a column of percentages both mean 0.12."""
    number = parse_decimal(cell, style)
    if number < 0:
        raise CellRefusedError("is negative")
    return number
