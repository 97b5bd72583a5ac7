"""The pages of ``docs/`` that follow from the declarations: run as ``python -m assistant.documents``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from assistant import commands
from assistant.derive import tools
from assistant.handling import find_handlers
from assistant.settings import PREFIX, Settings
from engines.metrics import METRICS
from intents.command import Catalogue, Command, slots_of
from intents.rasa_project import domain

DOCS = Path(__file__).parent.parent / "docs"
GENERATED = "<!-- Written by `make docs` from the declarations; change those. -->"


def catalogue() -> Catalogue:
    """Every command there is."""
    return Catalogue(handler.command for handler in find_handlers(commands).values())


def pages() -> dict[str, str]:
    """Every generated file by its name within ``docs/``."""
    known = catalogue()
    return {
        "commands.md": commands_page(known),
        "configuration.md": configuration_page(),
        "metrics.md": metrics_page(),
        "derived/tools.json": json.dumps(tools(known), indent=2, ensure_ascii=False) + "\n",
        "derived/domain.json": json.dumps(domain(known), indent=2, ensure_ascii=False) + "\n",
    }


def commands_page(known: Catalogue) -> str:
    """What can be asked, command by command."""
    told = "\n".join(_command(command) for command in known.values())
    return f"# Commands\n\n{GENERATED}\n\nSay it at a terminal, on the page or over HTTP.\n\n{told}"


def _command(command: type[Command]) -> str:
    name = command.command_name()
    lines = [f"## {name}", "", command.summary(), ""]
    lines += [f"- “{example}”" for example in command.examples]
    route = f"`POST /api/v1/commands/{name}`"
    lines += ["", f"Effect: {command.effect}. Role: {command.role}. Over HTTP: {route}.", ""]
    slots = slots_of(command)
    if slots:
        lines += ["| slot | kind | needed | asked with |", "|---|---|---|---|"]
        for slot in slots:
            kind = f"{slot.entity}, several" if slot.many else slot.entity
            lines.append(f"| {slot.name} | {kind} | {'yes' if slot.required else 'no'} | {slot.question} |")
        lines.append("")
    return "\n".join(lines)


def configuration_page() -> str:
    """Every setting with its variable and default."""
    rows = "\n".join(
        f"| `{path}` | `{_variable(path)}` | {_default(field)} | {field.description} |"
        for path, field in _settings(Settings, "")
    )
    return f"""# Configuration

{GENERATED}

Settings come from the environment, else from `config.yml` (or the file `GTM_CONFIG` names), else from the
defaults below. A wrong or unknown one stops the start with its name, its value and the cure. The keys marked
“Rasa's” are for Rasa, which reads its pipeline from the same file.

| setting | variable | default | meaning |
|---|---|---|---|
{rows}
"""


def _settings(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _settings(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def _variable(path: str) -> str:
    return PREFIX + path.upper().replace(".", "__")


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    return "–" if value in (None, "") else f"`{value}`"


def metrics_page() -> str:
    """Every metric with its formula."""
    rows = "\n".join(f"| {m.label} | `{m.name}` | {m.unit} | {m.formula} |" for m in METRICS.values())
    return f"""# Metrics

{GENERATED}

One definition each, used everywhere. Sums are exact; a metric whose denominator is zero has no value. Days
are those of the venture's time zone; money of other currencies is converted at each day's stored rate.

| metric | name | unit | formula |
|---|---|---|---|
{rows}
"""


def main() -> None:
    """Write every page."""
    for name, content in pages().items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
