"""Acts on what Slack sent: each is a row, in one worker's hands at a time, those of a person in order."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from assistant.bootstrap import Assistant
from assistant.delivery import NotTakenError
from assistant.holders import is_gone, new_holder
from assistant.looping import Loop
from assistant.reply import Reply
from storage import slack
from storage.slack import Event

log = logging.getLogger(__name__)

WORKERS = 3
"""People who are answered at once."""
LOOK_SECONDS = 1.0
"""How often an idle worker looks for what others wrote down."""
LEASE = timedelta(minutes=5)
"""How long an event stays with a process that no longer settles it."""
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (2, 10, 60, 5 * 60, 15 * 60))
"""Between attempts; after the last an answer is given up, as nobody waits for it any longer."""
KEPT = timedelta(days=7)
"""How long what was done is known, not to be done again; Slack sends nothing anew after hours."""

FORGET_EVERY = 200
"""Events after which those that were done long ago are forgotten."""


@dataclass
class Task:
    """An event in hand."""

    event: Event
    assistant: Assistant
    counted: Callable[[str, Reply], None]
    """Told of every turn, for the figures of the service."""
    holder: str
    progress: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What the turn of this event is known by: it is carried out once, however often it is begun."""
        return f"slack:{self.event.event_id}"

    @property
    def look_since(self) -> float | None:
        """From when on an answer may stand in Slack already; None at the first attempt."""
        return self.event.received_at.timestamp() if self.event.attempts > 1 else None

    def note(self, name: str, value: Any) -> None:
        """Note what was sent, so that it is not sent again."""
        if self.progress.get(name) == value:
            return
        self.progress[name] = value
        with self.assistant.database.write() as connection:
            slack.note(connection, self.event, self.holder, self.progress)


Act = Callable[[Task], None]
"""Acts on an event. Raises `NotTakenError` where Slack does not take the answer."""


class Workers:
    """Threads that act on events, until they are stopped."""

    def __init__(self, assistant: Assistant, act: Act, counted: Callable[[str, Reply], None]) -> None:
        self._assistant = assistant
        self._act = act
        self._counted = counted
        self._names = [new_holder() for _ in range(WORKERS)]
        self._loops = [Loop(f"slack-{name[-8:]}", self._stepping(name), LOOK_SECONDS) for name in self._names]
        self._took_over = False

    def start(self) -> None:
        """Begin."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """End after what is in hand."""
        for loop in self._loops:
            loop.halt()
        for loop in self._loops:
            loop.stop()

    def wake(self) -> None:
        """Look now."""
        for loop in self._loops:
            loop.wake()

    def _stepping(self, name: str) -> Callable[[], bool]:
        return lambda: self.do_one(name)

    def do_one(self, name: str | None = None) -> bool:
        """Act on the next event; False where there is none."""
        holder = name or self._names[0]
        now = self._assistant.clock()
        if not self._took_over:
            self._take_over()
        with self._assistant.database.read() as connection:
            if not slack.is_due(connection, now):
                return False
        with self._assistant.database.write() as connection:
            event = slack.claim(connection, holder, now, now + LEASE)
            if event is not None and event.id % FORGET_EVERY == 0:
                slack.forget(connection, now - KEPT)
        if event is None:
            return False
        self._do(event, holder)
        return True

    def _take_over(self) -> None:
        """Free what processes of this machine had in hand that are no more, and forget what is long done."""
        with self._assistant.database.write() as connection:
            gone = [one for one in slack.holders(connection) if is_gone(one, self._names[0])]
            slack.release(connection, gone)
            slack.forget(connection, self._assistant.clock() - KEPT)
        self._took_over = True

    def _do(self, event: Event, holder: str) -> None:
        task = Task(event, self._assistant, self._counted, holder, dict(event.progress))
        state, problem, wait = slack.DONE, None, None
        try:
            self._act(task)
        except NotTakenError as error:
            problem, state = str(error), slack.FAILED
            if not error.is_final and event.attempts <= len(PAUSES):
                wait = max(PAUSES[event.attempts - 1], error.wait or timedelta())
        except SQLAlchemyError as error:
            problem, wait = f"the database: {type(error).__name__}", PAUSES[0]
        except Exception:
            # Slack's shapes are not ours to know: what breaks on one event must not stop all others.
            log.exception("an event of Slack's could not be acted on")
            problem, state = "it failed on our side", slack.FAILED
        if problem is not None:
            log.warning("answer %s to Slack was not taken: %s", event.id, problem)
        now = self._assistant.clock()
        with self._assistant.database.write() as connection:
            if wait is not None:
                slack.retry(connection, event, holder, now + wait, problem or "")
            else:
                slack.settle(connection, event, holder, state, problem, now)
