"""What a loop wants done: why, what it promises, and who decides whether it may do it by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from assistant.reply import Action, Evidence
from storage.promises import Promise


@dataclass(frozen=True)
class Case:
    """The case for one command of a loop."""

    loop: str
    why: str
    """In whole sentences; empty where the command itself tells it."""
    evidence: tuple[Evidence, ...]
    waits_for: Callable[[Connection, Action], str | None]
    """Asked in the transaction of the change: why a person must decide; None when the loop may act.

    Raises `assistant.work.LostError` when the loop is in other hands by now.
    """
    confidence: Decimal | None = None
    risk: str | None = None
    promise: Promise | None = None
    """These three are the command's own where they are left out."""
    also: Callable[[Connection], None] | None = None
    """What is written down together with the change, such as an alert."""
