"""Real data in: exports of other systems become performance, journeys, influencers, keywords and customers.

`run` is the whole of it; everything else here is what it takes and gives.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from storage.imports.errors import ImportRefusedError
from storage.imports.request import (
    KINDS,
    Column,
    Created,
    ImportDefaults,
    ImportReport,
    ImportRequest,
    Progress,
    Reject,
)

if TYPE_CHECKING:
    from storage.database import Database

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


def run(
    database: "Database",
    request: ImportRequest,
    *,
    now: datetime,
    progress: Progress | None = None,
    defaults: ImportDefaults | None = None,
) -> ImportReport:
    """Import a file, all of its good rows or, on any trouble, nothing.

    Refused rows are listed in the report and do not stop the others; when none is left, the report's status
    is ``refused``. Raises `ImportRefusedError` when the file, the request or the database makes the import
    impossible; nothing was written then.
    """
    # Imported here: whoever needs only the ledger's tables does not pay for the readers.
    from storage.imports.running import import_file

    return import_file(database, request, now, progress, defaults or ImportDefaults())
