"""Exact money: amounts as whole units of a currency, and spreading them by largest remainder."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from engines.terms import minor_units

_MICRO = 6


def spread(total: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """``total`` in proportion to ``weights`` (evenly where all are 0), summing to it exactly.

    Largest remainder in the currency's smallest unit, or in millionths where the total is finer; the earlier
    part on a tie. Raises `ValueError` for no weights, a negative total or weight, or a total finer than a
    millionth.
    """
    if not weights or total < 0 or min(weights) < 0:
        raise ValueError("a total can only be spread over weights, and neither may be negative")
    places = places_of([total], currency)
    parts = [Fraction(weight) for weight in weights] if any(weights) else [Fraction(1)] * len(weights)
    units, whole = units_of(total, places), sum(parts)
    ideal = [units * part / whole for part in parts]
    floors = [int(part) for part in ideal]
    order = sorted(range(len(ideal)), key=lambda place: floors[place] - ideal[place])
    for place in order[: units - sum(floors)]:
        floors[place] += 1
    return [amount_of(part, places) for part in floors]


def places_of(amounts: Iterable[Decimal], currency: str) -> int:
    """Decimals all amounts can be written with: the currency's, else six."""
    usual = minor_units(currency)
    return usual if all(amount.scaleb(usual) % 1 == 0 for amount in amounts) else _MICRO


def units_of(amount: Decimal, places: int) -> int:
    """``amount`` in units of ``places`` decimals; `ValueError` where it is finer."""
    scaled = amount.scaleb(places)
    if scaled % 1:
        raise ValueError(f"{amount} is finer than a millionth")
    return int(scaled)


def amount_of(units: int, places: int) -> Decimal:
    """The amount of whole units of ``places`` decimals; the reverse of `units_of`."""
    return Decimal(units).scaleb(-places)
