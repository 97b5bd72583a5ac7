"""Every table in one place, for migrations and for whoever fills or checks a whole database."""

from storage import (
    audit,
    campaigns,
    changes,
    conversations,
    customers,
    influencers,
    jobs,
    journeys,
    names,
    organic,
    outbox,
    people,
    performance,
    proposals,
    spending,
    ventures,
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
    "jobs",
    "journeys",
    "ledger",
    "metadata",
    "names",
    "organic",
    "outbox",
    "people",
    "performance",
    "proposals",
    "spending",
    "ventures",
]
