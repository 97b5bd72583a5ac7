"""Runs jobs: each is a row, held by one process at a time, and ends with an answer on record."""

import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from assistant.bus import Bus, defect, refusal
from assistant.holders import is_gone, new_holder
from assistant.looping import Loop
from assistant.reply import Answer, Problem, Reply, Status, Telling
from assistant.turn import Turn
from assistant.work import CancelledError, LostError, StoppedError, Work, Worker
from storage import jobs, people
from storage.changes import RowChange
from storage.jobs import Job

log = logging.getLogger(__name__)

CHANNEL = "job"
LEASE = timedelta(seconds=60)
"""How long a job stays with a process that no longer tells how far it is."""
TELL_SECONDS = 5.0
"""A holder tells at least this often, and at once when the work has moved on."""
LOOK_SECONDS = 1.0
"""How often an idle process looks for jobs that others wrote down."""
MOST_ATTEMPTS = 3
"""A job that took a process down with it this often is not begun again."""


class Runner:
    """Does jobs one after the other, in the thread of its ``loop``."""

    def __init__(self, bus: Bus, workers: Mapping[str, Worker]) -> None:
        self.bus = bus
        self.workers = workers
        self.name = new_holder()
        self.loop = Loop("jobs", self._step, LOOK_SECONDS)
        self._took_over = False
        self._may_hold = False
        """Whether the database went away while a job was in hand, or about to be."""

    def _step(self) -> bool:
        if not self._took_over:
            self.take_over()
            self._took_over = True
        if self._may_hold:
            with self.bus.database.write() as connection:
                jobs.release(connection, [self.name])
            self._may_hold = False
        try:
            return self.run_one()
        except SQLAlchemyError:
            self._may_hold = True
            raise

    def take_over(self) -> int:
        """Free the jobs of processes of this machine that are no more, and say how many."""
        with self.bus.database.read() as connection:
            gone = [holder for holder in jobs.holders(connection) if is_gone(holder, self.name)]
        if not gone:
            return 0
        with self.bus.database.write() as connection:
            return jobs.release(connection, gone)

    def run_one(self, only: str | None = None) -> bool:
        """Do the oldest job that waits, or the one named; False when there was none to do."""
        now = self.bus.clock()
        with self.bus.database.read() as connection:
            if not jobs.is_free(connection, now, only):
                return False
        with self.bus.database.write() as connection:
            job = jobs.claim(connection, self.name, now, now + LEASE, only)
            person = None if job is None else people.person(connection, job.user_id)
        if job is None:
            return False
        if person is None:
            with self.bus.database.write() as connection:
                jobs.settle(connection, job.id, self.name, jobs.FAILED, {}, now)
            return True
        self._do(job, person)
        return True

    def _do(self, job: Job, person: people.Person) -> None:
        turn = Turn(
            person=person,
            channel=CHANNEL,
            text=job.summary,
            conversation_id=job.conversation_id,
            turn_id=job.id,
            command=job.command,
            slots=job.arguments,
        )

        def conclude(connection: Connection, answer: Answer[Any], made: list[RowChange]) -> Reply:
            reply = Reply(
                turn_id=job.id,
                text=job.summary,
                status=Status.DONE,
                reply=answer.telling,
                result=answer.result,
                job_id=job.id,
            )
            return self._settle(connection, turn, reply, jobs.DONE, made)

        work = Work(
            job=job,
            person=person,
            now=self.bus.clock(),
            database=self.bus.database.unhurried(),
            settings=self.bus.settings,
            conclude=conclude,
        )
        if job.cancel_asked is not None:
            work.ended_by = CancelledError
        try:
            answer = self._watched(work)
            if answer is not None:
                with self.bus.database.write() as connection:
                    conclude(connection, answer, [])
        except StoppedError:
            with self.bus.database.write() as connection:
                jobs.give_back(connection, job.id, self.name)
        except LostError:
            log.warning("job %s was taken over by another process", job.id)
        except SQLAlchemyError:
            log.warning("job %s waits for the database", job.id)
            self._may_hold = True
            self.loop.pause(LOOK_SECONDS)
        except CancelledError:
            self._end(turn, _cancelled(turn), jobs.CANCELLED)
        except Problem as problem:
            self._end(turn, refusal(turn, problem), jobs.FAILED)
        except Exception:
            log.exception("job %s failed", job.id)
            self._end(turn, refusal(turn, defect(turn)), jobs.FAILED)
        finally:
            self.bus.names.forget()

    def _watched(self, work: Work) -> Answer[Any] | None:
        """Do the work in a thread beside this one, which tells how far it is and hears of a cancellation."""
        worker = self.workers[work.job.command]
        if work.job.attempts > MOST_ATTEMPTS:
            raise Problem(
                "gave_up",
                f"It was begun {MOST_ATTEMPTS} times and never came to an end.",
                "Look at the log of the service, and ask again.",
            )
        work.tell(0.0, "beginning")
        arguments = worker.arguments.model_validate(work.job.arguments)
        with ThreadPoolExecutor(1, thread_name_prefix="job") as pool:
            doing = pool.submit(worker.function, arguments, work)
            self._watch(work, doing)
            return doing.result()

    def _watch(self, work: Work, doing: "Future[Answer[Any] | None]") -> None:
        told, since = (work.progress, work.message), TELL_SECONDS
        while not doing.done():
            if self.loop.is_stopping:
                work.ended_by = StoppedError
            now = (work.progress, work.message)
            if now != told or since >= TELL_SECONDS:
                self._tell(work)
                told, since = now, 0.0
            with suppress(TimeoutError):
                doing.exception(LOOK_SECONDS)
            since += LOOK_SECONDS

    def _tell(self, work: Work) -> None:
        until = self.bus.clock() + LEASE
        try:
            with self.bus.database.write() as connection:
                held = jobs.tell(connection, work.job.id, self.name, work.progress, work.message, until)
        except SQLAlchemyError:
            # The work itself may hold the lock; its own transaction checks whose job it is.
            return
        if not held.is_ours:
            work.ended_by = work.ended_by or LostError
        elif held.cancel_asked:
            work.ended_by = work.ended_by or CancelledError

    def _end(self, turn: Turn, reply: Reply, state: str) -> None:
        reply.job_id = turn.turn_id
        with suppress(LostError), self.bus.database.write() as connection:
            self._settle(connection, turn, reply, state, [])

    def _settle(
        self, connection: Connection, turn: Turn, reply: Reply, state: str, made: list[RowChange]
    ) -> Reply:
        self.bus.record(connection, turn, reply, made)
        stored = reply.model_dump(mode="json")
        if not jobs.settle(connection, turn.turn_id, self.name, state, stored, self.bus.clock()):
            raise LostError
        return reply


def _cancelled(turn: Turn) -> Reply:
    text = "Cancelled; nothing was changed."
    return Reply(
        turn_id=turn.turn_id,
        text=turn.text,
        status=Status.REFUSED,
        reply=Telling(text=text, speech=text),
        error=Problem("cancelled", text).error(),
    )
