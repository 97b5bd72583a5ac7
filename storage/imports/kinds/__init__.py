"""A module a kind of data: how its rows are read and how they join what is there."""

from storage.imports.kinds.base import Context, Kind
from storage.imports.kinds.customers import Customers
from storage.imports.kinds.influencers import Influencers
from storage.imports.kinds.journeys import Conversions, Touchpoints
from storage.imports.kinds.keywords import Keywords
from storage.imports.kinds.performance import Performance

__all__ = ["KINDS", "Context", "Kind"]

KINDS: dict[str, type[Kind]] = {
    "performance": Performance,
    "touchpoints": Touchpoints,
    "conversions": Conversions,
    "influencers": Influencers,
    "keywords": Keywords,
    "customers": Customers,
}
"""Every kind by name."""
