"""From a reading to a command: entities into slots, slots through the command's own validation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from intents.command import Command, Slot, slots_of
from intents.reading import EntityMatch, Scene
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


def slots_from(command: type[Command], entities: tuple[EntityMatch, ...]) -> dict[str, Any]:
    """The slots that entities fill, by kind and in order; what fits no slot is left out.

    Raises `SlotErrors` for a name that fits more than one thing and for a date that does not exist.
    """
    filled: dict[str, Any] = {}
    problems: list[SlotProblem] = []
    for slot in slots_of(command):
        matches = [match for match in entities if match.entity == slot.entity]
        if not matches:
            continue
        problems += [found for match in matches if (found := _problem(slot, match))]
        filled[slot.name] = tuple(match.value for match in matches) if slot.many else matches[0].value
    if problems:
        raise SlotErrors(tuple(problems))
    return filled


def _problem(slot: Slot, match: EntityMatch) -> SlotProblem | None:
    if isinstance(match.value, ImpossibleDate):
        return SlotProblem(slot.name, "impossible_date", str(match.value))
    if match.alternatives:
        choices = (str(match.value), *match.alternatives)
        return SlotProblem(slot.name, "ambiguous_name", f"{match.text!r} could be more than one.", choices)
    return None


def validated(command: type[Command], slots: Mapping[str, Any], scene: Scene | None) -> Command:
    """The command with its slots checked and made canonical. Raises `SlotErrors`."""
    try:
        return command.model_validate(dict(slots), context=scene)
    except ValidationError as error:
        questions = {slot.name: slot.question for slot in slots_of(command)}
        raise SlotErrors(tuple(_told(one, questions) for one in error.errors())) from error


def _told(error: Any, questions: Mapping[str, str]) -> SlotProblem:
    slot = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "missing":
        return SlotProblem(slot, "missing", questions[slot])
    if error["type"] == "extra_forbidden":
        return SlotProblem(slot, "unknown_slot", f"There is no slot {slot!r}.", tuple(questions))
    context = error.get("ctx", {})
    code = error["type"] if "choices" in context else "invalid_value"
    return SlotProblem(slot, code, context.get("message", error["msg"]), tuple(context.get("choices", ())))
