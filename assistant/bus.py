"""The one door: every command of every channel passes here, and leaves its audit entry."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from assistant.handling import Context, Handler
from assistant.journal import Journal
from assistant.memory import Memory
from assistant.names import LiveNames
from assistant.reply import Error, Problem, Reply, Status, Telling
from assistant.settings import Settings
from assistant.turn import Turn
from intents.command import Catalogue, Command
from intents.reading import Reading
from storage import audit, conversations
from storage.audit import Entry, KeyTakenError
from storage.database import Database

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

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

    def dispatch(self, command: Command, turn: Turn) -> Reply:
        """Carry out a command for a turn; what goes wrong is in the reply, which is on record when given."""
        try:
            reply = self._carried_out(command, turn)
        except Problem as problem:
            reply = refusal(turn, problem)
        except SQLAlchemyError as error:
            reply = refusal(turn, database_problem(error))
        except Exception:
            log.exception("%s failed in turn %s", command.command_name(), turn.turn_id)
            reply = refusal(turn, _defect(turn))
        reply.command = command.command_name()
        reply.slots = command.model_dump(mode="json", exclude_none=True)
        if reply.status is Status.DONE and reply.command not in ("repeat", "cancel", "help"):
            turn.memory = Memory(
                command=reply.command,
                slots=reply.slots,
                turn_id=turn.turn_id,
                answered_at=self.clock(),
            )
        return self.conclude(turn, reply)

    def _carried_out(self, command: Command, turn: Turn) -> Reply:
        if not turn.person.role.includes(command.role):
            raise Problem(
                "role_required",
                f"{command.command_name()} needs the role {command.role}; you are {turn.person.role}.",
                f"Ask somebody with the role {command.role}.",
            )
        handler = self.handlers[command.command_name()]
        with self.database.read() as connection:
            answer = handler.function(
                command,
                Context(
                    person=turn.person,
                    now=self.clock(),
                    connection=connection,
                    settings=self.settings,
                    catalogue=self.catalogue,
                    names=self.names.current(connection),
                    memory=turn.memory,
                    previous=lambda: self._previous(turn),
                ),
            )
        return Reply(
            turn_id=turn.turn_id,
            text=turn.text,
            status=Status.DONE,
            reply=answer.telling,
            result=answer.result,
        )

    def _previous(self, turn: Turn) -> Reply | None:
        if turn.memory.turn_id is None:
            return None
        with self.database.read() as connection:
            found = audit.reply_of_turn(connection, turn.memory.turn_id)
        return None if found is None else Reply.model_validate(found[1])

    def earlier(self, turn: Turn) -> Reply | None:
        """The reply the turn's idempotency key already led to."""
        if turn.key is None:
            return None
        with self.database.read() as connection:
            found = audit.reply_to_key(connection, turn.person.id, turn.key)
        return None if found is None else _stored(*found)

    def conclude(self, turn: Turn, reply: Reply) -> Reply:
        """Write the turn down, with what its conversation remembers, and give the finished reply."""
        reply.conversation_id = turn.conversation_id
        if turn.reading is not None:
            reply.reader = turn.reading.reader
            reply.confidence = round(turn.reading.confidence, 4)
        reply.took_ms = turn.took_ms
        entry = self._entry(turn, reply)
        try:
            with self.database.write() as connection:
                reply.audit_id = audit.record(connection, entry)
                if turn.conversation_id is not None:
                    conversations.save(
                        connection,
                        turn.conversation_id,
                        user_id=turn.person.id,
                        channel=turn.channel,
                        memory=turn.memory.model_dump(mode="json"),
                        now=entry.at,
                    )
        except KeyTakenError:
            # Somebody sent the same key at the same time and was first.
            return self.earlier(turn) or reply
        except SQLAlchemyError as error:
            log.warning("turn %s goes to the journal: %s", turn.turn_id, type(error).__name__)
            self.journal.append(entry)
            if reply.status is Status.DONE:
                return _as_failed(reply, database_problem(error))
        return reply

    def _entry(self, turn: Turn, reply: Reply) -> Entry:
        return Entry(
            at=self.clock(),
            turn_id=turn.turn_id,
            conversation_id=turn.conversation_id,
            user_id=turn.person.id,
            person=turn.person.name,
            role=turn.person.role.value,
            channel=turn.channel,
            text=_clean(turn.text),
            command=reply.command,
            slots=reply.slots,
            reading=None if turn.reading is None else _trace(turn.reading),
            status=reply.status.value,
            error_code=None if reply.error is None else reply.error.code,
            approval=None,
            reply=reply.model_dump(mode="json"),
            took_ms=reply.took_ms,
            idempotency_key=turn.key,
        )


def refusal(turn: Turn, problem: Problem) -> Reply:
    """The reply that tells a problem."""
    text = f"{problem.message} {problem.cure}".strip()
    return Reply(
        turn_id=turn.turn_id,
        text=turn.text,
        status=problem.status,
        reply=Telling(text=text, speech=problem.message, choices=list(problem.choices)),
        error=Error(code=problem.code, message=problem.message, cure=problem.cure),
    )


def _as_failed(reply: Reply, problem: Problem) -> Reply:
    error = Error(code=problem.code, message=problem.message, cure=problem.cure)
    told = Telling(text=f"{problem.message} {problem.cure}", speech=problem.message)
    return reply.model_copy(update={"status": Status.FAILED, "reply": told, "result": None, "error": error})


def _stored(audit_id: int, reply: dict[str, Any]) -> Reply:
    return Reply.model_validate({**reply, "audit_id": audit_id})


def _clean(text: str) -> str:
    # PostgreSQL stores no NUL characters.
    return text.replace("\x00", "\ufffd")[:MAX_STORED_TEXT]


def _trace(reading: Reading) -> dict[str, Any]:
    return {
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
    }


def database_problem(error: SQLAlchemyError) -> Problem:
    """What a database error means to a person."""
    code, message = "database_error", "The database could not answer."
    if isinstance(error, DBAPIError):
        said = str(error.orig).lower()
        if "locked" in said or "busy" in said:
            code, message = "database_busy", "The database is busy with another change."
        elif "readonly" in said or "read-only" in said:
            code, message = "database_read_only", "The database is read-only."
        else:
            code, message = "database_unavailable", "The database cannot be reached."
    return Problem(code, message, "Nothing was changed; try again in a moment.", status=Status.FAILED)


def _defect(turn: Turn) -> Problem:
    return Problem(
        "internal_error",
        "Something went wrong on our side; nothing was changed.",
        f"Tell support the turn {turn.turn_id}.",
        status=Status.FAILED,
    )
