"""What the dialogue cannot do, told so that the person can go on."""

from assistant import wording
from assistant.memory import Memory
from assistant.reply import Problem, Status
from assistant.settings import Dialogue as Limits
from assistant.turn import Turn
from intents.command import Catalogue, Command, Effect, slots_of
from intents.filling import SlotProblem
from intents.names import Names
from intents.reading import Reading


def slot_problem(first: SlotProblem, command: type[Command] | None = None) -> Problem:
    """The refusal for a slot that cannot be used, with what could be said instead."""
    cure = f"Try {wording.listed(list(first.choices[:5]), 'or')}." if first.choices else ""
    if first.code == "contradictory_slots" and command is not None and command.effect is Effect.READ:
        cure = f"Try “compare {wording.listed(list(first.choices))}”."
    return Problem(first.code, first.message, cure, choices=first.choices, slot=first.slot)


NEAREST = 3
"""Commands offered when something is out of scope."""

STAYS = {
    "done": "What was done stays as it is, unless you undo it.",
    "proposed": "What was proposed still waits for the chairman, too.",
}
"""What a command that is asked for again with other slots says of the first time."""


def forgot(turn: Turn, limits: Limits) -> str:
    """Why words that refer back mean nothing any more."""
    if "command" in turn.forgotten:
        return (
            f"It is more than {limits.context_minutes:g} minutes ago; I no longer know what that refers to."
        )
    return f"The question waited for more than {limits.question_minutes:g} minutes and was dropped."


def too_late(limits: Limits) -> Problem:
    """The refusal of a yes to what was dropped meanwhile."""
    return Problem(
        "too_late",
        f"What waited for your answer was dropped after {limits.question_minutes:g} minutes; "
        "nothing was changed.",
        "Ask for it again.",
        status=Status.UNKNOWN,
    )


def moved_on() -> Problem:
    """The refusal of a button under an answer that is not the last one any more."""
    return Problem(
        "moved_on",
        "That button is of an earlier answer, so I changed nothing.",
        "Use the latest one, or say in words what you want.",
    )


def no_plain_yes() -> Problem:
    """The refusal of a yes that is not clear about what it is a yes to."""
    return Problem(
        "not_confirmed",
        "I am not sure what you said yes to, so I changed nothing.",
        "Say it again, and then yes alone.",
    )


def nothing_waits(memory: Memory, intent: str) -> str:
    """What a yes or no is answered with where nothing waits for one."""
    told = "There is nothing waiting for a yes or no."
    if intent != "deny" or memory.command is None:
        return told
    if memory.acted == "done":
        return f"{told} To take back what was done, say “undo that”."
    return f"{told} If I took you wrong, say “I meant …”."


def no_such_place(count: int) -> Problem:
    """The refusal of "the second one" where there are not so many."""
    told = f"The last answer listed {count}." if count else "The last answer listed nothing to choose from."
    return Problem("nothing_listed", told, "Say the name instead.", status=Status.UNKNOWN)


def no_context(turn: Turn, limits: Limits) -> Problem:
    """The refusal of words that refer to nothing that is remembered."""
    return Problem(
        "no_context",
        forgot(turn, limits) if turn.forgotten else "I no longer know what that refers to.",
        'Ask in full, as "show gtm performance for Acme last month".',
        status=Status.UNKNOWN,
    )


def unknown_name(said: str, command: type[Command], names: Names) -> Problem:
    """The refusal for a name nobody knows, with the nearest names of the kinds the command takes."""
    kinds = [slot.entity for slot in slots_of(command) if names.labels(slot.entity)]
    near = [label for kind in kinds for label in names.find(kind, said).suggestions]
    kind = kinds[0] if kinds else "name"
    known = near or [label for one in kinds for label in names.labels(one)]
    cure = f"Did you mean {wording.listed(near[:3], 'or')}?" if near else ""
    return Problem(
        f"unknown_{kind}",
        f"I know no {' or '.join(kinds) or 'name'} called {said!r}.",
        cure,
        choices=known[:10],
    )


def out_of_scope(reading: Reading, catalogue: Catalogue) -> Problem:
    """The refusal of what no command does, with the nearest ones."""
    nearest = [name for name, _ in reading.ranking if name in catalogue][:NEAREST]
    examples = [catalogue[name].examples[0] for name in nearest if catalogue[name].examples]
    cure = f"Perhaps one of these: {'; '.join(examples)}." if examples else 'Say "help" for what I can do.'
    return Problem("out_of_scope", "I can't do that.", cure, choices=examples, status=Status.UNKNOWN)


def unsure(reading: Reading, catalogue: Catalogue) -> Problem:
    """The refusal of what may be one of several commands."""
    problem = out_of_scope(reading, catalogue)
    return Problem(
        "not_sure",
        "I am not sure what you mean.",
        problem.cure,
        choices=problem.choices,
        status=Status.UNKNOWN,
    )
