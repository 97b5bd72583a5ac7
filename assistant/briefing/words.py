"""A briefing in our own words: for the screen, for the ear, as Markdown. Nothing is said that is no fact."""

from assistant import wording
from assistant.briefing.facts import Briefing, DriverTold, MovementTold, NeedTold
from assistant.briefing.making import main_driver
from assistant.reply import Column, Table
from assistant.reporting import Figure

SECONDS = 60
"""A briefing is not heard for longer."""
_THROUGH = {"volume": "through how much there was", "rate": "through how well it did"}


_UNREMARKABLE = {
    "usual": "which is within what {whose} does in {span}",
    "few": "which so few outcomes can do by chance",
    "unknown": "and there is too little past to tell whether that is usual",
}


def moved(one: MovementTold) -> str:
    """A movement as a sentence with its baseline and its driver."""
    verb = "rose" if one.direction == "up" else "fell"
    by = f" {one.change_shown}" if one.change_shown else ""
    told = f"{one.label} {verb}{by} to {one.shown} (from {one.baseline_shown})"
    drivers = [_drove(driver) for driver in one.drivers]
    return f"{told}: {'; '.join(drivers)}." if drivers else f"{told}."


def _drove(driver: DriverTold) -> str:
    first = driver.parts[0]
    share = ""
    if driver.share is not None and 0 < driver.share <= 1:
        share = f", {wording.percent(driver.share)} of it"
    return f"by {driver.dimension} most is {first.name} ({first.shown}{share}, {_THROUGH[first.through]})"


def swung(one: Briefing) -> list[str]:
    """Large changes that are nothing unusual, a sentence for each reason why they are not."""
    told = []
    for because, clause in _UNREMARKABLE.items():
        found = [swing for swing in one.swings if swing.because == because]
        said: list[str] = []
        verb = ""
        for swing in found:
            before, verb = verb, "rose" if swing.direction == "up" else "fell"
            label = swing.label if swing.label.isupper() or not said else swing.label.lower()
            said.append(f"{label} {'' if verb == before else f'{verb} '}{swing.change_shown}")
        if said:
            told.append(f"{wording.listed(said)}, {clause.format(whose=one.subject, span=_span(one))}.")
    return told


def _span(one: Briefing) -> str:
    match one.period.days:
        case 1:
            return "a day"
        case 7:
            return "a week"
        case 28 | 29 | 30 | 31:
            return "a month"
    return f"{one.period.days} days"


def text(one: Briefing) -> str:
    """What is read on a screen, as long as was asked for."""
    if one.length == "just_numbers":
        return " ".join([*_numbers(one), when_told(one), _count_told(one)]).strip()
    lines = [one.headline, when_told(one)]
    if one.phrased is not None and one.length == "one_minute":
        return "\n".join([*lines, one.phrased])
    lines += [" ".join([f"- {moved(movement)}", *movement.caveats]) for movement in one.movements]
    lines += [" ".join(swung(one))] if one.swings else []
    if one.deeds:
        lines.append(f"Done: {_done(one)}")
    if one.needs:
        lines.append(f"Needs you: {' '.join(f'{need_told(need)}.' for need in one.needs)}")
    if one.coming:
        lines.append(f"Coming: {' '.join(one.coming)}")
    if one.steps:
        lines.append(f"Next: {' '.join(f'{step.told} Say “{step.say}”.' for step in one.steps)}")
    if one.length == "in_full":
        lines += ["Figures: " + " ".join(_numbers(one))]
    return "\n".join(lines)


def when_told(one: Briefing) -> str:
    """The period, what it is held against, and what holds for all of it."""
    against = f", against {one.compared_with}" if one.figures else ""
    return " ".join([f"{wording.sentence(wording.named(one.period))}{against}.", *one.notes])


def need_told(need: NeedTold) -> str:
    """What waits, with its number."""
    until = f", until {wording.day(need.until)}" if need.until else ""
    return f"{'Proposal' if need.kind == 'approval' else 'Alert'} {need.number}: {need.told}{until}"


def _done(one: Briefing) -> str:
    told = " ".join(_ended(deed.told) for deed in one.deeds)
    more = one.deeds_count - len(one.deeds)
    return f"{told} And {more} more." if more > 0 else told


def _ended(told: str) -> str:
    return told if told.endswith((".", "!", "?")) else f"{told}."


def _numbers(one: Briefing) -> list[str]:
    return [
        f"{figure.label} {figure.shown}{_changed(figure)}."
        for figure in one.figures
        if figure.value is not None
    ]


def _changed(figure: Figure) -> str:
    if figure.change is None:
        return ""
    if not figure.change:
        return ", unchanged"
    return f", {'up' if figure.change > 0 else 'down'} {wording.percent(abs(figure.change))}"


def _count_told(one: Briefing) -> str:
    counts = {kind: sum(need.kind == kind for need in one.needs) for kind in ("approval", "alert")}
    told = []
    if counts["approval"]:
        told.append(_many(counts["approval"], "proposal needs", "proposals need") + " a yes")
    if counts["alert"]:
        told.append(_many(counts["alert"], "alert is", "alerts are") + " open")
    return f"{wording.sentence(wording.listed(told))}." if told else ""


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def speech(one: Briefing) -> str:
    """What is heard: at most a minute, of just the numbers less; details stay on the screen."""
    if one.length == "just_numbers":
        return " ".join(
            [
                *(_heard(figure, one.currency) for figure in one.figures[:4] if figure.value is not None),
                _count_told(one),
            ]
        ).strip()
    if one.phrased is not None:
        return one.phrased
    told = [_headline(one)]
    told += [_movement_heard(movement, one.currency) for movement in one.movements[1:]]
    told += swung(one)
    caveats = list(dict.fromkeys(caveat for movement in one.movements for caveat in movement.caveats))
    told += caveats[:1]
    if one.deeds_count:
        count = _many(one.deeds_count, "change was", "changes were")
        told.append(f"{count} made: {_ended(one.deeds[0].told)}")
    told.append(_count_told(one))
    if one.needs:
        told.append(f"First: {one.needs[0].told}.")
    told += one.coming[:1]
    if one.steps:
        told.append(f"Next: {one.steps[0].told}")
    else:
        told.append("Nothing needs you.")
    return " ".join(part for part in told if part)


def _headline(one: Briefing) -> str:
    if one.movements:
        when = one.period.label if _is_named(one) else wording.days(one.period)
        first = _movement_heard(one.movements[0], one.currency)
        return f"{wording.sentence(one.subject)}, {when}. {first}"
    if not one.figures:
        return one.headline
    figures = {
        figure.metric: wording.spoken(figure.metric, figure.value, one.currency) for figure in one.figures
    }
    return (
        f"Nothing unusual at {one.subject}. Revenue {figures['revenue']}, spend {figures['spend']}, "
        f"return on ad spend {figures['roas']}."
    )


def _is_named(one: Briefing) -> bool:
    return one.period.label != f"{one.period.start} to {one.period.end}"


def _movement_heard(one: MovementTold, currency: str) -> str:
    verb = "rose" if one.direction == "up" else "fell"
    by = f" {one.change_shown}" if one.change_shown else ""
    driver = main_driver(one)
    mostly = f", mostly {driver.name}" if driver is not None else ""
    return f"{one.label} {verb}{by} to {wording.spoken(one.metric, one.value, currency)}{mostly}."


def _heard(figure: Figure, currency: str) -> str:
    return f"{figure.label} {wording.spoken(figure.metric, figure.value, currency)}{_changed(figure)}."


def table(one: Briefing) -> Table:
    """Every figure with what it is held against and what drove it."""
    drove = {movement.metric: main_driver(movement) for movement in one.movements}
    rows = []
    for figure in one.figures:
        driver = drove.get(figure.metric)
        rows.append(
            [
                figure.label,
                figure.shown,
                wording.metric(figure.metric, figure.previous, one.currency),
                wording.NOTHING if figure.change is None else wording.percent(figure.change, signed=True),
                f"{driver.name} {driver.shown}" if driver else wording.NOTHING,
            ]
        )
    return Table(
        title=f"{wording.sentence(one.subject)}, {wording.days(one.period)}",
        columns=[
            Column(key="metric", label="Metric"),
            Column(key="now", label="Now", numeric=True),
            Column(key="before", label="Compared with", numeric=True),
            Column(key="change", label="Change", numeric=True),
            Column(key="driver", label="Driven by"),
        ],
        rows=rows,
    )


def markdown(one: Briefing) -> str:
    """The briefing as Markdown."""
    lines = [
        f"# {_escaped(one.headline)}",
        "",
        _escaped(when_told(one)),
        "",
    ]
    if one.length != "just_numbers":
        lines += [f"- {_escaped(' '.join([moved(told), *told.caveats]))}" for told in one.movements]
        lines += [""] if one.movements else []
        lines += [_escaped(" ".join(swung(one))), ""] if one.swings else []
    found = table(one)
    lines.append(f"| {' | '.join(column.label for column in found.columns)} |")
    lines.append(f"|{'|'.join('---:' if column.numeric else '---' for column in found.columns)}|")
    lines += [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in found.rows]
    sections = {
        "Done": [_ended(deed.told) for deed in one.deeds],
        "Needs you": [f"{need_told(need)}. Say “{need.say}”." for need in one.needs],
        "Coming": one.coming,
        "Next": [f"{step.told} Say “{step.say}”." for step in one.steps],
    }
    for title, told in sections.items():
        if told:
            lines += ["", f"## {title}", "", *(f"- {_escaped(entry)}" for entry in told)]
    return "\n".join(lines) + "\n"


def _escaped(words: str) -> str:
    """What people named may hold any sign; in Markdown it stays one."""
    plain = " ".join(words.split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in plain)
