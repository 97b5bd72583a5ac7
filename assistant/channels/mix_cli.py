"""`gtm fit-mix`: what each channel brought, from one file of weeks with one outcome for all of them."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from assistant.channels.opening import fail

if TYPE_CHECKING:
    from engines.mediamix import Mix, Weeks
    from engines.mixcheck import Check
    from engines.response import Estimate, Refusal

REFUSED = 1
"""Status where the data cannot say it."""

console = Console()


@dataclass(frozen=True)
class MixReport:
    """A mix as it is printed: shares of the outcome, outcome a unit of money, each with its 90 % range."""

    outcome: str
    weeks: int
    first_week: str
    last_week: str
    r_squared: float
    error: float
    """Root of the mean squared residual over the mean outcome."""
    base: dict[str, float]
    channels: list[dict[str, Any]]
    alike: list[dict[str, Any]]
    r_hat: float
    held_out: dict[str, Any] | None
    notes: list[str]


def fit_mix(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A row a week or day, columns side by side.")],
    outcome: Annotated[str, typer.Option(metavar="COLUMN", help="What was sold: revenue or conversions.")],
    spend: Annotated[str, typer.Option(metavar="COLUMN,…", help="What each channel cost.")],
    exposure: Annotated[
        str, typer.Option(metavar="SPEND=COLUMN,…", help="What people saw of a channel: impressions, clicks.")
    ] = "",
    controls: Annotated[
        str, typer.Option(metavar="COLUMN,…", help="What else moves the outcome: prices, events, rivals.")
    ] = "",
    worth: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="What a unit of the outcome is worth.")
    ] = None,
    day: Annotated[str | None, typer.Option("--date", metavar="COLUMN", help="The dates.")] = None,
    date_order: Annotated[
        Literal["mdy", "dmy"] | None, typer.Option(help="For dates such as 2/1/21.")
    ] = None,
    held_out: Annotated[
        int, typer.Option(min=0, max=104, help="Last weeks to foretell as a check; 0 for none.")
    ] = 13,
    seed: Annotated[int, typer.Option(help="The same seed gives the same draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell what each channel brought of one outcome for all of them; docs/media-mix.md explains.

    Status 0: told; 1: the data cannot say it; 2: the file or an option is wrong.
    """
    from engines import mediamix, mixcheck
    from engines.response import Refusal
    from storage.imports.errors import ImportRefusedError
    from storage.imports.weekly import Wanted, read_weeks

    channels = _names(spend)
    wanted = Wanted(outcome, channels, _pairs(exposure, channels), _names(controls), worth, day, date_order)
    try:
        weeks, notes = read_weeks(file, wanted)
    except ImportRefusedError as error:
        fail(str(error))
    found = mediamix.fit_mix(weeks, seed=seed)
    if isinstance(found, Refusal):
        _refuse(found, as_json=as_json)
    checked = mixcheck.check(weeks, held_out=held_out, seed=seed) if held_out else None
    if isinstance(checked, Refusal):
        notes.append(f"not checked on the last {held_out} weeks: {checked.reason}")
        checked = None
    report = _report(outcome, weeks, found, checked, notes)
    if as_json:
        sys.stdout.write(json.dumps(asdict(report)) + "\n")
    else:
        _show(report)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pairs(text: str, channels: list[str]) -> dict[str, str]:
    pairs = {}
    for part in _names(text):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or name not in channels:
            fail(f"--exposure takes a column of --spend and its exposure, as tv=tv_impressions, not {part!r}")
        pairs[name] = column
    return pairs


def _refuse(refusal: "Refusal", *, as_json: bool) -> NoReturn:
    if as_json:
        sys.stdout.write(json.dumps({"refused": asdict(refusal)}) + "\n")
    else:
        console.print(f"Not told: {refusal.reason}. What would help: {refusal.cure}.", highlight=False)
    raise typer.Exit(REFUSED)


def _range(found: "Estimate | None") -> dict[str, float] | None:
    if found is None:
        return None
    return {name: round(value, 6) for name, value in asdict(found).items()}


def _report(
    outcome: str, weeks: "Weeks", found: "Mix", checked: "Check | None", notes: list[str]
) -> MixReport:
    from datetime import date

    first, last = (date.fromordinal(int(weeks.ordinals[place])).isoformat() for place in (0, -1))
    return MixReport(
        outcome=outcome,
        weeks=found.weeks,
        first_week=first,
        last_week=last,
        r_squared=round(found.r_squared, 4),
        error=round(found.error, 4),
        base=_range(found.base) or {},
        channels=[
            {
                "name": part.name,
                "spend": round(part.spend, 2),
                "share": _range(part.share),
                "share_before": _range(part.share_before),
                "returns": _range(part.returns),
                "next_returns": _range(part.next_returns),
                "carry_over": round(part.carry_over, 3),
                "told": part.told,
            }
            for part in found.parts
        ],
        alike=[
            {"channels": [first, second], "correlation": round(likeness, 3)}
            for first, second, likeness in found.alike
        ],
        r_hat=round(found.spread, 4),
        held_out=None if checked is None else asdict(checked),
        notes=[*notes, *_warnings(found, checked)],
    )


def _warnings(found: "Mix", checked: "Check | None") -> list[str]:
    notes = [
        f"{part.name}: the data say little; its share is mostly what was assumed before"
        for part in found.parts
        if not part.told
    ]
    notes += [
        f"{first} and {second} go up and down together ({likeness:.2f}): only their sum is sure"
        for first, second, likeness in found.alike
    ]
    if checked is not None and checked.seasonal_naive is not None and checked.mix >= checked.seasonal_naive:
        notes.append(
            "the last weeks are foretold no better than by the same weeks a year before: "
            "do not move money by this"
        )
    return notes


def _show(report: MixReport) -> None:
    console.print(
        f"{report.outcome}, {report.weeks} weeks from {report.first_week} to {report.last_week}: "
        f"R² {report.r_squared:.2f}, typical error {report.error:.1%} of a week.",
        highlight=False,
        soft_wrap=True,
    )
    table = Table()
    for heading in ("Channel", "Spend", "Share (90 % range)", "Return", "Return of the next", "Carry-over"):
        table.add_column(heading, justify="left" if heading == "Channel" else "right")
    for one in report.channels:
        table.add_row(
            one["name"],
            f"{one['spend']:,.0f}",
            _told(one["share"], percent=True),
            _told(one["returns"]),
            _told(one["next_returns"]),
            f"{one['carry_over']:.2f}",
        )
    table.add_row("no channel", "", _told(report.base, percent=True), "", "", "")
    console.print(table)
    check = report.held_out
    if check is not None:
        naive = check["seasonal_naive"]
        beside = "" if naive is None else f", the same weeks a year before {naive:.1%}"
        console.print(
            f"The last {check['weeks']} weeks foretold: error {check['mix']:.1%}, an ordinary regression "
            f"{check['regression']:.1%}{beside}; {check['inside']:.0%} inside the 90 % range.",
            highlight=False,
            soft_wrap=True,
        )
    for note in report.notes:
        console.print(f"{note[:1].upper()}{note[1:]}.", highlight=False, soft_wrap=True, markup=False)


def _told(found: dict[str, float] | None, *, percent: bool = False) -> str:
    if found is None:
        return ""
    shape = ".1%" if percent else ".2f"
    return f"{found['value']:{shape}} ({found['low']:{shape}} to {found['high']:{shape}})"
