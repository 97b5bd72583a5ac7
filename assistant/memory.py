"""What a conversation remembers between turns, and what it forgets."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel

from assistant.doubting import Doubted
from assistant.reply import Action, Listed
from assistant.settings import Dialogue


class Pending(BaseModel):
    """A question that waits for its answer."""

    command: str
    slots: dict[str, Any]
    """What is known already."""
    missing: str
    """The slot asked for."""
    question: str
    choices: list[str] = []
    asked_at: AwareDatetime
    misses: int = 0
    """How many answers did not fit."""
    understood_by: str | None = None
    """The reader on whose word the command rests."""


class Waiting(BaseModel):
    """An action that was read back and waits for a yes."""

    command: str
    slots: dict[str, Any]
    action: Action
    digest: str
    turn_id: str
    """The turn that read it back."""
    asked_at: AwareDatetime
    understood_by: str | None = None
    """The reader on whose word the command rests; the yes itself must be the person's own."""


class Tried(BaseModel):
    """A command that was asked for and refused: what a correction mends."""

    command: str
    slots: dict[str, Any]
    understood_by: str | None = None
    """The reader on whose word it rests."""


class Memory(BaseModel):
    """The context of a conversation."""

    command: str | None = None
    """What was done last."""
    slots: dict[str, Any] = {}
    """And with which slots: what "and last month?" builds on."""
    understood_by: str | None = None
    """The reader on whose word that was."""
    turn_id: str | None = None
    """The last turn that gave an answer: what "repeat" and "why" mean."""
    listed: list[Listed] = []
    """What the last answer listed: what "the second one" means."""
    listed_by: str | None = None
    """The reader on whose word that was asked for."""
    answered_at: AwareDatetime | None = None
    acted: str = ""
    """What became of a last command that changes something: done, proposed, or empty for nothing yet."""
    tried: Tried | None = None
    """What was refused after it."""
    chosen: Pending | None = None
    """The question that was answered last: what "no, the second one" means."""
    told_in: str | None = None
    """The turn that was answered last, in whatever way: what "repeat" means."""
    whys: int = 0
    """How often "why?" was asked of the last answer."""
    pending: Pending | None = None
    suspended: list[Pending] = []
    """Questions that were interrupted by another request, the latest last."""
    waiting: Waiting | None = None
    doubted: Doubted | None = None
    """Words that were heard badly; said yes to, they count."""

    def at(self, now: datetime, limits: Dialogue) -> "Memory":
        """What is still remembered at a moment."""
        kept = self
        asked = timedelta(minutes=limits.question_minutes)
        if any(now - one.asked_at > asked for one in self.suspended):
            fresh = [one for one in self.suspended if now - one.asked_at <= asked]
            kept = kept.model_copy(update={"suspended": fresh})
        if self.pending and now - self.pending.asked_at > asked:
            kept = kept.model_copy(update={"pending": None})
        if self.waiting and now - self.waiting.asked_at > asked:
            kept = kept.model_copy(update={"waiting": None})
        if self.doubted and now - self.doubted.asked_at > asked:
            kept = kept.model_copy(update={"doubted": None})
        if self.answered_at and now - self.answered_at > timedelta(minutes=limits.context_minutes):
            kept = Memory(
                pending=kept.pending, suspended=kept.suspended, waiting=kept.waiting, doubted=kept.doubted
            )
        return kept
