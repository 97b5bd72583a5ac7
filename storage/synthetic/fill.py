"""Fill an empty database with a synthetic portfolio."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from sqlalchemy import Connection, exists, select

from engines.market import Brief, Floats, History, draw_season, simulate
from engines.terms import Channel
from storage.database import Database
from storage.synthetic.clock import LocalDays
from storage.synthetic.counts import DEFAULT_RECORDS, Counts
from storage.synthetic.faults import Faults
from storage.synthetic.influencers import write_influencers
from storage.synthetic.journeys import draw_touches, write_touches
from storage.synthetic.leads import write_leads
from storage.synthetic.orders import draw_orders, draw_people, write_customers, write_orders
from storage.synthetic.organic import (
    draw_affinity,
    write_backlinks,
    write_keywords,
    write_link_queries,
    write_memories,
    write_trends,
)
from storage.synthetic.performance import write_performance
from storage.synthetic.portfolio import HISTORY_DAYS, Quotas, VenturePlan, plan_venture
from storage.synthetic.rates import write_rates
from storage.synthetic.structure import write_structure
from storage.synthetic.truth import Truth, truth_writer
from storage.synthetic.words import CATEGORY_NAMES
from storage.synthetic.writer import COUNTED, HISTORY, Writer

Progress = Callable[[str, int, int], None]

_CHUNK = 5_000


class NotEmpty(RuntimeError):  # noqa: N818 - says what is wrong
    """The database already holds rows a fill would mix with."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"the database already holds {table.replace('_', ' ')}, and a synthetic portfolio needs "
            "an empty one: name another database, or remove what is in this one"
        )


@dataclass(frozen=True)
class Filled:
    """What a fill wrote."""

    counts: Mapping[str, int]
    """Rows by table, the history's tables included."""
    records: int
    """Rows of the counted tables: the number asked for."""
    history: int
    """Rows of the history on top."""
    seconds: float
    digest: str
    """SHA-256 over the content: the same for the same seed, records and day, on any database."""

    @property
    def rows_per_second(self) -> float:
        """Records and history a second."""
        return (self.records + self.history) / self.seconds


class _Part(IntEnum):
    """Every part draws from a stream of its own, so that a change in one leaves the others alone."""

    QUOTAS = 0
    AFFINITY = 1
    RATES = 2
    INFLUENCERS = 3
    TRENDS = 4
    LINK_QUERIES = 5
    MEMORIES = 6
    PLAN = 7
    STRUCTURE = 8
    MARKET = 9
    PEOPLE = 10
    CUSTOMERS = 11
    JOURNEYS = 12
    TOUCHES = 13
    PERFORMANCE = 14
    LEADS = 15
    KEYWORDS = 16
    BACKLINKS = 17
    SEASON = 18


def _silent(_stage: str, _done: int, _total: int) -> None:
    pass


def fill(
    database: Database,
    *,
    records: int = DEFAULT_RECORDS,
    seed: int = 1,
    as_of: date,
    now: datetime,
    truth_file: Path | None = None,
    progress: Progress = _silent,
) -> Filled:
    """Write a portfolio of ``records`` rows and 365 days of history that end with ``as_of``, all or nothing.

    The day ``as_of`` is simulated whole. The hidden truth (curves, churn, quality, injected faults) goes to
    ``truth_file`` only. ``now`` stamps what says when it was last updated. ``progress`` is told the stage,
    what is done and the total. Raises `NotEmpty` when a table to fill holds rows, `TooFewRecords` when
    ``records`` cannot make a portfolio.
    """
    counts = Counts.of(records)
    begun = time.perf_counter()
    with truth_writer(truth_file) as truth, database.write() as connection:
        _refuse_filled(connection)
        run = _Run(Writer(connection), counts, seed, as_of, now, truth, progress)
        run.write_all()
        digest = run.writer.finish()
    database.settle()
    written = dict(run.writer.counts)
    return Filled(
        counts=written,
        records=sum(written.get(table.name, 0) for table in COUNTED),
        history=sum(written.get(table.name, 0) for table in HISTORY),
        seconds=time.perf_counter() - begun,
        digest=digest,
    )


def _refuse_filled(connection: Connection) -> None:
    for table in (*COUNTED, *HISTORY):
        if connection.execute(select(exists().select_from(table))).scalar():
            raise NotEmpty(table.name)


class _Run:
    """One fill under way."""

    def __init__(
        self,
        writer: Writer,
        counts: Counts,
        seed: int,
        as_of: date,
        now: datetime,
        truth: Truth,
        progress: Progress,
    ) -> None:
        self.writer = writer
        self._counts = counts
        self._seed = seed
        self._as_of = as_of
        self._now = now
        self._truth = truth
        self._progress = progress
        self._faults = Faults()
        self._affinity = draw_affinity(self._stream(_Part.AFFINITY))
        self._quotas = Quotas.draw(self._stream(_Part.QUOTAS), counts)

    def write_all(self) -> None:
        """Every table, then the rest of the truth."""
        first = self._as_of - timedelta(days=HISTORY_DAYS - 1)
        self._truth.add(
            "portfolio", {"seed": self._seed, "as_of": self._as_of.isoformat(), **asdict(self._counts)}
        )
        self._truth.add("affinity", _affinity_truth(self._affinity))
        write_rates(self.writer, self._stream(_Part.RATES), LocalDays("UTC", first, HISTORY_DAYS).ordinals)
        self._write_shared()
        for index in range(self._counts.ventures):
            self._write_venture(index, first)
            self._progress("ventures", index + 1, self._counts.ventures)
        self._truth.add("faults", self._faults.report())

    def _stream(self, part: _Part, index: int = 0) -> Generator:
        return np.random.default_rng([self._seed, part, index])

    def _write_shared(self) -> None:
        """What belongs to no venture."""
        today = self._as_of.toordinal()
        end = (
            int(datetime(self._as_of.year, self._as_of.month, self._as_of.day, tzinfo=UTC).timestamp())
            + 86_400
        )
        self._in_chunks("influencers", self._counts.influencers, _Part.INFLUENCERS, self._write_influencers)
        self._in_chunks(
            "trends",
            self._counts.trends,
            _Part.TRENDS,
            lambda rng, count: write_trends(self.writer, rng, count, today, self._faults),
        )
        self._in_chunks(
            "link queries",
            self._counts.link_queries,
            _Part.LINK_QUERIES,
            lambda rng, count: write_link_queries(self.writer, rng, count, end),
        )
        self._in_chunks(
            "campaign memories",
            self._counts.campaign_memories,
            _Part.MEMORIES,
            lambda rng, count: write_memories(
                self.writer, rng, count, self._affinity, self._as_of, self._faults
            ),
        )

    def _in_chunks(
        self, stage: str, total: int, part: _Part, write: Callable[[Generator, int], None]
    ) -> None:
        for done in range(0, total, _CHUNK):
            count = min(_CHUNK, total - done)
            write(self._stream(part, done), count)
            self._progress(stage, done + count, total)

    def _write_influencers(self, rng: Generator, count: int) -> None:
        first = self.writer.counts["influencers"] + 1
        quality = write_influencers(self.writer, rng, count, self._now, self._faults)
        self._truth.add(
            "influencers", {first + place: round(value, 4) for place, value in enumerate(quality)}
        )

    def _write_venture(self, index: int, first: date) -> None:
        plan = plan_venture(self._stream(_Part.PLAN, index), index, self._quotas, self._as_of)
        days = LocalDays(plan.zone, first, HISTORY_DAYS)
        first_line = write_structure(self.writer, self._stream(_Part.STRUCTURE, index), plan, self._as_of)
        brief = self._brief(plan, days)
        history = simulate(self._stream(_Part.MARKET, index), brief)
        people_truth = self._write_people(plan, history, days, first_line)
        write_leads(
            self.writer, self._stream(_Part.LEADS, index), plan, history.leads, days, first_line, self._faults
        )
        write_keywords(self.writer, self._stream(_Part.KEYWORDS, index), plan, self._faults)
        write_backlinks(
            self.writer, self._stream(_Part.BACKLINKS, index), plan, self._as_of.toordinal(), self._faults
        )
        truth = {
            "lines": _lines_truth(history, first_line),
            "season": asdict(brief.season),
            "customers": people_truth,
        }
        self._truth.add("ventures", {index + 1: truth})

    def _brief(self, plan: VenturePlan, days: LocalDays) -> Brief:
        channels = tuple(line.channel for line in plan.lines)
        known = list(Channel)
        return Brief(
            channels=channels,
            daily=plan.daily_budgets(),
            running=plan.running(),
            ordinals=days.ordinals,
            affinity=self._affinity[
                CATEGORY_NAMES.index(plan.category), [known.index(channel) for channel in channels]
            ],
            roas=plan.roas,
            new_customers=plan.customers - plan.customers_before,
            leads=plan.leads,
            season=draw_season(self._stream(_Part.SEASON, plan.index), weekends=plan.is_consumer),
        )

    def _write_people(
        self, plan: VenturePlan, history: History, days: LocalDays, first_line: int
    ) -> dict[int, list[Any]]:
        """Customers, orders, journeys and daily rows; returns what is hidden about each customer's churn."""
        index, writer, faults = plan.index, self.writer, self._faults
        people_stream = self._stream(_Part.PEOPLE, index)
        people = draw_people(people_stream, plan, history, days)
        orders = draw_orders(people_stream, people, history, days)
        first_customer = writer.counts["customers"] + 1
        causes, chances = write_customers(
            writer, self._stream(_Part.CUSTOMERS, index), plan, people, first_line, faults
        )
        write_orders(writer, orders, index + 1, first_line, first_customer)
        touches = draw_touches(
            self._stream(_Part.JOURNEYS, index),
            orders,
            history.spend,
            days,
            first_stranger=len(people.won_at),
        )
        channels = [line.channel for line in plan.lines]
        stream = self._stream(_Part.TOUCHES, index)
        write_touches(writer, stream, touches, channels, index + 1, first_line, faults)
        stream = self._stream(_Part.PERFORMANCE, index)
        write_performance(writer, stream, history, orders, plan.running(), days, first_line, faults)
        return {
            first_customer + place: [cause, round(chance, 4)]
            for place, (cause, chance) in enumerate(zip(causes, chances, strict=True))
        }


def _lines_truth(history: History, first_line: int) -> dict[int, dict[str, float]]:
    curve = history.response
    return {
        first_line + place: {
            "decay": decay,
            "half_saturation": half,
            "slope": slope,
            "max_effect": most,
            "new_share": share,
            "order_value": history.order_value,
        }
        for place, (decay, half, slope, most, share) in enumerate(
            zip(
                curve.decay.tolist(),
                curve.half_saturation.tolist(),
                curve.slope.tolist(),
                curve.max_effect.tolist(),
                history.new_share.tolist(),
                strict=True,
            )
        )
    }


def _affinity_truth(affinity: Floats) -> dict[str, dict[str, float]]:
    names = [channel.value for channel in Channel]
    return {
        category: dict(zip(names, row, strict=True))
        for category, row in zip(CATEGORY_NAMES, affinity.tolist(), strict=True)
    }
