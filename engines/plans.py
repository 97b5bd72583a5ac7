"""Budget plans: the split of a month's budget between groups of channels.

Money is exact: every split sums to its budget to the smallest unit of the currency, by largest remainder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from engines.money import amount_of, places_of, spread, units_of

CHANNEL_CAP = Decimal("0.30")
"""Greatest share of what is allocated that one channel may get."""

MIN_CHANNELS = 3
"""Channels that must get money, where there are as many."""

MIN_SHARE = Decimal("0.01")
"""From this share of what is allocated on, a channel counts as used."""


def channel_cap(channels: int) -> Decimal:
    """Greatest share a channel may get: 30 %, or ``min(1, 1.5 / n)`` with fewer than 4 channels."""
    return CHANNEL_CAP if channels >= 4 else min(Decimal(1), Decimal("1.5") / max(channels, 1))


@dataclass(frozen=True)
class Group:
    """A share of the budget meant for a kind of channels."""

    name: str
    share: Decimal
    is_reserve: bool = False


PROVEN_TEST_RESERVE = (
    Group("proven", Decimal("0.70")),
    Group("test", Decimal("0.15")),
    Group("reserve", Decimal("0.15"), is_reserve=True),
)
"""The default split."""

PRIMARY_GROWTH_EXPERIMENTAL = (
    Group("primary", Decimal("0.70")),
    Group("growth", Decimal("0.20")),
    Group("experimental", Decimal("0.10")),
)
"""The other usual split; everything is allocated."""


@dataclass(frozen=True)
class PlannedChannel:
    """A channel's part of a plan."""

    group: str
    channel: str
    amount: Decimal


@dataclass(frozen=True)
class Plan:
    """A budget divided between groups of channels; ``channels`` and ``reserve`` sum to it exactly."""

    budget: Decimal
    channels: tuple[PlannedChannel, ...]
    reserve: Decimal
    cap: Decimal
    """Greatest share of what is allocated that a channel may get."""
    notes: tuple[str, ...]
    """What had to differ from the split asked for, and why."""

    @property
    def allocated(self) -> Decimal:
        """What the channels get together."""
        return self.budget - self.reserve


def plan(
    budget: Decimal,
    channels: Mapping[str, Sequence[str]],
    currency: str,
    groups: Sequence[Group] = PROVEN_TEST_RESERVE,
) -> Plan:
    """Divide ``budget`` between groups by their shares and evenly between the channels of each.

    No channel gets more than `channel_cap` of what is allocated, reserve excluded: what a group cannot hold
    under the cap goes evenly to the other channels. The share of a group without channels joins the reserve.
    The notes say both. Raises `ValueError` for a negative budget, shares that do not sum to 1, an unknown
    group, or a channel named twice.
    """
    _check_plan(budget, channels, groups)
    places = places_of([budget], currency)
    shares = spread(budget, [group.share for group in groups], currency)
    parts: list[PlannedChannel] = []
    for group, share in zip(groups, shares, strict=True):
        names = () if group.is_reserve else channels.get(group.name, ())
        amounts = spread(share, [Decimal(1)] * len(names), currency) if names else []
        parts += [PlannedChannel(group.name, *part) for part in zip(names, amounts, strict=True)]
    cap = channel_cap(len(parts))
    wished = [units_of(part.amount, places) for part in parts]
    final = _level(wished, cap)
    held = tuple(
        replace(part, amount=amount_of(units, places)) for part, units in zip(parts, final, strict=True)
    )
    reserve = budget - sum((part.amount for part in held), Decimal(0))
    return Plan(budget, held, reserve, cap, _plan_notes(groups, channels, len(parts), final != wished))


def _check_plan(budget: Decimal, channels: Mapping[str, Sequence[str]], groups: Sequence[Group]) -> None:
    if budget < 0:
        raise ValueError("a budget cannot be negative")
    if sum(group.share for group in groups) != 1:
        raise ValueError("the shares of the groups must sum to 1")
    unknown = set(channels) - {group.name for group in groups if not group.is_reserve}
    if unknown:
        raise ValueError(f"no such group: {', '.join(sorted(unknown))}")
    named = [channel for names in channels.values() for channel in names]
    if len(set(named)) < len(named):
        raise ValueError("a channel is named twice")


def _level(units: Sequence[int], cap: Decimal) -> list[int]:
    """Cut what exceeds the cap and share it out evenly among those with room."""
    total = sum(units)
    limit = max(int(total * cap), -(-total // max(len(units), 1)))
    levelled = [min(part, limit) for part in units]
    while excess := total - sum(levelled):
        room = [place for place, part in enumerate(levelled) if part < limit]
        for place in room:
            levelled[place] += min(max(excess // len(room), 1), limit - levelled[place])
            if sum(levelled) == total:
                break
    return levelled


def _plan_notes(
    groups: Sequence[Group], channels: Mapping[str, Sequence[str]], count: int, levelled: bool
) -> tuple[str, ...]:
    notes = [
        f"no {group.name} channel was named, so its {group.share:.0%} stays in reserve"
        for group in groups
        if not group.is_reserve and not channels.get(group.name)
    ]
    if levelled:
        notes.append(f"what exceeded the cap of {channel_cap(count):.0%} a channel was passed on to others")
    return (*notes, *cap_notes(count))


def cap_notes(count: int) -> tuple[str, ...]:
    """What fewer than four channels do to the rules."""
    if not 0 < count < 4:
        return ()
    noun = "channel" if count == 1 else "channels"
    notes = [
        f"with {count} {noun} the cap a channel is {channel_cap(count):.0%} instead of {CHANNEL_CAP:.0%}"
    ]
    if count < MIN_CHANNELS:
        notes.append(f"the rule of at least {MIN_CHANNELS} channels cannot be met")
    return tuple(notes)
