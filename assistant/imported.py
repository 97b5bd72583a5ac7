"""What an import did, in words."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from engines.terms import Money
from storage.imports import ImportReport

_MONEY = ("revenue", "spend")
_LISTED = 12


def headline(report: ImportReport) -> str:
    """What became of the rows, in a sentence or two."""
    counts = [
        f"{count:,} {what}"
        for count, what in (
            (report.imported, "imported"),
            (report.corrected, "corrected"),
            (report.known, "known already"),
            (report.repeated, "repeated in the file"),
            (report.merged, "merged into others"),
            (report.skipped, "of another kind"),
            (report.refused, "refused"),
        )
        if count
    ]
    said = f"{report.file}: {report.rows:,} rows: {', '.join(counts)}."
    if report.dry_run:
        return f"{said} Nothing was kept: this was a dry run."
    if report.status == "refused":
        return f"{said} Nothing is left to import."
    return f"{said} Nothing changed." if report.status == "unchanged" else said


def facts(report: ImportReport) -> Iterator[str]:
    """Totals, period and what was created."""
    if report.totals:
        totals = (f"{name} {_amount(report, name, value)}" for name, value in report.totals.items())
        yield f"In the file: {', '.join(totals)}."
    if report.first_day:
        same = report.first_day == report.last_day
        yield f"Days: {report.first_day}." if same else f"Days: {report.first_day} to {report.last_day}."
    created = report.created
    for what, listed in (
        ("ventures", created.ventures),
        ("campaigns", created.campaigns),
        ("channel lines", created.lines),
    ):
        if listed:
            more = f" and {len(listed) - _LISTED:,} more" if len(listed) > _LISTED else ""
            yield f"New {what}: {', '.join(listed[:_LISTED])}{more}."


def _amount(report: ImportReport, name: str, value: str) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    if name in _MONEY:
        return str(Money(number, report.currency)) if report.currency else f"{number:,.2f}"
    return f"{int(number):,}"
