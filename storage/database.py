"""Connections, column types and transactions, alike on SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal
from math import inf
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

BUSY_SECONDS = 10
"""How long a SQLite writer waits for another before it gives up."""
LOOK_STEPS = 1_000_000
"""SQLite looks at the clock after so many steps of its machine: some hundredths of a second."""

IDLE_SECONDS = 3
"""A server's connection that was not used for longer is asked whether it still lives."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = JSON().with_variant(JSONB(), "postgresql")
"""A JSON document."""

Key = BigInteger().with_variant(Integer(), "sqlite")
"""A generated row number (SQLite numbers only its own INTEGER by itself)."""


class Scaled(TypeDecorator[Decimal]):
    """An exact decimal kept as a whole number of 10^-places, so that sums in SQL are exact on every database.

    Binding a value with more decimals raises `ValueError`: nothing is rounded on the way in.
    """

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:
        """Decimal to whole units."""
        if value is None:
            return None
        scaled = Decimal(value).scaleb(self.places)
        whole = int(scaled)
        if whole != scaled:
            raise ValueError(f"{value} has more than {self.places} decimals")
        return whole

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        """Whole units to Decimal; PostgreSQL gives sums of big integers as Decimal already."""
        return None if value is None else Decimal(int(value)).scaleb(-self.places)


def Amount() -> Scaled:  # noqa: N802 - reads as a column type
    """A money amount to a millionth of its currency's unit, as ad platforms bill it."""
    return Scaled(6)


def Rate() -> Scaled:  # noqa: N802 - reads as a column type
    """An exchange rate to eight decimals."""
    return Scaled(8)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware going in, UTC in the database, aware (UTC) coming out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; SQLite stores the UTC wall clock."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always aware, always UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Microseconds(FunctionElement[int]):
    """A stored moment as microseconds since 1970, for sums of durations that are exact on every database."""

    type = BigInteger()
    inherit_cache = True


@compiles(Microseconds, "sqlite")
def _sqlite_microseconds(element: Any, compiler: Any, **kwargs: Any) -> str:
    moment = compiler.process(element.clauses, **kwargs)
    return f"(strftime('%s', {moment}) * 1000000 + substr({moment}, 21, 6))"


@compiles(Microseconds, "postgresql")
def _postgresql_microseconds(element: Any, compiler: Any, **kwargs: Any) -> str:
    return f"(extract(epoch from {compiler.process(element.clauses, **kwargs)}) * 1000000)::bigint"


class Database:
    """One database: `read` for snapshots, `write` for short transactions.

    What takes it more than ``seconds`` is ended with `sqlalchemy.exc.OperationalError`; without them nothing
    is.
    """

    def __init__(self, url: str, seconds: float = inf) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(url, seconds) if self.is_sqlite else _server_engine(url, seconds)
        self._line = Lock() if self.is_sqlite else None

    def unhurried(self) -> "Database":
        """The same database and connections, for long work: nothing is ended."""
        other = copy(self)
        other.engine = self.engine.execution_options(gtm_unhurried=True)
        return other

    @property
    def shown_url(self) -> str:
        """The URL without its password, fit for logs."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose queries all see one snapshot; nothing written through it is kept."""
        level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.engine.connect().execution_options(**level) as connection:
            yield connection
            if not self.is_sqlite:
                # psycopg forgets its prepared statements at a rollback.
                connection.commit()

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """A connection for a single query: a server is spared the transaction around it."""
        if self.is_sqlite:
            with self.read() as connection:
                yield connection
            return
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A short transaction, committed at the end of the block and rolled back on any exception."""
        with (
            self._in_line(),
            self.engine.connect().execution_options(gtm_write=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _in_line(self) -> Iterator[None]:
        """SQLite has one writer at a time: threads wait for each other here, where nobody sleeps."""
        if self._line is None:
            yield
            return
        if not self._line.acquire(timeout=BUSY_SECONDS):
            raise OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))
        try:
            yield
        finally:
            self._line.release()

    def settle(self) -> None:
        """Have a server look at what a large load left, so that it plans well now and not in some minutes."""
        if self.is_sqlite:
            return
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("VACUUM (ANALYZE)")
            connection.exec_driver_sql("RESET statement_timeout")

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def _written(document: Any) -> str:
    return to_json(document).decode()


_DOCUMENTS: dict[str, Any] = {"json_serializer": _written, "json_deserializer": from_json}
"""Every turn reads and writes documents; the standard library takes several times as long over them."""


def _sqlite_engine(url: str, seconds: float) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **_DOCUMENTS)

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-32000"):
            raw.execute(f"PRAGMA {pragma}")
        raw.isolation_level = None
        record.info["until"] = inf
        if seconds < inf:
            raw.set_progress_handler(lambda: monotonic() > record.info["until"], LOOK_STEPS)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.info["until"] = inf if options.get("gtm_unhurried") else monotonic() + seconds
        # Writers take their lock at once: a reader that turns writer would fail without waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("gtm_write") else "BEGIN")

    return engine


def _server_engine(url: str, seconds: float) -> Engine:
    # A plan for any period would be a poor one for a year: prepared statements are planned for what is asked.
    options = [make_url(url).query.get("options", ""), "-c plan_cache_mode=force_custom_plan"]
    if seconds < inf:
        options.append(f"-c statement_timeout={round(seconds * 1000)}")
    connect_args = {"options": " ".join(map(str, options)).strip()}
    engine = create_engine(url, pool_size=10, max_overflow=20, connect_args=connect_args, **_DOCUMENTS)

    @event.listens_for(engine, "checkout")
    def _alive(raw: Any, record: Any, _proxy: Any) -> None:
        # A connection that was used a moment ago is not asked; the first that fails ends all others, too.
        if monotonic() - record.info.get("used", inf) > IDLE_SECONDS:
            try:
                raw.execute("select 1")
                raw.rollback()
            except engine.dialect.loaded_dbapi.Error as error:
                raise DisconnectionError from error

    @event.listens_for(engine, "checkin")
    def _used(_raw: Any, record: Any) -> None:
        record.info["used"] = monotonic()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if seconds < inf and connection.get_execution_options().get("gtm_unhurried"):
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")

    return engine
