"""Artefacts derived from the declarations of commands: tools and schemas. Pure functions."""

from typing import Any

from intents.command import Catalogue, Command


def tool(command: type[Command]) -> dict[str, Any]:
    """A language-model tool (OpenAI function calling) for a command."""
    return {
        "type": "function",
        "function": {
            "name": command.command_name(),
            "description": command.summary(),
            "parameters": slot_schema(command),
        },
    }


def tools(catalogue: Catalogue) -> list[dict[str, Any]]:
    """A tool for every command, in the catalogue's order."""
    return [tool(command) for command in catalogue.values()]


def slot_schema(command: type[Command]) -> dict[str, Any]:
    """JSON Schema of a command's slots as callers send them, without titles."""
    schema = command.model_json_schema(mode="validation")
    properties = {name: _without_titles(one) for name, one in schema.get("properties", {}).items()}
    slim = {"type": "object", "properties": properties, "additionalProperties": False}
    if "required" in schema:
        slim["required"] = schema["required"]
    if "$defs" in schema:
        slim["$defs"] = schema["$defs"]
    return slim


def _without_titles(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_titles(value) for key, value in schema.items() if key != "title"}
    if isinstance(schema, list):
        return [_without_titles(value) for value in schema]
    return schema
