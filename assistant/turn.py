"""One utterance on its way through the assistant."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from assistant.doubting import Heard
from assistant.hearing import least_sure
from assistant.memory import Memory
from intents.reading import Reader, Reading
from storage.people import Person

DESK = "desk"
"""The channel of turns that a page asks for by being opened."""


@dataclass(frozen=True)
class Page:
    """The answer a page shows: its command and the names it was asked with."""

    command: str
    slots: dict[str, Any]

    @property
    def sent(self) -> str:
        """As a page sends it along: ``show_venture?venture=Acme``."""
        return f"{self.command}?{urlencode(self.slots, doseq=True)}"


def front_of(sent: str) -> Page | None:
    """What a page sent along as being in front of the person; None where it is nothing of the kind."""
    command, _, names = sent.partition("?")
    if not command or names.count("&") >= MOST_NAMES:
        return None
    said = parse_qsl(names)
    return Page(command, {name: value for name, value in said if name in NAMED and value.isprintable()})


NAMED = ("venture", "campaign", "channel", "influencer", "metric")
"""Slots that a page may name: what "this" can stand for."""
MOST_NAMES = 10
"""Of what a page sends along."""


@dataclass
class Turn:
    """Who said what where; the dialogue adds how it was read and what the conversation remembers."""

    person: Person
    channel: str
    """terminal, http, web …"""
    text: str
    conversation_id: str | None = None
    key: str | None = None
    """The caller's idempotency key: the same key gives the same reply and acts once."""
    reader: Reader | None = None
    """Understands this turn in place of the dialogue's own."""
    heard: Heard | None = None
    """How the words were heard; None where they were typed."""
    said: str = ""
    """What was said, where it is a yes to words heard before, for which the turn stands; else empty."""
    turn_id: str = field(default_factory=lambda: str(uuid4()))
    started: float = field(default_factory=perf_counter)
    reading: Reading | None = None
    understood_by: str | None = None
    """The reader on whose word the command rests, now or earlier in the conversation; None for one that was
    named outright."""
    memory: Memory = field(default_factory=Memory)
    after: int | None = None
    """How many turns of the conversation came before; None until its memory was read."""
    command: str | None = None
    slots: dict[str, Any] = field(default_factory=dict)
    lead: str = ""
    """What the reply says before anything else."""
    forgotten: frozenset[str] = frozenset()
    """What the conversation no longer remembers because it was too long ago: pending, waiting, command."""
    borrowed: Memory | None = None
    """What the same person's talk on another channel is about; only for looking, never for changing."""
    page: Page | None = None
    """What is in front of the person: "this" means it, and a conversation that has only begun is about it."""
    only_looks: bool = False
    """Whether nothing may come of the turn: a page shows what a command would do, and does not ask for it."""
    answers: str | None = None
    """The turn whose answer offered these words as a button: where the talk went on since, they are void."""
    proposal: int | None = None
    """The proposal that the turn made or decided; known once it is written down."""
    on_stage: Callable[[str], None] | None = None
    """Told what is being done with the turn: understanding, working, writing."""

    def __post_init__(self) -> None:
        # PostgreSQL stores no NUL characters.
        self.text = self.text.replace("\x00", "\ufffd")

    def at_stage(self, stage: str) -> None:
        """Tell whoever waits how far the turn is."""
        if self.on_stage is not None:
            self.on_stage(stage)

    def rest_on(self, earlier: str | None) -> None:
        """Build on what a reader heard before: if either is not taken at its word, this is not."""
        self.understood_by = least_sure(self.understood_by, earlier)

    def stands_for(self, text: str) -> None:
        """Go on as if ``text`` had been said; on record stays what was said."""
        self.said, self.text = self.text, text

    def begun_anew(self) -> "Turn":
        """The same words at the same place, of which nothing is understood yet."""
        return Turn(
            person=self.person,
            channel=self.channel,
            text=self.said or self.text,
            conversation_id=self.conversation_id,
            key=self.key,
            reader=self.reader,
            heard=self.heard,
            turn_id=self.turn_id,
            started=self.started,
            page=self.page,
            only_looks=self.only_looks,
            answers=self.answers,
            on_stage=self.on_stage,
        )

    @property
    def took_ms(self) -> float:
        """Milliseconds since the utterance came in."""
        return round((perf_counter() - self.started) * 1000, 2)
