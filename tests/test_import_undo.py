"""Taking imports back: everything is again as it was, or nothing happens and somebody is told why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import IntegrityError

from assistant.approval import changed_since
from intents.command import Role
from storage import changes, names, people
from storage.audit import Entry, record
from storage.campaigns import campaigns, channel_lines
from storage.changes import ChangedSinceError, RowChange, changed
from storage.customers import customers
from storage.database import Database
from storage.imports import ImportReport, ImportRequest, run
from storage.imports.errors import ImportChangedSinceError
from storage.imports.ledger import import_runs, import_touched, imported_events, imported_performance
from storage.imports.undoing import take_back, taking_back
from storage.influencers import influencers
from storage.journeys import conversions, touchpoints
from storage.organic import keywords
from storage.performance import daily_performance
from storage.ventures import segments, ventures

NOW = datetime(2026, 3, 15, 18, 0, tzinfo=UTC)
ACME = {"venture": "Acme", "channel": "paid_social"}
LEDGERS = (import_runs, import_touched, imported_performance, imported_events)
PORTFOLIO = (
    ventures,
    campaigns,
    channel_lines,
    daily_performance,
    customers,
    influencers,
    keywords,
    touchpoints,
    conversions,
)


def lines(*rows: str) -> str:
    """Lines of a file."""
    return "\n".join(rows) + "\n"


@dataclass
class Desk:
    """Imports what a test writes down, and takes it back."""

    database: Database
    folder: Path

    def imported(
        self,
        kind: str,
        content: str,
        sets: Mapping[str, str] | None = None,
        *,
        name: str = "a.csv",
        **more: Any,
    ) -> ImportReport:
        """Import a file of this content, under its own name."""
        path = self.folder / name
        path.write_text(content, "utf-8")
        wanted = ImportRequest(
            kind, path, set=sets or {"venture": "Acme"}, dry_run=more.pop("dry_run", False)
        )
        return run(self.database, wanted, now=NOW, **more)

    def undo(self, report: ImportReport) -> None:
        """Take an import back as an undo does."""
        with self.database.write() as connection:
            changes.carry_out(connection, [taking_back(report).reversed()])

    def refused(self, report: ImportReport) -> ImportChangedSinceError:
        """Try to take an import back, which must be refused and change nothing."""
        before = self.dump()
        with pytest.raises(ImportChangedSinceError) as refusal:
            self.undo(report)
        assert self.dump() == before
        return refusal.value

    def dump(self) -> dict[str, list[Any]]:
        """Every row an import can touch, as the database keeps it."""
        with self.database.read() as connection:
            return {one.name: raw(connection, one) for one in (*PORTFOLIO, *LEDGERS)}

    def write(self, statement: Any) -> Any:
        """Change something behind the import's back."""
        with self.database.write() as connection:
            return connection.execute(statement)

    def all(self, table: Table) -> list[Any]:
        """A table."""
        with self.database.read() as connection:
            return list(connection.execute(select(table)))


def raw(connection: Connection, table: Table) -> list[Any]:
    """Rows to the letter, documents in their spelling included."""
    order = ", ".join(column.name for column in table.primary_key.columns)
    return [tuple(row) for row in connection.exec_driver_sql(f"select * from {table.name} order by {order}")]


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    """A desk at an empty database of each kind."""
    folder = tmp_path / "files"
    folder.mkdir()
    return Desk(database, folder)


AD = "ad_id,day,campaign,impressions,clicks,spent"
ORDER = "order_id,customer_id,time,campaign,channel,revenue"
JOURNEY = "event_id,visitor,time,kind,channel,campaign,revenue"
PERSON = "handle,platform,name,Category_1,Category_2,followers,engagement_rate,country,price"
PHRASE = "keyword,position,volume,difficulty,cpc,url"
BUYER = "customer_id,mrr,signup_date,plan,campaign,channel,log ins,partner"


@dataclass(frozen=True)
class Story:
    """A file of a kind, and a later one that corrects rows of it, repeats one, and brings another."""

    kind: str
    first: str
    later: str
    sets: Mapping[str, str] = field(default_factory=lambda: {"venture": "Acme"})


STORIES = (
    Story(
        "performance",
        lines(AD, "1,2024-11-16,Été,100,10,1.43", "2,2024-11-16,Été,200,20,2.5", "3,2024-11-17,B,0,0,0"),
        lines(AD, "1,2024-11-16,Été,90,10,1.5", "2,2024-11-16,C,200,20,2.5", "4,2024-11-18,B,7,0,0"),
        ACME,
    ),
    Story(
        "touchpoints",
        lines(JOURNEY, "1,v,2024-07-01 12:00,click,email,A,", "2,v,2024-07-02 12:00,conversion,email,A,9.5"),
        lines(
            JOURNEY,
            "1,v,2024-07-01 12:00:30,visit,seo,B,",
            "2,v,2024-07-02 12:00,conversion,email,A,8",
            "3,w,2024-07-03 12:00,click,email,A,",
        ),
    ),
    Story(
        "conversions",
        lines(ORDER, "1,C7,2024-02-01,Spring,email,10.5", "2,C8,2024-02-02,Spring,email,20"),
        lines(
            ORDER, "1,C7,2024-02-01,Spring,email,9", "2,C8,2024-02-02,Autumn,seo,20", "3,C9,2024-02-03,,,1"
        ),
    ),
    Story(
        "influencers",
        lines(PERSON, "Léo,instagram,Leo,Sports,Family,409.8M,0.05,AR,10", "b,tiktok,B,,,12,0.5,,"),
        lines(
            PERSON, "Léo,instagram,Leo M,Sports,,410M,0.04,AR,11", "b,tiktok,B,,,12,0.5,,", "c,x,C,,,1,1,,"
        ),
        {"currency": "USD"},
    ),
    Story(
        "keywords",
        lines(PHRASE, "acid pills,3,22200,29,1.91,https://a.example/2", "sunny drinks,,1000,10,1,"),
        lines(PHRASE, "acid pills,2,22000,29,,", "sunny drinks,,1000,10,1,", "new,1,1,1,1,"),
    ),
    Story(
        "customers",
        lines(BUYER, 'C1,10.5,2024-01-01,Pro,A,email,7,"Jä ""x"""', "C2,20,2024-01-02,,,,0,no"),
        lines(
            BUYER, "C1,11,2024-01-01,Max,B,seo,8.5,yes", "C2,20,2024-01-02,,,,0,no", "C3,1,2024-02-01,,,,,"
        ),
    ),
)
each_kind = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.kind)


@each_kind
def test_taking_back_leaves_nothing_and_the_file_can_come_again(desk: Desk, story: Story) -> None:
    start = desk.dump()
    with desk.database.read() as connection:
        version = names.current_version(connection)
    report = desk.imported(story.kind, story.first, story.sets)
    assert report.status == "imported"
    kept = desk.dump()
    desk.undo(report)
    assert desk.dump() == start
    with desk.database.read() as connection:
        assert names.current_version(connection) > version + 1
    again = desk.imported(story.kind, story.first, story.sets)
    assert (again.status, again.imported, again.created) == ("imported", report.imported, report.created)
    counts = {name: len(rows) for name, rows in desk.dump().items()}
    assert counts == {name: len(rows) for name, rows in kept.items()}


@each_kind
def test_corrections_are_taken_back_in_turn(desk: Desk, story: Story) -> None:
    start = desk.dump()
    first = desk.imported(story.kind, story.first, story.sets)
    after_first = desk.dump()
    later = desk.imported(story.kind, story.later, story.sets, name="later.csv")
    assert later.corrected
    assert later.imported
    refusal = desk.refused(first)
    assert "later.csv" in refusal.message
    assert refusal.cure == "Take that import back first."
    desk.undo(later)
    assert desk.dump() == after_first
    desk.undo(first)
    assert desk.dump() == start


@each_kind
def test_a_correction_alone_can_be_made_again(desk: Desk, story: Story) -> None:
    desk.imported(story.kind, story.first, story.sets)
    report = desk.imported(story.kind, story.later, story.sets, name="later.csv")
    rows = {one.name: desk.dump()[one.name] for one in PORTFOLIO}
    desk.undo(report)
    again = desk.imported(story.kind, story.later, story.sets, name="later.csv")
    assert (again.imported, again.corrected) == (report.imported, report.corrected)
    if desk.database.is_sqlite:  # which gives the same numbers again
        assert {one.name: desk.dump()[one.name] for one in PORTFOLIO} == rows


def test_what_stood_there_before_stays(desk: Desk) -> None:
    desk.write(ventures.insert().values(**VENTURE))
    desk.write(campaigns.insert().values(**CAMPAIGN))
    desk.write(channel_lines.insert().values(**LINE))
    zero = dict.fromkeys(("reach", "impressions", "clicks", "leads", "conversions", "revenue", "spend"), 0)
    for day in (date(2024, 1, 1), date(2024, 1, 2)):
        desk.write(daily_performance.insert().values(line_id=1, day=day, **zero))
    desk.write(daily_performance.update().where(daily_performance.c.day == date(2024, 1, 1)).values(clicks=4))
    start = desk.dump()
    rows = lines(AD, "1,2024-01-01,Spring,1,1,1", "2,2024-01-02,Spring,0,0,0", "3,2024-01-03,Spring,0,0,0")
    report = desk.imported("performance", rows, ACME)
    assert report.created.ventures == report.created.lines == []
    desk.undo(report)
    assert desk.dump() == start


VENTURE = {
    "id": 1,
    "name": "Acme",
    "name_key": "acme",
    "stage": "growth",
    "category": "tools",
    "kind": "b2b_smb",
    "currency": "USD",
    "time_zone": "UTC",
    "gross_margin": Decimal("0.5"),
    "fiscal_year_start": 1,
    "is_local": False,
    "created_at": NOW,
    "version": 3,
}
CAMPAIGN = {
    "id": 1,
    "venture_id": 1,
    "name": "Spring",
    "name_key": "spring",
    "objective": "leads",
    "status": "active",
    "currency": "USD",
    "start_on": date(2024, 1, 1),
    "created_at": NOW,
    "version": 1,
}
LINE = {
    "id": 1,
    "campaign_id": 1,
    "channel": "paid_social",
    "status": "active",
    "planned": 1,
    "allocated": 1,
    "created_at": NOW,
    "version": 5,
}


def performance(desk: Desk) -> ImportReport:
    """Two days of a new campaign."""
    return desk.imported("performance", lines(AD, "1,2024-11-16,A,9,3,1", "2,2024-11-17,A,9,3,1"), ACME)


@pytest.mark.parametrize("clicks", [0, 4])
def test_a_changed_day_is_refused(desk: Desk, clicks: int) -> None:
    report = performance(desk)
    first = daily_performance.c.day == date(2024, 11, 16)
    desk.write(daily_performance.update().where(first).values(clicks=clicks))
    refusal = desk.refused(report)
    told = "The import of a.csv cannot be taken back: the numbers of 2024-11-16 for paid social in 'A' were"
    assert refusal.message.startswith(told)
    problem = changed_since(refusal)
    assert (problem.code, problem.message, problem.cure) == (
        "changed_since",
        refusal.message,
        "Nothing was changed.",
    )


def test_removed_days_and_rows_are_refused(desk: Desk) -> None:
    report = performance(desk)
    desk.write(daily_performance.delete().where(daily_performance.c.day == date(2024, 11, 16)))
    assert "2024-11-16" in desk.refused(report).message
    desk.write(ventures.delete())
    assert "some of its rows were removed" in desk.refused(report).message


def test_rows_that_a_later_import_added_to_the_same_day_go_first(desk: Desk) -> None:
    report = performance(desk)
    later = desk.imported("performance", lines(AD, "7,2024-11-16,A,0,0,0"), ACME, name="more.csv")
    assert "more.csv" in desk.refused(report).message
    desk.undo(later)
    desk.undo(report)
    assert desk.all(ventures) == []


def test_days_that_a_later_import_took_from_go_first(desk: Desk) -> None:
    start = desk.dump()
    first = desk.imported("performance", lines(AD, "1,2024-11-16,A,9,3,1"), ACME)
    middle = desk.imported("performance", lines(AD, "2,2024-11-16,A,9,3,1"), ACME, name="b.csv")
    latest = desk.imported("performance", lines(AD, "1,2024-11-16,B,9,3,1"), ACME, name="c.csv")
    assert "c.csv" in desk.refused(middle).message
    for report in (latest, middle, first):
        desk.undo(report)
    assert desk.dump() == start


def test_other_days_of_a_line_do_not_matter_unless_the_import_made_it(desk: Desk) -> None:
    first = desk.imported("performance", lines(AD, "1,2024-11-16,A,9,3,1"), ACME)
    second = desk.imported("performance", lines(AD, "2,2024-11-17,A,9,3,1"), ACME, name="b.csv")
    third = desk.imported("performance", lines(AD, "3,2024-11-18,A,9,3,1"), ACME, name="c.csv")
    desk.undo(second)
    refusal = desk.refused(first)
    assert "c.csv" in refusal.message
    assert "uses the channel line 'paid_social', which this one added" in refusal.message
    desk.undo(third)
    desk.undo(first)
    assert desk.all(ventures) == []


@pytest.mark.parametrize(
    ("table", "told"),
    [(ventures, "the venture 'Acme'"), (campaigns, "the campaign 'A'"), (channel_lines, "the channel line")],
)
def test_what_was_made_and_changed_since_stays(desk: Desk, table: Table, told: str) -> None:
    report = performance(desk)
    with desk.database.write() as connection:
        column = "category" if table is ventures else "status"
        old = connection.scalar(select(table.c[column]))
        key = connection.scalar(select(table.c.id)) or 0
        changes.carry_out(connection, [changed(table.name, key, **{column: (old, "other way")})])
    assert f"{told}" in desk.refused(report).message


def test_what_was_made_and_is_used_since_stays(desk: Desk) -> None:
    report = performance(desk)
    (venture,) = desk.all(ventures)
    desk.write(
        segments.insert().values(
            venture_id=venture.id,
            name="Teams",
            kind="b2b",
            priority_rank=1,
            size=1,
            growth=0,
            accessibility=0,
            status="draft",
            channel_preferences=[],
            value_proposition="",
        )
    )
    assert "the venture 'Acme', which it added, is used in segments by now" in desk.refused(report).message
    desk.write(segments.delete())
    keyword = desk.imported("keywords", STORIES[4].first, name="ranks.csv")
    assert "ranks.csv" in desk.refused(report).message
    desk.undo(keyword)
    desk.undo(report)
    assert desk.all(ventures) == []


def test_customers_whom_orders_know_stay(desk: Desk) -> None:
    report = desk.imported("customers", lines("customer_id,mrr,signup_date", "C7,10,2024-01-01"))
    orders = desk.imported("conversions", STORIES[2].first, name="orders.csv")
    assert "orders.csv" in desk.refused(report).message
    desk.undo(orders)
    desk.undo(report)
    assert desk.all(ventures) == []


def test_what_was_corrected_and_changed_since_stays(desk: Desk) -> None:
    for kind, table, values, told in (
        ("keywords", keywords, {"volume": 1}, "the keyword 'acid pills'"),
        ("customers", customers, {"indicators": {"log_ins": 1}}, "the customer 'C1'"),
        ("influencers", influencers, {"version": 9}, "the influencer 'léo'"),
        ("conversions", conversions, {"line_id": None}, "the conversion of 'C"),
    ):
        story = next(one for one in STORIES if one.kind == kind)
        desk.imported(kind, story.first, story.sets)
        later = desk.imported(kind, story.later, story.sets, name="later.csv")
        lowest = select(table.c.id).order_by(table.c.id).limit(1).scalar_subquery()
        desk.write(table.update().where(table.c.id == lowest).values(**values))
        message = desk.refused(later).message
        assert told in message
        assert message.endswith("was changed or removed since.")


def test_a_corrected_row_that_is_gone_cannot_be_restored(desk: Desk) -> None:
    desk.imported("keywords", STORIES[4].first)
    later = desk.imported("keywords", STORIES[4].later, name="later.csv")
    desk.write(keywords.delete().where(keywords.c.phrase == "acid pills"))
    assert "a keyword was changed or removed since" in desk.refused(later).message


@pytest.mark.parametrize("others", [[], ["2,2024-11-16,A,5,0,0"]])
def test_a_row_of_a_line_that_is_gone_cannot_return(desk: Desk, others: list[str]) -> None:
    desk.imported("performance", lines(AD, "1,2024-11-16,A,9,3,1", *others), ACME)
    later = desk.imported("performance", lines(AD, "1,2024-11-16,B,9,3,1"), ACME, name="later.csv")
    desk.write(campaigns.delete().where(campaigns.c.name == "A"))
    assert "something its rows belonged to was removed since" in desk.refused(later).message


def test_an_event_of_a_line_that_is_gone_cannot_return(desk: Desk) -> None:
    desk.imported("conversions", lines(ORDER, "1,C7,2024-02-01,Spring,email,10.5"))
    later = desk.imported("conversions", lines(ORDER, "1,C7,2024-02-01,Autumn,email,10.5"), name="later.csv")
    desk.write(campaigns.delete().where(campaigns.c.name == "Spring"))
    assert "something its rows belonged to was removed since" in desk.refused(later).message


def test_an_added_row_that_a_command_changed_stays_until_that_is_undone(desk: Desk) -> None:
    report = desk.imported("keywords", STORIES[4].first)
    with desk.database.write() as connection:
        key = connection.scalar(select(keywords.c.id).where(keywords.c.phrase == "acid pills")) or 0
        change = changed("keywords", key, cluster=("unsorted", "pills"))
        changes.carry_out(connection, [change])
        entry = written(connection)
        changes.record(connection, entry, [change])
    assert "the keyword 'acid pills' was changed" in desk.refused(report).message
    with desk.database.write() as connection:
        changes.carry_out(connection, [change.reversed()])
        changes.mark_undone(connection, entry, entry)
    desk.undo(report)
    assert desk.all(keywords) == []


def written(connection: Connection) -> int:
    """An audit entry."""
    person = people.add_person(connection, "chairman", Role.CHAIRMAN, "UTC", NOW)
    entry = Entry(
        at=NOW,
        turn_id="turn",
        conversation_id=None,
        user_id=getattr(person, "id", None),
        person="chairman",
        role="chairman",
        channel="test",
        text="",
        command=None,
        slots={},
        reading=None,
        status="done",
        error_code=None,
        approval=None,
        reply={},
        took_ms=0.0,
        idempotency_key=None,
    )
    return record(connection, entry)


def test_deleted_events_do_not_keep_an_import_from_going(desk: Desk) -> None:
    report = desk.imported("touchpoints", STORIES[1].first)
    desk.write(touchpoints.delete())
    desk.write(conversions.delete())
    other = desk.imported("conversions", STORIES[2].first, name="orders.csv")
    assert len(desk.all(conversions)) == 2
    assert "orders.csv" in desk.refused(report).message
    desk.undo(other)
    desk.undo(report)
    assert desk.all(imported_events) == desk.all(ventures) == []


def test_an_event_under_a_deleted_ones_number_is_left_alone(desk: Desk) -> None:
    desk.write(ventures.insert().values(**VENTURE))
    row = "visitor,time,channel", "v,2024-07-01 12:00:00,email"
    report = desk.imported("touchpoints", lines(*row))
    desk.write(touchpoints.delete())
    other = desk.imported("touchpoints", lines(row[0], "w,2024-07-01 12:00:00,email"), name="b.csv")
    desk.undo(report)
    assert [one.visitor for one in desk.all(touchpoints)] == ["w"]
    desk.undo(other)
    assert desk.all(touchpoints) == []


def test_an_import_is_taken_back_once(desk: Desk) -> None:
    report = performance(desk)
    desk.undo(report)
    with pytest.raises(ChangedSinceError):
        desk.undo(report)
    with pytest.raises(ImportChangedSinceError, match="is gone"), desk.database.write() as connection:
        take_back(connection, report.run or 0)


def test_an_undo_means_the_import_it_was_recorded_for(desk: Desk) -> None:
    first = performance(desk)
    desk.undo(first)
    desk.imported("performance", STORIES[0].first, ACME, name="other.csv")
    before = desk.dump()
    with pytest.raises(ChangedSinceError):
        desk.undo(first)
    assert desk.dump() == before


def test_only_what_was_kept_can_be_taken_back(desk: Desk) -> None:
    report = desk.imported("performance", STORIES[0].first, ACME, dry_run=True)
    with pytest.raises(ValueError, match="kept nothing"):
        taking_back(report)


def test_the_caller_writes_in_the_transaction_of_the_import(desk: Desk) -> None:
    seen: list[dict[str, Any]] = []

    def within(connection: Connection, report: ImportReport) -> None:
        change = taking_back(report)
        assert change == RowChange(
            table="import_runs", row_id=report.run, after={"kind": "performance", "file": "a.csv"}
        )
        changes.record(connection, written(connection), [change])
        seen.append(report.to_json())

    rows = STORIES[0].first
    desk.imported("performance", rows, ACME, dry_run=True, within=within)
    assert seen == []
    report = desk.imported("performance", rows, ACME, within=within)
    assert desk.imported("performance", rows, ACME, within=within).status == "unchanged"
    assert seen == [{**report.to_json(), "seconds": seen[0]["seconds"]}]
    with desk.database.write() as connection:
        (change,) = changes.made_by(connection, 1)
        changes.carry_out(connection, [change.reversed()])
    assert desk.all(ventures) == []


@pytest.mark.parametrize("failure", [RuntimeError("no"), IntegrityError("insert", {}, Exception("no"))])
def test_what_the_caller_raises_takes_the_import_along(desk: Desk, failure: Exception) -> None:
    def within(connection: Connection, _: ImportReport) -> None:
        written(connection)
        raise failure

    start = desk.dump()
    with pytest.raises(type(failure)) as raised:
        desk.imported("performance", STORIES[0].first, ACME, within=within)
    assert raised.value is failure
    assert desk.dump() == start
    with desk.database.read() as connection:
        assert people.people(connection) == []


ROW = st.tuples(
    st.integers(1, 4), st.sampled_from((1, 2)), st.sampled_from("AB"), st.integers(0, 2), st.integers(0, 1)
)
FILES = st.tuples(st.booleans(), st.lists(ROW, min_size=1, max_size=4, unique_by=lambda row: row[0]))
STEPS = st.lists(st.one_of(st.none(), FILES), min_size=2, max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_whatever_came_goes_in_reverse(desk: Desk, steps: list[Any]) -> None:
    for table in (*LEDGERS[1:], ventures, import_runs):
        desk.write(table.delete())
    done: list[tuple[ImportReport, dict[str, list[Any]]]] = []
    for step in [*steps, *([None] * len(steps))]:
        if step is not None:
            with_spend, rows = step
            header = "ad_id,date,campaign,clicks" + (",cost" if with_spend else "")
            content = [
                f"{ad},2024-01-0{day},{campaign},{clicks}" + (f",{cost}" if with_spend else "")
                for ad, day, campaign, clicks, cost in rows
            ]
            before = desk.dump()
            report = desk.imported("performance", lines(header, *content), ACME)
            if report.run is not None:
                done.append((report, before))
        elif done:
            for earlier, _ in done[:-1]:
                if earlier.created.ventures:
                    desk.refused(earlier)
            report, before = done.pop()
            desk.undo(report)
            assert desk.dump() == before
    assert desk.all(import_touched) == desk.all(ventures) == []
