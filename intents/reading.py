"""What a reader makes of an utterance."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from intents.names import Names

GUESSED = "words"
"""The extractor of a name nobody knows that was made out by the words around it."""


@dataclass(frozen=True)
class Scene:
    """What words mean depends on more than the words: live names, the asker's day, the fiscal year."""

    names: Names
    today: date
    """The asker's calendar day."""
    fiscal_year_start: int = 1
    """Month, 1 to 12."""


@dataclass(frozen=True)
class EntityMatch:
    """A piece of an utterance that means something."""

    entity: str
    """Kind: venture, campaign, channel, period, count …"""
    value: Any
    """Canonical name, or the typed value (`Period`, `int`, `Decimal`, a range …)."""
    text: str
    start: int
    end: int
    confidence: float = 1.0
    """Names: similarity, 1 when spelled exactly. Values: 1."""
    extractor: str = "values"
    alternatives: tuple[str, ...] = ()
    """Other canonical names that fit as well; not empty means ambiguous."""


@dataclass(frozen=True)
class Reading:
    """An utterance understood: the intent, how sure, and the entities found in it."""

    text: str
    intent: str | None
    """A command's name; None when the utterance is out of scope."""
    confidence: float
    """Calibrated probability that ``intent`` is what was meant, given that something in scope was."""
    entities: tuple[EntityMatch, ...] = ()
    ranking: tuple[tuple[str, float], ...] = ()
    """Every intent considered, the likeliest first."""
    in_scope: float = 1.0
    """Probability that the utterance is something we do at all."""
    unknown: tuple[str, ...] = ()
    """Words standing where a name belongs that name nothing we know."""
    is_fragment: bool = False
    """Only values and joining words ("and last month?"): a follow-up rather than a request of its own."""
    reader: str = "embedded"
    notes: tuple[str, ...] = field(default=())
    """Why other readers did not answer, or what those heard whose answer was not taken."""
    arguments: Mapping[str, Any] | None = None
    """The slots by name, as a reader gives them that fills slots itself; they are checked like anybody's."""


class ReaderUnavailableError(Exception):
    """A reader cannot answer now; the message says why, in a few words fit for the audit trail."""


class Reader(Protocol):
    """Turns text into a `Reading`. Readers never act, and raise on no text."""

    name: str

    def read(self, text: str, scene: Scene) -> Reading:
        """Understand ``text`` as said by somebody in ``scene``.

        Raises `ReaderUnavailableError` where it depends on something else that does not answer; the embedded
        reader never does.
        """
        ...
