"""Every table in one place, for migrations and for whoever fills or checks a whole database."""

from storage import (
    audit,
    campaigns,
    changes,
    conversations,
    customers,
    influencers,
    journeys,
    names,
    organic,
    people,
    performance,
    proposals,
    ventures,
    work,
)
from storage.database import metadata
from storage.imports import ledger

__all__ = [
    "audit",
    "campaigns",
    "changes",
    "conversations",
    "customers",
    "influencers",
    "journeys",
    "ledger",
    "metadata",
    "names",
    "organic",
    "people",
    "performance",
    "proposals",
    "ventures",
    "work",
]
