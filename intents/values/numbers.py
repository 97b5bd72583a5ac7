"""Numbers in digits and words: "fifty thousand", "50k", "a hundred and twenty", "two and a half thousand"."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from intents.values.grammar import (
    NUMBER,
    REJECT,
    Attached,
    Detached,
    Rule,
    a,
    either,
    maybe,
    remembered,
    sequence,
    token,
    whole,
    words,
)

MOST_DIGITS = 15
"""Longer digit strings are identifiers rather than numbers."""

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
_NAMES = [*_ONES.split(), "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_BIG = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_SHORT = {"k": 10**3, "m": 10**6, "mn": 10**6, "mio": 10**6, "b": 10**9, "bn": 10**9}


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with the way it was said: ``50k`` is 50 on a scale of 1000."""

    value: Decimal
    mantissa: Decimal
    scale: int = 1

    def scaled(self, scale: int) -> "Amount":
        """The same digits on another scale."""
        return Amount(self.mantissa * scale, self.mantissa, scale)


def _plain(value: int | Decimal) -> Amount:
    return Amount(Decimal(value), Decimal(value))


def _digits(text: str) -> Any:
    plain = text.replace(",", "")
    return REJECT if len(plain) > MOST_DIGITS else Decimal(plain)


def _times(mantissa: Decimal | int, scale: int) -> Amount:
    return Amount(mantissa * Decimal(scale), Decimal(mantissa), scale)


def _and_rest(head: Amount, rest: Amount | None) -> Any:
    if rest is None:
        return head
    if rest.value >= head.scale or rest.value <= 0:
        return REJECT
    value = head.value + rest.value
    return Amount(value, value)


_digit = token(NUMBER, _digits)
_unit = words({name: number for number, name in enumerate(_NAMES[1:10], 1)})
_low = words({name: number for number, name in enumerate(_NAMES)})
_tens = words({name: 20 + 10 * index for index, name in enumerate(_TENS)} | {"fourty": 40})
_below_hundred = either(
    sequence(_tens, maybe(a("-")), _unit) >> (lambda tens, unit: tens + unit), _tens, _low
)
_one = words({"a": 1, "an": 1})
_and = maybe(a("and"))
_hundreds = sequence(
    either(_below_hundred, _one), words({"hundred": 100}), maybe(sequence(_and, _below_hundred), 0)
) >> (lambda head, hundred, rest: head * hundred + rest)
_said = either(_hundreds, _below_hundred) >> Decimal
_fraction = words({name: str(number) for number, name in enumerate(_NAMES[:10])} | {"oh": "0"})


def _pointed(head: Decimal, *decimals: str) -> Decimal:
    return head + Decimal(f"0.{''.join(decimals)}")


_decimals = sequence(_fraction, maybe(_fraction), maybe(_fraction), maybe(_fraction))
_point = sequence(either(_said, _digit), a("point"), _decimals) >> _pointed
_and_a_half = sequence(either(_said, _digit), a("and a half")) >> (lambda head: head + Decimal("0.5"))
_mixed = sequence(_digit, words({"½": Decimal("0.5"), "¼": Decimal("0.25"), "¾": Decimal("0.75")})) >> (
    lambda head, part: head + part
)
_part = either(
    a("half a", "a half", "half") >> (lambda: Decimal("0.5")),
    a("a quarter of a", "a quarter", "quarter of a") >> (lambda: Decimal("0.25")),
    a("three quarters of a", "three quarter") >> (lambda: Decimal("0.75")),
)
_group = remembered(either(_point, _and_a_half, _mixed, _said, _digit))

_hundred_digits = sequence(_digit, words({"hundred": 100})) >> _times
_dozen = sequence(maybe(either(_group, _part, _one), 1), words({"dozen": 12})) >> (
    lambda many, dozen: _plain(Decimal(many) * dozen)
)
_couple = sequence(maybe(a("a")), words({"couple": 2}), maybe(a("of"))) >> _plain
_short = sequence(_digit, words(_SHORT)) >> _times
_short_said = sequence(_group, words({"k": 10**3})) >> _times
_half_more = a("and a half") >> (lambda: Decimal("0.5"))


def _of_scale(name: str, scale: int, rest: Rule) -> Rule:
    """So many thousands, millions …, with what may follow: lesser scales only, so that nothing recurs."""
    counted = remembered(sequence(either(_group, _part, _one), words({name: scale})) >> _times)
    return remembered(
        either(
            sequence(counted, _half_more) >> (lambda head, half: _times(head.mantissa + half, head.scale)),
            sequence(counted, _and, rest) >> _and_rest,
            counted,
        )
    )


_less = either(_hundred_digits, _group >> _plain)
_thousands = _of_scale("thousand", 10**3, _less)
_millions = _of_scale("million", 10**6, either(_thousands, _less))
_billions = _of_scale("billion", 10**9, either(_millions, _thousands, _less))
_chain = either(_billions, _millions, _thousands)

POSITIVE: Rule = remembered(
    either(_chain, _short, _short_said, _dozen, _couple, _hundred_digits, _group >> _plain)
)
"""A number without a sign, as an `Amount`."""

MINUS: Rule = either(Detached(a("-", "−")), a("minus", "negative"))
"""A minus sign, or the word."""


def _negative(amount: Amount) -> Amount:
    return Amount(-amount.value, -amount.mantissa, amount.scale)


SIGNED: Rule = remembered(either(POSITIVE, sequence(MINUS, POSITIVE) >> _negative))
"""A number that may be negative, as an `Amount`."""

ABOUT: Rule = a(
    "about", "around", "roughly", "approximately", "nearly", "almost", "some", "circa", "~", "just"
)
"""Words before a number that do not change it."""

_ALONE = sequence(maybe(ABOUT), SIGNED, maybe(a(".", "!", "please")))
PERCENT_SIGN: Rule = either(Attached(a("%")), a("%", "percent", "per cent", "pct", "percents"))


def parse_number(text: str) -> Decimal | None:
    """The number that ``text`` is, in digits or words; None when it is anything else."""
    found = whole(_ALONE >> (lambda amount: amount.value), text)
    return found if isinstance(found, Decimal) else None


def parse_count(text: str) -> int | None:
    """The whole number, zero or more, that ``text`` is; None when it is anything else."""
    number = parse_number(text)
    if number is None or number < 0 or number != number.to_integral_value():
        return None
    return int(number)


def render_count(count: int) -> str:
    """The count in digits with thousands separated: ``50,000``."""
    return f"{count:,}"


def render_number(number: Decimal) -> str:
    """The number in plain digits with thousands separated, without trailing zeros."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def spell_count(count: int) -> str:
    """The count in words: ``fifty thousand``. Raises `ValueError` outside 0 … 10**12 - 1."""
    if not 0 <= count < 10**12:
        raise ValueError(f"{count} is not between 0 and 999,999,999,999")
    for name, scale in reversed(_BIG.items()):
        if count >= scale:
            rest = count % scale
            joint = " and " if 0 < rest < 100 else " "
            return f"{spell_count(count // scale)} {name}{joint + spell_count(rest) if rest else ''}"
    return _spell_below_thousand(count)


def _spell_below_thousand(count: int) -> str:
    if count >= 100:
        rest = f" and {spell_count(count % 100)}" if count % 100 else ""
        return f"{_NAMES[count // 100]} hundred{rest}"
    if count >= 20:
        unit = f"-{_NAMES[count % 10]}" if count % 10 else ""
        return _TENS[count // 10 - 2] + unit
    return _NAMES[count]
