"""Journeys and lost paths out of the database, on both kinds, and a real file through to the answer."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from engines.crediting import Model
from engines.terms import Period
from storage.customers import customers
from storage.database import Database
from storage.imports import ImportRequest
from storage.imports import run as imported
from storage.journeys import conversions, journeys_in, latest_conversion, lost_in
from storage.ventures import ventures
from tests.conftest import NOW, Speaker, assistant_on, run
from tests.test_imports import shared

EVENTS = """visitor,time,channel,conversion,revenue
ann,2026-01-05T10:00:00Z,email,0,0
ann,2026-01-06T10:00:00Z,paid_search,0,0
ann,2026-01-07T10:00:00Z,email,1,90
bob,2026-01-10T10:00:00Z,display,0,0
bob,2026-01-10T12:00:00Z,email,0,0
cat,2026-01-31T10:00:00Z,video,0,0
cat,2026-02-03T10:00:00Z,email,1,10
dan,2026-01-02T10:00:00Z,display,0,0
dan,2026-01-20T10:00:00Z,video,0,0
eve,2026-02-10T10:00:00Z,video,0,0
bob,2026-01-12T03:00:00Z,email,0,0
"""
JANUARY = Period(date(2026, 1, 1), date(2026, 1, 31))


@pytest.fixture
def venture(database: Database, tmp_path: Path) -> int:
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    sets = {"venture": "Acme", "conversion_touches": "no"}
    imported(database, ImportRequest("touchpoints", path, set=sets), now=NOW)
    with database.read() as connection:
        found: int | None = connection.scalar(select(ventures.c.id))
    assert found is not None
    return found


def test_lost_paths_are_those_no_conversion_followed(database: Database, venture: int) -> None:
    with database.read() as connection:
        january = lost_in(connection, JANUARY, "UTC", venture)
        won = journeys_in(connection, JANUARY, "UTC", venture)
        none = lost_in(connection, Period(date(2020, 1, 1), date(2020, 1, 2)), "UTC", venture)
    # Cat converted in February: what she did in January is not lost.
    assert january.table() == {("display", "email", "email"): (0, 0, 1), ("display", "video"): (0, 0, 1)}
    assert [tuple(one.channel for one in journey.touches) for journey in won] == [("email", "paid_search")]
    assert none.table() == {}


def test_the_day_of_the_latest_conversion_is_the_ventures(database: Database, venture: int) -> None:
    with database.read() as connection:
        assert latest_conversion(connection, venture, "UTC", date(2026, 3, 1)) == date(2026, 2, 3)
        assert latest_conversion(connection, venture, "Pacific/Auckland", date(2026, 3, 1)) == date(
            2026, 2, 3
        )
        assert latest_conversion(connection, venture, "Pacific/Kiritimati", date(2026, 3, 1)) == date(
            2026, 2, 4
        )
        assert latest_conversion(connection, venture, "UTC", date(2026, 2, 2)) == date(2026, 1, 7)
        assert latest_conversion(connection, venture, "UTC", date(2026, 1, 6)) is None


def new_customer(connection: Connection, venture: int, name: str) -> int:
    row = {"venture_id": venture, "monthly_revenue": Decimal(0), "acquired_at": NOW, "indicators": {}}
    query = insert(customers).values(external_id=name, **row).returning(customers.c.id)
    found: int = connection.execute(query).scalar_one()
    return found


FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))


def test_a_customer_with_two_devices_is_one_person(database: Database, venture: int) -> None:
    with database.write() as connection:
        buyer = new_customer(connection, venture, "c1")
        connection.execute(update(conversions).values(customer_id=buyer))
    with database.read() as connection:
        found = journeys_in(connection, FEBRUARY, "UTC", venture)
        apart = journeys_in(connection, FEBRUARY, "UTC", venture, linked={})
        short = journeys_in(connection, FEBRUARY, "UTC", venture, look_back_days=2)
        lost = lost_in(connection, JANUARY, "UTC", venture)
    assert [[one.channel for one in journey.touches] for journey in found] == [
        ["email", "paid_search", "video"]
    ]
    assert [[one.channel for one in journey.touches] for journey in apart] == [["video"]]
    assert [journey.touches for journey in short] == [()]
    assert lost.table() == {("display", "email", "email"): (0, 0, 1), ("display", "video"): (0, 0, 1)}


def test_a_device_of_two_customers_is_nobodys(database: Database, venture: int) -> None:
    """A tablet that a family shares does not make one person of them."""
    with database.write() as connection:
        one, other = (new_customer(connection, venture, name) for name in ("c1", "c2"))
        connection.execute(update(conversions).values(customer_id=one))
        shared_by = {"revenue": Decimal(1), "kind": "purchase", "occurred_at": NOW, "venture_id": venture}
        connection.execute(insert(conversions).values(visitor="cat", customer_id=other, **shared_by))
    with database.read() as connection:
        found = journeys_in(connection, FEBRUARY, "UTC", venture)
    assert [[touch.channel for touch in journey.touches] for journey in found] == [["video"]]


def test_what_is_set_is_what_counts(small_portfolio: Path, tmp_path: Path, models: Path) -> None:
    shutil.copy(small_portfolio, tmp_path / "gtm.db")
    url = f"sqlite:///{tmp_path / 'gtm.db'}"

    def report(**said: Any) -> dict[str, Any]:
        assistant = assistant_on(url, tmp_path, models, attribution=said)
        slots = {"venture": "Acme", "model": "position_based"}
        reply = run(Speaker(assistant), "report_attribution", **slots)
        told: dict[str, Any] = reply.model_dump()
        assistant.close()
        return told

    usual = report()
    first = report(first_weight=1, last_weight=0)
    assert "100% to the first touch, 0% to the last" in first["reply"]["evidence"][0]["formula"]
    first_touch = {row["channel"]: row["shares"]["first_touch"] for row in usual["result"]["models"]}
    for row in first["result"]["channels"]:
        assert row["share"] == pytest.approx(first_touch[row["channel"]], abs=1e-6)
    short = report(look_back_days=1)
    assert short["result"]["mean_length"] < usual["result"]["mean_length"]
    assert "in the 1 day before each" in short["reply"]["evidence"][0]["data"]
    whole = sum(sum(day["revenue"].values()) for day in usual["result"]["days"])
    assert whole == usual["result"]["revenue"] - usual["result"]["unattributed_revenue"]


def test_real_journeys_through_to_the_answer(chairman: Speaker) -> None:
    path = shared("journeys/attribution_data_partial.csv")
    imported(
        chairman.assistant.database, ImportRequest("touchpoints", path, set={"venture": "Meridian"}), now=NOW
    )
    reply = chairman.say("attribution report for Meridian")
    assert "the last 30 days have no conversions" in reply.reply.text
    assert "Jul 31, 2018" in reply.reply.text
    for model in Model:
        report = run(
            chairman, "report_attribution", venture="Meridian", model=model.value, period="July 2018"
        ).model_dump()["result"]
        assert report["conversions"] == 1_838
        assert sum(row["revenue"] for row in report["channels"]) == Decimal("11423.5")
        assert {row["channel"] for row in report["channels"]} == {
            "paid_social",
            "paid_search",
            "video",
            "display",
        }
        if model is Model.MARKOV:
            assert report["lost"] > 7_000
