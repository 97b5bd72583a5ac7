"""Column types and transactions, on both databases."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, func, select
from sqlalchemy.exc import StatementError

from engines.terms import Period
from intents.command import Role
from storage import names, people
from storage.database import Amount, Database, UtcDateTime
from storage.ventures import RateMissingError, Rates, exchange_rates
from tests.conftest import NOW

scratch = Table(
    "scratch",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("amount", Amount()),
    Column("at", UtcDateTime),
)


@pytest.fixture
def table(database: Database) -> Iterator[Database]:
    with database.write() as connection:
        scratch.create(connection)
    yield database
    with database.write() as connection:
        scratch.drop(connection)


def test_sums_of_money_are_exact(table: Database) -> None:
    cents = [Decimal("0.1"), Decimal("0.2"), Decimal("-0.000001"), Decimal("99999999999.99")]
    with table.write() as connection:
        connection.execute(scratch.insert(), [{"amount": one} for one in cents])
    with table.read() as connection:
        assert connection.scalar(select(func.sum(scratch.c.amount))) == sum(cents)


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=6))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_money_comes_back_as_it_went_in(table: Database, amount: Decimal) -> None:
    with table.write() as connection:
        connection.execute(scratch.delete())
        connection.execute(scratch.insert().values(amount=amount))
    with table.read() as connection:
        assert connection.scalar(select(scratch.c.amount)) == amount


def test_money_is_never_rounded_on_the_way_in(table: Database) -> None:
    with pytest.raises(StatementError, match="more than 6 decimals"), table.write() as connection:
        connection.execute(scratch.insert().values(amount=Decimal("0.0000001")))


def test_times_are_utc_inside(table: Database) -> None:
    berlin = datetime(2026, 3, 15, 10, 30, tzinfo=timezone(timedelta(hours=1)))
    with table.write() as connection:
        connection.execute(scratch.insert().values(at=berlin))
    with table.read() as connection:
        kept = connection.scalar(select(scratch.c.at))
    assert kept == berlin
    assert kept is not None
    assert kept.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(table: Database) -> None:
    with pytest.raises(StatementError, match="without a zone"), table.write() as connection:
        connection.execute(scratch.insert().values(at=datetime(2026, 3, 15)))  # noqa: DTZ001 - the point


def test_a_failed_write_leaves_nothing(table: Database) -> None:
    def write_and_fail() -> None:
        with table.write() as connection:
            connection.execute(scratch.insert().values(amount=1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with table.read() as connection:
        assert connection.scalar(select(func.count()).select_from(scratch)) == 0


def test_a_reader_sees_one_snapshot(table: Database) -> None:
    with table.read() as reader:
        assert reader.scalar(select(func.count()).select_from(scratch)) == 0
        with table.write() as writer:
            writer.execute(scratch.insert().values(amount=1))
        assert reader.scalar(select(func.count()).select_from(scratch)) == 0
    with table.read() as reader:
        assert reader.scalar(select(func.count()).select_from(scratch)) == 1


def test_a_day_without_a_rate_takes_the_latest_before_it(database: Database) -> None:
    day = NOW.date()
    with database.write() as connection:
        for back, rate in ((3, "1.10"), (1, "1.25")):
            when = day - timedelta(days=back)
            values = {"day": when, "base": "EUR", "quote": "USD", "rate": Decimal(rate)}
            connection.execute(exchange_rates.insert().values(**values))
    with database.read() as connection:
        rates = Rates(connection, "USD", Period(day - timedelta(days=2), day))
        assert rates.convert(Decimal(100), "EUR", day) == 125
        assert rates.convert(Decimal(100), "EUR", day - timedelta(days=2)) == 110
        assert rates.convert(Decimal(100), "USD", day) == 100
        with pytest.raises(RateMissingError, match="EUR"):
            rates.convert(Decimal(100), "EUR", day - timedelta(days=9))


def test_tokens_are_kept_as_digests_and_sign_in_works_once(database: Database) -> None:
    with database.write() as connection:
        person = people.add_person(connection, "ada", Role.LEAD, "UTC", NOW)
        api = people.issue_token(connection, person.id, people.API, "test", NOW)
        link = people.issue_token(connection, person.id, people.SIGN_IN, "test", NOW, timedelta(hours=1))
        kept = set(connection.scalars(select(people.tokens.c.digest)))
    assert not {api, link} & kept
    with database.write() as connection:
        assert people.bearer(connection, api, NOW) == person
        assert people.bearer(connection, link, NOW) is None
        assert people.redeem_sign_in(connection, api, NOW) is None
        assert people.redeem_sign_in(connection, link, NOW + timedelta(hours=2)) is None
        assert people.redeem_sign_in(connection, link, NOW) == person
        assert people.redeem_sign_in(connection, link, NOW) is None


def test_the_version_of_names_rises_when_they_change(database: Database) -> None:
    with database.read() as connection:
        assert names.current_version(connection) == 0
    for expected in (1, 2):
        with database.write() as connection:
            names.touch(connection)
        with database.read() as connection:
            assert names.current_version(connection) == expected
