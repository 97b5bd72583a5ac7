"""Real data in: exports of other systems become performance, journeys, influencers, keywords and customers.

`run` is the whole of it; everything else here is what it takes and gives.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from storage.imports.errors import ImportChangedSinceError, ImportRefusedError
from storage.imports.request import (
    KINDS,
    Column,
    Created,
    ImportDefaults,
    ImportReport,
    ImportRequest,
    Progress,
    Reject,
    Within,
)

if TYPE_CHECKING:
    from storage.database import Database

__all__ = [
    "KINDS",
    "Column",
    "Created",
    "ImportChangedSinceError",
    "ImportDefaults",
    "ImportRefusedError",
    "ImportReport",
    "ImportRequest",
    "Progress",
    "Reject",
    "Within",
    "run",
]


def run(
    database: "Database",
    request: ImportRequest,
    *,
    now: datetime,
    progress: Progress | None = None,
    defaults: ImportDefaults | None = None,
    within: Within | None = None,
) -> ImportReport:
    """Import a file, all of its good rows or, on any trouble, nothing.

    Refused rows are listed in the report and do not stop the others; when none is left, the report's status
    is ``refused``. Raises `ImportRefusedError` when the file, the request or the database makes the import
    impossible; nothing was written then. ``within`` is called only when something is kept; what it raises
    takes the import back and reaches the caller.
    """
    # Imported here: whoever needs only the ledger's tables does not pay for the readers.
    from storage.imports.running import Circumstances, import_file

    return import_file(database, request, Circumstances(now, defaults or ImportDefaults(), progress, within))
