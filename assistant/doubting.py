"""Whether a spoken turn was heard well enough to act on it, or is asked about first."""

from dataclasses import dataclass
from typing import Any

from pydantic import AwareDatetime, BaseModel

from assistant.reply import Button, Problem, Status, Telling
from intents.reading import Reading

ASKED_BELOW = 0.6
"""Probability of the words below which they are read back before anything is made of them."""
REFUSED_BELOW = 0.15
"""And below which they are not worth reading back."""
FAIRLY_SURE = 0.8
"""Below which words are not worth it either where the second opinion is of no command at all, or where they
do not clearly say a command themselves."""
CLEARLY_READ = 0.95
"""Probability of the intent, and of its being something we do at all, below which such words are rather none
of our business: most that are misheard into a command are read with less."""
SMALL_EARS = "embedded"
"""The engine whose misheard words often resemble a command; those of others are worth a question."""


@dataclass(frozen=True)
class Heard:
    """How the words of a spoken turn were heard."""

    engine: str
    confidence: float
    """Probability that they are what was said."""
    second: str | None = None
    """What a second opinion heard."""

    def note(self) -> str:
        """For the record of the turn."""
        told = f"heard by {self.engine}, {self.confidence:.2f}"
        return told if self.second is None else f"{told}; or “{self.second}”"


class Doubted(BaseModel):
    """Words that were heard badly and wait for a yes."""

    text: str
    asked_at: AwareDatetime


def is_doubted(heard: Heard, reading: Reading, second: Reading | None, *, is_answer: bool) -> bool:
    """Whether to ask "did you say …?": the words are unsure, or the second opinion means something else.

    ``is_answer``: whether something was asked before. Raises `Problem` where they are not worth a question.
    """
    if heard.confidence < REFUSED_BELOW or (not is_answer and is_nothing(heard, reading, second)):
        raise Problem(
            "not_understood",
            "I did not catch that.",
            "Say it again, closer to the microphone.",
            status=Status.UNKNOWN,
        )
    if second is not None and _meaning(second) != _meaning(reading):
        return True
    return heard.confidence < ASKED_BELOW


def is_nothing(heard: Heard, reading: Reading, second: Reading | None) -> bool:
    """Whether words that are not quite sure were rather none of our business.

    A second opinion has it so, which heard something else, or the words of small ears are not clearly ours.
    """
    if heard.confidence >= FAIRLY_SURE:
        return False
    if heard.second and second is not None and second.intent is None and not second.is_fragment:
        return True
    is_clear = min(reading.confidence, reading.in_scope) >= CLEARLY_READ
    is_ours = reading.intent is None or reading.is_fragment or is_clear
    return heard.engine == SMALL_EARS and not is_ours


def _meaning(reading: Reading) -> tuple[str | None, frozenset[tuple[str, Any]], frozenset[str]]:
    entities = frozenset((one.entity, str(one.value)) for one in reading.entities)
    return reading.intent, entities, frozenset(reading.unknown)


def question(text: str) -> Telling:
    """Reads words back."""
    asked = f"Did you say “{text}”?"
    return Telling(
        text=asked, speech=asked, buttons=[Button(label="Yes", say="yes"), Button(label="No", say="no")]
    )
