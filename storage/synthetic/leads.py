"""Leads: those of the last days, line by line as the daily performance counts them."""

import numpy as np
from numpy.random import Generator

from engines.market import LEAD_ROWS_DAYS, Ints
from engines.terms import Channel
from storage.customers import leads
from storage.synthetic.clock import LocalDays, moment_texts
from storage.synthetic.faults import Faults
from storage.synthetic.portfolio import ZONES, VenturePlan
from storage.synthetic.words import FAMILY, GIVEN
from storage.synthetic.writer import Writer

_STATUSES = ("new", "qualified", "won", "lost")
_MALFORMED = ("{name}.mail.example", "{name}@@mail.example", "{name} @mail.example", "{name}@mail")


def write_leads(
    writer: Writer,
    rng: Generator,
    plan: VenturePlan,
    counted: Ints,
    days: LocalDays,
    first_line: int,
    faults: Faults,
) -> None:
    """Write a row for each of the last days' ``counted`` leads (lines by days)."""
    recent = counted.copy()
    recent[:, :-LEAD_ROWS_DAYS] = 0
    line, day = np.nonzero(recent)
    times = recent[line, day]
    at = days.moments(np.repeat(day, times), rng.random(int(times.sum())))
    order = np.argsort(at, kind="stable")
    line, at = np.repeat(line, times)[order], at[order]
    if not len(at):
        return
    score, status = _draw_progress(rng, days.end - at)
    channels = [one.channel for one in plan.lines]
    writer.add(
        leads,
        {
            "venture_id": plan.index + 1,
            "segment_id": (plan.index * 3 + 1 + rng.integers(0, 3, len(at))).tolist(),
            "line_id": (first_line + line).tolist(),
            "email": _emails(rng, len(at), faults),
            "source": [_source(channels[place]) for place in line.tolist()],
            "status": status,
            "score": score,
            "time_zone": _zones(rng, plan.zone, len(at)),
            "created_at": moment_texts(at),
        },
    )


def _draw_progress(rng: Generator, age: Ints) -> tuple[list[int], list[str]]:
    """Scores, and states that depend on them and on the age in seconds."""
    score = np.clip(rng.normal(52, 20, len(age)), 0, 100).astype(np.int64)
    decided = rng.random(len(age)) < np.minimum(age / (40 * 86_400), 0.9)
    won = rng.random(len(age)) < score / 250
    place = np.where(decided, np.where(won, 2, 3), np.where(score > 60, 1, 0))
    return score.tolist(), [_STATUSES[one] for one in place.tolist()]


def _zones(rng: Generator, home: str, count: int) -> list[str]:
    """Mostly the venture's own."""
    places = np.where(rng.random(count) < 0.8, -1, rng.integers(0, len(ZONES), count))
    return [home if place < 0 else ZONES[place] for place in places.tolist()]


def _source(channel: Channel) -> str:
    return {"email": "newsletter", "events": "event", "partnerships": "referral", "influencer": "social"}.get(
        channel.value, "landing page"
    )


def _emails(rng: Generator, count: int, faults: Faults) -> list[str]:
    given, family = rng.integers(0, len(GIVEN), count).tolist(), rng.integers(0, len(FAMILY), count).tolist()
    names = [
        f"{GIVEN[g]}.{FAMILY[f]}.{n}".lower()
        for n, (g, f) in enumerate(zip(given, family, strict=True), start=1)
    ]
    texts = [f"{name}@post.example" for name in names]
    for place in faults.pick("leads_with_bad_email", count, rng).tolist():
        texts[place] = _MALFORMED[place % len(_MALFORMED)].format(name=names[place])
    return texts
