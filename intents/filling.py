"""From a reading to a command: entities into slots, slots through the command's own validation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from intents.command import Command, Slot, slots_of
from intents.reading import GUESSED, EntityMatch, Reading, Scene
from intents.values import ImpossibleDate


@dataclass(frozen=True)
class SlotProblem:
    """A slot that is missing or whose value cannot be used."""

    slot: str
    code: str
    """``missing``, ``ambiguous_name``, ``unknown_venture``, ``impossible_date`` …"""
    message: str
    choices: tuple[str, ...] = ()


class SlotErrors(Exception):  # noqa: N818 - a group of problems, told one at a time
    """The slots do not make a command; ``problems`` says why, the first to be told first."""

    def __init__(self, problems: tuple[SlotProblem, ...]) -> None:
        super().__init__("; ".join(one.message for one in problems))
        self.problems = problems


def filled(command: type[Command], reading: Reading) -> dict[str, Any]:
    """The slots a reading fills: by its entities, or as its reader says. Raises `SlotErrors` as below."""
    if reading.arguments is not None:
        return dict(reading.arguments)
    return slots_from(command, reading.entities, reading.text)


def slots_from(command: type[Command], entities: tuple[EntityMatch, ...], text: str = "") -> dict[str, Any]:
    """The slots that entities fill, by kind and in order; what fits no slot is left out.

    Slots that are particular about their words ("from", "to") choose first. Raises `SlotErrors` for a name
    that fits more than one thing and for a date that does not exist.
    """
    filled: dict[str, Any] = {}
    problems: list[SlotProblem] = []
    left = list(entities)
    named = {
        slot.name: found
        for slot in slots_of(command)
        if slot.opened_by and (found := _opened_in(slot, entities, text)) is not None
    }
    for _, start, end in named.values():
        left = [match for match in left if not start <= match.start < end]
    for slot in sorted(slots_of(command), key=lambda slot: slot.fits is None):
        matches = [match for match in left if match.entity in slot.entities and _fits(slot, match, text)]
        taken = matches if slot.many else matches[:1]
        if slot.name in named:
            filled[slot.name] = named[slot.name][0]
            continue
        if not taken:
            continue
        problems += [problem for match in taken if (problem := _problem(slot, match))]
        if not slot.many:
            problems += _too_many(slot, [match for match in matches if match.entity == taken[0].entity])
        meant = tuple(match.text if slot.as_said else match.value for match in taken)
        filled[slot.name] = meant if slot.many else meant[0]
        left = [match for match in left if match not in taken]
    if problems:
        raise SlotErrors(tuple(problems))
    return {slot.name: filled[slot.name] for slot in slots_of(command) if slot.name in filled}


def _too_many(slot: Slot, matches: list[EntityMatch]) -> list[SlotProblem]:
    """Two different values for a slot that takes one: choosing would be guessing."""
    said = {str(match.value): match.text for match in matches}
    if len(said) < 2:
        return []
    texts = tuple(said.values())
    message = f"You named {' and '.join(texts)}; I take one {slot.name.replace('_', ' ')} at a time there."
    return [SlotProblem(slot.name, "contradictory_slots", message, texts)]


def _fits(slot: Slot, match: EntityMatch, text: str) -> bool:
    return slot.fits is None or slot.fits(match, text)


def _opened_in(slot: Slot, entities: tuple[EntityMatch, ...], text: str) -> tuple[str, int, int] | None:
    """The words that were opened for a slot, unless its value was found elsewhere."""
    matches = [match for match in entities if match.entity in slot.entities and _fits(slot, match, text)]
    if not slot.opened_first:
        return None if matches else _opened(slot, entities, text)
    if any(match.extractor != GUESSED for match in matches):
        return None
    found = _opened(slot, tuple(match for match in entities if match.extractor != GUESSED), text)
    if found is not None and all(found[1] <= match.start < found[2] for match in matches):
        return found
    return None


def _opened(slot: Slot, entities: tuple[EntityMatch, ...], text: str) -> tuple[str, int, int] | None:
    """The words after an opening word, up to what is already understood or a joining word; and their place.

    A reason goes on to the end of the text, or to a "but" with a value.
    A number or a year may be part of a name: "Studio 54", "Summer 2026".
    """
    found = (re.search(rf"\b{word}\s+", text, re.IGNORECASE) for word in slot.opened_by)
    opening = next((one for one in found if one is not None), None)
    if opening is None:
        return None
    later = [match.start for match in entities if match.start > opening.end() and not _may_name(match)]
    if slot.to_the_end:
        turns = (_BUT.search(text, opening.end(), at) for at in later)
        said = text[opening.end() : next((turn.start() for turn in turns if turn), len(text))]
    else:
        said = re.split(_JOINING, text[opening.end() : min(later, default=len(text))], maxsplit=1)[0]
    name = said.strip(" \t\"'“”.,!?")
    if not name or (slot.opened_first and name.casefold() in _NOBODY):
        return None
    return name, opening.end(), opening.end() + len(said)


def _may_name(match: EntityMatch) -> bool:
    """Whether a value may be part of a name: a bare number or year, but no "20k" and no "next month"."""
    if match.entity == "period":
        return match.text.isdigit()
    return match.entity in ("count", "money") and (match.text.isdigit() or match.text.isalpha())


_NOBODY = frozenset(
    {"a", "an", "another", "anybody", "anyone", "more", "one", "people", "some", "somebody", "someone"}
)
"""Words that name nothing though they stand where a name may."""
_BUT = re.compile(r"[\s,;]+but\s+(?:\w+\s+){0,3}$", re.IGNORECASE)
"""What leads from a reason back to what is asked for: "because we need it, but only with 20k"."""
_JOINING = re.compile(
    r"(?:^|\s+)(?:in|with|for|from|at|on|onto|and|as|of|to|into|over|by|called|named|starting|until|since|because|please)(?:\s|$)"
    r"|[,;]",
    re.IGNORECASE,
)


def _problem(slot: Slot, match: EntityMatch) -> SlotProblem | None:
    if isinstance(match.value, ImpossibleDate):
        return SlotProblem(slot.name, "impossible_date", str(match.value))
    if match.alternatives:
        choices = (str(match.value), *match.alternatives)
        return SlotProblem(slot.name, "ambiguous_name", f"{match.text!r} could be more than one.", choices)
    return None


def validated(command: type[Command], slots: Mapping[str, Any], scene: Scene | None) -> Command:
    """The command with its slots checked and made canonical. Raises `SlotErrors`."""
    questions = {slot.name: slot.question for slot in slots_of(command)}
    try:
        ready = command.model_validate(dict(slots), context=scene)
    except ValidationError as error:
        raise SlotErrors(tuple(_told(one, questions) for one in error.errors())) from error
    missing = ready.asks_for()
    if missing is not None:
        raise SlotErrors((SlotProblem(missing, "missing", questions[missing]),))
    return ready


def _told(error: Any, questions: Mapping[str, str]) -> SlotProblem:
    slot = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "missing":
        return SlotProblem(slot, "missing", questions[slot])
    if error["type"] == "extra_forbidden":
        return SlotProblem(slot, "unknown_slot", f"There is no slot {slot!r}.", tuple(questions))
    context = error.get("ctx", {})
    code = error["type"] if "choices" in context else "invalid_value"
    return SlotProblem(slot, code, context.get("message", error["msg"]), tuple(context.get("choices", ())))
