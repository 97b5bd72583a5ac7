"""Databases, assistants and servers for the tests."""

import gc
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from httpx2._config import DEFAULT_TIMEOUT_CONFIG

from assistant.bootstrap import Assistant, build, load_reader
from assistant.reply import Reply
from assistant.settings import Settings
from assistant.turn import Turn
from intents.command import Role
from intents.readers.embedded import EmbeddedReader
from storage import migrate, people
from storage.database import Database
from storage.synthetic import fill
from tests.postgres import empty, free_port, own_database, own_server, programs

pytest_plugins = ["tests.loopback_mail", "tests.world", "tests.slack_world"]

AS_OF = date(2026, 3, 15)
NOW = datetime(2026, 3, 15, 18, 0, tzinfo=UTC)
IN_CI = bool(os.environ.get("CI"))


# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

PATIENCE = 60.0
"""Seconds a test waits for our own service: none depends on how busy the machine is."""
for _part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, _part, PATIENCE)


def missing(what: str, cure: str) -> None:
    """Skip aloud on a person's machine, fail where everything must be there."""
    if IN_CI:
        pytest.fail(f"{what} is missing: {cure}")
    pytest.skip(f"{what} is missing: {cure}")


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    """No test depends on, or touches, what the person who runs it has configured."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("GTM_")}
    yield
    os.environ.update(kept)


@pytest.fixture(scope="session", autouse=True)
def _seldom_collected() -> None:
    """What is loaded by now stays: to look through it for garbage takes half a second each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained reader's folder: the repository's own where it is, so that it is trained once."""
    kept = Path(__file__).parent.parent / "var" / "models"
    return kept if kept.exists() else tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, without the database's name."""
    named = os.environ.get("TEST_POSTGRESQL_URL")
    if named:
        yield named.rstrip("/")
        return
    found = programs()
    if found is None:
        missing("PostgreSQL", "install it (apt-get install postgresql), or set TEST_POSTGRESQL_URL")
        return
    with own_server(found) as server:
        yield server.url


BACKENDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql))


@pytest.fixture(scope="session")
def sqlite_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema and nothing in it, to be copied."""
    file = tmp_path_factory.mktemp("schema") / "gtm.db"
    made = Database(f"sqlite:///{file}")
    migrate.upgrade(made)
    made.close()
    return file


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: str) -> Iterator[str]:
    """The URL of a PostgreSQL database with the schema, which whoever uses it leaves empty."""
    with own_database(postgresql_server) as url:
        made = Database(url)
        migrate.upgrade(made)
        made.close()
        yield url


def copied(database: Path, to: Path) -> str:
    """A copy of a SQLite database that nobody has open, as a URL."""
    shutil.copyfile(database, to)
    return f"sqlite:///{to}"


@pytest.fixture(params=BACKENDS)
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind, without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'gtm.db'}"
        return
    with own_database(request.getfixturevalue("postgresql_server")) as url:
        yield url


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database of each kind."""
    if request.param == "sqlite":
        yield copied(request.getfixturevalue("sqlite_schema"), tmp_path / "gtm.db")
        return
    url: str = request.getfixturevalue("postgresql_database")
    yield url
    empty(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty, migrated database of each kind."""
    made = Database(database_url)
    yield made
    made.close()


@pytest.fixture(scope="session", params=BACKENDS)
def portfolio(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The default synthetic portfolio on each kind of database; to be read only."""
    folder = tmp_path_factory.mktemp("portfolio")
    if request.param == "sqlite":
        yield from _filled(f"sqlite:///{folder / 'gtm.db'}", folder)
        return
    with own_database(request.getfixturevalue("postgresql_server")) as url:
        yield from _filled(url, folder)


def _filled(url: str, folder: Path, records: int = 71_297) -> Iterator[Database]:
    made = Database(url)
    migrate.upgrade(made)
    fill(made, records=records, seed=1, as_of=AS_OF, now=NOW, truth_file=folder / "truth.json.gz")
    yield made
    made.close()


@pytest.fixture(scope="session")
def small_portfolio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with a small synthetic portfolio, to be copied."""
    folder = tmp_path_factory.mktemp("small")
    for made in _filled(f"sqlite:///{folder / 'gtm.db'}", folder, records=3_000):
        _add_people(made)
        with made.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "gtm.db"


@cache
def _reader(models: Path, encoder: str) -> EmbeddedReader:
    """The trained reader, loaded once: reading changes nothing in it."""
    terms = {"encoder": encoder}
    return load_reader(Settings.model_validate({"data_dir": models.parent, "understanding": terms}))


def _add_people(database: Database) -> None:
    """One user a role."""
    with database.read() as connection:
        known = {one.name for one in people.people(connection)}
    # The chairman first, as on a first start.
    if missed := [role for role in reversed(Role) if role.value not in known]:
        with database.write() as connection:
            for role in missed:
                people.add_person(connection, role.value, role, "UTC", NOW)


def assistant_on(
    url: str, data_dir: Path, models: Path, now: Callable[[], datetime] = lambda: NOW, **settings: Any
) -> Assistant:
    """An assistant with a fixed clock, one user a role, and the reader that is trained already."""
    if not (data_dir / "models").exists():
        (data_dir / "models").symlink_to(models)
    # What a service does by itself is asked for by the tests that are about it.
    chosen = {"loops": {"enabled": False}} | settings
    terms = Settings(data_dir=data_dir, database_url=url, **chosen)
    assistant = build(terms, now, lambda asked: _reader(models.resolve(), asked.understanding.encoder))
    _add_people(assistant.database)
    return assistant


@pytest.fixture
def assistant(small_portfolio: Path, tmp_path: Path, models: Path) -> Iterator[Assistant]:
    """An assistant on its own copy of the small portfolio (SQLite)."""
    made = assistant_on(copied(small_portfolio, tmp_path / "gtm.db"), tmp_path, models)
    yield made
    made.close()


@dataclass
class Speaker:
    """Somebody in a conversation of their own."""

    assistant: Assistant
    role: Role = Role.CHAIRMAN
    conversation: str | None = None

    def say(self, words: str, key: str | None = None) -> Reply:
        """One turn."""
        with self.assistant.database.read() as connection:
            person = people.person_named(connection, self.role.value)
        assert person is not None
        self.conversation = self.conversation or uuid4().hex
        turn = Turn(person, "test", words, conversation_id=self.conversation, key=key)
        return self.assistant.dialogue.turn(turn)


def run(talk: Speaker, command: str, /, *, key: str | None = None, **slots: Any) -> Reply:
    """A command named outright, in the speaker's conversation."""
    with talk.assistant.database.read() as connection:
        person = people.person_named(connection, talk.role.value)
    assert person is not None
    talk.conversation = talk.conversation or uuid4().hex
    turn = Turn(person, "test", command, conversation_id=talk.conversation, key=key)
    return talk.assistant.dialogue.run(command, slots, turn)


@pytest.fixture
def chairman(assistant: Assistant) -> Speaker:
    """The chairman, talking."""
    return Speaker(assistant)


@dataclass
class Server:
    """A running service."""

    url: str
    assistant: Assistant

    def token(self, role: Role = Role.CHAIRMAN) -> str:
        """A fresh API token of the user of a role."""
        return self._issue(role, people.API)

    def sign_in_link(self, role: Role = Role.CHAIRMAN) -> str:
        """A fresh one-time link."""
        return f"{self.url}/sign-in?token={self._issue(role, people.SIGN_IN)}"

    def _issue(self, role: Role, kind: str) -> str:
        with self.assistant.database.write() as connection:
            person = people.person_named(connection, role.value)
            assert person is not None
            return people.issue_token(connection, person.id, kind, "test", NOW, timedelta(hours=1))


@pytest.fixture
def server(assistant: Assistant) -> Iterator[Server]:
    """The service on a loopback port."""
    with serving(assistant) as running:
        yield running


@pytest.fixture(scope="module")
def shared_server(
    small_portfolio: Path, tmp_path_factory: pytest.TempPathFactory, models: Path
) -> Iterator[Server]:
    """One service for the tests of a module, none of which changes what another one sees."""
    folder = tmp_path_factory.mktemp("shared")
    terms = {"requests_per_minute": 0, "unknown_per_minute": 0}
    made = assistant_on(copied(small_portfolio, folder / "gtm.db"), folder, models, server=terms)
    with serving(made) as running:
        yield running
    made.close()


@contextmanager
def serving(assistant: Assistant, port: int | None = None) -> Iterator[Server]:
    """The service of an assistant on a loopback port."""
    import uvicorn

    from assistant.app import create_app, server_options

    port = port or free_port()
    options = server_options(assistant.settings.server) | {"port": port}
    config = uvicorn.Config(create_app(assistant, alone=False), **options, log_level="warning")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not running.started:
        assert time.monotonic() < deadline, "the service did not start"
        time.sleep(0.02)
    yield Server(f"http://127.0.0.1:{port}", assistant)
    running.should_exit = True
    thread.join(10)
