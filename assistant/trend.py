"""Metrics day by day as a chart, with the levels they are held against."""

from assistant.handling import Context
from assistant.reply import Chart, Series, Threshold
from assistant.reporting import Subject, measured
from engines.metrics import METRICS, Facts, Unit, compute, needs
from engines.terms import Period
from storage.limits import limit_of

DAY = "day"


def by_day(context: Context, subject: Subject, period: Period, names: tuple[str, ...], title: str) -> Chart:
    """Each metric on each day that has data, None where it cannot be computed.

    Only for metrics of one unit that `has_days`.
    """
    days = measured(context, subject, period, DAY, with_customers=False).parts
    ordered = sorted(days)
    about = METRICS[names[0]]
    scale = 100 if about.unit is Unit.PERCENT else 1
    found = [compute(names, Facts(days[day])) for day in ordered]
    return Chart(
        kind="line",
        title=title,
        unit={Unit.MONEY: subject.currency, Unit.PERCENT: "%", Unit.RATIO: "×"}.get(about.unit, ""),
        labels=[str(day) for day in ordered],
        series=[
            Series(
                name=METRICS[name].label,
                values=[None if (value := one[name]) is None else float(value) * scale for one in found],
            )
            for name in names
        ],
        thresholds=[one for name in names for one in levels(context, subject, name)],
    )


def has_days(name: str) -> bool:
    """Whether a day's own records are all that the metric needs."""
    return not needs((name,)) and name != "new_customers"


def levels(context: Context, subject: Subject, name: str) -> list[Threshold]:
    """The levels a metric is held against by rules, and spend by its limit a day."""
    if subject.scope.channel is not None:
        return []
    if name == "spend":
        return _limits(context, subject)
    about = METRICS[name]
    scale = 100 if about.unit is Unit.PERCENT else 1
    found = []
    for rule in context.settings.rules.campaigns:
        level, word = (rule.below, "below") if rule.above is None else (rule.above, "above")
        if rule.metric != name or rule.of != "value" or level is None:
            continue
        # Levels of money are in the currency of reports.
        if about.unit is Unit.MONEY and subject.currency != context.settings.currency:
            continue
        unit = " %" if about.unit is Unit.PERCENT else ""
        label = f"{rule.name.replace('_', ' ')} {word} {(level * scale).normalize():f}{unit}"
        found.append(Threshold(label=label, value=float(level) * scale))
    return found


def _limits(context: Context, subject: Subject) -> list[Threshold]:
    scope = subject.scope
    if scope.venture_id is None:
        return []
    found = limit_of(context.connection, scope.venture_id, scope.campaign_id, DAY)
    if found is None or found.currency != subject.currency:
        return []
    return [Threshold(label="spend limit a day", value=float(found.amount))]
