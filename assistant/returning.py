"""The end of a turn: what leads its reply in, and the question it goes back to."""

from datetime import datetime

from assistant.asking import MOST_SHOWN
from assistant.memory import Pending
from assistant.reply import Reply, Status, Telling
from assistant.turn import Turn

_DOUBLED = ("set", "stop", "plan", "run", "cut", "submit")
_OWN_QUESTION = ("help", "repeat")
"""Commands whose replies tell the waiting question themselves."""


def close(turn: Turn, reply: Reply, now: datetime) -> None:
    """Finish a reply before it is written down: its first words, and the way back to an open question."""
    if turn.command != "repeat":
        turn.memory = turn.memory.model_copy(update={"told_in": turn.turn_id})
    if turn.lead:
        reply.reply = _joined(turn.lead, reply.reply)
    if reply.status in (Status.QUESTION, Status.CONFIRM):
        return
    memory = turn.memory
    if memory.pending is None and memory.waiting is None and memory.suspended:
        *rest, latest = memory.suspended
        again = latest.model_copy(update={"asked_at": now})
        turn.memory = memory.model_copy(update={"pending": again, "suspended": rest})
        reply.reply = _asking_again(reply.reply, again)
    elif memory.pending is not None and turn.command not in _OWN_QUESTION:
        reply.reply = _asking_again(reply.reply, memory.pending)


def _joined(lead: str, told: Telling) -> Telling:
    return told.model_copy(update={"text": f"{lead} {told.text}", "speech": f"{lead} {told.speech}"})


def _asking_again(told: Telling, pending: Pending) -> Telling:
    back = f"Back to {doing(pending.command)}: {pending.question}"
    return told.model_copy(
        update={
            "text": f"{told.text}\n{back}",
            "speech": f"{told.speech} {back}",
            "choices": told.choices or pending.choices[:MOST_SHOWN],
        }
    )


def doing(command: str) -> str:
    """What somebody does who asks for a command: ``optimizing the budget``."""
    verb, _, what = command.partition("_")
    if verb.endswith("e"):
        verb = verb[:-1]
    elif verb in _DOUBLED:
        verb += verb[-1]
    return f"{verb}ing the {what.replace('_', ' ')}" if what else f"{verb}ing"
