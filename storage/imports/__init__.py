"""Real data in: exports of other systems become performance, journeys, influencers, keywords and customers.

`run` is the whole of it; everything else here is what it takes and gives.
"""

from storage.imports.errors import ImportRefusedError
from storage.imports.fields import SHAPES
from storage.imports.request import (
    Column,
    Created,
    ImportDefaults,
    ImportReport,
    ImportRequest,
    Progress,
    Reject,
)
from storage.imports.running import run

KINDS = tuple(SHAPES)
"""The kinds of data there are."""

__all__ = [
    "KINDS",
    "Column",
    "Created",
    "ImportDefaults",
    "ImportRefusedError",
    "ImportReport",
    "ImportRequest",
    "Progress",
    "Reject",
    "run",
]
