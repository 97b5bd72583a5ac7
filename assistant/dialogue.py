"""Runs a turn: what was said, in the light of what was said before, becomes a command for the bus."""

import logging
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import to_jsonable_python
from sqlalchemy.exc import SQLAlchemyError

from assistant import wording
from assistant.approval import is_taken
from assistant.bus import ABOUT_THE_TALK, Bus, database_problem, defect, refusal
from assistant.memory import Memory, Pending, Waiting
from assistant.reply import Problem, Reply, Status, Telling
from assistant.turn import Turn
from intents import lexicon
from intents.command import Command, Effect, slots_of
from intents.filling import SlotErrors, SlotProblem, filled, slots_from, validated
from intents.names import Names
from intents.reading import Reader, Reading, Scene
from storage import conversations, ventures
from storage.conversations import MovedOnError

log = logging.getLogger(__name__)

AFFIRM, DENY = "affirm", "deny"
SURE = 0.7
"""Confidence from which half an utterance counts as a command of its own."""

LONGEST_SPLIT = 500
"""Characters looked at for two commands in one breath."""

_JOINT = re.compile(r"\s*(?:[;.]\s+|,?\s+and then\s+|,?\s+then\s+|,?\s+and\s+)", re.IGNORECASE)

MOST_OFFERED = 12
"""Values of a closed list that are offered with a question."""

MOST_TRIES = 20
"""Times a turn is begun anew because another process answered one of the same conversation."""

NEAREST = 3
"""Commands offered when something is out of scope."""


class Dialogue:
    """Understands turns with a reader and carries them out through the bus."""

    def __init__(self, bus: Bus, reader: Reader, quick: Reader | None = None) -> None:
        """``quick`` reads parts of an utterance, several a turn; by default ``reader`` does."""
        self.bus = bus
        self.reader = reader
        self.quick = quick or reader
        self._locks = _Locks()

    def turn(self, turn: Turn) -> Reply:
        """Answer one utterance. Turns of one conversation wait for each other; nothing is raised."""
        return self._safely(turn, self._answer)

    def run(self, name: str, slots: dict[str, Any], turn: Turn) -> Reply:
        """Carry out a command named outright, as HTTP routes and tools do, by the same rules."""
        return self._safely(turn, lambda turn: self._named(name, slots, turn))

    def _safely(self, turn: Turn, answer: Callable[[Turn], Reply]) -> Reply:
        """Answer in the conversation's order; begin anew when a turn in another process was quicker."""
        with self._locks.hold(turn.conversation_id):
            for _ in range(MOST_TRIES):
                try:
                    return self._once(turn, answer)
                except MovedOnError:
                    turn = turn.begun_anew()
            turn.conversation_id = None
            problem = Problem(
                "conversation_busy",
                "Too much is being said in this conversation at once.",
                "Say it again in a moment.",
                status=Status.FAILED,
            )
            return self.bus.conclude(turn, refusal(turn, problem))

    def _once(self, turn: Turn, answer: Callable[[Turn], Reply]) -> Reply:
        try:
            return self.bus.earlier(turn) or answer(turn)
        except MovedOnError:
            raise
        except Problem as problem:
            return self.bus.conclude(turn, refusal(turn, problem))
        except SQLAlchemyError as error:
            return self.bus.conclude(turn, refusal(turn, database_problem(error)))
        except Exception:
            log.exception("the dialogue failed in turn %s", turn.turn_id)
            return self.bus.conclude(turn, refusal(turn, defect(turn)))

    def _named(self, name: str, slots: dict[str, Any], turn: Turn) -> Reply:
        self._remember(turn)
        command = self._command(name)
        turn.command = name
        # Before the slots: nobody is asked for more than they may use, or learns of names by it.
        self.bus.permit(command, turn)
        try:
            ready = validated(command, slots, self.scene(turn))
        except SlotErrors as errors:
            raise _slot_problem(errors.problems[0]) from errors
        return self.bus.dispatch(ready, turn)

    def _reader(self, turn: Turn) -> Reader:
        return turn.reader or self.reader

    def scene(self, turn: Turn, fiscal_year_start: int = 1) -> Scene:
        """What words mean for this person now."""
        names = self.bus.names.recent()
        if names is None:
            with self.bus.database.read() as connection:
                names = self.bus.names.current(connection)
        return Scene(names, self._today(turn), fiscal_year_start)

    def _today(self, turn: Turn) -> date:
        return self.bus.clock().astimezone(ZoneInfo(turn.person.time_zone)).date()

    def _remember(self, turn: Turn) -> None:
        if turn.conversation_id is None:
            return
        with self.bus.database.glance() as connection:
            stored = conversations.load(connection, turn.conversation_id)
        if stored is None:
            turn.after = 0
            return
        if stored.user_id != turn.person.id:
            turn.conversation_id = None
            raise Problem(
                "foreign_conversation",
                "That conversation belongs to somebody else.",
                "Start one of your own.",
            )
        turn.after = stored.turns
        turn.memory = Memory.model_validate(stored.memory).at(self.bus.clock(), self.bus.settings.dialogue)

    def _command(self, name: str) -> type[Command]:
        command = self.bus.catalogue.get(name)
        if command is None:
            raise Problem(
                "unknown_command", f"There is no command {name[:60]!r}.", "See help for the commands."
            )
        return command

    def _answer(self, turn: Turn) -> Reply:
        if not turn.text.strip():
            raise Problem("empty", "I heard nothing.", 'Try "help".', status=Status.UNKNOWN)
        turn.at_stage("understanding")
        self._remember(turn)
        scene = self.scene(turn)
        turn.reading = self._reader(turn).read(_SAME.sub("and ", turn.text), scene)
        scene, turn.reading = self._fiscal(turn, scene, turn.reading)
        if turn.memory.pending is not None:
            reply = self._answered(turn, turn.reading, turn.memory.pending, scene)
            if reply is not None:
                return reply
        place = _place(turn.text)
        things = turn.memory.listed
        if place is not None and not turn.memory.pending and -1 <= place < len(things) > 0:
            listed = things[place]
            rests_on = _least_sure(turn.reading.reader, turn.memory.understood_by)
            return self._carry_out(turn, self._command(listed.command), listed.slots, scene, rests_on)
        if turn.memory.waiting is not None:
            reply = self._confirmed(turn, turn.reading, turn.memory.waiting)
            if reply is not None:
                return reply
        return self._fresh(turn, turn.reading, scene)

    def _confirmed(self, turn: Turn, reading: Reading, waiting: Waiting) -> Reply | None:
        """What a yes or no leads to; None when the turn is about something else."""
        if reading.intent == AFFIRM and not reading.entities:
            if _PLAIN_YES.fullmatch(reading.text) is None or reading.confidence < SURE:
                raise Problem("no_plain_yes", "Was that a yes?", 'Say "yes" or "no", and nothing else.')
            return self.bus.confirm(turn, waiting)
        if reading.intent in ABOUT_THE_TALK and reading.intent != "cancel":
            return None
        turn.memory = turn.memory.model_copy(update={"waiting": None})
        if reading.intent in (DENY, "cancel"):
            return self.bus.conclude(turn, _said(turn, "Dropped; nothing was changed."))
        return None

    def _fiscal(self, turn: Turn, scene: Scene, reading: Reading) -> tuple[Scene, Reading]:
        """Read again in the fiscal calendar of the venture that is meant, when one is spoken of."""
        if not any(m.entity == "period" and _is_fiscal(m.text) for m in reading.entities):
            return scene, reading
        said = [m.value for m in reading.entities if m.entity == "venture"]
        venture = next(iter(said), turn.memory.slots.get("venture"))
        key = None if venture is None else scene.names.id("venture", str(venture))
        if key is None:
            return scene, reading
        with self.bus.database.read() as connection:
            found = ventures.venture(connection, key)
        if found is None or found.fiscal_year_start == 1:
            return scene, reading
        fiscal = Scene(scene.names, scene.today, found.fiscal_year_start)
        if reading.arguments is not None:
            # They are words still: the fiscal scene will read them.
            return fiscal, reading
        return fiscal, self._reader(turn).read(reading.text, fiscal)

    def _answered(self, turn: Turn, reading: Reading, pending: Pending, scene: Scene) -> Reply | None:
        """What the answer to a pending question leads to; None when the turn is about something else."""
        if reading.intent == DENY or reading.intent == "cancel":
            turn.memory = turn.memory.model_copy(update={"pending": None})
            return self.bus.conclude(turn, _said(turn, "Dropped."))
        command = self._command(pending.command)
        value = self._chosen(reading, pending, command)
        if value is None:
            return None
        turn.memory = turn.memory.model_copy(update={"pending": None})
        rests_on = _least_sure(reading.reader, pending.understood_by)
        return self._carry_out(turn, command, {**pending.slots, pending.missing: value}, scene, rests_on)

    def _chosen(self, reading: Reading, pending: Pending, command: type[Command]) -> Any | None:
        place = _place(reading.text)
        if place is not None and -1 <= place < len(pending.choices):
            return pending.choices[place]
        text = reading.text.strip().rstrip(".!").casefold()
        for choice in pending.choices:
            if text == choice.casefold():
                return choice
        slot = next(slot for slot in slots_of(command) if slot.name == pending.missing)
        fitting = [match.value for match in reading.entities if match.entity in slot.entities]
        if fitting and (reading.is_fragment or reading.intent in (None, pending.command)):
            return tuple(fitting) if slot.many else fitting[0]
        return _among(text, pending.choices)

    def _fresh(self, turn: Turn, reading: Reading, scene: Scene) -> Reply:
        if reading.is_fragment and turn.memory.command is not None and not reading.unknown:
            return self._follow_up(turn, turn.memory.command, reading, scene)
        if reading.intent in (AFFIRM, DENY):
            return self.bus.conclude(turn, _said(turn, "There is nothing waiting for a yes or no."))
        if reading.is_fragment and not reading.unknown:
            raise Problem(
                "no_context",
                "I no longer know what that refers to.",
                'Ask in full, as "show gtm performance for Acme last month".',
                status=Status.UNKNOWN,
            )
        if reading.intent is None or reading.intent not in self.bus.catalogue:
            raise self._out_of_scope(reading)
        if reading.confidence < self.bus.settings.understanding.min_confidence:
            raise self._unsure(reading)
        command = self._command(reading.intent)
        changes = command.effect is not Effect.READ and not command.may_be_negated
        if changes and _NEGATION.search(reading.text):
            raise Problem("negated", "You said not to, so I changed nothing.")
        self._refuse_two_at_once(reading, scene)
        try:
            slots = filled(command, reading)
        except SlotErrors as errors:
            return self._ask_or_refuse(turn, command, {}, errors, scene, _word_of(reading))
        slots = _meant(command, slots, turn.memory, reading.text)
        unknown = _unexplained(reading.unknown, slots)
        if unknown:
            raise _unknown_name(unknown[0], command, scene.names)
        return self._carry_out(turn, command, slots, scene, _word_of(reading))

    def _refuse_two_at_once(self, reading: Reading, scene: Scene) -> None:
        """Raise `Problem` when the words around a joint are two commands and one would change something."""
        for joint in _JOINT.finditer(reading.text[:LONGEST_SPLIT]):
            halves = [reading.text[: joint.start()], reading.text[joint.end() :]]
            meant = [self._sure(self.quick.read(half, scene)) for half in halves]
            if all(meant) and any(one is not None and one.effect is not Effect.READ for one in meant):
                told = wording.listed([f"“{half.strip()}”" for half in halves])
                raise Problem(
                    "two_commands",
                    f"That is two things at once: {told}. I did neither.",
                    "Say one, then the other.",
                    choices=[half.strip() for half in halves],
                )

    def _sure(self, reading: Reading) -> type[Command] | None:
        """The command a reading surely is; None for fragments, yes and no, and whatever is unsure."""
        if reading.is_fragment or reading.confidence < SURE or reading.intent is None:
            return None
        command = self.bus.catalogue.get(reading.intent)
        return None if command is None or reading.intent in ABOUT_THE_TALK else command

    def _follow_up(self, turn: Turn, last: str, reading: Reading, scene: Scene) -> Reply:
        """The last command again, with what was said now in place of what was said then."""
        command = self._command(last)
        slots = slots_from(command, reading.entities, reading.text)
        if not slots:
            raise self._out_of_scope(reading)
        kept = dict(turn.memory.slots)
        if "venture" in slots and "campaign" in kept:
            del kept["campaign"]
        rests_on = _least_sure(reading.reader, turn.memory.understood_by)
        return self._carry_out(turn, command, {**kept, **slots}, scene, rests_on)

    def _carry_out(
        self, turn: Turn, command: type[Command], slots: dict[str, Any], scene: Scene, rests_on: str
    ) -> Reply:
        """Hand the command to the bus, with the reader on whose word it rests."""
        turn.understood_by = rests_on
        try:
            ready = validated(command, slots, scene)
        except SlotErrors as errors:
            return self._ask_or_refuse(turn, command, slots, errors, scene, rests_on)
        return self.bus.dispatch(ready, turn)

    def _ask_or_refuse(
        self,
        turn: Turn,
        command: type[Command],
        slots: dict[str, Any],
        errors: SlotErrors,
        scene: Scene,
        rests_on: str,
    ) -> Reply:
        """Ask for the first missing or ambiguous slot; anything else is refused with its reason."""
        first = errors.problems[0]
        if first.code not in ("missing", "ambiguous_name"):
            raise _slot_problem(first)
        slot = next(slot for slot in slots_of(command) if slot.name == first.slot)
        choices = list(first.choices or scene.names.labels(slot.entity) or _vocabulary(slot.entity))
        question = slot.question
        if first.code == "ambiguous_name":
            question = f"Did you mean {wording.listed(choices, 'or')}?"
        known = {name: value for name, value in slots.items() if name != first.slot}
        turn.memory = turn.memory.model_copy(
            update={
                "pending": Pending(
                    command=command.command_name(),
                    slots=_jsonable(known),
                    missing=first.slot,
                    question=question,
                    choices=choices,
                    asked_at=self.bus.clock(),
                    understood_by=rests_on,
                )
            }
        )
        turn.command, turn.slots = command.command_name(), _jsonable(known)
        return self.bus.conclude(
            turn,
            Reply(
                turn_id=turn.turn_id,
                text=turn.text,
                status=Status.QUESTION,
                reply=Telling(text=question, speech=question, choices=choices[:20]),
            ),
        )

    def _out_of_scope(self, reading: Reading) -> Problem:
        nearest = [name for name, _ in reading.ranking if name in self.bus.catalogue][:NEAREST]
        examples = [
            self.bus.catalogue[name].examples[0] for name in nearest if self.bus.catalogue[name].examples
        ]
        cure = (
            f"Perhaps one of these: {'; '.join(examples)}." if examples else 'Say "help" for what I can do.'
        )
        return Problem("out_of_scope", "I can't do that.", cure, choices=examples, status=Status.UNKNOWN)

    def _unsure(self, reading: Reading) -> Problem:
        problem = self._out_of_scope(reading)
        return Problem(
            "not_sure",
            "I am not sure what you mean.",
            problem.cure,
            choices=problem.choices,
            status=Status.UNKNOWN,
        )


def _least_sure(reader: str, earlier: str | None) -> str:
    """Of the readers of this and of an earlier turn, the one that is not taken at its word."""
    return reader if earlier is None or is_taken(earlier) else earlier


class _Locks:
    """A lock a conversation, forgotten when nobody holds or waits for it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def hold(self, key: str | None) -> Iterator[None]:
        """Wait for one's turn; without a key there is nothing to wait for."""
        if key is None:
            yield
            return
        with self._guard:
            lock, waiting = self._held.get(key, (threading.Lock(), 0))
            self._held[key] = (lock, waiting + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, waiting = self._held[key]
                if waiting == 1:
                    del self._held[key]
                else:
                    self._held[key] = (lock, waiting - 1)


def _is_fiscal(text: str) -> bool:
    return "fiscal" in text.casefold() or text.casefold().startswith("fy")


def _among(text: str, choices: list[str]) -> str | None:
    """The choice that alone holds every word of a short answer."""
    words = set(text.split())
    fitting = [choice for choice in choices if words and words <= set(_plain(choice).split())]
    return fitting[0] if len(fitting) == 1 else None


def _vocabulary(kind: str) -> tuple[str, ...]:
    """The values of a closed list that is short enough to choose from."""
    values = lexicon.vocabulary(kind) if kind in lexicon.KINDS else ()
    return values if len(values) <= MOST_OFFERED else ()


def _plain(choice: str) -> str:
    return choice.casefold().replace("(", " ").replace(")", " ")


def _jsonable(slots: dict[str, Any]) -> dict[str, Any]:
    jsonable: dict[str, Any] = to_jsonable_python(slots)
    return jsonable


def _said(turn: Turn, text: str) -> Reply:
    return Reply(
        turn_id=turn.turn_id, text=turn.text, status=Status.DONE, reply=Telling(text=text, speech=text)
    )


def _slot_problem(first: SlotProblem) -> Problem:
    cure = f"Try {wording.listed(list(first.choices[:5]), 'or')}." if first.choices else ""
    return Problem(first.code, first.message, cure, choices=first.choices, slot=first.slot)


_SAME = re.compile(
    r"^\s*(?:(?:and|now|then|please)\s+)*(?:(?:do|show|run|give me)\s+)?the same"
    r"(?:\s+thing)?(?:\s+again)?\s+",
    re.IGNORECASE,
)
"""What leads in "do the same for Northwind"."""

_PLAIN_YES = re.compile(r"\W{0,3}(?:[^\W_]+(?:['’][^\W_]+)?[\s,.!]*){1,6}")
"""A yes that means nothing else: a few words, and no sign a program would write."""

_JOINERS = "\u200c\u200d"
"""Signs nobody sees that are part of how words and emoji are spelled."""


PASTED = "pasted"
"""In place of a reader: nobody says such a text, so what it asks for is not taken as somebody's word."""


def _word_of(reading: Reading) -> str:
    """Whose word a reading is: its reader's, or nobody's where the text has lines or signs nobody sees."""
    hides = any(sign not in _JOINERS and unicodedata.category(sign) == "Cf" for sign in reading.text)
    return PASTED if hides or len(reading.text.strip().splitlines()) > 1 else reading.reader


_NEGATION = re.compile(r"\b(?:do not|don['’]?t|never|not to|must not|mustn['’]?t)\b", re.IGNORECASE)

_PLACES = {
    word: place
    for place, word in enumerate(
        ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    )
}

_ORDINAL = re.compile(
    r"(?:(?:and|show|show me|take|open|i mean|what about)\s+)?(?:the\s+)?"
    rf"(?:({'|'.join(_PLACES)}|last|\d+(?:st|nd|rd|th))(?:\s+one)?|(?:number|no\.?)\s+(\d+))[.!?]?",
    re.IGNORECASE,
)


def _place(text: str) -> int | None:
    """Which of several things "the second one" means: from 0, the last -1; None for other words."""
    said = _ORDINAL.fullmatch(text.strip())
    if said is None:
        return None
    word = next(group for group in said.groups() if group is not None).casefold()
    if word == "last":
        return -1
    return _PLACES.get(word, int(re.sub(r"\D", "", word) or 0) - 1)


_POINTED_AT = ("venture", "campaign", "influencer")
"""Slots that "it" can stand for."""

_POINTING = re.compile(
    r"\b(?:it|its|her|him|(?:this|that)\s+(?:one|campaign|venture|influencer|creator)|(?:this|that)(?=\W*$))\b",
    re.IGNORECASE,
)


def _meant(command: type[Command], slots: dict[str, Any], memory: Memory, text: str) -> dict[str, Any]:
    """The slots, with what "it" or "her" stands for in the light of the last answer."""
    if not _POINTING.search(text):
        return slots
    names = [slot.name for slot in slots_of(command) if slot.name in _POINTED_AT]
    open_names = [one for one in names if one not in slots or _POINTING.fullmatch(str(slots[one]))]
    known = {one: memory.slots[one] for one in open_names if one in memory.slots}
    if "campaign" in known or "campaign" in slots:
        known.pop("venture", None)
    return {**slots, **known}


def _unexplained(unknown: tuple[str, ...], slots: dict[str, Any]) -> list[str]:
    """Unknown words that no slot took as a new name."""
    taken = " ".join(str(value).casefold() for value in slots.values() if isinstance(value, str))
    return [word for word in unknown if word.casefold() not in taken]


def _unknown_name(said: str, command: type[Command], names: Names) -> Problem:
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
