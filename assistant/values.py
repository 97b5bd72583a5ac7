"""Values of what was asked before and of what is said now, as one command's."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from pydantic_core import to_jsonable_python

from assistant import pointing
from assistant.correcting import told_not
from assistant.memory import Memory, Tried
from engines.terms import Period
from intents.command import Catalogue, Command, slots_of
from intents.filling import SlotErrors, slots_from
from intents.reading import Reading, Scene

PIVOTS = ("show_performance", "show_campaign", "show_metric")
"""What a follow-up may lead to that the last command has no use for: "what about email"."""


def spelled(command: type[Command], slots: dict[str, Any], scene: Scene) -> dict[str, Any]:
    """The slots with names as they are known, where a reader gave them as they were said."""
    kinds = {slot.name: slot.entity for slot in slots_of(command) if scene.names.labels(slot.entity)}
    found = {
        name: scene.names.find(kinds[name], said)
        for name, said in slots.items()
        if name in kinds and isinstance(said, str) and scene.names.get(kinds[name], said) is None
    }
    known = {name: one.label for name, one in found.items() if one.exact and not one.alternatives}
    return {**slots, **known}


def jsonable(slots: dict[str, Any]) -> dict[str, Any]:
    """The slots as they are kept between turns."""
    kept: dict[str, Any] = to_jsonable_python(slots)
    return kept


def merged(kept: dict[str, Any], found: dict[str, Any], scene: Scene) -> dict[str, Any]:
    """Slots with others in their place; what does not go with those any more is left out."""
    slots = {**kept, **found}
    campaign = scene.names.get("campaign", str(slots.get("campaign")))
    if campaign is not None and slots.get("venture") not in (None, campaign.parent):
        del slots["venture" if "campaign" in found else "campaign"]
    return slots


def with_those_that_stay(
    command: type[Command], had: Mapping[str, Any], found: dict[str, Any], gone: Collection[str]
) -> dict[str, Any]:
    """What was found, and of the values a slot had those that are not ``gone`` where one of them is."""
    kept = dict(found)
    for slot in slots_of(command):
        values = had.get(slot.name)
        if not slot.many or slot.name not in found or not isinstance(values, list):
            continue
        if any(str(one) in gone for one in values):
            kept[slot.name] = (*(one for one in values if str(one) not in gone), *found[slot.name])
    return kept


def without_not(reading: Reading) -> Reading:
    """Without what is said not to be meant: "not Acme, Northwind"."""
    not_meant = told_not(reading.entities, reading.text)
    if not not_meant or len(not_meant) == len(reading.entities):
        return reading
    return replace(reading, entities=tuple(one for one in reading.entities if one not in not_meant))


def pivot(catalogue: Catalogue, base: Tried, said: Reading) -> tuple[type[Command], dict[str, Any]] | None:
    """The look at something that has a use for what was said and keeps most of what is known."""
    best: tuple[int, type[Command], dict[str, Any]] | None = None
    for name in PIVOTS:
        command = catalogue[name]
        try:
            found = slots_from(command, said.entities, said.text)
        except SlotErrors:
            continue
        known = {*found, *base.slots} - ({"campaign"} if "venture" in found else set())
        if not found or any(slot.required and slot.name not in known for slot in slots_of(command)):
            continue
        kept = len(found) * 10 + sum(one in command.model_fields for one in base.slots)
        if best is None or kept > best[0]:
            best = (kept, command, found)
    return None if best is None else best[1:]


def before(text: str, known: Memory) -> dict[str, Any] | None:
    """The last slots with the period before theirs, where "the month before" is said."""
    period = known.slots.get("period")
    if not isinstance(period, dict):
        return None
    told = Period(date.fromisoformat(period["start"]), date.fromisoformat(period["end"]))
    earlier = pointing.before(text, told)
    return None if earlier is None else {**known.slots, "period": earlier}


def unexplained(unknown: tuple[str, ...], slots: dict[str, Any]) -> list[str]:
    """Unknown words that no slot took as a new name."""
    taken = " ".join(str(value).casefold() for value in slots.values() if isinstance(value, str))
    return [word for word in unknown if word.casefold() not in taken]
