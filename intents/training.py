"""Reads training data in Rasa's own YAML: sentences by intent, with ``[value](entity)`` marked in them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_MARKED = re.compile(r"\[(?P<said>[^\[\]]+)\](?:\((?P<kind>[^()\s]+)\)|(?P<detail>\{[^{}]*\}))")
_OTHER_ENTRIES = frozenset({"synonym", "lookup", "regex"})


class TrainingError(ValueError):
    """Training data that cannot be read; the message names the file and the place in it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A marked piece of a sentence."""

    entity: str
    value: str
    """As marked: the words themselves unless the mark gives a value."""
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence somebody may say, and what it means."""

    intent: str
    text: str
    """Without the marks."""
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Lists:
    """What training data says of values outside its sentences."""

    synonyms: dict[str, str]
    """The value that a phrase, lower case, stands for."""
    lookups: dict[str, tuple[str, ...]]
    """Phrases by the kind they are listed for."""
    regexes: dict[str, tuple[re.Pattern[str], ...]]
    """Patterns by name, to be searched for in any case."""


def load(path: Path) -> tuple[Example, ...]:
    """The examples of one file, or of every ``*.yml`` and ``*.yaml`` directly in a folder, by name.

    ``synonym``, ``lookup`` and ``regex`` entries are passed over. Raises `TrainingError`.
    """
    return tuple(example for file in files(path) for example in _load_file(file))


def load_lists(path: Path) -> Lists:
    """The ``synonym``, ``lookup`` and ``regex`` entries of the files `load` reads. Raises `TrainingError`."""
    lists = Lists({}, {}, {})
    for file in files(path):
        for entry in _entries(file):
            kind = _kind_of_list(entry)
            if kind is not None:
                _add(lists, kind, entry, file)
    return lists


def _kind_of_list(entry: Any) -> str | None:
    kinds = _OTHER_ENTRIES & entry.keys() if isinstance(entry, dict) else frozenset()
    return min(kinds, default=None)


def _add(lists: Lists, kind: str, entry: dict[str, Any], file: Path) -> None:
    name = str(entry[kind])
    try:
        items = tuple(_lines(entry.get("examples")))
        if kind == "synonym":
            lists.synonyms.update({item.lower(): name for item in items})
        elif kind == "lookup":
            lists.lookups[name] = lists.lookups.get(name, ()) + items
        else:
            patterns = tuple(re.compile(item, re.IGNORECASE) for item in items)
            lists.regexes[name] = lists.regexes.get(name, ()) + patterns
    except (TrainingError, re.error) as error:
        raise TrainingError(f"{file}: {kind} {name!r}: {error}") from error


def files(path: Path) -> tuple[Path, ...]:
    """The data files ``path`` stands for. Raises `TrainingError` when there are none."""
    if path.is_file():
        return (path,)
    found = tuple(sorted(one for one in path.glob("*.y*ml") if one.suffix in (".yml", ".yaml")))
    if not found:
        raise TrainingError(f"{path}: no training data there")
    return found


def parse_example(intent: str, marked: str) -> Example:
    """One sentence with its marks. Raises `TrainingError` on an unfinished or unknown mark."""
    text, spans, at = "", [], 0
    for match in _MARKED.finditer(marked):
        text += marked[at : match.start()]
        said = match["said"]
        kind, value = _meaning(match["kind"], match["detail"], said)
        spans.append(Span(kind, value, len(text), len(text) + len(said)))
        text += said
        at = match.end()
    text += marked[at:]
    if re.search(r"\]\(|\]\{", text):
        raise TrainingError(f"intent {intent}: unfinished mark in {marked!r}")
    return Example(intent, text, tuple(spans))


def _meaning(kind: str | None, detail: str | None, said: str) -> tuple[str, str]:
    if kind is not None:
        return kind, said
    try:
        fields = json.loads(detail or "")
        return str(fields["entity"]), str(fields.get("value", said))
    except (ValueError, KeyError) as error:
        raise TrainingError(f"the mark {detail!r} after {said!r} names no entity") from error


def _load_file(file: Path) -> list[Example]:
    return [
        example
        for number, entry in enumerate(_entries(file), 1)
        for example in _examples(file, number, entry)
    ]


def _entries(file: Path) -> list[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), loader)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(f"{file}: {error}") from error
    entries = document.get("nlu", []) if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise TrainingError(f"{file}: expected a list under 'nlu:'")
    return entries


def _examples(file: Path, number: int, entry: Any) -> list[Example]:
    if _kind_of_list(entry) is not None:
        return []
    if not isinstance(entry, dict) or not isinstance(entry.get("intent"), str):
        raise TrainingError(f"{file}: entry {number} under 'nlu:' has no intent")
    intent = entry["intent"]
    try:
        return [parse_example(intent, line) for line in _lines(entry.get("examples"))]
    except TrainingError as error:
        raise TrainingError(f"{file}: {error}") from error


def _lines(examples: Any) -> list[str]:
    """The sentences of an entry: a block of ``- …`` lines, or a list of ``text:`` items."""
    if isinstance(examples, str):
        return [line.strip()[1:].strip() for line in examples.splitlines() if line.strip().startswith("-")]
    if isinstance(examples, list):
        texts = [item.get("text") if isinstance(item, dict) else item for item in examples]
        strings = [text.strip().removeprefix("- ").strip() for text in texts if isinstance(text, str)]
        if len(strings) == len(texts):
            return strings
    raise TrainingError("'examples' is neither a block of '- …' lines nor a list of sentences")
