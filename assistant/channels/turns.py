"""Turns under way in this process: they outlive the connection that asked, which can find them again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from assistant.bootstrap import Assistant
from assistant.channels.lane import Lane
from assistant.reply import Reply
from assistant.turn import Turn

KEPT_SECONDS = 60.0
"""How long an answered turn is found here; after that the audit has it."""

Key = tuple[int, str]
"""Person and turn."""


@dataclass
class Underway:
    """A turn that is being answered, or just was."""

    turn: Turn
    answered: "asyncio.Task[Reply]"
    stage: str = "waiting"
    listeners: list[Callable[[str], None]] = field(default_factory=list)

    def at_stage(self, stage: str) -> None:
        """Remember how far it is, and tell whoever listens."""
        self.stage = stage
        for listener in list(self.listeners):
            listener(stage)


def _tell_from_thread(loop: asyncio.AbstractEventLoop, underway: Underway, stage: str) -> None:
    loop.call_soon_threadsafe(underway.at_stage, stage)


class Turns:
    """Answers turns in threads, those of one conversation in the order they came."""

    def __init__(self, assistant: Assistant, lane: Lane) -> None:
        self._assistant = assistant
        self._lane = lane
        self._underway: dict[Key, Underway] = {}
        self._order: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def find(self, person_id: int, turn_id: str) -> Underway | None:
        """A person's turn that is under way or was answered a moment ago."""
        return self._underway.get((person_id, turn_id))

    def begin(self, turn: Turn) -> Underway:
        """Answer a turn; nobody need wait for it."""
        key = turn.person.id, turn.turn_id
        loop = asyncio.get_running_loop()
        made = Underway(turn, loop.create_task(self._answer(turn)))
        turn.on_stage = lambda stage: _tell_from_thread(loop, made, stage)
        self._underway[key] = made
        made.answered.add_done_callback(
            lambda _: loop.call_later(KEPT_SECONDS, self._underway.pop, key, None)
        )
        return made

    async def _answer(self, turn: Turn) -> Reply:
        order = self._order.setdefault(turn.conversation_id or turn.turn_id, asyncio.Lock())
        async with order:
            return await self._lane.run(self._assistant.dialogue.turn, turn)
