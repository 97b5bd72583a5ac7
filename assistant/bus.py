"""The one door: every command of every channel passes here, and leaves its audit entry."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from assistant import approval, delegating, notices, returning
from assistant.doubting import Heard
from assistant.handling import Context, Handler
from assistant.hearing import is_taken
from assistant.journal import Journal
from assistant.mandate import Case
from assistant.memory import Memory, Tried, Waiting
from assistant.names import LiveNames
from assistant.reply import Action, Answer, Button, Problem, Reply, Status, Telling
from assistant.settings import Settings
from assistant.turn import Turn
from assistant.voicing import Facts
from intents.command import Catalogue, Command, Effect
from intents.reading import Reading
from storage import audit, changes, conversations, jobs, outbox, promises
from storage.audit import Entry, KeyTakenError
from storage.changes import RowChange
from storage.database import Database
from storage.people import Person
from storage.promises import Promise

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

ABOUT_THE_TALK = ("repeat", "cancel", "help", "why")
"""Commands that leave the conversation's context as it was."""

MAX_STORED_TEXT = 10_000
"""Characters of an utterance the audit keeps."""


class Bus:
    """Carries commands out and writes down every turn."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        settings: Settings,
        clock: Clock,
        names: LiveNames,
        journal: Journal,
    ) -> None:
        self.database = database
        self.handlers = handlers
        self.catalogue = Catalogue(handler.command for handler in handlers.values())
        self.settings = settings
        self.clock = clock
        self.names = names
        self.journal = journal
        self.on_work: Callable[[], None] = _nobody_waits
        """Called when something was written down that is done outside of turns."""
        self.voice: Callable[[], Facts | None] = _no_voice
        """Tells what is heard and spoken with."""

    def dispatch(self, command: Command, turn: Turn, *, ask_first: bool = False) -> Reply:
        """Carry out a command for a turn; what goes wrong is in the reply, which is on record when given.

        With ``ask_first`` even what happens at once is read back and waits for a yes.
        """
        turn.at_stage("working")
        turn.command = command.command_name()
        turn.slots = command.model_dump(mode="json", exclude_none=True)
        if turn.command not in ABOUT_THE_TALK:
            turn.memory = turn.memory.model_copy(update={"waiting": None})
        answer = self._attempt(command, turn)
        if isinstance(answer, Reply):
            return answer
        return self._settled(command, turn, answer, ask_first=ask_first)

    def dispatch_both(self, commands: Sequence[tuple[str, Command]], turn: Turn) -> Reply:
        """Answer several questions of one utterance, each with its words, as steps of one reply.

        Only for what reads. Where one cannot be answered, none is: the reply says why.
        """
        turn.at_stage("working")
        turn.memory = turn.memory.model_copy(update={"waiting": None})
        steps, told = [], Telling(text="")
        for words, command in commands:
            turn.command = command.command_name()
            turn.slots = command.model_dump(mode="json", exclude_none=True)
            answer = self._attempt(command, turn)
            if isinstance(answer, Reply):
                return answer
            self._remember(turn, answer)
            steps.append(_step(turn, words, answer))
            told = _together(told, answer.telling)
        reply = Reply(turn_id=turn.turn_id, text=turn.text, status=Status.DONE, steps=steps, reply=told)
        return self.conclude(turn, reply)

    def _attempt(self, command: Command, turn: Turn) -> Answer[Any] | Reply:
        """A command's answer, or the reply that says why there is none, which is on record already."""
        name = command.command_name()
        try:
            return self._answer(command, turn)
        except Problem as problem:
            if name not in ABOUT_THE_TALK:
                tried = Tried(command=name, slots=turn.slots, understood_by=turn.understood_by)
                turn.memory = turn.memory.model_copy(update={"tried": tried})
            return self.conclude(turn, refusal(turn, problem))
        except SQLAlchemyError as error:
            return self.conclude(turn, refusal(turn, database_problem(error)))
        except Exception:
            log.exception("%s failed in turn %s", name, turn.turn_id)
            return self.conclude(turn, refusal(turn, defect(turn)))

    def permit(self, command: type[Command], turn: Turn) -> None:
        """Raise `Problem` unless the turn's person may use the command."""
        if not self.may(command, turn.person):
            raise Problem(
                "role_required",
                f"{command.command_name()} needs the role {command.role}; you are {turn.person.role}.",
                f"Ask somebody with the role {command.role}.",
            )

    def may(self, command: type[Command], person: Person) -> bool:
        """Whether a person may use a command: by role, or as one who decides in the chairman's place."""
        if person.role.includes(command.role):
            return True
        if not command.may_be_delegated:
            return False
        with self.database.read() as connection:
            return delegating.stands_in(connection, person, self.clock())

    def _answer(self, command: Command, turn: Turn) -> Answer[Any]:
        self.permit(type(command), turn)
        handler = self.handlers[command.command_name()]
        with self.database.read() as connection:
            return handler.function(command, self.context(connection, turn))

    def context(self, connection: Connection, turn: Turn) -> Context:
        """What a handler of the turn is given; loops that measure what commands tell use the same."""
        return Context(
            person=turn.person,
            now=self.clock(),
            connection=connection,
            settings=self.settings,
            catalogue=self.catalogue,
            names=self.names.current(connection),
            memory=turn.memory,
            conversation_id=turn.conversation_id,
            previous=lambda: self._reply_in(turn, "turn_id"),
            told=lambda: self._reply_in(turn, "told_in"),
            voice=self.voice,
            plan=lambda other: self._answer(other, turn),
        )

    def _settled(
        self, command: Command, turn: Turn, answer: Answer[Any], *, ask_first: bool = False
    ) -> Reply:
        """Do at once, read back or propose what the handler planned."""
        reply = Reply(
            turn_id=turn.turn_id,
            text=turn.text,
            status=Status.DONE,
            reply=answer.telling,
            result=answer.result,
        )
        self._remember(turn, answer)
        action = answer.action
        if action is None or action.does_nothing or turn.only_looks:
            return self.conclude(turn, reply)
        # A typed yes to words that were heard makes them no less heard.
        is_spoken = turn.heard is not None or bool(turn.said)
        way = approval.way(command, action, turn.person.role, turn.understood_by, is_spoken=is_spoken)
        if way is approval.Way.AT_ONCE and (ask_first or action.asks_first):
            way = approval.Way.READ_BACK
        match way:
            case approval.Way.AT_ONCE:
                return self._act(turn, action, reply)
            case approval.Way.READ_BACK:
                waiting = approval.waiting_for_yes(turn, command, action, self.clock())
                turn.memory = turn.memory.model_copy(update={"waiting": waiting})
                then = approval.way(command, action, turn.person.role)
                asked = approval.read_back(turn, action, answer.telling, then)
                return self.conclude(turn, asked.model_copy(update={"result": answer.result}))
            case approval.Way.PROPOSE:
                return self._propose(command, turn, action, reply)

    def _remember(self, turn: Turn, answer: Answer[Any]) -> None:
        """Keep what later words may refer to."""
        memory = turn.memory
        if turn.command == "why":
            turn.memory = memory.model_copy(update={"whys": memory.whys + 1})
        if turn.command in ABOUT_THE_TALK:
            return
        kept = Memory(
            command=turn.command,
            slots=turn.slots,
            understood_by=turn.understood_by,
            turn_id=turn.turn_id,
            answered_at=self.clock(),
            listed=answer.telling.listed or [one for one in memory.listed if self._reads(one.command)],
            listed_by=turn.understood_by if answer.telling.listed else memory.listed_by,
            chosen=memory.chosen,
            pending=memory.pending,
            suspended=memory.suspended,
            waiting=memory.waiting,
        )
        turn.memory = kept

    def _reads(self, name: str) -> bool:
        return self.catalogue[name].effect is Effect.READ

    def _act(self, turn: Turn, action: Action, reply: Reply, approved: dict[str, Any] | None = None) -> Reply:
        turn.memory = turn.memory.model_copy(update={"acted": "done"})

        def make(connection: Connection) -> list[RowChange]:
            return approval.carry_out(connection, turn, action, reply, self.clock())

        # Taking back a large import is long work.
        is_long = any(change.table == "import_runs" for change in action.changes)
        concluded = self.conclude(
            turn,
            reply,
            make,
            undoes=action.undoes,
            approved=approved,
            is_long=is_long,
            promise=lambda: action.promise,
        )
        if action.renames:
            self.names.forget()
        return concluded

    def _propose(self, command: Command, turn: Turn, action: Action, reply: Reply) -> Reply:
        turn.memory = turn.memory.model_copy(update={"acted": "proposed"})
        lifetime = timedelta(days=self.settings.approvals.proposal_days)

        def write_down(connection: Connection) -> list[RowChange]:
            asked = approval.propose(connection, turn, command, action, reply.reply, self.clock(), lifetime)
            reply.status, reply.reply = asked.status, asked.reply
            return []

        return self.conclude(turn, reply, write_down)

    def enact(self, command: Command, turn: Turn, case: Case) -> Reply:
        """Do for a loop what its case allows, or propose it; a turn with a key that was used acts no more.

        Raises `assistant.work.LostError` when the loop is in other hands by now; nothing was changed then.
        """
        earlier = self.earlier(turn)
        if earlier is not None:
            return earlier
        turn.command = command.command_name()
        turn.slots = command.model_dump(mode="json", exclude_none=True)
        answer = self._attempt(command, turn)
        if isinstance(answer, Reply):
            return answer
        evidence = [*case.evidence, *answer.telling.evidence]
        reasons = case.why or answer.telling.text
        telling = answer.telling.model_copy(update={"text": reasons, "evidence": evidence})
        reply = Reply(
            turn_id=turn.turn_id, text=turn.text, status=Status.DONE, reply=telling, result=answer.result
        )
        if answer.action is None or answer.action.does_nothing:
            return self.conclude(turn, reply)
        more = {"confidence": case.confidence, "risk": case.risk, "promise": case.promise}
        given = {name: value for name, value in more.items() if value is not None}
        action = answer.action.model_copy(update=given)
        kept: list[Promise] = []

        def make(connection: Connection) -> list[RowChange]:
            waits = case.waits_for(connection, action)
            if waits is None:
                made = approval.carry_out(connection, turn, action, reply, self.clock())
                text = f"{action.done} {reasons}"
                reply.reply = telling.model_copy(update={"text": text, "speech": action.done})
                if action.promise is not None:
                    kept.append(action.promise.model_copy(update={"by_loop": case.loop}))
            else:
                made = []
                why = telling.model_copy(update={"text": f"{reasons} {waits}"})
                lifetime = timedelta(days=self.settings.approvals.proposal_days)
                asked = approval.propose(connection, turn, command, action, why, self.clock(), lifetime)
                reply.status, reply.reply = asked.status, asked.reply
            if case.also is not None:
                case.also(connection)
            return made

        return self.conclude(turn, reply, make, promise=lambda: next(iter(kept), None))

    def confirm(self, turn: Turn, waiting: Waiting) -> Reply:
        """Carry out what was read back, after the yes of the person it was read back to.

        What that person may only ask for becomes a proposal.
        """
        turn.command, turn.slots = waiting.command, waiting.slots
        turn.memory = turn.memory.model_copy(update={"waiting": None})
        command = self._confirmed(turn, waiting)
        if approval.way(command, waiting.action, turn.person.role) is approval.Way.PROPOSE:
            return self._ask_for(command, turn, waiting)
        reply = Reply(
            turn_id=turn.turn_id,
            text=turn.text,
            status=Status.DONE,
            reply=Telling(
                text=waiting.action.done,
                speech=waiting.action.done,
                buttons=[Button(label="Undo", say="undo that")],
            ),
        )
        approved = {
            "by": turn.person.name,
            "at": self.clock().isoformat(),
            "action": waiting.digest,
            "read_back_in": waiting.turn_id,
        }
        return self._act(turn, waiting.action, reply, approved)

    def _confirmed(self, turn: Turn, waiting: Waiting) -> Command:
        """The command a yes is to. Raises `Problem` unless it is the person's own and to exactly that."""
        heard_by = None if turn.reading is None else turn.reading.reader
        command = self.catalogue.get(waiting.command)
        is_theirs = is_taken(heard_by) and waiting.action.digest() == waiting.digest
        if command is None or not is_theirs:
            raise Problem("not_confirmed", "That yes does not fit what was asked.", "Ask again.")
        self.permit(command, turn)
        return command.model_validate(waiting.slots)

    def _ask_for(self, command: Command, turn: Turn, waiting: Waiting) -> Reply:
        """Propose what was read back, planned anew for its evidence. Raises `Problem` if that differs."""
        answer = self._answer(command, turn)
        if answer.action is None or answer.action.digest() != waiting.digest:
            message = "What you said yes to has changed since."
            raise Problem("changed_since", message, "Nothing was changed. Ask again.")
        reply = Reply(
            turn_id=turn.turn_id,
            text=turn.text,
            status=Status.DONE,
            reply=answer.telling,
            result=answer.result,
        )
        return self._propose(command, turn, answer.action, reply)

    def _reply_in(self, turn: Turn, which: str) -> Reply | None:
        """The reply of a turn that the conversation, or the one it looks at, remembers."""
        turn_id = getattr(turn.memory, which) or getattr(turn.borrowed, which, None)
        if turn_id is None:
            return None
        with self.database.read() as connection:
            found = audit.reply_of_turn(connection, turn_id)
        return None if found is None else Reply.model_validate(found[1])

    def earlier(self, turn: Turn) -> Reply | None:
        """The reply the turn's idempotency key already led to."""
        if turn.key is None:
            return None
        with self.database.glance() as connection:
            found = audit.reply_to_key(connection, turn.person.id, turn.key)
        return None if found is None else _stored(*found)

    def conclude(
        self,
        turn: Turn,
        reply: Reply,
        make: Callable[[Connection], list[RowChange]] | None = None,
        *,
        undoes: int | None = None,
        approved: dict[str, Any] | None = None,
        is_long: bool = False,
        promise: Callable[[], Promise | None] = lambda: None,
    ) -> Reply:
        """Write the turn down, with what it changes and what its conversation remembers, in one transaction.

        ``make`` carries out the changes first and may still alter the reply; a `Problem` it raises becomes
        the reply, and nothing of it stays. Raises `MovedOnError` when another turn of the conversation came
        in between: nothing was written, and the turn is to be begun anew.
        """
        turn.at_stage("writing")
        made: list[RowChange] = []
        try:
            database = self.database.unhurried() if is_long else self.database
            with database.write() as connection:
                made = [] if make is None else make(connection)
                self._write_down(connection, turn, reply, made, undoes, approved)
                promised = promise() if made else None
                if promised is not None and reply.audit_id is not None:
                    due_on = (self.clock() + timedelta(days=promised.days + 2)).date()
                    promises.record(connection, reply.audit_id, promised, self.clock(), due_on)
        except Problem as problem:
            turn.memory = turn.memory.model_copy(update={"acted": ""})
            return self.conclude(turn, refusal(turn, problem))
        except KeyTakenError:
            # The same key was sent twice at the same time, and the other was first.
            return self.earlier(turn) or self._taken(turn)
        except SQLAlchemyError as error:
            log.warning("turn %s goes to the journal: %s", turn.turn_id, _named(error))
            made = []
            if reply.status is not Status.FAILED:
                reply = _as_failed(reply, database_problem(error))
            self.journal.append(self._entry(turn, reply, None))
        log.info(
            "turn %s of %s by %s: %s %s in %.0f ms",
            reply.audit_id,
            turn.channel,
            turn.person.name,
            turn.command or "-",
            reply.status,
            reply.took_ms,
        )
        is_told = notices.kind_of(turn, reply, approved) or notices.answered_alerts(self.settings, made)
        if reply.status is Status.RUNNING or is_told:
            self.on_work()
        return reply

    def _taken(self, turn: Turn) -> Reply:
        """The refusal of a turn that is named like somebody else's; nothing of it was kept."""
        turn.turn_id, turn.key = str(uuid4()), None
        problem = Problem("turn_id_taken", "That turn_id belongs to another turn.", "Send a new one.")
        return self.conclude(turn, refusal(turn, problem))

    def _write_down(
        self,
        connection: Connection,
        turn: Turn,
        reply: Reply,
        made: list[RowChange],
        undoes: int | None,
        approved: dict[str, Any] | None,
    ) -> None:
        returning.close(turn, reply, self.clock())
        entry = self._entry(turn, reply, approved)
        reply.audit_id = audit.record(connection, entry)
        changes.record(connection, reply.audit_id, made)
        if reply.job_id is not None:
            jobs.asked_in(connection, reply.job_id, reply.audit_id)
        self._notify(connection, turn, reply, approved)
        self._tell_of_alerts(connection, turn, reply, made)
        if undoes is not None and not changes.mark_undone(connection, undoes, reply.audit_id):
            raise Problem("already_undone", "That was taken back already.")
        if turn.conversation_id is not None and turn.after is not None:
            conversations.save(
                connection,
                turn.conversation_id,
                user_id=turn.person.id,
                channel=turn.channel,
                memory=turn.memory.model_dump(mode="json"),
                after=turn.after,
                now=entry.at,
            )

    def record(self, connection: Connection, turn: Turn, reply: Reply, made: list[RowChange]) -> None:
        """Write down what a job came to, with what it changed, in the caller's transaction."""
        entry = self._entry(turn, reply, None)
        reply.audit_id = audit.record(connection, entry)
        changes.record(connection, reply.audit_id, made)
        self._notify(connection, turn, reply, None)
        self._tell_of_alerts(connection, turn, reply, made)

    def _notify(
        self, connection: Connection, turn: Turn, reply: Reply, approved: dict[str, Any] | None
    ) -> None:
        """Write down what somebody outside is to be told."""
        kind = notices.kind_of(turn, reply, approved)
        if kind is None or reply.audit_id is None:
            return
        for target in notices.targets(self.settings):
            key = f"{kind}:{turn.turn_id}"
            outbox.request(
                connection,
                target,
                kind,
                notices.payload(kind, turn, reply, self.clock()),
                key=key if target == notices.WEBHOOK else f"{key}:{target}",
                audit_id=reply.audit_id,
                now=self.clock(),
            )

    def _tell_of_alerts(
        self, connection: Connection, turn: Turn, reply: Reply, made: list[RowChange]
    ) -> None:
        """Have the messages changed that show an alert which was answered, or is open again."""
        for number in notices.answered_alerts(self.settings, made):
            body = notices.payload(notices.ALERT_ANSWERED, turn, reply, self.clock())
            body["data"]["alert"] = number
            outbox.request(
                connection,
                notices.SLACK,
                notices.ALERT_ANSWERED,
                body,
                key=f"{notices.ALERT_ANSWERED}:{reply.audit_id}:{number}",
                audit_id=reply.audit_id,
                now=self.clock(),
            )

    def _entry(self, turn: Turn, reply: Reply, approved: dict[str, Any] | None) -> Entry:
        """Finish the reply and make its audit entry."""
        reply.conversation_id = turn.conversation_id
        reply.text = turn.said or turn.text
        reply.command, reply.slots = turn.command, turn.slots
        if turn.reading is not None:
            reply.reader = turn.reading.reader
            reply.confidence = round(turn.reading.confidence, 4)
        reply.took_ms = turn.took_ms
        may_repeat = reply.error is not None and _is_ours(reply.error.code)
        return Entry(
            at=self.clock(),
            turn_id=f"{turn.turn_id[:36]}.{uuid4().hex[:12]}" if may_repeat else turn.turn_id,
            conversation_id=turn.conversation_id,
            user_id=turn.person.id,
            person=turn.person.name,
            role=turn.person.role.value,
            channel=turn.channel,
            text=reply.text[:MAX_STORED_TEXT],
            command=reply.command,
            slots=reply.slots,
            reading=None if turn.reading is None else _trace(turn.reading, turn.heard),
            status=reply.status.value,
            error_code=None if reply.error is None else reply.error.code,
            approval=approved,
            reply=reply.model_dump(mode="json"),
            took_ms=reply.took_ms,
            idempotency_key=None if may_repeat else turn.key,
        )


def _step(turn: Turn, words: str, answer: Answer[Any]) -> Reply:
    return Reply(
        turn_id=turn.turn_id,
        text=words,
        command=turn.command,
        slots=turn.slots,
        status=Status.DONE,
        reply=answer.telling,
        result=answer.result,
    )


def _together(first: Telling, second: Telling) -> Telling:
    """Two answers told one after the other; tables, charts and lists are the last one's."""
    return second.model_copy(
        update={
            "text": f"{first.text}\n{second.text}".strip(),
            "speech": f"{first.speech} {second.speech}".strip(),
            "evidence": [*first.evidence, *second.evidence],
        }
    )


def _no_voice() -> None:
    """Nothing is heard or spoken in this process."""


def _nobody_waits() -> None:
    """No job is run in this process."""


def refusal(turn: Turn, problem: Problem) -> Reply:
    """The reply that tells a problem."""
    text = f"{problem.message} {problem.cure}".strip()
    return Reply(
        turn_id=turn.turn_id,
        text=turn.text,
        status=problem.status,
        reply=Telling(text=text, speech=problem.message, choices=list(problem.choices)),
        error=problem.error(),
    )


def _as_failed(reply: Reply, problem: Problem) -> Reply:
    """The reply to a turn of which nothing was kept: no entry of that number, no job."""
    told = Telling(text=f"{problem.message} {problem.cure}", speech=problem.message)
    nothing = {"result": None, "job_id": None, "audit_id": None}
    return reply.model_copy(
        update={"status": Status.FAILED, "reply": told, "error": problem.error(), **nothing}
    )


def _stored(audit_id: int, reply: dict[str, Any]) -> Reply:
    return Reply.model_validate({**reply, "audit_id": audit_id})


def _trace(reading: Reading, heard: Heard | None) -> dict[str, Any]:
    told = {} if heard is None else {"heard": heard.note()}
    return told | {
        "reader": reading.reader,
        "intent": reading.intent,
        "confidence": round(reading.confidence, 4),
        "in_scope": round(reading.in_scope, 4),
        "ranking": [[name, round(score, 4)] for name, score in reading.ranking[:3]],
        "entities": [
            {
                "entity": match.entity,
                "text": match.text,
                "value": str(match.value),
                "start": match.start,
                "end": match.end,
                "extractor": match.extractor,
                "confidence": round(match.confidence, 4),
            }
            for match in reading.entities
        ],
        "unknown": list(reading.unknown),
        "notes": list(reading.notes),
        **({} if reading.arguments is None else {"arguments": dict(reading.arguments)}),
    }


def _is_ours(code: str) -> bool:
    """Whether a failure is ours, so that nothing was done and the same key and turn may be sent again."""
    return code.startswith("database_") or code in ("internal_error", "conversation_busy")


def _named(error: SQLAlchemyError) -> str:
    """The error without its parameters, which may hold what somebody said."""
    return str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__


def database_problem(error: SQLAlchemyError) -> Problem:
    """What a database error means to a person."""
    code, message = "database_error", "The database could not answer."
    if isinstance(error, DBAPIError):
        said = str(error.orig).lower()
        if "statement timeout" in said or said == "interrupted":
            cure = "Nothing was changed; ask for less, such as a shorter period, or try again in a moment."
            message = "The database took too long."
            return Problem("database_too_slow", message, cure, status=Status.FAILED)
        if "locked" in said or "busy" in said:
            code, message = "database_busy", "The database is busy with another change."
        elif "readonly" in said or "read-only" in said:
            code, message = "database_read_only", "The database is read-only."
        elif "no such table" in said or "undefinedtable" in type(error.orig).__name__.lower():
            cure = "Nothing was changed. Restart the service, which makes them, or restore a backup."
            message = "Tables of the database are missing."
            return Problem("database_incomplete", message, cure, status=Status.FAILED)
        elif isinstance(error, OperationalError | InterfaceError):
            code, message = "database_unavailable", "The database cannot be reached."
    return Problem(code, message, "Nothing was changed; try again in a moment.", status=Status.FAILED)


def defect(turn: Turn) -> Problem:
    """What a defect of ours means to a person."""
    return Problem(
        "internal_error",
        "Something went wrong on our side; nothing was changed.",
        f"Tell support the turn {turn.turn_id}.",
        status=Status.FAILED,
    )
