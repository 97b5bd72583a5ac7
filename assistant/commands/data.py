"""Data from outside: files into the portfolio."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from assistant import wording
from assistant.handling import Context, handles
from assistant.imported import facts, headline
from assistant.reply import Action, Answer, Button, Column, JobAsked, Problem, Table, Telling
from assistant.work import Work, works
from intents.command import Command, Effect, Role
from intents.slots import ChannelName, CurrencyCode, DataKind, FileName, Pairs, PeriodSlot, VentureName
from storage.imports import ImportDefaults, ImportRefusedError, ImportReport, ImportRequest, run

CHECKED_AT_ONCE = 5_000_000
"""Bytes up to which a file's columns are looked at before the work begins."""


REFUSED = ".refused.csv"
"""Ending of the list of refused rows that is left beside a file."""


class ImportPlan(BaseModel):
    """One import as it is asked for."""

    kind: str
    file: str
    map: dict[str, str] = {}
    set: dict[str, str] = {}


class Imported(BaseModel):
    """What an import did; ``report`` has every count, total and refused row."""

    status: str
    run: int | None
    report: dict[str, Any]


class ImportData(Command):
    """Imports a file from the inbox: performance, touchpoints, conversions, customers and more."""

    role = Role.OPERATOR
    effect = Effect.RECORD
    examples: ClassVar = (
        "import performance from spend.csv for Acme",
        "import the customers from crm.xlsx",
    )

    kind: DataKind = Field(description="What is in it?")
    file: FileName = Field(description="Which file?")
    venture: VentureName | None = Field(None, description="Of which venture?")
    channel: ChannelName | None = Field(None, description="Of which channel?")
    currency: CurrencyCode | None = Field(None, description="In which currency?")
    period: PeriodSlot | None = Field(None, description="Of which day?")
    map: Pairs = Field(default={}, description="Column by field, where the guess is wrong.")
    set: Pairs = Field(default={}, description="Value by field, for what the file lacks.")


@handles
def import_data(asked: ImportData, context: Context) -> Answer[ImportPlan]:
    """Look at the file's columns, and have the rest done as a job."""
    path = _in_inbox(asked.file, context.settings.inbox)
    plan = ImportPlan(kind=asked.kind, file=path.name, map=asked.map, set=_constants(asked))
    if path.stat().st_size <= CHECKED_AT_ONCE:
        _check(plan, path)
    summary = f"import {plan.kind} from {path.name}" + (f" for {asked.venture}" if asked.venture else "")
    text = f"I {summary}. It goes on in the background: say “status” for how far it is, “cancel” to end it."
    return Answer(
        result=plan,
        telling=Telling(
            text=text,
            speech=f"I {summary}.",
            buttons=[Button(label="How far?", say="status"), Button(label="Cancel", say="cancel")],
        ),
        action=Action(
            summary=summary,
            done=text,
            changes=[],
            kind="import",
            begins=JobAsked(command=asked.command_name(), arguments=plan.model_dump(mode="json")),
        ),
    )


def _in_inbox(said: str, inbox: Path) -> Path:
    """The file of a name. Raises `Problem`; nothing outside of the inbox is ever looked at."""
    files = (path for path in inbox.glob("*") if path.is_file() and not path.is_symlink())
    there = sorted(path for path in files if not path.name.endswith(REFUSED))
    found = next((path for path in there if path.name == said), None) or next(
        (path for path in there if path.name.casefold() == said.casefold()), None
    )
    if found is None:
        names = [path.name for path in there]
        cure = f"There are {wording.listed(names[:5])}." if names else ""
        raise Problem(
            "unknown_file",
            f"There is no file {said[:80]!r} in the inbox.",
            f"{cure} Attach it on the page, or put it into {inbox}.".strip(),
            choices=names[:20],
        )
    return found


def _constants(asked: ImportData) -> dict[str, str]:
    said = {"venture": asked.venture, "channel": asked.channel, "currency": asked.currency}
    if asked.period is not None:
        if asked.period.start != asked.period.end:
            raise Problem(
                "contradictory_slots",
                "A file without dates is of one day.",
                "Say which day, or leave the period out when the file has dates.",
                slot="period",
            )
        said["date"] = asked.period.end.isoformat()
    return {**{name: value for name, value in said.items() if value is not None}, **asked.set}


def _check(plan: ImportPlan, path: Path) -> None:
    from storage.imports.checking import check

    try:
        check(_request(plan, path))
    except ImportRefusedError as error:
        raise _refused(error) from error


def _request(plan: ImportPlan, path: Path) -> ImportRequest:
    return ImportRequest(kind=plan.kind, file=path, map=plan.map, set=plan.set)


def _refused(error: ImportRefusedError) -> Problem:
    """The refusal, with its cure as it is followed in a conversation."""
    cure = error.cure.replace("--set ", "set ").replace("--map ", "map ")
    return Problem(error.code, error.message, cure)


@works("import_data")
def import_file(plan: ImportPlan, work: Work) -> Answer[Imported] | None:
    """Import the file; what it changed is kept with its audit entry, or nothing is."""
    from storage.imports.undoing import taking_back

    path = _in_inbox(plan.file, work.settings.inbox)
    rejects = path.with_name(f"{path.name}{REFUSED}")
    defaults = ImportDefaults(currency=work.settings.currency, time_zone=work.settings.time_zone)
    stages = {"checking rows": (0.05, 0.6), "sorting": (0.65, 0.05), "writing": (0.7, 0.3)}

    def tell(stage: str, done: int, total: int) -> None:
        start, share = stages.get(stage, (0.0, 0.05))
        count = f" {done:,} of {total:,}" if total > 1 else ""
        work.tell(start + share * (done / total if total else 0.0), f"{stage}{count}")

    try:
        report = run(
            work.database,
            replace(_request(plan, path), rejects=rejects),
            now=work.now,
            progress=tell,
            defaults=defaults,
            within=lambda connection, report: _keep(work, connection, told(report), taking_back(report)),
        )
    except ImportRefusedError as error:
        raise _refused(error) from error
    if not report.refused:
        rejects.unlink(missing_ok=True)
    return None if report.run is not None else told(report)


def _keep(work: Work, connection: Any, answer: Answer[Imported], change: Any) -> None:
    work.conclude(connection, answer, [change])


def told(report: ImportReport) -> Answer[Imported]:
    """What an import did, as an answer."""
    assumed = [f"Assumed: {'; '.join(report.assumptions)}."] if report.assumptions else []
    warned = [f"Look at: {one}." for one in report.warnings]
    more = report.refused > len(report.rejects) and report.rejects_file is not None
    listed = [f"All refused rows are listed in {Path(report.rejects_file or '').name}."] if more else []
    text = "\n".join([headline(report), *facts(report), *assumed, *warned, *listed])
    changed = report.run is not None
    return Answer(
        result=Imported(status=report.status, run=report.run, report=report.to_json()),
        telling=Telling(
            text=text,
            speech=headline(report),
            table=_rejects(report),
            buttons=[Button(label="Undo", say="undo that")] if changed else [],
        ),
    )


def _rejects(report: ImportReport) -> Table | None:
    if not report.rejects:
        return None
    columns = [Column(key=key, label=key.capitalize()) for key in ("line", "column", "value", "reason")]
    rows = [[str(one.line), one.column, one.value, one.reason] for one in report.rejects]
    return Table(title=f"Refused: {report.refused:,}", columns=columns, rows=rows)
