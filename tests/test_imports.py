"""Imports: how values, columns and files are read, and what a row does to the database, once and again."""

import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table, func, select
from typer import Typer
from typer.testing import CliRunner

from storage import names
from storage.campaigns import campaigns, campaigns_of, channel_lines
from storage.customers import customers
from storage.database import Database
from storage.imports import (
    KINDS,
    ImportDefaults,
    ImportRefusedError,
    ImportReport,
    ImportRequest,
    run,
)
from storage.imports.dates import DateStyle, months_before, parse_day, parse_moment
from storage.imports.errors import CellRefusedError
from storage.imports.fields import DEFAULTS, OPTIONS, SHAPES
from storage.imports.ledger import import_runs, imported_events, imported_performance
from storage.imports.numbers import Style, parse_count, parse_decimal, parse_money
from storage.imports.words import alike, channel_meant, fold
from storage.influencers import influencers
from storage.journeys import conversions, touchpoints
from storage.organic import keywords
from storage.performance import daily_performance
from storage.ventures import all_ventures, ventures
from tests.conftest import copied

NOW = datetime(2026, 3, 15, 18, 0, tzinfo=UTC)
DATA = Path(__file__).parents[2] / "shared" / "data"
ACME = {"venture": "Acme", "channel": "paid_social"}
LEDGER = (import_runs, imported_performance, imported_events)
TARGETS = (ventures, campaigns, channel_lines, daily_performance, touchpoints, conversions, *LEDGER)


def table(*rows: str) -> bytes:
    """Lines of a file."""
    return ("\n".join(rows) + "\n").encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test's files lie."""
    made = tmp_path / "files"
    made.mkdir()
    return made


class Importer:
    """Imports what a test writes down."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder

    def __call__(
        self,
        kind: str,
        content: bytes | Path,
        sets: Mapping[str, str] | None = None,
        *,
        name: str = "export.csv",
        **more: Any,
    ) -> ImportReport:
        """Import a file of this content."""
        if isinstance(content, bytes):
            path = self.folder / name
            path.write_bytes(content)
        else:
            path = content
        request = ImportRequest(kind, path, more.pop("map", {}), sets or {}, **more)
        return run(self.database, request, now=NOW)

    def count(self, what: Table) -> int:
        """Rows of a table."""
        with self.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(what)) or 0

    def rows(self, what: Table) -> list[Any]:
        """A table."""
        with self.database.read() as connection:
            return list(connection.execute(select(what).order_by(*what.primary_key.columns)))

    def spent(self, campaign: str | None = None) -> dict[str, Any]:
        """Totals of everything, or of a campaign."""
        names_of = ("impressions", "clicks", "conversions", "spend")
        joined = daily_performance.join(
            channel_lines, channel_lines.c.id == daily_performance.c.line_id
        ).join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
        query = select(*(func.sum(daily_performance.c[name]) for name in names_of)).select_from(joined)
        if campaign:
            query = query.where(campaigns.c.name == campaign)
        with self.database.read() as connection:
            values = connection.execute(query).one()
        return dict(zip(names_of, (value or 0 for value in values), strict=True))


@pytest.fixture
def importer(database: Database, folder: Path) -> Importer:
    """Imports into an empty database of each kind."""
    return Importer(database, folder)


@pytest.fixture
def sqlite_importer(sqlite_schema: Path, tmp_path: Path, folder: Path) -> Iterator[Importer]:
    """Imports into SQLite only: for files that never reach the database."""
    database = Database(copied(sqlite_schema, tmp_path / "gtm.db"))
    yield Importer(database, folder)
    database.close()


def shared(name: str) -> Path:
    """A real file, written by nobody here."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is missing: the real data lie beside the repository, in ../shared/data")
    return path


# Values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1892", "1892"),
        ("$1,892", "1892"),
        ("$231.88", "231.88"),
        ("1.2M", "1200000"),
        ("30.8K", "30800"),
        ("3,5", "3.5"),
        ("1.234,56 €", "1234.56"),
        ("1 234,56", "1234.56"),
        ("1,234,567", "1234567"),
        ("12,34,567", "1234567"),
        ("12%", "0.12"),
        ("USD 12.50", "12.50"),
        ("12 EUR", "12"),
        ("1e3", "1000"),
        ("1.5E+02", "150"),
        ("(40)", "-40"),
        ("-7", "-7"),
        ("−7", "-7"),
        ("  8 ", "8"),
        (".5", "0.5"),
    ],
)
def test_numbers_are_read_as_files_write_them(text: str, value: str) -> None:
    assert parse_decimal(text, Style()) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "12abc",
        "1.2.3,4,5",
        "12mb",
        "#DIV/0!",
        "=1+1",
        "1e999",
        "1" * 50,
        "--5",
        "(5",
        "NaN",
        "Infinity",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(CellRefusedError):
        parse_decimal(text, Style())


def test_a_column_tells_how_its_numbers_are_written() -> None:
    style = Style()
    style.look("3,5")
    assert parse_decimal("1,892", style) == Decimal("1.892")
    assert parse_decimal("1.892", style) == 1892
    both = Style()
    both.look("3,5")
    both.look("1,892.50")
    with pytest.raises(CellRefusedError, match="decimal=point"):
        parse_decimal("1,892", both)


def test_amounts_lose_the_noise_of_single_precision() -> None:
    assert parse_money("1.429999948", Style()) == 1_430_000
    assert parse_money(1.429999948, Style()) == 1_430_000
    assert parse_money("0.0000005", Style()) == 0


@pytest.mark.parametrize("text", ["-1", "(3)", "12.5", "9" * 16, "1e13"])
def test_counts_are_whole_and_sane(text: str) -> None:
    with pytest.raises(CellRefusedError):
        parse_count(text, Style())


@given(st.integers(0, 10**12))
def test_counts_survive_every_way_of_grouping(number: int) -> None:
    style = Style(mark="point")
    assert parse_count(f"{number:,}", style) == number
    assert parse_count(f"{number:,}".replace(",", " "), style) == number
    assert parse_count(f"{number:,}".replace(",", "."), Style(mark="comma")) == number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-11-16", date(2024, 11, 16)),
        ("2024/11/16", date(2024, 11, 16)),
        ("20241116", date(2024, 11, 16)),
        ("20-11-2024", date(2024, 11, 20)),
        ("2/13/21", date(2021, 2, 13)),
        ("16.11.2024", date(2024, 11, 16)),
        ("Nov 16, 2024", date(2024, 11, 16)),
        ("16 November 2024", date(2024, 11, 16)),
        ("16-Nov-24", date(2024, 11, 16)),
        ("Saturday, Nov 16, 2024", date(2024, 11, 16)),
        ("2024-11-16 10:31:00", date(2024, 11, 16)),
    ],
)
def test_days_are_read_in_many_formats(text: str, day: date) -> None:
    assert parse_day(text, DateStyle()) == day


@pytest.mark.parametrize("text", ["31-02-2024", "2024-13-01", "13/13/2024", "0001-01-01", "today", "", "99"])
def test_days_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(CellRefusedError):
        parse_day(text, DateStyle(told="dmy"))


def test_the_sure_dates_of_a_file_decide_about_the_others() -> None:
    style = DateStyle()
    for text in ("2/1/21", "2/13/21", "2024-01-02"):
        style.look(text)
    assert parse_day("2/1/21", style) == date(2021, 2, 1)
    assert style.decide("c_date") == ["dates such as 2/1/21 are read month first, as 2/13/21 shows"]
    style.look("14/2/21")
    with pytest.raises(ImportRefusedError, match="date_order"):
        style.decide("c_date")


def test_moments_are_utc() -> None:
    from zoneinfo import ZoneInfo

    berlin = ZoneInfo("Europe/Berlin")
    noon = datetime(2024, 7, 1, 10, tzinfo=UTC)
    for text in (
        "2024-07-01T10:00:00Z",
        "2024-07-01 12:00:00",
        "2024-07-01T05:00-05:00",
        "1 Jul 2024 12:00 PM",
    ):
        assert parse_moment(text, DateStyle(), berlin) == noon


def test_months_before_keep_to_the_month() -> None:
    assert months_before(date(2024, 3, 31), 1) == date(2024, 2, 29)
    assert months_before(date(2024, 1, 15), 13) == date(2022, 12, 15)
    assert months_before(date(2024, 1, 15), 0) == date(2024, 1, 15)


@pytest.mark.parametrize(
    ("word", "channel"),
    [
        ("Facebook", "paid_social"),
        ("Online Display", "display"),
        ("Paid Search", "paid_search"),
        ("paid_search", "paid_search"),
        ("E-Mail", "email"),
        ("google / cpc", "paid_search"),
        ("Organic", "seo"),
        ("paid serach", "paid_search"),
        ("dsiplay", "display"),
        ("billboard", None),
    ],
)
def test_channels_are_known_by_many_words(word: str, channel: str | None) -> None:
    assert channel_meant(word)[0] == channel


def test_names_fold_to_one_only_when_they_are_one() -> None:
    assert fold("facebOOK_tier2") == fold("Facebook tier2") != fold("facebook_tier1")
    assert fold("1.1") != fold("11")
    assert alike("Data Analytics Corse", "DataAnalyticsCourse")
    assert not alike("facebook_tier1", "facebook_tier2")


# Columns


def test_everything_missing_is_named_at_once(sqlite_importer: Importer) -> None:
    content = table("ad,xyz_campaign_id,fb_campaign_id,Total_Conversion,Approved_Conversion", "1,2,3,4,5")
    with pytest.raises(ImportRefusedError) as refused:
        sqlite_importer("performance", content)
    assert refused.value.code == "missing_fields"
    for word in ("'xyz_campaign_id' or 'fb_campaign_id'", "venture, channel and date", "'ad'"):
        assert word in refused.value.message
    for word in ("--set venture=VALUE", "--map campaign=xyz_campaign_id", "--map conversions="):
        assert word in refused.value.cure


@pytest.mark.parametrize(
    ("sets", "maps", "code"),
    [
        ({"vneture": "Acme"}, {}, "unknown_field"),
        ({}, {"spnd": "cost"}, "unknown_field"),
        ({}, {"spend": "Kost"}, "unknown_column"),
        ({"channel": "billboard"}, {}, "bad_value"),
        ({"date": "yesterday"}, {}, "bad_value"),
        ({"date": "2/1/21"}, {}, "bad_value"),
        ({"venture": " "}, {}, "bad_value"),
        ({"currency": "XXX"}, {}, "bad_value"),
        ({"date_order": "ymd"}, {}, "bad_value"),
        ({"time_zone": "Mars/Olympus"}, {}, "bad_value"),
        ({"gross_margin": "7"}, {}, "bad_value"),
    ],
)
def test_wrong_options_are_refused_with_their_name(
    sqlite_importer: Importer, sets: dict[str, str], maps: dict[str, str], code: str
) -> None:
    content = table("campaign,cost", "A,1")
    given = {"venture": "Acme", "channel": "email", "date": "2024-01-01"} | sets
    with pytest.raises(ImportRefusedError) as refused:
        sqlite_importer("performance", content, given, map=maps)
    assert refused.value.code == code
    assert next(iter({**sets, **maps})) in refused.value.message
    assert sqlite_importer.count(ventures) == 0


def test_every_kind_is_declared_and_documented() -> None:
    page = (Path(__file__).parents[1] / "docs" / "importing.md").read_text("utf-8")
    assert tuple(SHAPES) == KINDS
    for shape in SHAPES.values():
        (line,) = (line for line in page.splitlines() if line.startswith(f"| `{shape.name}`"))
        assert [one.name for one in shape.fields if not re.search(rf"\b{one.name}\b", line)] == []
    for option in OPTIONS:
        assert f"| `{option}` |" in page
    for default in DEFAULTS:
        assert f"`{default}`" in page


def test_unknown_kind_names_the_kinds(sqlite_importer: Importer) -> None:
    with pytest.raises(ImportRefusedError, match=", ".join(KINDS)):
        sqlite_importer("weather", table("a", "1"))


def test_columns_of_one_name_that_agree_give_the_exacter(sqlite_importer: Importer) -> None:
    content = table("Tiktoker name,Tiktok name,followers,followers,likes", "mrb,Mr B,1.2M,1203000,5")
    report = sqlite_importer("influencers", content)
    assert {(one.field, one.source) for one in report.columns} >= {
        ("handle", "Tiktoker name"),
        ("followers", "followers (2)"),
        ("platform", "tiktok"),
    }


def test_columns_of_one_name_that_differ_are_asked_about(sqlite_importer: Importer) -> None:
    content = table("date,campaign,clicks,clicks", "2024-01-01,A,1,900")
    with pytest.raises(ImportRefusedError) as refused:
        sqlite_importer("performance", content, ACME)
    assert refused.value.code == "ambiguous_columns"
    assert "--map 'clicks=clicks'" in refused.value.cure or "--map clicks=clicks" in refused.value.cure
    report = sqlite_importer("performance", content, ACME, map={"clicks": "clicks (2)"})
    assert report.totals["clicks"] == "900"


# Performance

ROWS = (
    "ad_id,day,campaign,impressions,clicks,spent",
    "1,2024-11-16,facebOOK_tier2,100,10,1.429999948",
    "2,2024-11-16,facebook_tier2,200,20,$2.50",
    "3,2024-11-17,facebook tier2,300,30,3",
    "4,2024-11-17,Other,400,40,4",
)
SPENT = {"impressions": 1000, "clicks": 100, "conversions": 0, "spend": Decimal("10.93")}


def test_rows_of_a_day_add_up_and_what_is_new_is_created(importer: Importer) -> None:
    with importer.database.read() as connection:
        before = names.current_version(connection)
    report = importer("performance", table(*ROWS), ACME)
    assert (report.status, report.imported, report.refused) == ("imported", 4, 0)
    assert report.created.ventures == ["Acme"]
    assert sorted(report.created.campaigns) == ["Other", "facebOOK_tier2"]
    assert sorted(report.created.lines) == ["Other · paid social", "facebOOK_tier2 · paid social"]
    assert report.totals == {"impressions": "1000", "clicks": "100", "spend": "10.930000"}
    assert (report.first_day, report.last_day, report.currency) == ("2024-11-16", "2024-11-17", "USD")
    assert importer.spent() == SPENT
    assert importer.spent("facebOOK_tier2")["spend"] == Decimal("6.93")
    with importer.database.read() as connection:
        (venture,) = all_ventures(connection)
        found = {one.name: one for one in campaigns_of(connection)}
        assert names.current_version(connection) > before
    assert (venture.currency, venture.time_zone, venture.gross_margin) == ("USD", "UTC", Decimal("0.5"))
    assert any("gross margin 0.5" in line for line in report.assumptions)
    (line,) = found["facebOOK_tier2"].lines
    assert (found["facebOOK_tier2"].start_on, line.allocated) == (date(2024, 11, 16), Decimal("6.93"))


def test_the_same_file_twice_changes_nothing(importer: Importer) -> None:
    importer("performance", table(*ROWS), ACME)
    before = [importer.rows(one) for one in TARGETS]
    report = importer("performance", table(*ROWS), ACME)
    assert (report.status, report.imported, report.known, report.run) == ("unchanged", 0, 4, None)
    assert [importer.rows(one) for one in TARGETS] == before


def test_another_row_of_the_same_day_is_added(importer: Importer) -> None:
    importer("performance", table(*ROWS), ACME)
    more = table(ROWS[0], ROWS[1], "9,2024-11-16,FACEBOOK_TIER2,50,5,1")
    report = importer("performance", more, ACME, name="more.csv")
    assert (report.imported, report.known, report.created.campaigns) == (1, 1, [])
    assert importer.spent()["impressions"] == 1050


def test_a_corrected_row_applies_its_difference(importer: Importer) -> None:
    importer("performance", table(*ROWS), ACME)
    corrected = table(ROWS[0], "2,2024-11-16,facebook_tier2,260,20,1.50", ROWS[3])
    report = importer("performance", corrected, ACME, name="corrected.csv")
    assert (report.imported, report.corrected, report.known) == (0, 1, 1)
    assert importer.spent() == SPENT | {"impressions": 1060, "spend": Decimal("9.93")}
    again = importer("performance", table(*ROWS), ACME)
    assert again.status == "unchanged"
    assert importer.spent()["impressions"] == 1060


def test_a_correction_keeps_what_its_file_does_not_give(importer: Importer) -> None:
    importer("performance", table("ad_id,date,campaign,clicks,conversions", "1,2024-01-01,A,10,3"), ACME)
    report = importer("performance", table("ad_id,date,campaign,clicks,cost", "1,2024-01-01,A,12,4"), ACME)
    assert report.corrected == 1
    assert importer.spent() == {"impressions": 0, "clicks": 12, "conversions": 3, "spend": Decimal(4)}


def test_a_corrected_row_can_move_to_another_campaign(importer: Importer) -> None:
    importer("performance", table(*ROWS), ACME)
    report = importer("performance", table(ROWS[0], "4,2024-11-17,Renamed,400,40,4"), ACME)
    assert report.corrected == 1
    assert importer.spent() == SPENT
    assert importer.spent("Other")["clicks"] == 0
    assert importer.spent("Renamed")["clicks"] == 40


def test_an_ad_has_a_row_a_day_and_a_breakdown(importer: Importer) -> None:
    header = "ad_id,campaign,device,clicks"
    both = table(header, "1,A,mobile,1", "1,A,desktop,2")
    report = importer("performance", both, ACME | {"date": "2024-01-01"})
    assert (report.imported, report.refused) == (2, 0)
    assert importer("performance", both, ACME | {"date": "2024-01-02"}).imported == 2
    assert importer.spent()["clicks"] == 6


def test_rows_of_one_id_count_once_or_are_refused(importer: Importer) -> None:
    rows = table("ad_id,date,campaign,clicks", "1,2024-01-01,A,1", "1,2024-01-01,A,1", "1,2024-01-01,A,7")
    report = importer("performance", rows, ACME)
    assert (report.imported, report.repeated, report.refused) == (1, 1, 1)
    assert (report.rejects[0].line, report.rejects[0].value) == (4, "1")
    assert "line 2" in report.rejects[0].reason
    assert importer.spent()["clicks"] == 1


def test_equal_rows_without_an_id_are_told_apart_by_their_number(importer: Importer) -> None:
    rows = ("date,campaign,device,clicks", "2024-01-01,A,mobile,1", "2024-01-01,A,mobile,1")
    assert importer("performance", table(*rows), ACME).imported == 2
    more = table(*rows, "2024-01-01,A,mobile,1")
    report = importer("performance", more, ACME, name="more.csv")
    assert (report.imported, report.known) == (1, 2)
    assert report.warnings
    assert importer.spent()["clicks"] == 3


def test_ids_that_only_number_rows_belong_to_their_campaign(importer: Importer) -> None:
    importer("performance", table("id,date,campaign,clicks", "1,2024-01-01,A,1"), ACME)
    report = importer("performance", table("id,date,campaign,clicks", "1,2024-01-01,B,2"), ACME)
    assert report.imported == 1
    assert importer.spent()["clicks"] == 3


def test_a_dry_run_tells_all_and_keeps_nothing(importer: Importer) -> None:
    report = importer("performance", table(*ROWS), ACME, dry_run=True)
    assert (report.imported, report.created.ventures, report.run) == (4, ["Acme"], None)
    assert [importer.count(one) for one in TARGETS] == [0] * len(TARGETS)


def test_refused_rows_are_listed_and_the_others_imported(importer: Importer) -> None:
    rows = table(
        ROWS[0],
        "1,2024-11-16,A,100,10,1",
        "2,2024-11-31,A,100,10,1",
        "3,2024-11-16,A,-5,10,-1",
        "4,2024-11-16,,100,10,1",
        "5,2024-11-16,A,ten,10,1",
        "6,2024-11-16,A,100,10",
        "7,2024-11-16,A,100,10,1,extra",
        "8,2027-11-16,A,100,10,1",
        '9,2024-11-16,A,"=1+1",10,1',
        "",
        "Total,,,700,70,9",
    )
    report = importer("performance", rows, ACME, rejects=importer.folder / "rejects.csv")
    assert (report.rows, report.imported, report.refused) == (10, 1, 9)
    listed = list(csv.DictReader(io.StringIO((importer.folder / "rejects.csv").read_text("utf-8"))))
    assert [row["line"] for row in listed] == ["3", "4", "5", "6", "7", "8", "9", "10", "12"]
    assert [row["column"] for row in listed[:4]] == ["day", "impressions", "campaign", "impressions"]
    assert listed[1]["value"] == "-5"
    assert listed[1]["reason"] == "is negative; faulty too: spent"
    assert listed[7]["value"] == "'=1+1"
    assert "totals" in listed[8]["reason"]
    assert importer.spent()["clicks"] == 10


def test_nothing_is_left_when_every_row_is_refused(importer: Importer) -> None:
    report = importer("performance", table(ROWS[0], "1,never,A,1,1,1"), ACME)
    assert (report.status, report.refused, report.imported) == ("refused", 1, 0)
    assert [importer.count(one) for one in TARGETS] == [0] * len(TARGETS)


BLANKS = table(
    "ad_id,date,campaign,impressions,clicks,conversions,revenue,cost",
    "1,2024-01-01,A,100,,,,0",
    "2,2024-01-01,A,100,,2,50,5",
    "3,2024-01-01,A,100,5,2,,5",
    "4,2024-01-01,A,100,5,,,",
    "5,2024-01-01,A,,,,,",
)


def test_a_blank_is_zero_only_where_the_row_allows_it(sqlite_importer: Importer) -> None:
    report = sqlite_importer("performance", BLANKS, ACME)
    assert {(one.line, one.column) for one in report.rejects} == {(3, "clicks"), (4, "revenue"), (5, "cost")}
    assert report.imported == 2
    report = sqlite_importer("performance", BLANKS, ACME | {"blanks": "zero"})
    assert (report.imported, report.known, report.refused) == (3, 2, 0)


def test_fractions_are_rounded_only_when_asked(sqlite_importer: Importer) -> None:
    rows = table("ad_id,date,campaign,conversions", "1,2024-01-01,A,12.5", "2,2024-01-01,A,3.0")
    assert sqlite_importer("performance", rows, ACME).refused == 1
    report = sqlite_importer("performance", rows, ACME | {"fractions": "round"})
    assert report.totals["conversions"] == "15"


def test_ambiguous_dates_need_an_order(sqlite_importer: Importer) -> None:
    rows = table("ad_id,date,campaign,clicks", "1,2/1/21,A,1", "2,3/4/21,A,1")
    with pytest.raises(ImportRefusedError) as refused:
        sqlite_importer("performance", rows, ACME)
    assert refused.value.code == "ambiguous_dates"
    report = sqlite_importer("performance", rows, ACME | {"date_order": "mdy"})
    assert (report.first_day, report.last_day) == ("2021-02-01", "2021-03-04")


def test_money_of_another_currency_is_not_added(importer: Importer) -> None:
    importer("performance", table(*ROWS), ACME)
    rows = table("ad_id,date,campaign,cost", "7,2024-11-16,Other,€5", "8,2024-11-16,Neu,€5")
    report = importer("performance", rows, ACME)
    assert (report.imported, report.refused, report.created.campaigns) == (1, 1, ["Neu"])
    assert "kept in USD" in report.rejects[0].reason
    with importer.database.read() as connection:
        assert {one.name: one.currency for one in campaigns_of(connection)}["Neu"] == "EUR"


def test_several_currencies_without_a_column_are_refused(sqlite_importer: Importer) -> None:
    rows = table("ad_id,date,campaign,cost", "7,2024-11-16,A,€5", "8,2024-11-16,A,£5")
    with pytest.raises(ImportRefusedError, match="several currencies"):
        sqlite_importer("performance", rows, ACME)


def test_a_column_that_names_its_currency_is_believed(sqlite_importer: Importer) -> None:
    rows = table("ad_id,date,campaign,Amount spent (EUR)", "7,2024-11-16,A,5")
    assert sqlite_importer("performance", rows, ACME).currency == "EUR"


def test_misspelled_channels_are_told_and_unknown_ones_refused(sqlite_importer: Importer) -> None:
    rows = table(
        "id,date,campaign,channel,clicks", "1,2024-01-01,A,paid serach,1", "2,2024-01-01,A,Billboard,1"
    )
    report = sqlite_importer("performance", rows, {"venture": "Acme"})
    assert (report.imported, report.refused) == (1, 1)
    assert any("'paid serach' as paid search" in line for line in report.assumptions)
    report = sqlite_importer("performance", rows, {"venture": "Acme", "channel:Billboard": "brand"})
    assert (report.imported, report.known) == (1, 1)


def test_a_wrong_column_for_campaigns_does_not_make_thousands(sqlite_importer: Importer) -> None:
    rows = table("date,campaign,clicks", *(f"2024-01-01,c{number},1" for number in range(10_001)))
    with pytest.raises(ImportRefusedError) as refused:
        sqlite_importer("performance", rows, ACME)
    assert refused.value.code == "too_many_campaigns"
    assert sqlite_importer.count(ventures) == 0


def test_hostile_names_are_data(importer: Importer) -> None:
    hostile = ("=HYPERLINK(1)", "'; drop table ventures; --", "{{7*7}}", "🚀 été 漢字", "a\tb", "[bold]x")
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(["ad_id", "date", "campaign", "clicks"])
    writer.writerows([number, "2024-01-01", name, 1] for number, name in enumerate(hostile))
    report = importer("performance", rows.getvalue().encode(), ACME | {"venture": "Röst & Söhne 'x'"})
    assert report.imported == len(hostile)
    assert set(report.created.campaigns) == {name.replace("\t", " ") for name in hostile}


def test_an_interrupted_import_leaves_nothing(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("storage.imports.running.names.touch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        importer("performance", table(*ROWS), ACME)
    monkeypatch.undo()
    assert [importer.count(one) for one in TARGETS] == [0] * len(TARGETS)
    assert importer("performance", table(*ROWS), ACME).imported == 4


def test_a_changed_day_that_cannot_be_corrected_is_refused_whole(importer: Importer) -> None:
    importer("performance", table(*ROWS), ACME)
    with importer.database.write() as connection:
        connection.execute(daily_performance.update().values(impressions=0))
    before = importer.rows(imported_performance)
    with pytest.raises(ImportRefusedError) as refused:
        importer("performance", table(ROWS[0], "1,2024-11-16,facebOOK_tier2,1,1,1"), ACME)
    assert refused.value.code == "changed_since"
    assert importer.rows(imported_performance) == before


def test_a_deleted_venture_can_be_imported_again(importer: Importer) -> None:
    importer("performance", table(*ROWS), ACME)
    with importer.database.write() as connection:
        connection.execute(ventures.delete())
    assert importer.count(imported_performance) == 0
    assert importer("performance", table(*ROWS), ACME).imported == 4
    assert importer.spent() == SPENT


def test_new_ventures_take_what_was_said(importer: Importer) -> None:
    sets = ACME | {
        "time_zone": "Europe/Berlin",
        "stage": "scale",
        "model": "b2b_smb",
        "category": "tools",
        "gross_margin": "0.7",
        "currency": "EUR",
        "objective": "leads",
    }
    importer("performance", table(*ROWS[:2]).replace(b"$", b""), sets)
    (row,) = importer.rows(ventures)
    assert (row.stage, row.kind, row.category, row.currency) == ("scale", "b2b_smb", "tools", "EUR")
    assert (row.time_zone, row.gross_margin) == ("Europe/Berlin", Decimal("0.7"))
    assert importer.rows(campaigns)[0].objective == "leads"


def test_the_defaults_are_those_passed_in(database: Database, folder: Path) -> None:
    path = folder / "a.csv"
    path.write_bytes(table("ad_id,date,campaign,clicks", "1,2024-01-01,A,1"))
    defaults = ImportDefaults(currency="CHF", time_zone="Europe/Zurich")
    run(database, ImportRequest("performance", path, set=ACME), now=NOW, defaults=defaults)
    with database.read() as connection:
        (venture,) = all_ventures(connection)
    assert (venture.currency, venture.time_zone) == ("CHF", "Europe/Zurich")


def test_a_ledger_row_tells_of_every_import(importer: Importer) -> None:
    report = importer("performance", table(*ROWS), ACME)
    (row,) = importer.rows(import_runs)
    assert (row.id, row.kind, row.file, row.at) == (report.run, "performance", "export.csv", NOW)
    assert row.report["imported"] == 4


def test_a_file_of_several_ventures_tells_their_currencies(importer: Importer) -> None:
    header = "brand,date,campaign,channel,cost,currency"
    rows = table(
        header, "Uno,2024-01-01,A,email,5,EUR", "Due,2024-01-01,A,email,6,CHF", "Due,2024-01-01,B,seo,,"
    )
    report = importer("performance", rows)
    assert (report.imported, report.currency) == (3, None)
    assert {row.name: row.currency for row in importer.rows(ventures)} == {"Uno": "EUR", "Due": "CHF"}
    assert importer("performance", rows).status == "unchanged"


def test_several_columns_can_break_a_row_down(importer: Importer) -> None:
    rows = table("ad_id,date,campaign,town,shop,clicks", "1,2024-01-01,A,x,1,1", "1,2024-01-01,A,x,2,1")
    assert importer("performance", rows, ACME, dry_run=True).repeated == 1
    report = importer("performance", rows, ACME, map={"breakdown": "town, shop"})
    assert report.imported == 2


def test_two_imports_of_one_file_at_once_count_once(importer: Importer) -> None:
    path = importer.folder / "a.csv"
    path.write_bytes(table(*ROWS))
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: importer("performance", path, ACME), range(4)))
    assert sorted(report.imported for report in reports) == [0, 0, 0, 4]
    assert importer.spent() == SPENT


# Journeys

JOURNEYS = (
    "customer_id,time,interaction,conversion,conversion_value,channel",
    "A1,2018-07-22T20:40:41Z,impression,0,0,Online Display",
    "A1,2018-07-23T20:40:41Z,click,0,0,Facebook",
    "A1,2018-07-24T20:40:41Z,conversion,1,6.5,Paid Search",
    "A2,2018-07-24T20:40:41Z,impression,0,0,Paid Search",
)


def test_conversions_in_a_journey_are_both_conversions_and_touches(importer: Importer) -> None:
    report = importer("touchpoints", table(*JOURNEYS), {"venture": "Acme"})
    assert (report.rows, report.imported) == (4, 4)
    assert report.totals == {"touchpoints": "4", "conversions": "1", "revenue": "6.500000"}
    assert any("also a click" in line for line in report.assumptions)
    kinds = [(row.visitor, row.channel, row.kind) for row in importer.rows(touchpoints)]
    assert kinds == [
        ("A1", "display", "impression"),
        ("A1", "paid_social", "click"),
        ("A1", "paid_search", "click"),
        ("A2", "paid_search", "impression"),
    ]
    (order,) = importer.rows(conversions)
    assert (order.visitor, order.kind, order.revenue) == ("A1", "purchase", Decimal("6.5"))
    assert order.occurred_at == datetime(2018, 7, 24, 20, 40, 41, tzinfo=UTC)
    assert importer("touchpoints", table(*JOURNEYS), {"venture": "Acme"}).status == "unchanged"
    report = importer("conversions", table(*JOURNEYS), {"venture": "Acme"})
    assert (report.status, report.known, report.skipped) == ("unchanged", 1, 3)
    assert (importer.count(touchpoints), importer.count(conversions)) == (4, 1)


def test_conversions_can_be_kept_out_of_the_touches(importer: Importer) -> None:
    sets = {"venture": "Acme", "conversion_touches": "no"}
    assert importer("touchpoints", table(*JOURNEYS), sets).totals["touchpoints"] == "3"
    report = importer("touchpoints", table(*JOURNEYS), {"venture": "Acme"})
    assert (report.imported, report.known) == (1, 3)
    assert importer.count(touchpoints) == 4


def test_orders_are_corrected_by_their_number_and_know_their_customer(importer: Importer) -> None:
    importer(
        "customers",
        table("customer_id,mrr,signup_date", "C7,10,2024-01-01"),
        {"venture": "Acme"},
    )
    header = "order_id,customer_id,order_date,campaign,channel,revenue"
    rows = table(header, "1,C7,2024-02-01,Spring,email,10.5", "2,C8,2024-02-02,Spring,email,20")
    assert importer("conversions", rows, {"venture": "Acme"}).imported == 2
    orders = importer.rows(conversions)
    assert [order.customer_id for order in orders] == [importer.rows(customers)[0].id, None]
    assert {order.line_id for order in orders} == {importer.rows(channel_lines)[0].id}
    changed = table(header, "1,C7,2024-02-01,Spring,email,9", "2,C8,2024-02-02,Spring,email,20")
    report = importer("conversions", changed, {"venture": "Acme"})
    assert (report.corrected, report.known, report.imported) == (1, 1, 0)
    assert [order.revenue for order in importer.rows(conversions)] == [Decimal(9), Decimal(20)]


def test_naive_times_are_the_ventures(importer: Importer) -> None:
    rows = table("visitor,time,channel", "v,2024-07-01 12:00:00,email")
    importer("touchpoints", rows, {"venture": "Acme", "time_zone": "Europe/Berlin"})
    (touch,) = importer.rows(touchpoints)
    assert (touch.occurred_at, touch.kind) == (datetime(2024, 7, 1, 10, tzinfo=UTC), "visit")


def test_touches_that_make_no_sense_are_refused(importer: Importer) -> None:
    rows = table(
        "visitor,time,channel,event",
        "v,2024-07-01 12:00:00,email,click",
        "v,2024-07-01 25:00:00,email,click",
        "v,2030-07-01 12:00:00,email,click",
        ",2024-07-01 12:00:00,email,click",
        f"{'v' * 65},2024-07-01 12:00:00,email,click",
        "v,2024-07-01 12:00:00,email,sneeze",
    )
    report = importer("touchpoints", rows, {"venture": "Acme"})
    assert (report.imported, report.refused) == (1, 5)
    assert {one.column for one in report.rejects} == {"time", "visitor", "event"}


# Influencers, keywords, customers


def test_influencers_are_brought_up_to_date(importer: Importer) -> None:
    header = "Rank,name,instagram name,Category_1,Category_2,followers,country,Eng. (Avg.)"
    importer("influencers", table(header, "1,@LeoMessi,Leo Messi,Sports,Family,409.8M,Argentina,23.4M"))
    (row,) = importer.rows(influencers)
    assert (row.handle, row.name, row.platform, row.country) == ("leomessi", "Leo Messi", "instagram", "AR")
    assert (row.followers, row.engagement_rate) == (409_800_000, Decimal("0.057101"))
    assert (row.category, row.topics, row.version) == ("Sports", ["Sports", "Family"], 1)
    with importer.database.write() as connection:
        connection.execute(influencers.update().values(blocked=True, safety_score=10))
    report = importer("influencers", table(header, "1,leomessi,Leo Messi,,,410M,,20.5M"), name="later.csv")
    assert (report.imported, report.corrected) == (0, 1)
    (row,) = importer.rows(influencers)
    assert (row.followers, row.engagement_rate) == (410_000_000, Decimal("0.05"))
    assert (row.category, row.country, row.blocked, row.safety_score) == ("Sports", "AR", True, 10)
    assert row.version == 2


def test_keywords_keep_the_best_page(importer: Importer) -> None:
    header = "Keyword,Position,Previous position,Search Volume,Keyword Difficulty,CPC,URL,Keyword Intents"
    rows = table(
        header,
        'acid pills,12,11,22200,29,1.91,https://a.example/1,"informational, transactional"',
        "acid pills,3,0,22200,29,1.91,https://a.example/2,informational",
        "sunny drinks,0,4,1000,101,1,https://a.example/3,informational",
    )
    report = importer("keywords", rows, {"venture": "Acme"})
    assert (report.imported, report.merged, report.refused) == (1, 1, 1)
    (row,) = importer.rows(keywords)
    assert (row.position, row.previous_position, row.url) == (3, None, "https://a.example/2")
    assert (row.volume, row.difficulty, row.cpc) == (22200, 29, Decimal("1.91"))
    ranks = table("date,keyword,rank", "2024-01-02,acid pills,not_found", "2024-01-01,acid pills,2")
    assert importer("keywords", ranks, {"venture": "Acme"}).status == "unchanged"
    (row,) = importer.rows(keywords)
    assert (row.position, row.volume) == (3, 22200)


def test_customers_count_their_months_back_from_a_day(importer: Importer) -> None:
    header = "customerID,tenure,Contract,MonthlyCharges,TotalCharges,Partner,Churn"
    rows = table(header, "7590-A,1,Month-to-month,29.85,29.85,Yes,No", "5575-B,34,One year,56.95, ,No,Yes")
    with pytest.raises(ImportRefusedError, match="--set date=DAY"):
        importer("customers", rows, {"venture": "Telco"})
    report = importer("customers", rows, {"venture": "Telco", "date": "2018-06-30"})
    assert report.imported == 2
    kept, left = importer.rows(customers)
    assert (kept.acquired_at, kept.churned_at) == (datetime(2018, 5, 30, tzinfo=UTC), None)
    assert left.acquired_at.date() == date(2015, 8, 30)
    assert left.churned_at == datetime(2018, 6, 30, tzinfo=UTC)
    assert (kept.plan, kept.monthly_revenue) == ("Month-to-month", Decimal("29.85"))
    assert kept.indicators == {"total_charges": 29.85, "partner": True}
    assert left.indicators == {"partner": False}
    sets = {"venture": "Telco", "date": "2018-06-30"}
    assert importer("customers", rows, sets).status == "unchanged"
    more = rows.replace(b"29.85,Yes,No", b"59.7,Yes,No").replace(b"Partner", b"Partners")
    assert importer("customers", more, sets).corrected == 2
    assert importer.rows(customers)[0].indicators == {
        "total_charges": 59.7,
        "partner": True,
        "partners": True,
    }


# Files


def xlsx(rows: Sequence[Sequence[str]], extra: Mapping[str, str] | None = None) -> bytes:
    """A workbook with one sheet of raw cells."""
    content = "".join(f'<row r="{at}">{"".join(row)}</row>' for at, row in enumerate(rows, 1))
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    parts = {
        "xl/workbook.xml": f'<workbook {main} xmlns:r="r"><sheets>'
        '<sheet name="Notes" state="hidden" r:id="b"/><sheet name="Data" r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="a" Target="worksheets/sheet1.xml"/>'
        '<Relationship Id="b" Target="/xl/worksheets/sheet1.xml"/></Relationships>',
        "xl/styles.xml": f"<styleSheet {main}>"
        '<numFmts><numFmt numFmtId="200" formatCode="yyyy\\-mm"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="200"/></cellXfs></styleSheet>',
        "xl/sharedStrings.xml": f"<sst {main}><si><t>A</t></si>"
        "<si><r><t>Sp</t></r><r><t>ring</t></r></si></sst>",
        "xl/worksheets/sheet1.xml": f"<worksheet {main}><sheetData>{content}</sheetData></worksheet>",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in (parts | dict(extra or {})).items():
            package.writestr(name, text)
    return made.getvalue()


def texts(*cells: str) -> list[str]:
    """Cells that hold their text."""
    return [f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells]


def number(value: object, style: int = 0) -> str:
    """A cell that holds a number."""
    return f'<c s="{style}"><v>{value}</v></c>'


SPRING, PLAIN_A = '<c t="s"><v>1</v></c>', '<c t="s"><v>0</v></c>'
WORKBOOK = [
    texts("ad_id", "date", "campaign", "clicks", "spend"),
    [number(708746), number(45612, 1), SPRING, number(10), number(1.429999948)],
    [number(2), number(45613, 1), PLAIN_A, '<c r="E3"><f>1+1</f><v>2</v></c>'],
    [number(3), number(45613, 1), PLAIN_A, "<c><f>SUM(D2:D3)</f></c>", number(1)],
    [*texts("4", "2024-11-18", "A"), '<c t="e"><v>#DIV/0!</v></c>', '<c t="str"><f>x</f><v>$3</v></c>'],
]


def test_workbooks_give_stored_values_and_never_compute(importer: Importer) -> None:
    report = importer("performance", xlsx(WORKBOOK), ACME | {"blanks": "zero"}, name="export.xlsx")
    assert (report.format, report.sheet, report.imported) == ("xlsx", "Data", 2)
    assert [(one.line, one.column) for one in report.rejects] == [(4, "clicks"), (5, "clicks")]
    assert "formula" in report.rejects[0].reason
    assert (report.first_day, report.last_day) == ("2024-11-16", "2024-11-17")
    assert importer.spent("Spring")["spend"] == Decimal("1.43")
    assert importer.spent("A")["spend"] == 2


def test_a_workbook_and_a_text_file_of_the_same_rows_are_the_same(importer: Importer) -> None:
    importer("performance", xlsx(WORKBOOK[:2]), ACME, name="export.xlsx")
    rows = table("ad_id,date,campaign,clicks,spend", "708746,2024-11-16,Spring,10,1.429999948")
    assert importer("performance", rows, ACME).status == "unchanged"


def test_a_sheet_is_chosen_by_name(sqlite_importer: Importer) -> None:
    content = xlsx(WORKBOOK[:2])
    report = sqlite_importer("performance", content, ACME, name="a.xlsx", sheet="notes")
    assert report.sheet == "Notes"
    with pytest.raises(ImportRefusedError, match="'Data', 'Notes'"):
        sqlite_importer("performance", content, ACME, name="a.xlsx", sheet="Other")


def test_parquet_files_are_read(importer: Importer) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = importer.folder / "export.parquet"
    columns = {
        "ad_id": [1, 2, 3],
        "date": [date(2024, 11, 16), date(2024, 11, 16), None],
        "campaign": ["A", "A", "A"],
        "spend": pyarrow.array([1.429999948, 2.5, 1], pyarrow.float32()),
        "clicks": [1, None, 3],
    }
    parquet.write_table(pyarrow.table(columns), path)
    report = importer("performance", path, ACME)
    assert (report.format, report.imported, report.refused) == ("parquet", 1 + 1, 1)
    assert importer.spent()["spend"] == Decimal("3.93")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ImportRefusedError) as refused:
        importer("performance", path, ACME)
    assert refused.value.code == "damaged_file"


PLAIN = ("ad_id,date,campaign,clicks", "1,2024-01-01,Été,1")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("\n".join(PLAIN).encode(), "utf-8"),
        ("\n".join(PLAIN).encode("utf-8-sig"), "utf-8-sig"),
        ("\n".join(PLAIN).encode("utf-16"), "utf-16"),
        ("\n".join(PLAIN).encode("utf-16-le"), "utf-16-le"),
        ("\r\n".join(PLAIN).encode("cp1252"), "cp1252"),
        ("\n".join(PLAIN).encode("cp1252") + b"\n2,2024-01-01,\x81,1", "latin-1"),
    ],
    ids=["utf-8", "mark", "utf-16", "utf-16 without mark", "cp1252", "latin-1"],
)
def test_encodings_are_found_out_and_said(sqlite_importer: Importer, content: bytes, encoding: str) -> None:
    report = sqlite_importer("performance", content, ACME)
    assert report.encoding == encoding
    assert report.created.campaigns[0] == "Été"
    assert any(encoding in line for line in report.assumptions) == (encoding != "utf-8")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_delimiters_and_titles_are_found_out(sqlite_importer: Importer, delimiter: str) -> None:
    rows = [row.replace(",", delimiter) for row in (*PLAIN, "2,2024-01-01,A,2")]
    content = "\n".join(["Campaign report", "January 2024", *rows]).encode()
    report = sqlite_importer("performance", content, ACME)
    assert (report.imported, report.totals["clicks"]) == (2, "3")


def test_zipped_text_is_read(sqlite_importer: Importer) -> None:
    content = gzip.compress("\n".join(PLAIN).encode())
    assert sqlite_importer("performance", content, ACME, name="a.csv.gz").imported == 1


def test_line_numbers_count_the_lines_of_the_file(sqlite_importer: Importer) -> None:
    content = table(PLAIN[0], '1,2024-01-01,"a\nb",1', "", "2,2024-01-01,A,x")
    assert sqlite_importer("performance", content, ACME).rejects[0].line == 5


HOSTILE = {
    "empty": ("a.csv", b"", "empty_file"),
    "blank": ("a.csv", b"\n\n\n", "empty_file"),
    "header only": ("a.csv", table(PLAIN[0]), "no_rows"),
    "zero bytes": ("a.csv", table(*PLAIN, "2,2024-01-01,\0,1"), "not_text"),
    "binary": ("a.csv", bytes(range(1, 256)) * 9, "not_text"),
    "long line": ("a.csv", table(*PLAIN) + b"x" * 10_000_000, "line_too_long"),
    "open quote": ("a.csv", table(*PLAIN) + b'1,"' + b"x\n" * 200_000, "malformed_csv"),
    "broken utf-16": ("a.csv", b"\xff\xfea\0b\0c\0\n", "wrong_encoding"),
    "cut gzip": ("a.csv.gz", gzip.compress(table(*PLAIN) * 500)[:-30], "damaged_file"),
    "no gzip": ("a.csv.gz", table(*PLAIN), "wrong_extension"),
    "workbook as text": ("a.csv", xlsx(WORKBOOK), "wrong_extension"),
    "text as workbook": ("a.xlsx", table(*PLAIN), "wrong_extension"),
    "cut workbook": ("a.xlsx", xlsx(WORKBOOK)[:-400], "damaged_file"),
    "zip that is no workbook": ("a.xlsx", None, "damaged_file"),
    "entities": (
        "a.xlsx",
        xlsx(WORKBOOK, {"xl/sharedStrings.xml": '<!DOCTYPE x [<!ENTITY a "b">]><sst>&a;</sst>'}),
        "hostile_file",
    ),
    "far column": (
        "a.xlsx",
        xlsx([*WORKBOOK, ['<c r="XFD6"><v>1</v></c>']]),
        "too_many_columns",
    ),
    "many columns": (
        "a.csv",
        table("x," * 1_500, "1," * 1_500),
        "too_many_columns",
    ),
    "cut parquet": ("a.parquet", b"PAR1" + b"x" * 40, "damaged_file"),
    "unknown ending": ("a.docx", b"hello", "unknown_format"),
    "workbook of nonsense": (
        "a.xlsx",
        xlsx([*WORKBOOK, ['<c t="s"><v>many</v></c>']]),
        "damaged_file",
    ),
    "old workbook": ("a.xls", b"\xd0\xcf\x11\xe0", "unknown_format"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_get_a_clear_sentence(sqlite_importer: Importer, case: str) -> None:
    name, content, code = HOSTILE[case]
    if content is None:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as package:
            package.writestr("readme.txt", "hello")
        content = made.getvalue()
    with pytest.raises(ImportRefusedError) as refused:
        sqlite_importer("performance", content, ACME, name=name)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")
    assert "Traceback" not in str(refused.value)
    assert [sqlite_importer.count(one) for one in TARGETS] == [0] * len(TARGETS)


def test_zip_bombs_are_not_opened(sqlite_importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.imports.sources.excel.MOST_BYTES", 1_000_000)
    bomb = xlsx(WORKBOOK, {"xl/media/bomb.bin": "0" * 5_000_000})
    assert len(bomb) < 50_000
    with pytest.raises(ImportRefusedError) as refused:
        sqlite_importer("performance", bomb, ACME, name="a.xlsx")
    assert refused.value.code == "too_large"


def test_gzip_bombs_are_not_unpacked(sqlite_importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.imports.sources.text.MOST_BYTES", 1_000_000)
    bomb = gzip.compress(table(*PLAIN) * 100_000)
    with pytest.raises(ImportRefusedError) as refused:
        sqlite_importer("performance", bomb, ACME, name="a.csv.gz")
    assert refused.value.code == "too_large"


def test_folders_and_missing_files_are_told(sqlite_importer: Importer) -> None:
    (sqlite_importer.folder / "some.csv").mkdir()
    for name, code in (("some.csv", "is_folder"), ("none.csv", "no_file")):
        with pytest.raises(ImportRefusedError) as refused:
            sqlite_importer("performance", sqlite_importer.folder / name, ACME)
        assert refused.value.code == code


def test_the_rejects_file_never_replaces_the_import(sqlite_importer: Importer) -> None:
    path = sqlite_importer.folder / "export.csv"
    for rejects in (path, sqlite_importer.folder, sqlite_importer.folder / "no" / "where.csv"):
        with pytest.raises(ImportRefusedError) as refused:
            sqlite_importer("performance", table(*PLAIN), ACME, rejects=rejects)
        assert refused.value.code == "rejects_unwritable"
    assert path.read_bytes() == table(*PLAIN)


def test_a_locked_database_is_told(sqlite_importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = Database(str(sqlite_importer.database.url))
    monkeypatch.setattr("storage.database.BUSY_SECONDS", 0)
    quick = Importer(Database(str(sqlite_importer.database.url)), sqlite_importer.folder)
    with impatient.write(), pytest.raises(ImportRefusedError) as refused:
        quick("performance", table(*PLAIN), ACME)
    assert refused.value.code == "database_busy"
    assert quick.count(ventures) == 0
    quick.database.close()
    impatient.close()


# The terminal


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typer:
    """The command alone, on a database of its own."""
    from assistant.channels.importing import import_file

    monkeypatch.setenv("GTM_DATA_DIR", str(tmp_path / "var"))
    app = Typer(pretty_exceptions_enable=False)
    app.command("import")(import_file)
    return app


def test_the_terminal_shows_columns_and_sums(terminal: Typer, folder: Path) -> None:
    path = folder / "a.csv"
    path.write_bytes(table(*ROWS, "9,never,[bold]x,1,1,1"))
    words = ["performance", str(path), "--set", "venture=Acme", "--set", "channel=paid_social"]
    told = CliRunner().invoke(terminal, words)
    assert told.exit_code == 0
    for word in ("guessed", "4 imported, 1 refused", "spend 10.93 USD", "New ventures: Acme", "is no date"):
        assert word in told.stdout
    told = CliRunner().invoke(terminal, [*words, "--json"])
    assert json.loads(told.stdout)["status"] == "unchanged"


def test_the_terminal_tells_refusals_by_status(terminal: Typer, folder: Path) -> None:
    path = folder / "a.csv"
    path.write_bytes(table(ROWS[0], "9,never,A,1,1,1"))
    words = ["performance", str(path), "--set", "venture=Acme", "--set", "channel=paid_social"]
    assert CliRunner().invoke(terminal, words).exit_code == 1
    told = CliRunner().invoke(terminal, ["performance", str(path), "--json"])
    assert told.exit_code == 2
    assert json.loads(told.stdout)["error"]["code"] == "missing_fields"
    for wrong in (["--set", "venture"], ["--set", "a=1", "--set", "a=2"]):
        assert CliRunner().invoke(terminal, [*words[:2], *wrong]).exit_code == 2


# Real files


KAG = {"campaign": "xyz_campaign_id", "conversions": "Approved_Conversion"}


def cents(totals: dict[str, Any]) -> dict[str, Any]:
    """Totals with money as people are shown it."""
    return totals | {"spend": round(totals["spend"], 2)}


def test_real_facebook_ads(importer: Importer) -> None:
    sets = ACME | {"date": "2017-08-31"}
    for status in ("imported", "unchanged"):
        report = importer("performance", shared("ads/KAG_conversion_data.csv"), sets, map=KAG)
        assert report.status == status
        assert cents(importer.spent()) == {
            "impressions": 213_434_828,
            "clicks": 38_165,
            "conversions": 1_079,
            "spend": Decimal("58705.23"),
        }
        of_one = cents(importer.spent("1178"))
        assert (of_one["impressions"], of_one["clicks"]) == (204_823_716, 36_068)
        assert of_one["spend"] == Decimal("55662.15")


def test_real_multichannel_days(importer: Importer) -> None:
    for status in ("imported", "unchanged"):
        report = importer("performance", shared("ads/multichannel_daily_feb2021.csv"), {"venture": "Acme"})
        assert (report.status, report.refused) == (status, 0)
        assert importer.spent()["spend"] == Decimal("30590879.82")
    assert (report.first_day, report.last_day, report.rows) == ("2021-02-01", "2021-02-28", 308)
    with importer.database.read() as connection:
        lines = {one.name: one.lines[0].channel for one in campaigns_of(connection)}
    assert len(lines) == 11
    assert (lines["google_hot"], lines["banner_partner"]) == ("paid_search", "display")


def test_real_dirty_search_ads(importer: Importer) -> None:
    path = shared("ads/googleads_dirty.csv")
    sets = {"venture": "Acme", "channel": "paid_search", "campaign": "Data Analytics Course"}
    report = importer("performance", path, sets)
    assert (report.rows, report.imported, report.refused) == (2075, 1704, 371)
    assert (report.first_day, report.last_day) == ("2024-11-01", "2024-11-30")
    again = importer("performance", path, sets | {"blanks": "zero"})
    assert (again.imported, again.known, again.refused) == (371, 1704, 0)


def test_real_journeys(importer: Importer) -> None:
    path = shared("journeys/attribution_data_partial.csv")
    report = importer("touchpoints", path, {"venture": "Acme"})
    assert (report.rows, report.imported, report.refused) == (62_483, 62_483, 0)
    assert report.totals == {"touchpoints": "62483", "conversions": "1838", "revenue": "11423.500000"}
    assert importer("touchpoints", path, {"venture": "Acme"}).status == "unchanged"
    with importer.database.read() as connection:
        visitors = connection.scalar(select(func.count(touchpoints.c.visitor.distinct())))
    assert visitors == 7_896


def test_real_influencers(importer: Importer) -> None:
    paths = sorted(shared("influencers").glob("*.csv"))
    for path in paths:
        report = importer("influencers", path)
        assert report.refused <= 3, path.name
        assert (
            report.rows
            == report.imported + report.corrected + report.known + report.repeated + report.refused
        )
    before = importer.rows(influencers)
    assert [importer("influencers", path).status for path in paths] == ["unchanged"] * len(paths)
    assert importer.rows(influencers) == before
    by_handle = {(row.platform, row.handle): row for row in before}
    assert by_handle["tiktok", "mrbeast"].followers == 42_200_000
    assert by_handle["youtube", "tseries"].name == "T-Series"
    assert by_handle["instagram", "leomessi"].country == "AR"


def test_real_keywords_and_customers(importer: Importer) -> None:
    path = shared("seo/semrush_trendy.csv")
    report = importer("keywords", path, {"venture": "Acme"})
    assert (report.rows, report.imported, report.merged, report.refused) == (701, 603, 98, 0)
    assert importer("keywords", path, {"venture": "Acme"}).status == "unchanged"
    path = shared("churn/telco_customer_churn_ibm.csv")
    sets = {"venture": "Telco", "date": "2018-06-30"}
    report = importer("customers", path, sets)
    assert (report.imported, report.refused) == (7_043, 0)
    with importer.database.read() as connection:
        left = connection.scalar(select(func.count()).where(customers.c.churned_at.is_not(None)))
    assert left == 1_869
    assert importer("customers", path, sets).status == "unchanged"
