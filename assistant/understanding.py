"""How an utterance is understood, in Rasa's parse shape with our command and slots beside it."""

from typing import Any

from pydantic_core import to_jsonable_python

from assistant.dialogue import Dialogue
from assistant.turn import Turn
from intents.filling import SlotErrors, filled, validated
from intents.reading import EntityMatch, Reading, Scene
from storage.people import Person


def parse(dialogue: Dialogue, person: Person, text: str) -> dict[str, Any]:
    """Read ``text`` as ``person`` would mean it; nothing is carried out."""
    turn = Turn(person=person, channel="terminal", text=text)
    scene = dialogue.scene(turn)
    reading = dialogue.reader.read(text, scene)
    return {
        "text": text,
        "intent": {"name": reading.intent, "confidence": round(reading.confidence, 4)},
        "entities": [_entity(match) for match in reading.entities],
        "intent_ranking": [{"name": name, "confidence": round(score, 4)} for name, score in reading.ranking],
        "reader": reading.reader,
        "in_scope": round(reading.in_scope, 4),
        "unknown": list(reading.unknown),
        "notes": list(reading.notes),
        **_command(dialogue, reading, scene),
    }


def _entity(match: EntityMatch) -> dict[str, Any]:
    value = str(match.value) if isinstance(match.value, Exception) else to_jsonable_python(match.value)
    return {
        "entity": match.entity,
        "start": match.start,
        "end": match.end,
        "value": value,
        "confidence_entity": round(match.confidence, 4),
        "extractor": match.extractor,
    }


def _command(dialogue: Dialogue, reading: Reading, scene: Scene) -> dict[str, Any]:
    command = dialogue.bus.catalogue.get(reading.intent or "")
    if command is None:
        return {"command": None, "slots": {}, "problems": []}
    try:
        ready = validated(command, filled(command, reading), scene)
    except SlotErrors as errors:
        problems = [{"slot": p.slot, "code": p.code, "message": p.message} for p in errors.problems]
        return {"command": reading.intent, "slots": {}, "problems": problems}
    slots = ready.model_dump(mode="json", exclude_none=True)
    return {"command": reading.intent, "slots": slots, "problems": []}
