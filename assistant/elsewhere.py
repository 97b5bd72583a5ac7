"""What the same person talks about on another channel, to go on with here."""

from datetime import timedelta

from assistant.bus import Bus
from assistant.memory import Memory
from assistant.turn import Turn
from storage import conversations


def look(turn: Turn, bus: Bus) -> None:
    """A conversation that has only begun goes on with what the person talked about on another channel."""
    memory = turn.memory
    if turn.conversation_id is None or turn.forgotten or memory.command or memory.tried:
        return
    now, limits = bus.clock(), bus.settings.dialogue
    since = now - timedelta(minutes=limits.context_minutes)
    with bus.database.glance() as connection:
        found = conversations.latest_elsewhere(connection, turn.person.id, turn.channel, since)
    talks = ((channel, Memory.model_validate(stored).at(now, limits)) for channel, stored in found)
    channel, there = next((talk for talk in talks if talk[1].command is not None), ("", memory))
    if there.command is None:
        return
    turn.borrowed = Memory(
        command=there.command,
        slots=there.slots,
        understood_by=there.understood_by,
        turn_id=there.turn_id,
        told_in=there.turn_id,
        listed=there.listed,
        listed_by=there.listed_by,
        answered_at=there.answered_at,
    )
    turn.lead = f"Going on from {channel}:"
