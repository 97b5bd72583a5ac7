"""Finds faults in the training sentences: what teaches a reader two things at once, or what nobody says.

Rasa takes any sentences; whether they agree with the commands and with each other is for us to see.
"""

import inspect
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from intents.command import Command, Slot, slots_of
from intents.readers.delexical import delexicalize
from intents.readers.entities import explain
from intents.readers.sentences import NO_COMMANDS, OUT_OF_SCOPE, training_names
from intents.reading import Scene
from intents.training import Example, files, load, parse_example

FEWEST = 25
"""Sentences a command needs."""
FEWEST_OUT_OF_SCOPE = 400
MOST_WORDS = 25
"""Nobody says a longer command in one breath."""
MOST_ALIKE = 5
"""Sentences of one command that are the same but for their names and numbers."""
MOST_OPENING_ALIKE = 0.3
"""Share of a command's sentences that begin with the same three words."""
_OPENING = 3
_MOST_QUESTION_WORDS = 16

_WORD = re.compile(r"[\w@&']+")
_LEFTOVER = re.compile(r"[{}<>\[\]|\\]|\b(?:TODO|FIXME|XXX)\b|\.\.\.|…")
_SIGNS = frozenset(" '’,.?!-:/&@#%+$€£¥_()\"")
_DOUBLED = re.compile(r"\b(the|a|an|of|to|for|in|on|at|and|with|is|are|my|our|please) \1\b", re.IGNORECASE)
_A_BEFORE_VOWEL = re.compile(r"\ba (?!one\b|once\b|eu|uni|use)[aeio]\w+", re.IGNORECASE)
_UNSPEAKABLE = re.compile(r"[`*_{}<>|\\]|https?:")
_PROGRAMS_ONLY = frozenset({"pairs"})
"""Kinds that nobody says, so that no sentence can mark them."""
_DAY = date(2026, 6, 17)


@dataclass(frozen=True, order=True)
class Finding:
    """A fault and where it is."""

    file: str
    line: int
    """From 1; 0 where the fault is that something is missing from all files."""
    code: str
    """``two_meanings``, ``leftover`` …; docs/understanding.md lists them."""
    message: str


@dataclass(frozen=True)
class _Placed:
    """A sentence and where it stands."""

    example: Example
    file: str
    line: int

    @property
    def intent(self) -> str:
        return self.example.intent

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    def finding(self, code: str, message: str) -> Finding:
        return Finding(self.file, self.line, code, message)


def lint(path: Path, catalogue: Mapping[str, type[Command]]) -> list[Finding]:
    """Every fault of the sentences in ``path`` (a file or a folder), by file and line.

    Raises `TrainingError` for data that cannot be read at all.
    """
    load(path)
    sentences = [one for file in files(path) for one in _placed(file)]
    by_intent: dict[str, list[_Placed]] = defaultdict(list)
    for one in sentences:
        by_intent[one.intent].append(one)
    views = _views(sentences)
    found = [
        *_ambiguous(sentences, views),
        *(finding for one in sentences for finding in _unsaid(one)),
        *(finding for one in sentences for finding in _foreign(one, catalogue)),
        *(finding for some in by_intent.values() for finding in _monotonous(some, views)),
        *_missing(by_intent, catalogue),
        *(finding for command in catalogue.values() for finding in _unspeakable(command)),
    ]
    return sorted(set(found))


def plain(text: str) -> str:
    """The words alone: lower case, no punctuation."""
    return " ".join(_WORD.findall(text.lower().replace("’", "'")))


def _placed(file: Path) -> Iterator[_Placed]:
    """The sentences of a file with their lines."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    root = yaml.compose(file.read_text(encoding="utf-8"), loader)
    for entry in _fields(root).get("nlu", yaml.SequenceNode("", [])).value:
        fields = _fields(entry)
        if "intent" not in fields or "examples" not in fields:
            continue
        for line, marked in _lines(fields["examples"]):
            yield _Placed(parse_example(fields["intent"].value, marked), str(file), line)


def _fields(node: Any) -> dict[str, Any]:
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _lines(node: Any) -> Iterator[tuple[int, str]]:
    """Marked sentences as they stand, with spaces inside kept, and the line of each."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            text = _fields(item).get("text", item)
            yield text.start_mark.line + 1, text.value.strip().removeprefix("- ").strip()
        return
    first = node.start_mark.line + (2 if node.style == "|" else 1)
    for number, line in enumerate(node.value.split("\n")):
        if line.strip().startswith("-"):
            yield first + number, line.strip()[1:].strip()


def _views(sentences: Sequence[_Placed]) -> dict[_Placed, str]:
    """The sentences as the embedded reader's classifier sees them: a word for any name, number and date."""
    scene = Scene(training_names([one.example for one in sentences]), _DAY)
    return {one: delexicalize(explain(one.example.text, scene, forgiving=False)).lower() for one in sentences}


def _ambiguous(sentences: Sequence[_Placed], views: Mapping[_Placed, str]) -> Iterator[Finding]:
    """What was said before: under the same command for nothing, under another to confuse."""
    said: dict[str, _Placed] = {}
    seen: dict[str, _Placed] = {}
    for one in sentences:
        first = said.setdefault(plain(one.example.text), one)
        if first is not one:
            code = "repeated" if first.intent == one.intent else "two_meanings"
            yield one.finding(code, f"{one.example.text!r} is {first.intent} at {first.place}")
            continue
        first = seen.setdefault(views[one], one)
        if first.intent != one.intent:
            yield one.finding(
                "two_meanings",
                f"{one.example.text!r} is {first.intent} but for its names at {first.place}: "
                f"{first.example.text!r}",
            )


def _unsaid(one: _Placed) -> Iterator[Finding]:
    """What nobody would say."""
    text = one.example.text
    found: dict[str, str | None] = {
        "empty": "there are no words" if not plain(text) else None,
        "too_long": f"{len(text.split())} words" if len(text.split()) > MOST_WORDS else None,
        "leftover": _matched(_LEFTOVER, text),
        "double_space": "two spaces in a row" if "  " in text else None,
        "shouted": "all in capitals" if text.isupper() and len(text.split()) > 1 else None,
        "symbol": next((f"the sign {sign!r}" for sign in text if not _is_sayable(sign)), None),
        "twice_in_a_row": _matched(_DOUBLED, _unmarked(one.example)),
        "article": _matched(_A_BEFORE_VOWEL, text),
        "same_value_twice": _same_twice(one.example),
    }
    for code, told in found.items():
        if told is not None and not (code == "symbol" and found["leftover"]):
            yield one.finding(code, f"{text!r}: {told}")


def _is_sayable(sign: str) -> bool:
    """Letters of the Latin script, ASCII digits and the few signs that dictation writes."""
    return sign in _SIGNS or (sign.isascii() and sign.isalnum()) or (sign.isalpha() and "à" <= sign <= "ſ")


def _matched(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return repr(found.group()) if found else None


def _unmarked(example: Example) -> str:
    """The sentence without its values: "bring back Back to School" says nothing twice."""
    text = example.text
    for span in example.spans:
        text = f"{text[: span.start]}{'#' * (span.end - span.start)}{text[span.end :]}"
    return text


def _same_twice(example: Example) -> str | None:
    """ "from email to email" came out of a template."""
    seen: set[tuple[str, str]] = set()
    for span in example.spans:
        value = (span.entity, span.value.lower())
        if value in seen:
            return f"{span.value!r} twice"
        seen.add(value)
    return None


def _foreign(one: _Placed, catalogue: Mapping[str, type[Command]]) -> Iterator[Finding]:
    """Marks of what the command does not take, and intents that are no command."""
    if one.intent in NO_COMMANDS:
        return
    if one.intent not in catalogue:
        yield one.finding("no_command", f"there is no command {one.intent}")
        return
    taken = {kind for slot in slots_of(catalogue[one.intent]) for kind in slot.entities}
    for span in one.example.spans:
        if span.entity not in taken:
            yield one.finding("foreign_mark", f"{one.intent} has no slot for {span.entity} {span.value!r}")


def _monotonous(sentences: Sequence[_Placed], views: Mapping[_Placed, str]) -> Iterator[Finding]:
    """Templates filled in again and again."""
    alike: dict[str, list[_Placed]] = defaultdict(list)
    begun: dict[str, list[_Placed]] = defaultdict(list)
    for one in sentences:
        alike[views[one]].append(one)
        begun[" ".join(plain(one.example.text).split()[:_OPENING])].append(one)
    for template, some in alike.items():
        if len(some) > MOST_ALIKE:
            told = f"{some[-1].intent} says {template!r} {len(some)} times with other values"
            yield some[MOST_ALIKE].finding("template", told)
    for opening, some in begun.items():
        if len(sentences) >= FEWEST and len(some) > MOST_OPENING_ALIKE * len(sentences):
            told = f"{len(some)} of {len(sentences)} sentences of {some[0].intent} begin {opening!r}"
            yield some[0].finding("template", told)


def _missing(
    by_intent: Mapping[str, Sequence[_Placed]], catalogue: Mapping[str, type[Command]]
) -> Iterator[Finding]:
    """Too few sentences, and slots that none of them fills."""
    for name, command in catalogue.items():
        said = by_intent.get(name, ())
        where = said[0].finding if said else _nowhere
        if len(said) < FEWEST:
            yield where("few_sentences", f"{name} has {len(said)} sentences; it needs {FEWEST}")
        marked = {span.entity for one in said for span in one.example.spans}
        for slot in slots_of(command):
            if not marked.intersection(slot.entities) and _is_marked(slot):
                yield where("unmarked_slot", f"no sentence of {name} marks its {slot.name} ({slot.entity})")
    outside = by_intent.get(OUT_OF_SCOPE, ())
    if len(outside) < FEWEST_OUT_OF_SCOPE:
        where = outside[0].finding if outside else _nowhere
        yield where(
            "few_out_of_scope",
            f"{len(outside)} sentences are out of scope; it needs {FEWEST_OUT_OF_SCOPE}",
        )


def _nowhere(code: str, message: str) -> Finding:
    return Finding("", 0, code, message)


def _is_marked(slot: Slot) -> bool:
    """Whether sentences can show where the slot's value stands; words such as "because" open others."""
    return slot.entity not in _PROGRAMS_ONLY and not slot.opened_by


def _unspeakable(command: type[Command]) -> Iterator[Finding]:
    """What a declaration says aloud: its questions, its summary, its examples."""
    file = inspect.getsourcefile(command) or ""
    line = inspect.getsourcelines(command)[1]
    name = command.command_name()

    def finding(message: str) -> Finding:
        return Finding(file, line, "not_for_the_ear", f"{name}: {message}")

    if not command.summary().endswith(".") or _UNSPEAKABLE.search(command.summary()):
        yield finding(f"the summary {command.summary()!r} is no sentence to be spoken")
    if not command.examples:
        yield finding("there is no example to suggest")
    for text in _not_spoken(command.examples):
        yield finding(f"the example {text!r} cannot be spoken")
    for slot in slots_of(command):
        if slot.entity in _PROGRAMS_ONLY:
            continue
        is_question = slot.question.endswith("?") and len(slot.question.split()) <= _MOST_QUESTION_WORDS
        if not is_question or _UNSPEAKABLE.search(slot.question):
            yield finding(f"{slot.question!r} is no short question for {slot.name}")


def _not_spoken(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        bare = re.sub(r"\S+\.(?:csv|xlsx|parquet)\b", "", text)
        if _UNSPEAKABLE.search(bare):
            yield text
