"""Runs a turn: what was said, in the light of what was said before, becomes a command for the bus."""

import logging
import re
from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from assistant import asking, doubting, elsewhere, pointing, problems, values, wording
from assistant.bus import ABOUT_THE_TALK, Bus, database_problem, defect, refusal
from assistant.correcting import correction, told_not
from assistant.hearing import HEARD_WELL, UNSURE, is_long_approval, is_plain_yes, part_of, word_of
from assistant.locks import Locks
from assistant.memory import Memory, Pending, Tried, Waiting
from assistant.reply import Listed, Problem, Reply, Status, Telling
from assistant.returning import doing
from assistant.turn import Turn
from intents.command import Command, Effect, slots_of
from intents.filling import SlotErrors, SlotProblem, filled, slots_from, validated
from intents.reading import Reader, Reading, Scene
from storage import conversations, ventures
from storage.conversations import MovedOnError

log = logging.getLogger(__name__)

AFFIRM, DENY = "affirm", "deny"
SURE = 0.7
"""Confidence from which half an utterance counts as a command of its own."""

SURE_OF_BOTH = 0.9
"""Confidence from which the halves of an utterance are two questions."""

LONGEST_SPLIT = 500
"""Characters looked at for two commands in one breath."""

_JOINT = re.compile(r"\s*(?:[;.]\s+|,?\s+and then\s+|,?\s+then\s+|,?\s+and\s+)", re.IGNORECASE)

MOST_SUSPENDED = 3
"""Interrupted questions that are gone back to."""

LONGEST_QUOTE = 80
"""Characters of an answer that are told back."""

LONGEST_NAME = 5
"""Words of a correction that may be a name."""

MOST_TRIES = 20
"""Times a turn is begun anew because another process answered one of the same conversation."""

FORGETTING = ("pending", "waiting", "command")
"""What a conversation is told to have forgotten when it is referred to."""


class Dialogue:
    """Understands turns with a reader and carries them out through the bus."""

    def __init__(self, bus: Bus, reader: Reader, quick: Reader | None = None) -> None:
        """``quick`` reads parts of an utterance, several a turn; by default ``reader`` does."""
        self.bus = bus
        self.reader = reader
        self.quick = quick or reader
        self._locks = Locks()

    def turn(self, turn: Turn) -> Reply:
        """Answer one utterance. Turns of one conversation wait for each other; nothing is raised."""
        return self._safely(turn, self._answer)

    def run(self, name: str, slots: dict[str, Any], turn: Turn) -> Reply:
        """Carry out a command named outright, as HTTP routes and tools do, by the same rules."""
        return self._safely(turn, lambda turn: self._named(name, slots, turn))

    def unheard(self, turn: Turn, problem: Problem) -> Reply:
        """Answer a spoken turn of which no words were heard; what was asked before still waits."""

        def answer(turn: Turn) -> Reply:
            self._remember(turn)
            raise problem

        return self._safely(turn, answer)

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
            raise problems.slot_problem(errors.problems[0]) from errors
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
        self._recall(turn)
        waiting = turn.memory.waiting
        still = {turn.memory.told_in, None if waiting is None else waiting.turn_id}
        if turn.answers is not None and turn.answers not in still:
            # The talk stays as it is: what was asked last still waits.
            turn.conversation_id = None
            raise problems.moved_on()

    def _recall(self, turn: Turn) -> None:
        if turn.conversation_id is None:
            return
        with self.bus.database.glance() as connection:
            stored = conversations.load(connection, turn.conversation_id)
        if stored is None:
            turn.after = 0
            self._look_in_front(turn)
            return
        if stored.user_id != turn.person.id:
            turn.conversation_id = None
            raise Problem(
                "foreign_conversation",
                "That conversation belongs to somebody else.",
                "Start one of your own.",
            )
        turn.after = stored.turns
        before = Memory.model_validate(stored.memory)
        turn.memory = before.at(self.bus.clock(), self.bus.settings.dialogue)
        turn.forgotten = frozenset(
            name for name in FORGETTING if getattr(before, name) and not getattr(turn.memory, name)
        )
        self._look_in_front(turn)

    def _look_in_front(self, turn: Turn) -> None:
        """A talk that is about nothing yet is about the page in front of the person."""
        command = None if turn.page is None else self.bus.catalogue.get(turn.page.command)
        if turn.page is None or command is None or command.effect is not Effect.READ:
            turn.page = None
        elif turn.memory.command is None and turn.memory.tried is None:
            known = {"command": turn.page.command, "slots": turn.page.slots}
            turn.memory = turn.memory.model_copy(update=known)

    def _command(self, name: str) -> type[Command]:
        command = self.bus.catalogue.get(name)
        if command is None:
            raise Problem(
                "unknown_command", f"There is no command {name[:60]!r}.", "See help for the commands."
            )
        return command

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

    def _answer(self, turn: Turn) -> Reply:
        if not turn.text.strip():
            raise Problem("empty", "I heard nothing.", 'Try "help".', status=Status.UNKNOWN)
        turn.at_stage("understanding")
        self._remember(turn)
        scene = self.scene(turn)
        reading = self._reader(turn).read(pointing.SAME.sub("and ", turn.text), scene)
        scene, turn.reading = self._fiscal(turn, scene, reading)
        if turn.heard is not None or turn.memory.doubted is not None:
            reply = self._at_doubt(turn, turn.reading, scene)
            if reply is not None:
                return reply
        turn.understood_by = word_of(turn.text, turn.reading.reader)
        if turn.memory.pending is not None:
            return self._at_question(turn, turn.reading, turn.memory.pending, scene)
        if turn.memory.waiting is not None:
            reply = self._at_confirmation(turn, turn.reading, turn.memory.waiting, scene)
            if reply is not None:
                return reply
        return self._at_large(turn, turn.reading, scene)

    def _at_doubt(self, turn: Turn, reading: Reading, scene: Scene) -> Reply | None:
        """Ask about words that were heard badly; a yes to that is as good as the words themselves."""
        before = turn.memory.doubted
        turn.memory = turn.memory.model_copy(update={"doubted": None})
        if before is not None and reading.intent == AFFIRM and is_plain_yes(turn.text):
            turn.stands_for(before.text)
            turn.reading = self._reader(turn).read(pointing.SAME.sub("and ", turn.text), scene)
            return None
        if before is not None and reading.intent in (DENY, "cancel") and not reading.entities:
            return self.bus.conclude(turn, _said(turn, "Then please say it again."))
        if turn.heard is None:
            return None
        second = None if turn.heard.second is None else self.quick.read(turn.heard.second, scene)
        is_answer = turn.memory.pending is not None or turn.memory.waiting is not None
        if not doubting.is_doubted(turn.heard, reading, second, is_answer=is_answer):
            return None
        if reading.intent is None and not reading.is_fragment and not is_answer:
            # Nothing would be done about these words anyway: no question, the usual answer.
            return None
        doubted = doubting.Doubted(text=turn.text, asked_at=self.bus.clock())
        turn.memory = turn.memory.model_copy(update={"doubted": doubted})
        told = doubting.question(turn.text)
        return self.bus.conclude(
            turn, Reply(turn_id=turn.turn_id, text=turn.text, status=Status.QUESTION, reply=told)
        )

    def _at_question(self, turn: Turn, reading: Reading, pending: Pending, scene: Scene) -> Reply:
        """The answer to a question, the end of it, a request in between, or words that are none of these."""
        command = self._command(pending.command)
        try:
            found = self._answered(turn, reading, pending, command, scene)
        except SlotErrors as errors:
            turn.rest_on(pending.understood_by)
            return self._ask_or_refuse(turn, command, pending.slots, errors, scene)
        if found:
            return self._go_on(turn, command, pending, found, scene)
        if reading.intent in (DENY, "cancel"):
            turn.memory = turn.memory.model_copy(update={"pending": None})
            return self.bus.conclude(turn, _said(turn, "Dropped."))
        if reading.intent in ABOUT_THE_TALK and not reading.is_fragment:
            return self._fresh(turn, reading, scene)
        if _OPTIONS.match(turn.text):
            turn.command, turn.slots = pending.command, pending.slots
            return self._question(turn, pending.question, pending.choices)
        sure = self._sure(reading)
        if sure is not None and not values.unexplained(reading.unknown, {}):
            suspended = [*turn.memory.suspended, pending][-MOST_SUSPENDED:]
            if reading.intent == pending.command:
                suspended = turn.memory.suspended
            turn.memory = turn.memory.model_copy(update={"pending": None, "suspended": suspended})
            return self._fresh(turn, reading, scene)
        if asking.takes_any_words(pending, command) and reading.intent != AFFIRM:
            return self._go_on(turn, command, pending, {pending.missing: turn.text.strip(" .!\"'“”")}, scene)
        return self._missed(turn, pending, scene, None)

    def _answered(
        self, turn: Turn, reading: Reading, pending: Pending, command: type[Command], scene: Scene
    ) -> dict[str, Any]:
        """The slots an answer fills, or a correction among what is known already."""
        mend = correction(turn.text)
        if mend is not None:
            mended = values.without_not(self.quick.read(mend.rest, scene))
            found = asking.answer(mended, pending, command, scene.names)
            if found:
                turn.reading = part_of(reading, mended)
                return found
        if reading.intent == AFFIRM and len(pending.choices) == 1:
            return {pending.missing: pending.choices[0]}
        return asking.answer(reading, pending, command, scene.names)

    def _go_on(
        self, turn: Turn, command: type[Command], pending: Pending, found: dict[str, Any], scene: Scene
    ) -> Reply:
        """The command with what was answered; a value that cannot be used is told and asked for again."""
        turn.rest_on(pending.understood_by)
        slots = values.merged(pending.slots, found, scene)
        try:
            validated(command, slots, scene)
        except SlotErrors as errors:
            wrong = errors.problems[0]
            if wrong.slot in found and wrong.code not in ("missing", "ambiguous_name"):
                return self._missed(turn, pending, scene, wrong)
        turn.memory = turn.memory.model_copy(update={"pending": None, "chosen": pending})
        return self._carry_out(turn, command, slots, scene)

    def _missed(self, turn: Turn, pending: Pending, scene: Scene, wrong: SlotProblem | None) -> Reply:
        """Say that this was no answer and ask again, or give up."""
        command = self._command(pending.command)
        kind = next(slot.entity for slot in slots_of(command) if slot.name == pending.missing)
        said = turn.text.strip()[:LONGEST_QUOTE]
        choices: tuple[str, ...] = ()
        if wrong is not None:
            told, choices = wrong.message, wrong.choices
        elif turn.reading is not None and turn.reading.intent == AFFIRM:
            told = "A yes does not tell me that."
        elif kind in scene.names.kinds:
            told, choices = f"I know no {kind} called {said!r}.", scene.names.find(kind, said).suggestions
        else:
            told = f"I did not understand {said!r}."
        if choices:
            told += f" Did you mean {wording.listed(list(choices[:3]), 'or')}?"
        turn.command, turn.slots = pending.command, pending.slots
        if pending.misses >= asking.MOST_MISSES:
            turn.memory = turn.memory.model_copy(update={"pending": None})
            raise Problem(
                "not_answered",
                f"{told} I stop {doing(pending.command)}; nothing was changed.",
                "Ask again in full when you know.",
                status=Status.UNKNOWN,
            )
        again = pending.model_copy(update={"misses": pending.misses + 1, "asked_at": self.bus.clock()})
        turn.memory = turn.memory.model_copy(update={"pending": again})
        return self._question(turn, f"{told} {pending.question}", pending.choices)

    def _at_confirmation(self, turn: Turn, reading: Reading, waiting: Waiting, scene: Scene) -> Reply | None:
        """What a yes, a no or a correction leads to; None when the turn is about something else.

        Only a plain yes is one; a yes that corrects is a correction, and any other changes nothing.
        """
        if reading.intent == AFFIRM and not reading.entities:
            mend = correction(turn.text)
            if mend is None or not mend.agreed or self._heard(mend.rest, scene) == AFFIRM:
                if is_plain_yes(turn.text) and reading.confidence >= SURE:
                    return self.bus.confirm(turn, waiting)
                turn.memory = turn.memory.model_copy(update={"waiting": None})
                raise problems.no_plain_yes()
        if reading.intent in ABOUT_THE_TALK and reading.intent != "cancel":
            return None
        turn.memory = turn.memory.model_copy(update={"waiting": None})
        base = Tried(command=waiting.command, slots=waiting.slots, understood_by=waiting.understood_by)
        reply = self._corrected(turn, reading, base, scene, careful=True)
        if reply is not None:
            return reply
        if reading.intent in (DENY, "cancel"):
            return self.bus.conclude(turn, _said(turn, "Dropped; nothing was changed."))
        if reading.intent == AFFIRM:
            raise problems.no_plain_yes()
        turn.lead = f"Dropped without a yes: {waiting.action.summary}."
        return None

    def _heard(self, text: str, scene: Scene) -> str | None:
        return self.quick.read(text, scene).intent

    def _at_large(self, turn: Turn, reading: Reading, scene: Scene) -> Reply:
        """A turn that answers no question: a correction, one of a list, a follow-up or a new request."""
        if self._refers_back(turn, reading):
            elsewhere.look(turn, self.bus)
        known = self._known(turn)
        place = pointing.place(turn.text)
        if place is not None:
            if not -1 <= place < len(known.listed):
                raise problems.no_such_place(len(known.listed))
            turn.rest_on(known.listed_by)
            listed = known.listed[place]
            command = self._command(listed.command)
            if turn.borrowed is not None and command.effect is not Effect.READ:
                raise problems.no_context(turn, self.bus.settings.dialogue)
            changes = command.effect is not Effect.READ
            return self._carry_out(turn, command, listed.slots, scene, ask_first=changes)
        earlier = values.before(turn.text, known)
        if earlier is not None and known.command is not None:
            turn.rest_on(known.understood_by)
            return self._carry_out(turn, self._command(known.command), earlier, scene)
        last = known.tried
        if last is None and known.command is not None:
            last = Tried(command=known.command, slots=known.slots, understood_by=known.understood_by)
        if last is not None:
            reply = self._corrected(turn, reading, last, scene, careful=known.tried is None)
            if reply is not None:
                return reply
        return self._fresh(turn, reading, scene)

    def _refers_back(self, turn: Turn, reading: Reading) -> bool:
        return (
            reading.is_fragment
            or reading.intent in ("repeat", "why")
            or pointing.points(turn.text)
            or pointing.place(turn.text) is not None
        )

    def _known(self, turn: Turn) -> Memory:
        """What words may refer to: this conversation, or the one on another channel it goes on with."""
        return turn.memory if turn.borrowed is None else turn.borrowed

    def _corrected(
        self, turn: Turn, reading: Reading, base: Tried, scene: Scene, *, careful: bool
    ) -> Reply | None:
        """What was asked for before with another value in it; None when the turn corrects nothing.

        What was refused goes on as if it had been said like this at once. With ``careful``, for what was done
        or read back already, a command that changes something is read back before anything is done.
        """
        mend = correction(turn.text)
        command = self._command(base.command)
        if mend is None:
            if not reading.is_fragment or reading.unknown:
                return None
            return self._with_other(turn, command, base, reading, scene, careful=careful)
        said = self.quick.read(mend.rest, scene)
        rest = values.without_not(said)
        if any(slot.entity == "name" for slot in slots_of(command) if slot.name in base.slots):
            is_known = any(one.confidence == 1 for one in rest.entities)
            if not is_known and self._sure(rest) is None:
                return self._unfamiliar(turn, mend.rest, command, base, scene, careful=careful)
        chosen = turn.memory.chosen
        place = pointing.place(mend.rest)
        if place is not None and chosen is not None and chosen.command == base.command:
            found = asking.answer(rest, chosen, command, scene.names)
            if found:
                turn.rest_on(chosen.understood_by)
                return self._again(turn, command, base, found, scene, careful=careful)
        if place is not None and -1 <= place < len(turn.memory.listed) > 0:
            return self._the_other(turn, command, base, turn.memory.listed[place], scene, careful=careful)
        if rest.is_fragment and not rest.unknown:
            gone = {str(one.value) for one in told_not(said.entities, said.text)}
            return self._with_other(turn, command, base, rest, scene, careful=careful, gone=gone)
        sure = self._sure(rest)
        if sure is not None:
            turn.reading = rest = part_of(reading, rest)
            return self._fresh(turn, rest, scene)
        return self._unfamiliar(turn, mend.rest, command, base, scene, careful=careful)

    def _the_other(
        self,
        turn: Turn,
        command: type[Command],
        base: Tried,
        listed: Listed,
        scene: Scene,
        *,
        careful: bool,
    ) -> Reply:
        """What was done, to another one of a list; or that one looked at, where it has no place in it."""
        turn.rest_on(turn.memory.listed_by)
        same = {name: listed.slots[name] for name in pointing.POINTED_AT if name in listed.slots}
        if same and same.keys() <= base.slots.keys():
            return self._again(turn, command, base, same, scene, careful=careful)
        other = self._command(listed.command)
        return self._carry_out(turn, other, listed.slots, scene, ask_first=other.effect is not Effect.READ)

    def _with_other(
        self,
        turn: Turn,
        command: type[Command],
        base: Tried,
        said: Reading,
        scene: Scene,
        *,
        careful: bool,
        gone: Collection[str] = (),
    ) -> Reply | None:
        """The command with what was said now in place of what was said then, or one that has a use for it."""
        try:
            found = slots_from(command, said.entities, said.text)
        except SlotErrors as errors:
            turn.rest_on(base.understood_by)
            return self._ask_or_refuse(turn, command, base.slots, errors, scene)
        found = values.with_those_that_stay(command, base.slots, found, gone)
        slots = values.merged(base.slots, found, scene)
        lost = any(slot.required and slot.name in base.slots.keys() - slots for slot in slots_of(command))
        if not found or (lost and command.effect is Effect.READ):
            other = values.pivot(self.bus.catalogue, base, said)
            if other is None:
                return None
            command, found = other
            turn.rest_on(base.understood_by)
            kept = {name: value for name, value in base.slots.items() if name in command.model_fields}
            return self._carry_out(turn, command, values.merged(kept, found, scene), scene)
        return self._again(turn, command, base, found, scene, careful=careful)

    def _again(
        self,
        turn: Turn,
        command: type[Command],
        base: Tried,
        found: dict[str, Any],
        scene: Scene,
        *,
        careful: bool,
    ) -> Reply:
        """A command once more with other slots; what changed something already is read back first."""
        turn.rest_on(base.understood_by)
        slots = values.merged(base.slots, found, scene)
        changes = command.effect is not Effect.READ
        if turn.borrowed is not None and changes:
            raise problems.no_context(turn, self.bus.settings.dialogue)
        if changes and careful:
            turn.lead = problems.STAYS.get(turn.memory.acted, "")
        return self._carry_out(turn, command, slots, scene, ask_first=changes and careful)

    def _unfamiliar(
        self, turn: Turn, said: str, command: type[Command], base: Tried, scene: Scene, *, careful: bool
    ) -> Reply | None:
        """A correction to words nobody knows: a new name where one is taken, otherwise told to be unknown."""
        if len(said.split()) > LONGEST_NAME or _NEGATION.search(said):
            return None
        kinds = [slot for slot in slots_of(command) if slot.name in base.slots]
        new = next((slot.name for slot in kinds if slot.entity == "name"), None)
        if new is not None:
            named = {new: said.strip(" .!\"'")}
            return self._again(turn, command, base, named, scene, careful=careful)
        if not any(scene.names.labels(slot.entity) for slot in kinds):
            return None
        turn.memory = turn.memory.model_copy(update={"tried": base})
        raise problems.unknown_name(said.strip(" .!"), command, scene.names)

    def _fresh(self, turn: Turn, reading: Reading, scene: Scene) -> Reply:
        """A request of its own."""
        limits = self.bus.settings.dialogue
        mend = correction(turn.text)
        is_yes = mend is not None and mend.agreed
        if reading.intent in (AFFIRM, DENY) and (is_yes or not (reading.is_fragment and reading.entities)):
            return self._yes_to_nothing(turn, reading)
        if reading.is_fragment and not reading.unknown:
            raise problems.no_context(turn, limits)
        if reading.intent is None or reading.intent not in self.bus.catalogue:
            raise problems.out_of_scope(reading, self.bus.catalogue)
        if reading.confidence < self.bus.settings.understanding.min_confidence:
            raise problems.unsure(reading, self.bus.catalogue)
        command = self._asked_for(turn, reading.intent, reading)
        changes = command.effect is not Effect.READ and not command.may_be_negated
        no = _NEGATION.search(reading.text) if changes else None
        # "Don't change any campaign by more than 15 %" limits what was asked for.
        if no is not None and not self._limits(reading, no.start()) and not _is_ceiling(command, reading):
            raise Problem("negated", "You said not to, so I changed nothing.")
        self._permit(turn, command)
        if changes and (reading.confidence < HEARD_WELL or is_long_approval(reading)):
            turn.rest_on(UNSURE)
        both = self._two_at_once(turn, reading, scene)
        if both is not None:
            return both
        try:
            said = values.spelled(command, filled(command, reading), scene)
        except SlotErrors as errors:
            return self._ask_or_refuse(turn, command, {}, errors, scene)
        known = self._known(turn)
        if turn.borrowed is not None and command.effect is not Effect.READ:
            turn.lead = "For a change I need the name in this conversation."
        about = pointing.in_sight(known.slots, turn.page, turn.text)
        slots = pointing.meant(command, said, about, turn.text, may_change=turn.borrowed is None)
        if slots != said:
            turn.rest_on(known.understood_by)
        slots = self._picked(turn, slots, known)
        unknown = values.unexplained(reading.unknown, slots)
        if unknown:
            tried = Tried(
                command=command.command_name(), slots=values.jsonable(slots), understood_by=turn.understood_by
            )
            turn.memory = turn.memory.model_copy(update={"tried": tried})
            raise problems.unknown_name(unknown[0], command, scene.names)
        return self._carry_out(turn, command, slots, scene)

    def _picked(self, turn: Turn, slots: dict[str, Any], known: Memory) -> dict[str, Any]:
        """The slots with "the second one" of what was listed here."""
        if turn.borrowed is not None:
            return slots
        try:
            found = pointing.picked(slots, known.listed)
        except IndexError:
            raise problems.no_such_place(len(known.listed)) from None
        if found != slots:
            turn.rest_on(known.listed_by)
        return found

    def _yes_to_nothing(self, turn: Turn, reading: Reading) -> Reply:
        """A yes or no that nothing waits for, or "don't …"."""
        if _NEGATION.search(reading.text) and (reading.entities or pointing.points(reading.text)):
            raise Problem("negated", "You said not to, so I changed nothing.")
        if turn.forgotten & {"waiting", "pending"}:
            raise problems.too_late(self.bus.settings.dialogue)
        told = problems.nothing_waits(turn.memory, str(reading.intent))
        return self.bus.conclude(turn, _said(turn, told))

    def _asked_for(self, turn: Turn, intent: str, reading: Reading) -> type[Command]:
        """The command understood; one about a campaign where "it" is one and a venture's was understood."""
        if intent != "show_performance":
            return self._command(intent)
        campaign = self._command("show_campaign")
        said = (reading.arguments or {}).keys()
        named = any(one.entity in pointing.POINTED_AT for one in reading.entities) or "venture" in said
        fits = not named and said <= campaign.model_fields.keys() and pointing.points_at_thing(turn.text)
        return campaign if fits and "campaign" in self._known(turn).slots else self._command(intent)

    def _permit(self, turn: Turn, command: type[Command]) -> None:
        """Refuse before anything is asked: nobody is asked for more than they may use."""
        try:
            self.bus.permit(command, turn)
        except Problem:
            turn.command = command.command_name()
            raise

    def _two_at_once(self, turn: Turn, reading: Reading, scene: Scene) -> Reply | None:
        """Both answers where the words around a joint are two questions; None where they are one request.

        Raises `Problem` when they are two commands and one would change something.
        """
        for joint in _JOINT.finditer(reading.text[:LONGEST_SPLIT]):
            halves = [reading.text[: joint.start()].strip(), reading.text[joint.end() :].strip()]
            read = [self.quick.read(half, scene) for half in halves]
            meant = [sure for one in read if (sure := self._sure(one)) is not None]
            if len(meant) < len(halves) or self._limits(reading, joint.end()):
                continue
            if any(one.effect is not Effect.READ for one in meant):
                told = wording.listed([f"“{half}”" for half in halves])
                raise Problem(
                    "two_commands",
                    f"That is two things at once: {told}. I did neither.",
                    "Say one, then the other.",
                    choices=halves,
                )
            if meant[0] is not meant[1] and all(one.confidence >= SURE_OF_BOTH for one in read):
                both = [self._ready(*one, scene) for one in zip(meant, read, strict=True)]
                return self.bus.dispatch_both(list(zip(halves, both, strict=True)), turn)
        return None

    def _limits(self, reading: Reading, start: int) -> bool:
        """Whether what is said from ``start`` on only limits the request before it.

        "Optimize Acme and spend at least 5k on email" is one request.
        """
        command = self._sure(reading)
        behind = [one for one in reading.entities if one.start >= start]
        if command is None or any(one.entity in pointing.POINTED_AT for one in behind):
            return False
        return any(
            slot.fits is not None and one.entity in slot.entities and slot.fits(one, reading.text)
            for slot in slots_of(command)
            for one in behind
            if one.entity in ("range", "percent")
        )

    def _ready(self, command: type[Command], reading: Reading, scene: Scene) -> Command:
        """The command of half an utterance, about which nothing is asked. Raises `Problem`."""
        try:
            slots = filled(command, reading)
            unknown = values.unexplained(reading.unknown, slots)
            if unknown:
                raise problems.unknown_name(unknown[0], command, scene.names)
            return validated(command, slots, scene)
        except SlotErrors as errors:
            raise problems.slot_problem(errors.problems[0]) from errors

    def _sure(self, reading: Reading) -> type[Command] | None:
        """The command a reading surely is; None for fragments, yes and no, and whatever is unsure."""
        if reading.is_fragment or reading.confidence < SURE or reading.intent is None:
            return None
        command = self.bus.catalogue.get(reading.intent)
        return None if command is None or reading.intent in ABOUT_THE_TALK else command

    def _carry_out(
        self,
        turn: Turn,
        command: type[Command],
        slots: dict[str, Any],
        scene: Scene,
        *,
        ask_first: bool = False,
    ) -> Reply:
        self._permit(turn, command)
        try:
            ready = validated(command, slots, scene)
        except SlotErrors as errors:
            return self._ask_or_refuse(turn, command, slots, errors, scene)
        return self.bus.dispatch(ready, turn, ask_first=ask_first)

    def _ask_or_refuse(
        self,
        turn: Turn,
        command: type[Command],
        slots: dict[str, Any],
        errors: SlotErrors,
        scene: Scene,
    ) -> Reply:
        """Ask for the best of the missing or ambiguous slots; anything else is refused with its reason."""
        asked = asking.question(command, errors.problems, slots, scene.names, self._known(turn).slots)
        wrong = {one.slot for one in errors.problems}
        known = values.jsonable({name: value for name, value in slots.items() if name not in wrong})
        if asked is None:
            tried = Tried(command=command.command_name(), slots=known, understood_by=turn.understood_by)
            turn.memory = turn.memory.model_copy(update={"tried": tried})
            raise problems.slot_problem(
                next(one for one in errors.problems if one.code not in ("missing", "ambiguous_name")),
                command,
            )
        pending = Pending(
            command=command.command_name(),
            slots=known,
            missing=asked.slot,
            question=asked.text,
            choices=list(asked.choices),
            asked_at=self.bus.clock(),
            understood_by=turn.understood_by,
        )
        turn.memory = turn.memory.model_copy(update={"pending": pending})
        turn.command, turn.slots = pending.command, known
        if turn.forgotten and pointing.points(turn.text):
            turn.lead = problems.forgot(turn, self.bus.settings.dialogue)
        return self._question(turn, asked.text, asked.choices)

    def _question(self, turn: Turn, text: str, choices: Sequence[str]) -> Reply:
        told = Telling(text=text, speech=text, choices=list(choices[: asking.MOST_SHOWN]))
        reply = Reply(turn_id=turn.turn_id, text=turn.text, status=Status.QUESTION, reply=told)
        return self.bus.conclude(turn, reply)


def _is_fiscal(text: str) -> bool:
    return "fiscal" in text.casefold() or text.casefold().startswith("fy")


def _said(turn: Turn, text: str) -> Reply:
    return Reply(
        turn_id=turn.turn_id, text=turn.text, status=Status.DONE, reply=Telling(text=text, speech=text)
    )


_OPTIONS = re.compile(
    r"\s*(?:which|what)\s+(?:\w+\s+)?(?:are there|is there|do (?:you|we) have|"
    r"can i (?:choose|say|pick)|are the (?:options|choices))\b",
    re.IGNORECASE,
)
"""Asking for the choices of a question."""

_NO_MORE = re.compile(
    r"\b(?:do not|don['’]?t|never|not to|must not|mustn['’]?t)\b"
    r".*\b(?:more than|over|above|past|beyond|exceeds?)\b",
    re.IGNORECASE | re.DOTALL,
)


def _is_ceiling(command: type[Command], reading: Reading) -> bool:
    return command.sets_ceiling and _NO_MORE.search(reading.text) is not None


_NEGATION = re.compile(r"\b(?:do not|don['’]?t|never|not to|must not|mustn['’]?t)\b", re.IGNORECASE)
