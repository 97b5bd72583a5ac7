"""What is asked of an import, and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from sqlalchemy import Connection

KINDS = ("performance", "touchpoints", "conversions", "influencers", "keywords", "customers")
"""The kinds of data there are."""

SHOWN_REJECTS = 20
"""Refused rows that a report itself carries."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told a stage's name, how much of it is done, and how much there is."""


Within: TypeAlias = Callable[["Connection", "ImportReport"], None]
"""Called with the finished report in the transaction of the import, before it is committed."""


@dataclass(frozen=True)
class ImportDefaults:
    """What new ventures and campaigns get where neither file nor request says it."""

    currency: str = "USD"
    """ISO 4217."""
    time_zone: str = "UTC"
    stage: str = "growth"
    model: str = "b2c_mass"
    """A venture's kind of business."""
    category: str = "other"
    gross_margin: str = "0.5"
    """Share of revenue left after direct cost."""
    objective: str = "conversion"
    """Of a new campaign."""


@dataclass(frozen=True)
class ImportRequest:
    """One file to import as one kind of data."""

    kind: str
    """performance, touchpoints, conversions, influencers, keywords or customers."""
    file: Path
    map: Mapping[str, str] = field(default_factory=dict)
    """Column by field, where the guess is wrong; an empty column name leaves the field out."""
    set: Mapping[str, str] = field(default_factory=dict)
    """Value by field for what the file lacks, and the options of reading it (date_order, blanks …)."""
    dry_run: bool = False
    """Do everything but keep nothing."""
    sheet: str | None = None
    """Of an Excel file; by default the first that is not hidden."""
    rejects: Path | None = None
    """Where to write every refused row as CSV."""


@dataclass(frozen=True)
class Column:
    """Where a field's value comes from."""

    field: str
    source: str
    """The column's name, or the value that was set."""
    how: str
    """mapped, guessed, set or assumed."""


@dataclass(frozen=True)
class Reject:
    """A row that was refused, and why."""

    line: int
    """Of the file, counted from 1; in a workbook the row."""
    column: str
    value: str
    reason: str


@dataclass
class Created:
    """What an import had to make for its rows to belong to."""

    ventures: list[str] = field(default_factory=list)
    campaigns: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    """As ``campaign · channel``."""


@dataclass
class ImportReport:
    """What an import did, or with ``dry_run`` would have done. Everything in it is plain JSON data."""

    kind: str
    file: str
    dry_run: bool = False
    status: str = "imported"
    """imported, unchanged (every row was known already) or refused (no row could be taken)."""
    format: str = ""
    encoding: str | None = None
    sheet: str | None = None
    columns: list[Column] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    """Columns nothing was taken from."""
    rows: int = 0
    """Rows read, blank ones not counted."""
    imported: int = 0
    """Rows that were new."""
    corrected: int = 0
    """Rows known from an earlier import whose content differs now; the difference was applied."""
    known: int = 0
    """Rows imported before, unchanged."""
    repeated: int = 0
    """Rows that stand in this file more than once and were counted once."""
    merged: int = 0
    """Rows that belong to another row's record, as a keyword's further pages."""
    skipped: int = 0
    """Rows of another kind than the one asked for."""
    refused: int = 0
    rejects: list[Reject] = field(default_factory=list)
    """The first refused rows."""
    rejects_file: str | None = None
    created: Created = field(default_factory=Created)
    currency: str | None = None
    """Of the amounts, when all are in one."""
    totals: dict[str, str] = field(default_factory=dict)
    """Sums over the file's accepted rows, exact."""
    first_day: str | None = None
    last_day: str | None = None
    assumptions: list[str] = field(default_factory=list)
    """What was decided without being told."""
    warnings: list[str] = field(default_factory=list)
    """What looks odd and was taken nevertheless."""
    seconds: float = 0.0
    run: int | None = None
    """Number of the import in the ledger; none for a dry run or where nothing was left to import."""

    @property
    def accepted(self) -> int:
        """Rows of the file that could be taken, new or not."""
        return self.rows - self.refused - self.skipped

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        return asdict(self)
