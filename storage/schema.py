"""Every table in one place, for migrations and for whoever fills or checks a whole database."""

from storage import (
    audit,
    campaigns,
    conversations,
    customers,
    influencers,
    journeys,
    names,
    organic,
    people,
    performance,
    ventures,
    work,
)
from storage.database import metadata

__all__ = [
    "audit",
    "campaigns",
    "conversations",
    "customers",
    "influencers",
    "journeys",
    "metadata",
    "names",
    "organic",
    "people",
    "performance",
    "ventures",
    "work",
]
