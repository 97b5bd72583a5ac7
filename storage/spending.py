"""What readers that are paid for cost, a row a month and reader, counted before the money is gone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Column, Connection, String, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Scaled, metadata

PLACES = 12
"""A token's price has up to so many decimals: millionths of a millionth."""

reader_spend = Table(
    "reader_spend",
    metadata,
    Column("month", String(7), primary_key=True, comment="2026-03, in UTC"),
    Column("reader", String(40), primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost", Scaled(PLACES), nullable=False, comment="USD; what is under way at its worst"),
)


@dataclass(frozen=True)
class Spent:
    """What a reader took in a month."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    """USD; a call under way, or one that was cut off, counts with the most it can cost."""


def month_of(moment: datetime) -> str:
    """The month, in UTC, that a moment's spending counts for: 2026-03."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def reserve(connection: Connection, month: str, reader: str, most: Decimal, limit: Decimal) -> bool:
    """Count a call with the most it can cost; False, and nothing counted, where that would pass the limit.

    One statement decides, so that calls of several processes never pass it together.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    table = reader_spend
    nothing = {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cost": Decimal(0)}
    connection.execute(insert(table).values(month=month, reader=reader, **nothing).on_conflict_do_nothing())
    counted = connection.execute(
        update(table)
        .where(table.c.month == month, table.c.reader == reader, table.c.cost <= limit - most)
        .values(cost=table.c.cost + most, calls=table.c.calls + 1)
    )
    return bool(counted.rowcount)


def settle(connection: Connection, month: str, reader: str, most: Decimal, used: Spent) -> None:
    """Put what a reserved call came to in place of the most it could cost."""
    table = reader_spend
    connection.execute(
        update(table)
        .where(table.c.month == month, table.c.reader == reader)
        .values(
            cost=table.c.cost + (used.cost - most),
            input_tokens=table.c.input_tokens + used.input_tokens,
            output_tokens=table.c.output_tokens + used.output_tokens,
        )
    )


def spent(connection: Connection, month: str, reader: str) -> Spent:
    """What a reader took in a month."""
    columns = [reader_spend.c[name] for name in Spent.__annotations__]
    row = connection.execute(
        select(*columns).where(reader_spend.c.month == month, reader_spend.c.reader == reader)
    ).first()
    return Spent() if row is None else Spent(*row)
