"""Builds the parts of the assistant from the settings: the only module that knows them all."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError
from threadpoolctl import threadpool_limits

import assistant.loops
from assistant import commands
from assistant.briefing.sounding import Sounds
from assistant.bus import Bus, Clock
from assistant.derive import tools
from assistant.dialogue import Dialogue
from assistant.handling import find_handlers
from assistant.jobs import Runner
from assistant.journal import Journal
from assistant.names import LiveNames
from assistant.outbox import Sender
from assistant.recurring import find_loops
from assistant.settings import Rasa, Settings
from assistant.slack.client import Slack
from assistant.spoken import SpokenDialogue
from assistant.ticking import Loops
from assistant.voicing import Voicing
from assistant.work import find_workers
from intents.command import Role
from intents.encoder import find_encoder
from intents.names import Names
from intents.readers.cascade import Cascade
from intents.readers.embedded import EmbeddedReader
from intents.reading import Reader
from storage import migrate, people
from storage.database import Database
from voice.transcriber import Vocabulary

if TYPE_CHECKING:
    from intents.readers.rasa import RasaReader

log = logging.getLogger(__name__)

LOCAL_CHAIRMAN = "chairman"


@dataclass(frozen=True)
class Assistant:
    """The wired parts."""

    settings: Settings
    database: Database
    bus: Bus
    dialogue: Dialogue
    jobs: Runner
    outbox: Sender
    loops: Loops
    clock: Clock
    embedded: EmbeddedReader
    voicing: Voicing
    spoken: SpokenDialogue
    slack: Slack
    sounds: Sounds
    closers: tuple[Callable[[], None], ...] = ()
    """What gives back the connections of readers."""

    def start(self) -> None:
        """Begin with the work outside of turns: jobs, what is to be sent, and the loops."""
        self.jobs.loop.start()
        self.outbox.loop.start()
        if self.settings.loops.enabled:
            self.loops.start()

    def stop(self) -> None:
        """End it; what is in hand is given back."""
        self.loops.stop()
        self.jobs.loop.stop()
        self.outbox.loop.stop()

    def close(self) -> None:
        """Give back connections."""
        for close in self.closers:
            close()
        self.database.close()


def utc_now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


def build_bus(settings: Settings, clock: Clock = utc_now, seconds: float = inf) -> Bus:
    """The door alone: schema up to date, a chairman there, kept audit entries replayed.

    A statement that takes the database more than ``seconds`` is ended.
    """
    database = Database(settings.database_url, seconds)
    migrate.upgrade(database.unhurried())
    ensure_chairman(database, settings, clock())
    journal = Journal(settings.data_dir / "audit-journal.jsonl")
    journal.replay(database)
    return Bus(database, find_handlers(commands), settings, clock, LiveNames(), journal)


def build(
    settings: Settings, clock: Clock = utc_now, load: Callable[[Settings], EmbeddedReader] | None = None
) -> Assistant:
    """Wire everything: the door, the reader before it, the jobs behind it.

    The embedded reader comes from ``load``, which is `load_reader` where nothing else is said.
    """
    bus = build_bus(settings, clock, settings.database_seconds)
    embedded = (load or load_reader)(settings)
    reader, closers = _readers(bus, embedded)
    dialogue = Dialogue(bus, reader, quick=embedded)
    runner = Runner(bus, find_workers(commands))
    slack = Slack(bus)
    voicing = Voicing(settings, _Sayable(bus))
    bus.voice = voicing.facts
    sounds = Sounds(voicing, settings.data_dir)
    sender = Sender(bus, slack, sounds)

    def look() -> None:
        runner.loop.wake()
        sender.loop.wake()

    bus.on_work = look
    spoken = SpokenDialogue(dialogue, voicing)
    loops = build_loops(bus)
    return Assistant(
        settings,
        bus.database,
        bus,
        dialogue,
        runner,
        sender,
        loops,
        clock,
        embedded,
        voicing,
        spoken,
        slack,
        sounds,
        closers,
    )


def build_loops(bus: Bus) -> Loops:
    """Everything that is done again and again, behind the door."""
    return Loops(bus, find_loops(assistant.loops))


def load_reader(settings: Settings) -> EmbeddedReader:
    """The embedded reader with the encoder of the settings, trained where its sentences changed.

    Raises `EncoderError` when a folder is named that is unfit, `TrainingError` for unreadable sentences.
    """
    models, chosen = settings.data_dir / "models", settings.understanding.encoder
    encoder = None
    if chosen != "off":
        encoder = find_encoder(models, None if chosen == "auto" else Path(chosen))
        if encoder is None:
            log.warning("the sentence encoder is not installed: understanding goes by words alone")
    reader = EmbeddedReader.load(models, encoder=encoder)
    # A sentence is too little work for two threads, which wait for each other on a busy machine.
    threadpool_limits(1, user_api="blas")
    return reader


class _Sayable:
    """What can be said now; the same until a name changes."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._made: tuple[Names, Vocabulary] | None = None

    def __call__(self) -> Vocabulary:
        # Imported here: who only types does not load what is sayable.
        from assistant.vocabulary import vocabulary

        names = self._bus.names.recent()
        if names is None:
            with self._bus.database.read() as connection:
                names = self._bus.names.current(connection)
        if self._made is None or self._made[0] is not names:
            self._made = names, vocabulary(names)
        return self._made[1]


ALWAYS = 1.1
"""No reader is as sure as this."""


def _readers(bus: Bus, embedded: EmbeddedReader) -> tuple[Reader, tuple[Callable[[], None], ...]]:
    """The embedded reader with the others the settings name beside it, and what ends these."""
    chosen = bus.settings.understanding
    first, unsure, sure = None, None, 0.0
    closers: tuple[Callable[[], None], ...] = ()
    if chosen.first == "rasa":
        first = rasa_reader(chosen.rasa, embedded)
        closers = (first.close,)
    if chosen.language_model.model is not None:
        unsure = _language_model(bus, embedded)
        sure = ALWAYS if chosen.language_model.ask == "always" else chosen.language_model.unsure_below
    if first is None and unsure is None:
        return embedded, ()
    return Cascade(embedded, first=first, unsure=unsure, sure=sure), closers


def rasa_reader(terms: Rasa, embedded: EmbeddedReader) -> "RasaReader":
    """A reader that asks the Rasa server of the settings."""
    from intents.readers.rasa import RasaReader

    token = None if terms.token is None else terms.token.get_secret_value()
    return RasaReader(str(terms.url), embedded.layer, seconds=terms.seconds, token=token)


def _language_model(bus: Bus, embedded: EmbeddedReader) -> Reader:
    # Imported here: who asks no model does not pay a second at start for its client.
    from assistant.metering import MonthlyMeter
    from intents.readers.completions import Endpoint
    from intents.readers.language_model import LanguageModelReader

    terms = bus.settings.understanding.language_model
    endpoint = Endpoint(
        base_url=str(terms.base_url),
        model=terms.model or "",
        api_key=terms.api_key,
        most_tokens=terms.most_tokens,
        log_probabilities=terms.log_probabilities,
        temperature=terms.temperature,
    )
    meter = MonthlyMeter(bus.database, bus.clock, LanguageModelReader.name, terms)
    return LanguageModelReader(
        endpoint, tools(bus.catalogue), embedded.layer, meter, seconds=terms.seconds, retries=terms.retries
    )


def set_up_log(settings: Settings) -> None:
    """Log to standard error, as much as the settings say."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in (
        "alembic.runtime.plugins",
        "apscheduler",
        "httpx2",
        "httpcore2",
        "openai",
        "slack_bolt",
        "slack_sdk",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)


def ensure_chairman(database: Database, settings: Settings, now: datetime) -> None:
    """A database without users gets its chairman."""
    with database.read() as connection:
        if people.count_people(connection):
            return
    # Another process that starts at the same moment may have been quicker.
    with suppress(IntegrityError), database.write() as connection:
        if not people.count_people(connection):
            people.add_person(connection, LOCAL_CHAIRMAN, Role.CHAIRMAN, settings.time_zone, now)
