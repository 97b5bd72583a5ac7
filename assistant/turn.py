"""One utterance on its way through the assistant."""

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from uuid import uuid4

from assistant.memory import Memory
from intents.reading import Reading
from storage.people import Person


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
    turn_id: str = field(default_factory=lambda: str(uuid4()))
    started: float = field(default_factory=perf_counter)
    reading: Reading | None = None
    memory: Memory = field(default_factory=Memory)
    command: str | None = None
    slots: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # PostgreSQL stores no NUL characters.
        self.text = self.text.replace("\x00", "\ufffd")

    @property
    def took_ms(self) -> float:
        """Milliseconds since the utterance came in."""
        return round((perf_counter() - self.started) * 1000, 2)
