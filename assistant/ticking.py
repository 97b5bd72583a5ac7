"""Does the loops that are due: each is a row, claimed once, whoever else ticks beside us."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from assistant.alerting import raise_alert
from assistant.bus import Bus
from assistant.holders import is_gone, new_holder
from assistant.recurring import Done, Recurring, Run
from assistant.reply import Problem
from assistant.work import LostError, StoppedError
from storage import alerts, loops, people

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""How long a loop stays with a process that no longer tells that it lives."""
BROKEN = "It failed on our side; the log of the service tells why."


class Loops:
    """The loops of a service. `tick` does what is due; `start` has APScheduler tick until `stop`."""

    def __init__(self, bus: Bus, declared: Mapping[str, Recurring]) -> None:
        self.bus = bus
        self.declared = declared
        self.holder = new_holder()
        self._stopping = Event()
        self._scheduler: BackgroundScheduler | None = None
        self._took_over = False
        self._stuck: set[int] = set()
        """Loops in our hands that the database could not be told the end of."""

    def tick(self, now: datetime | None = None) -> list[str]:
        """Do every loop that is due at a moment (by default the clock's), each once, and name them.

        Everything the loops see and write down carries that moment. What was due several times since it was
        last done is done once.
        """
        at = self.bus.clock() if now is None else now
        self.prepare(at)
        done: list[str] = []
        while not self._stopping.is_set():
            name = self._do_next(at, None)
            if name is None:
                break
            done.append(name)
        return done

    def run_now(self, name: str, now: datetime | None = None) -> bool:
        """Do one loop at once, paused or not; False when another process is doing it.

        Raises `KeyError` for a loop that is not declared.
        """
        at = self.bus.clock() if now is None else now
        self.prepare(at)
        with self.bus.database.write() as connection:
            known = loops.all_loops(connection)[name]
            loop = loops.claim_now(connection, self.holder, known.id, at, at + LEASE)
        if loop is None:
            return False
        self._do(loop, at)
        return True

    def prepare(self, now: datetime) -> None:
        """Write loops down that are not known yet, and free those of processes of this machine that died."""
        with self.bus.database.read() as connection:
            missing = self.declared.keys() - loops.all_loops(connection).keys()
            gone = []
            if not self._took_over:
                gone = [one for one in loops.holders(connection) if is_gone(one, self.holder)]
        stuck = set(self._stuck)
        if missing or gone or stuck:
            zone = self.bus.settings.time_zone
            due = {name: self.declared[name].next_due(now, zone) for name in sorted(missing)}
            with self.bus.database.write() as connection:
                loops.ensure(connection, due)
                loops.release(connection, gone)
                for loop_id in stuck:
                    loops.give_back(connection, loop_id, self.holder)
        self._took_over = True
        self._stuck -= stuck

    def start(self) -> None:
        """Begin to tick; every loop has a thread, so that a slow one holds up no other."""
        # Imported here: a terminal command that runs no loops does not load it.
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        self._stopping.clear()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(max(len(self.declared), 1))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        seconds = self.bus.settings.loops.tick_seconds
        for name in self.declared:
            self._scheduler.add_job(self._tick_one, "interval", args=[name], id=name, seconds=seconds)
        self._scheduler.start()

    def stop(self) -> None:
        """End; what is in hand is given back, to be done by another process or later."""
        self._stopping.set()
        if self._scheduler is not None:
            self._scheduler.shutdown()
            self._scheduler = None

    def _tick_one(self, name: str) -> None:
        try:
            now = self.bus.clock()
            self.prepare(now)
            self._do_next(now, name)
        except SQLAlchemyError as error:
            log.warning("loop %s waits for the database: %s", name, type(error).__name__)

    def _do_next(self, now: datetime, name: str | None) -> str | None:
        """Do the loop that is due the longest, or the one named if it is due; None when there is none."""
        with self.bus.database.read() as connection:
            if not loops.is_due(connection, now, name):
                return None
        with self.bus.database.write() as connection:
            loop = loops.claim(connection, self.holder, now, now + LEASE, name)
        if loop is None:
            return None
        self._do(loop, now)
        return loop.name

    def _do(self, loop: loops.Loop, now: datetime) -> None:
        declared = self.declared.get(loop.name)
        try:
            done = self._stepped(loop, declared, now)
        except StoppedError:
            self._give_back(loop)
        except LostError:
            log.warning("loop %s was taken over by another process", loop.name)
        except Problem as problem:
            self._end(loop, declared, now, loops.FAILED, Done(f"{problem.message} {problem.cure}".strip()))
        except SQLAlchemyError as error:
            log.warning("loop %s waits for the database: %s", loop.name, type(error).__name__)
            self._end(loop, declared, now, loops.FAILED, Done("The database did not answer."))
        except Exception:
            log.exception("loop %s failed", loop.name)
            self._end(loop, declared, now, loops.FAILED, Done(BROKEN))
        else:
            self._end(loop, declared, now, loops.DONE, done)

    def _stepped(self, loop: loops.Loop, declared: Recurring | None, now: datetime) -> Done:
        if declared is None:
            return Done("This version of the product has no such loop.")
        bus = copy(self.bus)
        bus.clock = lambda: now
        with self.bus.database.write() as connection:
            person = people.service(connection, f"{declared.title} loop", bus.settings.time_zone, now)
        renewed = [self.bus.clock()]

        def keep() -> None:
            if self._stopping.is_set():
                raise StoppedError
            at = self.bus.clock()
            if at - renewed[0] > LEASE / 5:
                self._renew(loop, at)
                renewed[0] = at

        return declared.step(Run(bus, person, loop, now, self.holder, keep))

    def _renew(self, loop: loops.Loop, now: datetime) -> None:
        with self.bus.database.write() as connection:
            if not loops.renew(connection, loop.id, self.holder, now + LEASE):
                raise LostError

    def _give_back(self, loop: loops.Loop) -> None:
        with suppress(SQLAlchemyError), self.bus.database.write() as connection:
            loops.give_back(connection, loop.id, self.holder)

    def _end(
        self, loop: loops.Loop, declared: Recurring | None, now: datetime, outcome: str, done: Done
    ) -> None:
        try:
            self._settle(loop, declared, now, outcome, done)
        except SQLAlchemyError:
            self._stuck.add(loop.id)

    def _settle(
        self, loop: loops.Loop, declared: Recurring | None, now: datetime, outcome: str, done: Done
    ) -> None:
        settings = self.bus.settings
        result: dict[str, Any] | None = None if done.result is None else done.result.model_dump(mode="json")
        if declared is None:
            next_due = now + timedelta(days=1)
        elif outcome == loops.DONE:
            next_due = declared.next_due(now, settings.time_zone)
        else:
            next_due = declared.retry_at(loop.failures + 1, now, settings.time_zone)
        with self.bus.database.write() as connection:
            settled = loops.settle(
                connection,
                loop,
                self.holder,
                now,
                outcome=outcome,
                told=done.told,
                result=result,
                next_due=next_due,
            )
            if not settled:
                log.warning("loop %s was taken over by another process", loop.name)
                return
            if outcome == loops.FAILED and loop.failures == 0:
                title = loop.name if declared is None else declared.title
                told = f"The loop “{title}” failed: {done.told}"
                key = f"loop_failed:{loop.name}:{loop.due_at.isoformat()}"
                cause = f"loop_failed:{loop.name}"
                raise_alert(connection, settings, key, alerts.LOOP_FAILED, told, now, cause=cause)
            elif outcome == loops.DONE and loop.failures:
                alerts.close_cause(connection, f"loop_failed:{loop.name}", now)
            loops.forget_runs(connection, now - timedelta(days=settings.loops.keep_days))
