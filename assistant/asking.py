"""Questions for what is missing: which first, with which choices, and what an answer means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant import wording
from assistant.memory import Pending
from assistant.pointing import place
from intents import lexicon
from intents.command import Command, Slot, slots_of
from intents.filling import SlotProblem, slots_from
from intents.names import Names
from intents.reading import Reading

MOST_OFFERED = 12
"""Values of a closed list that are offered with a question."""

MOST_SHOWN = 20
"""Choices shown with a question; every other one may be said as well."""

MOST_MISSES = 2
"""Answers that do not fit before the question is dropped."""

FREE = ("name", "reason", "category", "file")
"""Kinds that any words can answer."""

_ORDER = ("venture", "campaign", "campaigns", "influencer", "source", "target", "channel", "metric", "amount")
"""What is asked first when several are missing: what the others depend on."""


@dataclass(frozen=True)
class Question:
    """What to ask for."""

    slot: str
    text: str
    choices: tuple[str, ...] = ()


def question(
    command: type[Command],
    problems: Sequence[SlotProblem],
    slots: Mapping[str, Any],
    names: Names,
    near: Mapping[str, Any],
) -> Question | None:
    """The next question; None when something is wrong that no answer mends.

    Campaigns are those of the venture that is known; those of the one talked about (``near``) come first.
    """
    first = problems[0]
    if any(one.code not in ("missing", "ambiguous_name") for one in problems):
        return None
    if first.code == "ambiguous_name":
        return Question(
            first.slot, f"Did you mean {wording.listed(list(first.choices), 'or')}?", first.choices
        )
    slot = min((_slot(command, one.slot) for one in problems if one.code == "missing"), key=_rank)
    return _asked(slot, slots, names, near)


def _asked(slot: Slot, slots: Mapping[str, Any], names: Names, near: Mapping[str, Any]) -> Question:
    offered = names.labels(slot.entity) or _vocabulary(slot.entity)
    text = slot.question
    if slot.entity == "campaign":
        venture = slots.get("venture")
        own = _of(venture, offered, names) or _of(near.get("venture"), offered, names)
        if venture is not None and own:
            return Question(slot.name, f"{text.rstrip('?')} of {venture}?", own)
        offered = (*own, *(label for label in offered if label not in own))
    return Question(slot.name, text, tuple(offered))


def _of(venture: Any, labels: Sequence[str], names: Names) -> tuple[str, ...]:
    """The campaigns of a venture."""
    if venture is None:
        return ()
    found = ((label, names.get("campaign", label)) for label in labels)
    return tuple(label for label, name in found if name is not None and name.parent == venture)


def _slot(command: type[Command], name: str) -> Slot:
    return next(slot for slot in slots_of(command) if slot.name == name)


def _rank(slot: Slot) -> int:
    return _ORDER.index(slot.name) if slot.name in _ORDER else len(_ORDER)


def _vocabulary(kind: str) -> tuple[str, ...]:
    """The values of a closed list that is short enough to choose from."""
    values = lexicon.vocabulary(kind) if kind in lexicon.KINDS else ()
    return values if len(values) <= MOST_OFFERED else ()


def answer(reading: Reading, pending: Pending, command: type[Command], names: Names) -> dict[str, Any]:
    """The slots an answer to a question fills: the one asked for, or others of the command.

    A venture said where a campaign is asked for means the one campaign of it among the choices, if there is
    one; otherwise it narrows them.
    """
    chosen = _chosen(reading, pending, command, names)
    if chosen is not None:
        return {pending.missing: chosen}
    return slots_from(command, reading.entities, reading.text) if reading.is_fragment else {}


def _chosen(reading: Reading, pending: Pending, command: type[Command], names: Names) -> Any | None:
    slot = _slot(command, pending.missing)
    at = place(reading.text)
    if at is not None and pending.choices and -1 <= at < len(pending.choices):
        return _one(slot, pending.choices[at])
    text = reading.text.strip().rstrip(".!").casefold()
    for choice in pending.choices:
        if text == choice.casefold():
            return _one(slot, choice)
    matches = [match for match in reading.entities if match.entity in slot.entities]
    if matches and (reading.is_fragment or reading.intent in (None, pending.command)):
        values = tuple(match.value for match in matches)
        if slot.many:
            return values
        told_apart = [
            value for match in matches for value in _offered(match.value, match.alternatives, pending)
        ]
        return told_apart[0] if len(told_apart) == 1 else values[0]
    venture = next((match.value for match in reading.entities if match.entity == "venture"), None)
    if venture is not None and slot.entity == "campaign":
        own = _of(venture, pending.choices, names)
        return own[0] if len(own) == 1 else None
    among = _among(text, pending.choices)
    return None if among is None else _one(slot, among)


def _offered(value: Any, others: tuple[str, ...], pending: Pending) -> list[Any]:
    """What a name that fits several things means among the choices that were offered."""
    return [one for one in (value, *others) if not others or one in pending.choices]


def _one(slot: Slot, value: str) -> Any:
    return (value,) if slot.many else value


def _among(text: str, choices: Sequence[str]) -> str | None:
    """The choice that alone holds every word of a short answer."""
    words = set(text.split()) - {"the", "one", "in", "of", "at", "for", "from", "please"}
    fitting = [choice for choice in choices if words and words <= set(_plain(choice).split())]
    return fitting[0] if len(fitting) == 1 else None


def _plain(choice: str) -> str:
    return choice.casefold().replace("(", " ").replace(")", " ").replace(",", " ")


def takes_any_words(pending: Pending, command: type[Command]) -> bool:
    """Whether any words at all answer the question, as for a name."""
    return _slot(command, pending.missing).entity in FREE
