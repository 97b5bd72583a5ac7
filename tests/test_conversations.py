"""Conversations as data: what is said, and what a person gets, one after another and all at once."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import text

from assistant.bootstrap import Assistant
from assistant.reply import Reply, Status
from assistant.turn import Turn
from intents.command import Role
from storage import people
from storage.people import Person
from tests.conftest import NOW, assistant_on, copied
from voice.transcriber import Transcript

FOLDER = Path(__file__).parent / "conversations"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rows(Strict):
    """A query, and the single value it gives after the turn."""

    query: str
    gives: str | int


class Ear(Strict):
    """How a spoken turn was heard."""

    sure: float = 0.95
    second: str | None = None


class Said(Strict):
    """One turn and what is expected of it; what is left out is not looked at."""

    say: str
    heard: Ear | None = None
    """Spoken, not typed; what is said is what was heard."""
    role: Role | None = None
    """Somebody else, in a conversation of their own."""
    channel: str | None = None
    """Another channel, where the same person begins a conversation or goes on with it."""
    minutes: float = 0
    """Time that passes before."""
    command: str | None = "?"
    status: Status
    slots: dict[str, Any] = {}
    """Slots that are filled like this; of a period what is given."""
    absent: list[str] = []
    says: list[str] = []
    """Parts of the reply's text."""
    aloud: list[str] = []
    """Parts of what is said aloud."""
    silent: list[str] = []
    """What its text does not contain."""
    choices: list[str] = []
    not_choices: list[str] = []
    error: str | None = None
    rows: list[Rows] = []


class Conversation(Strict):
    name: str
    role: Role = Role.CHAIRMAN
    changes: bool = False
    """Whether it changes anything: it then has a database of its own when it runs by itself."""
    alone: bool = False
    """Whether it would notice what others change at the same time."""
    turns: list[Said]


def load(document: str) -> list[Conversation]:
    return [Conversation.model_validate(one) for one in yaml.safe_load(document)]


@cache
def conversations() -> dict[str, Conversation]:
    found = [one for path in sorted(FOLDER.glob("*.yml")) for one in load(path.read_text(encoding="utf-8"))]
    named = {one.name: one for one in found}
    assert len(named) == len(found), "two conversations have one name"
    return named


class Clock:
    """The time of each thread's own conversation."""

    def __init__(self) -> None:
        self.local = threading.local()

    def __call__(self) -> datetime:
        return NOW + timedelta(minutes=getattr(self.local, "minutes", 0.0))

    def set(self, minutes: float) -> None:
        self.local.minutes = minutes


class Stage:
    """An assistant on a copy of the small portfolio, with a clock a conversation."""

    def __init__(self, source: Path, folder: Path, models: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.clock = Clock()
        url = copied(source, folder / "gtm.db")
        self.assistant: Assistant = assistant_on(url, folder, models, self.clock)

    def person(self, role: Role) -> Person:
        """Somebody new, who shares nothing with anybody."""
        with self.assistant.database.write() as connection:
            return people.add_person(connection, f"{role.value} {uuid4().hex[:6]}", role, "UTC", NOW)

    def play(self, told: Conversation) -> None:
        """Say every turn and hold the replies against what is expected."""
        self.clock.set(0)
        minutes = 0.0
        folk: dict[Role, Person] = {}
        talks: dict[tuple[Role, str], str] = {}
        for number, said in enumerate(told.turns, start=1):
            minutes += said.minutes
            self.clock.set(minutes)
            role, channel = said.role or told.role, said.channel or "test"
            if role not in folk:
                folk[role] = self.person(role)
            talk = talks.setdefault((role, channel), uuid4().hex)
            reply = self.answered(said, Turn(folk[role], channel, said.say, conversation_id=talk))
            wrong = self.differences(said, reply)
            assert not wrong, (
                f"{told.name}, turn {number} {said.say!r}: {'; '.join(wrong)}\n{reply.reply.text}"
            )

    def answered(self, said: Said, turn: Turn) -> Reply:
        """The reply to a typed or spoken turn."""
        if said.heard is None:
            return self.assistant.dialogue.turn(turn)
        heard = Transcript(said.say, "embedded", said.heard.sure, said.heard.second)
        return self.assistant.spoken.answer(heard, turn)

    def differences(self, said: Said, reply: Reply) -> list[str]:
        """What is not as expected, and whether the turn was written down."""
        wrong = []
        if said.command != "?" and reply.command != said.command:
            wrong.append(f"command {reply.command}, not {said.command}")
        if reply.status is not said.status:
            wrong.append(f"status {reply.status}, not {said.status}")
        slots = json.loads(json.dumps(reply.slots))
        wrong += [
            f"{name} is {slots.get(name)!r}, not {value!r}"
            for name, value in said.slots.items()
            if not fits(value, slots.get(name))
        ]
        wrong += [f"{name} is {slots[name]!r}" for name in said.absent if name in slots]
        wrong += [f"does not say {part!r}" for part in said.says if part not in reply.reply.text]
        spoken = self.assistant.spoken.words(reply)
        wrong += [f"does not say aloud {part!r} but {spoken!r}" for part in said.aloud if part not in spoken]
        wrong += [f"says {part!r}" for part in said.silent if part in reply.reply.text]
        wrong += [f"does not offer {one!r}" for one in said.choices if one not in reply.reply.choices]
        wrong += [f"offers {one!r}" for one in said.not_choices if one in reply.reply.choices]
        code = None if reply.error is None else reply.error.code
        if said.error != code:
            wrong.append(f"error {code}, not {said.error}")
        return wrong + self.unwritten(said, reply)

    def unwritten(self, said: Said, reply: Reply) -> list[str]:
        """What the database does not have: the turn's audit entry, and the rows expected."""
        with self.assistant.database.read() as connection:
            entry = connection.execute(
                text("select text, status, command from audit where id = :id"), {"id": reply.audit_id}
            ).one_or_none()
            wrong = []
            if entry is None or tuple(entry) != (said.say, reply.status.value, reply.command):
                wrong.append(f"the audit has {entry}")
            for expected in said.rows:
                given = connection.execute(text(expected.query)).scalar()
                if str(given) != str(expected.gives):
                    wrong.append(f"{expected.query!r} gives {given!r}, not {expected.gives!r}")
        return wrong


def fits(expected: Any, found: Any) -> bool:
    """Whether a slot is as expected; of a document only what is given counts."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(fits(value, found.get(name)) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(fits, expected, found))
    return bool(str(expected) == str(found))


@pytest.fixture(scope="module")
def shared(small_portfolio: Path, tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Stage]:
    stage = Stage(small_portfolio, tmp_path_factory.mktemp("shared"), models)
    yield stage
    stage.assistant.close()


@contextmanager
def own_stage(source: Path, folder: Path, models: Path) -> Iterator[Stage]:
    stage = Stage(source, folder, models)
    try:
        yield stage
    finally:
        stage.assistant.close()


@pytest.mark.parametrize("name", list(conversations()))
def test_a_conversation(name: str, request: pytest.FixtureRequest, tmp_path: Path, models: Path) -> None:
    told = conversations()[name]
    if not told.changes:
        stage: Stage = request.getfixturevalue("shared")
        stage.play(told)
        return
    with own_stage(request.getfixturevalue("small_portfolio"), tmp_path, models) as own:
        own.play(told)


def test_all_conversations_at_once(small_portfolio: Path, tmp_path: Path, models: Path) -> None:
    """Eight at a time on one database; what would notice the others has one of its own."""
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        together = stack.enter_context(own_stage(small_portfolio, tmp_path / "together", models))
        stages = {
            name: stack.enter_context(own_stage(small_portfolio, tmp_path / name, models))
            if told.alone
            else together
            for name, told in conversations().items()
        }
        played = {name: pool.submit(stages[name].play, told) for name, told in conversations().items()}
        failed = [str(error) for one in played.values() if (error := one.exception()) is not None]
    assert not failed, "\n".join(failed)


def test_there_are_enough_of_them() -> None:
    assert len(conversations()) >= 60
    assert sum(len(one.turns) for one in conversations().values()) >= 180
    used = {turn.command for one in conversations().values() for turn in one.turns}
    assert len(used) >= 30


@pytest.mark.parametrize(
    "document",
    [
        "- name: x\n  turns:\n  - {say: help, status: done, sayz: [help]}",
        "- name: x\n  turns:\n  - {say: help, status: dune}",
        "- name: x\n  turn:\n  - {say: help, status: done}",
        "- name: x\n  turns:\n  - {say: help}",
    ],
)
def test_a_key_that_is_misspelled_or_missing_is_noticed(document: str) -> None:
    with pytest.raises(ValidationError):
        load(document)


def test_an_expectation_that_is_not_met_fails(shared: Stage) -> None:
    turn = "{say: show gtm performance for Acme, status: done, slots: {venture: Northwind}}"
    with pytest.raises(AssertionError, match="venture is 'Acme', not 'Northwind'"):
        shared.play(load(f"- name: x\n  turns: [{turn}]")[0])
