"""What a conversation remembers between turns, and what it forgets."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel

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
    answered_at: AwareDatetime | None = None
    pending: Pending | None = None
    waiting: Waiting | None = None

    def at(self, now: datetime, limits: Dialogue) -> "Memory":
        """What is still remembered at a moment."""
        kept = self
        if self.pending and now - self.pending.asked_at > timedelta(minutes=limits.question_minutes):
            kept = kept.model_copy(update={"pending": None})
        if self.waiting and now - self.waiting.asked_at > timedelta(minutes=limits.question_minutes):
            kept = kept.model_copy(update={"waiting": None})
        if self.answered_at and now - self.answered_at > timedelta(minutes=limits.context_minutes):
            kept = Memory(pending=kept.pending, waiting=kept.waiting)
        return kept
