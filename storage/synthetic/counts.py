"""How many rows of each table make up a portfolio of a given size."""

from dataclasses import dataclass

import numpy as np

from engines.market import Floats, Ints

DEFAULT_RECORDS = 71_297
MIN_RECORDS = 3_000
MIN_VENTURES = 10

_KEYWORDS, _TRENDS, _BACKLINKS, _LINK_QUERIES, _MEMORIES = 46_151, 2_000, 2_000, 120, 5_000
_VENTURES, _CAMPAIGNS = 12, 55
_INFLUENCERS, _CUSTOMERS, _LEADS = 5_000, 6_000, 4_655


class TooFewRecords(ValueError):  # noqa: N818 - says what is wrong
    """Fewer records than a portfolio can be made of."""

    def __init__(self, records: int) -> None:
        super().__init__(f"{records:,} records are too few for a portfolio; ask for at least {MIN_RECORDS:,}")


@dataclass(frozen=True)
class Counts:
    """Rows of each counted table; they sum to the records asked for."""

    ventures: int
    segments: int
    competitors: int
    campaigns: int
    channel_lines: int
    influencers: int
    customers: int
    leads: int
    keywords: int
    trends: int
    backlinks: int
    link_queries: int
    campaign_memories: int

    @classmethod
    def of(cls, records: int) -> "Counts":
        """The counts of a portfolio of ``records`` rows; raises `TooFewRecords`."""
        if records < MIN_RECORDS:
            raise TooFewRecords(records)
        organic = [
            count * records // DEFAULT_RECORDS
            for count in (_KEYWORDS, _TRENDS, _BACKLINKS, _LINK_QUERIES, _MEMORIES)
        ]
        ventures = max(MIN_VENTURES, round(_VENTURES * records / DEFAULT_RECORDS))
        campaigns = round(_CAMPAIGNS * ventures / _VENTURES)
        structure = (ventures, 3 * ventures, 4 * ventures, campaigns, 4 * campaigns)
        people = records - sum(organic) - sum(structure)
        shares = apportion(people, np.array([_INFLUENCERS, _CUSTOMERS, _LEADS], dtype=np.float64))
        return cls(*structure, *shares.tolist(), *organic)


def apportion(total: int, weights: Floats) -> Ints:
    """``total`` split into whole parts in proportion to ``weights``, by largest remainder."""
    exact = total * weights / weights.sum()
    parts: Ints = np.floor(exact).astype(np.int64)
    largest = np.argsort(parts - exact, kind="stable")[: total - int(parts.sum())]
    parts[largest] += 1
    return parts
