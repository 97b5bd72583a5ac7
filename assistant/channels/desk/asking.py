"""What a page asks through the one door, and what may be shown of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from assistant.channels.answers import as_text
from assistant.channels.service import Service
from assistant.reply import Reply
from assistant.turn import DESK, Turn
from storage.people import Person


@dataclass(frozen=True)
class Ask:
    """A command with the slots that are known; None stands for one that is not."""

    command: str
    slots: Mapping[str, Any] = field(default_factory=dict)

    @property
    def known(self) -> dict[str, Any]:
        """The slots that have a value."""
        return {name: value for name, value in self.slots.items() if value not in (None, "", ())}

    @property
    def why(self) -> str:
        """The address that explains its answer."""
        asked = urlencode(self.known, doseq=True)
        return f"/why/{self.command}?{asked}" if asked else f"/why/{self.command}"


@dataclass(frozen=True)
class Told:
    """An answer with what was asked."""

    ask: Ask
    reply: Reply

    @property
    def result(self) -> Any:
        """The engine's result; None where the command was refused."""
        return self.reply.result

    @property
    def telling(self) -> Any:
        """How it is told: text, table, chart, evidence."""
        return self.reply.reply

    @property
    def error(self) -> Any:
        """Why there is no answer; None where there is one."""
        return self.reply.error

    @property
    def why(self) -> str:
        """The address that explains the answer."""
        return self.ask.why


async def ask_all(here: Service, person: Person, asks: Mapping[str, Ask]) -> dict[str, Told]:
    """Ask, one after the other, and change nothing by it."""
    return await here.lane.run(_answers, here, person, dict(asks))


def _answers(here: Service, person: Person, asks: dict[str, Ask]) -> dict[str, Told]:
    return {key: _answer(here, person, ask) for key, ask in asks.items()}


def _answer(here: Service, person: Person, ask: Ask) -> Told:
    slots = ask.known
    turn = Turn(person=person, channel=DESK, text=as_text(ask.command, slots), only_looks=True)
    reply = here.assistant.dialogue.run(ask.command, slots, turn)
    here.metrics.turn(DESK, reply)
    return Told(ask, reply)
