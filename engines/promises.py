"""What a change brought: its contribution after it against what it would have been without it."""

from dataclasses import dataclass
from decimal import Decimal

from engines.metrics import Totals
from engines.response import MONTH_DAYS


@dataclass(frozen=True)
class Compared:
    """What a change brought, a month."""

    gain: Decimal
    """Contribution more than without the change."""
    against_others: bool
    """Whether what else moved at the time was taken out by campaigns that nobody changed."""


def compare(
    before: Totals,
    after: Totals,
    others_before: Totals,
    others_after: Totals,
    days: int,
    margin: Decimal,
) -> Compared | str:
    """Contribution of equally long times before and after a change; or why nothing can be said.

    Without the change revenue would have moved as that of the others did, at the same spend: a difference in
    differences on the ratio (Card and Krueger 1994 compare differences; revenue moves in proportion). Where
    the others brought nothing in either time it would have stayed as it was.
    """
    if not before.spend:
        return "nothing was spent before it"
    if not before.revenue and not after.revenue:
        return "no revenue is recorded"
    compared = others_before.revenue > 0 and others_after.revenue > 0
    moved = others_after.revenue / others_before.revenue if compared else Decimal(1)
    now = margin * after.revenue - after.spend
    without = margin * before.revenue * moved - before.spend
    month = Decimal(str(MONTH_DAYS)) / days
    return Compared((now - without) * month, compared)
