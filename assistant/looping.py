"""A thread that does what there is to do, and looks again now and then."""

import logging
import threading
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)

STOP_SECONDS = 30.0


class Loop:
    """Calls ``step`` until it finds nothing to do (False), then waits until it is woken or time is up.

    A database that does not answer is waited for; any other error of ``step`` is logged. The loop goes on.
    """

    def __init__(self, name: str, step: Callable[[], bool], idle_seconds: float) -> None:
        self._name, self._step, self._idle_seconds = name, step, idle_seconds
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether it shall end."""
        return self._stop.is_set()

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def halt(self) -> None:
        """Begin no further step."""
        self._stop.set()
        self._wake.set()

    def stop(self) -> None:
        """End after the step that is under way."""
        self.halt()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def pause(self, seconds: float) -> None:
        """Wait within a step, unless the loop ends."""
        self._stop.wait(seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            if not self._stepped():
                self._wake.wait(self._idle_seconds)

    def _stepped(self) -> bool:
        try:
            return self._step()
        except SQLAlchemyError as error:
            log.warning("%s wait for the database: %s", self._name, type(error).__name__)
        except Exception:
            log.exception("%s failed", self._name)
        return False
