"""Money, shares and ranges as people say them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from intents.values.grammar import (
    REJECT,
    Rule,
    a,
    either,
    maybe,
    remembered,
    sequence,
    whole,
    words,
)
from intents.values.numbers import (
    ABOUT,
    MINUS,
    PERCENT_SIGN,
    POSITIVE,
    SIGNED,
    Amount,
    parse_number,
    render_number,
)


@dataclass(frozen=True)
class MoneySaid:
    """An amount of money as said."""

    amount: Decimal
    currency: str | None = None
    """ISO 4217 code; None when none was said."""


@dataclass(frozen=True)
class NumberRange:
    """From ``min`` to ``max``, both included; an open end is None. Raises `ValueError` when upside down."""

    min: Decimal | None = None
    max: Decimal | None = None
    unit: str | None = None
    """``percent`` (the numbers are shares, 0.15), a currency, or None for bare numbers."""

    def __post_init__(self) -> None:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"a range cannot end ({self.max}) below its start ({self.min})")


_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_CODES = ("USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "INR")
_MORE_CODES = ("SGD", "HKD", "CNY", "KRW", "BRL", "MXN", "ZAR", "ILS", "AED", "TRY", "HUF", "RON", "THB")
_SPOKEN = {
    "dollar": "USD",
    "buck": "USD",
    "euro": "EUR",
    "pound": "GBP",
    "franc": "CHF",
    "rupee": "INR",
    "krona": "SEK",
    "zloty": "PLN",
}
_code = words({code.lower(): code for code in (*_CODES, *_MORE_CODES)})
_word = words(
    _SPOKEN
    | {f"{word}s": code for word, code in _SPOKEN.items()}
    | {"yen": "JPY", "quid": "GBP", "kronor": "SEK"}
)
_sign = either(a("us $") >> (lambda: "USD"), words(_SIGNS))
_grand = sequence(POSITIVE, a("grand")) >> (lambda amount: amount.scaled(1000))
_positive = either(_grand, POSITIVE)
_suffix = either(_word, sequence(a("us"), _word), _code, words(_SIGNS))


def _before(currency: str, amount: Amount) -> MoneySaid:
    return MoneySaid(amount.value, currency)


def _after(amount: Amount, currency: str) -> MoneySaid:
    return MoneySaid(amount.value, currency)


def _with_cents(amount: Amount, currency: str, cents: Amount) -> Any:
    if not 0 < cents.value < 100:
        return REJECT
    return MoneySaid(amount.value + cents.value / 100, currency)


_cents = sequence(POSITIVE, a("cents", "cent"))
_marked = either(
    sequence(either(_sign, _code), SIGNED) >> _before,
    sequence(_positive, _suffix, maybe(a("and")), _cents) >> _with_cents,
    sequence(_positive, _suffix) >> _after,
    _cents >> (lambda cents: MoneySaid(cents.value / 100)),
    _grand >> (lambda amount: MoneySaid(amount.value)),
)
MONEY: Rule = remembered(
    either(
        _marked,
        sequence(MINUS, _marked) >> (lambda money: MoneySaid(-money.amount, money.currency)),
    )
)
"""An amount that says it is money: a sign, a code, a currency's name, or "grand"."""

_SHARES = {"half": "0.5", "quarter": "0.25", "fifth": "0.2", "tenth": "0.1"}
_FEW = {"three quarters": "0.75", "two fifths": "0.4", "three fifths": "0.6", "four fifths": "0.8"}
_share_word = either(
    *(a(f"one {name}", f"a {name}") >> (lambda part=part: Decimal(part)) for name, part in _SHARES.items()),
    *(a(name) >> (lambda part=part: Decimal(part)) for name, part in _FEW.items()),
    a("half") >> (lambda: Decimal("0.5")),
)
PERCENT: Rule = remembered(
    either(
        sequence(SIGNED, PERCENT_SIGN) >> (lambda amount: amount.value / 100),
        a("half a percent", "half a per cent") >> (lambda: Decimal("0.005")),
        _share_word,
    )
)
"""A share: "15%", "fifteen percent", "half"."""


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a range, with the unit it was said in."""

    amount: Amount
    unit: str | None


def _share(amount: Amount) -> _End:
    return _End(Amount(amount.value / 100, amount.value / 100), "percent")


def _in_cents(amount: Amount) -> _End:
    return _End(Amount(amount.value / 100, amount.value / 100), None)


_end = remembered(
    either(
        sequence(POSITIVE, a("cents", "cent")) >> _in_cents,
        sequence(POSITIVE, PERCENT_SIGN) >> _share,
        sequence(either(_sign, _code), POSITIVE) >> (lambda unit, amount: _End(amount, unit)),
        sequence(_positive, _suffix) >> _End,
        _positive >> (lambda amount: _End(amount, None)),
    )
)


def _between(low: _End, high: _End) -> Any:
    """The range of two ends; the first takes the scale and unit of the second: "10 to 50k", "2 to 5%"."""
    if low.unit and high.unit and low.unit != high.unit:
        return REJECT
    first, last = low.amount, high.amount
    if high.unit == "percent" and low.unit is None:
        first = Amount(first.value / 100, first.value / 100)
    if first.scale == 1 and first.value == first.mantissa < last.mantissa:
        first = first.scaled(last.scale)
    least, most = sorted((first.value, last.value))
    return NumberRange(least, most, low.unit or high.unit)


def _at_least(end: _End) -> NumberRange:
    return NumberRange(end.amount.value, None, end.unit)


def _at_most(end: _End) -> NumberRange:
    return NumberRange(None, end.amount.value, end.unit)


_least = a(
    "at least", "no less than", "not less than", "no fewer than", "minimum", "a minimum of", "minimum of"
)
_above = a(
    "more than", "greater than", "higher than", "bigger than", "over", "above", "north of", "upwards of"
)
_least_sign = either(a("> =", "≥", ">"), a("min", "min ."))
_most = a("at most", "no more than", "not more than", "maximum", "a maximum of", "maximum of", "up to", "max")
_below = a("less than", "fewer than", "lower than", "smaller than", "under", "below", "south of")
_most_sign = a("< =", "≤", "<")
_dash = a("-", "–", "—", "to", "through", "and")
_or_more = a("or more", "or above", "or over", "or higher", "and up", "and above", "and over", "plus", "+")
_or_less = a("or less", "or fewer", "or below", "or under", "or lower", "and below", "and under", "tops")
_of_money = maybe(ABOUT)

RANGE: Rule = remembered(
    either(
        sequence(a("between"), _of_money, _end, _dash, _end) >> _between,
        sequence(maybe(a("from")), _end, a("-", "–", "—", "to"), _end) >> _between,
        sequence(either(_least, _above, _least_sign), _end) >> _at_least,
        sequence(either(_most, _below, _most_sign), _end) >> _at_most,
        sequence(_end, _or_more) >> _at_least,
        sequence(_end, _or_less) >> _at_most,
    )
)
"""Two ends or one."""

_please = maybe(a(".", "!", "please"))
_money_alone = sequence(maybe(ABOUT), MONEY, _please) >> (lambda money: money)
_percent_alone = sequence(maybe(ABOUT), PERCENT, _please) >> (lambda share: share)


def parse_money(text: str) -> MoneySaid | None:
    """The amount of money that ``text`` is; a bare number is money without a currency."""
    found = whole(_money_alone, text)
    if isinstance(found, MoneySaid):
        return found
    number = parse_number(text)
    return None if number is None else MoneySaid(number)


def parse_percent(text: str) -> Decimal | None:
    """The share that ``text`` is: "15%" is 0.15; None without a percent sign or a word for a share."""
    found = whole(_percent_alone, text)
    return found if isinstance(found, Decimal) else None


def parse_range(text: str) -> NumberRange | None:
    """The range that ``text`` is; a plain number is none (see `around`). Reversed ends are put right."""
    found = whole(RANGE, text)
    return found if isinstance(found, NumberRange) else None


def around(number: Decimal | int) -> NumberRange:
    """What a plain number means where a range is asked for: from half of it to twice it."""
    return NumberRange(Decimal(number) / 2, Decimal(number) * 2)


def render_money(money: MoneySaid) -> str:
    """``1,200.50 USD``; parses back to the same value."""
    number = render_number(money.amount)
    return f"{number} {money.currency}" if money.currency else number


def render_percent(share: Decimal) -> str:
    """``15%``; parses back to the same value."""
    return f"{render_number(share * 100)}%"


def render_range(bounds: NumberRange) -> str:
    """``10,000 to 50,000``, ``at least 20,000``, ``at most 5%``; parses back to the same value."""
    if bounds.min is not None and bounds.max is not None:
        return f"{_render_end(bounds.min, bounds.unit)} to {_render_end(bounds.max, bounds.unit)}"
    if bounds.min is not None:
        return f"at least {_render_end(bounds.min, bounds.unit)}"
    return f"at most {_render_end(bounds.max, bounds.unit)}" if bounds.max is not None else "any"


def _render_end(number: Decimal, unit: str | None) -> str:
    if unit == "percent":
        return render_percent(number)
    return render_money(MoneySaid(number, unit))
