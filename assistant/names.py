"""The live names as this process knows them, refreshed when their version rises."""

import threading
from time import monotonic

from sqlalchemy import Connection

from intents.names import Names
from storage import names

POLL_SECONDS = 1.0


class LiveNames:
    """Gives the current `Names`, asking the database for their version at most once a second."""

    def __init__(self) -> None:
        self._names: Names | None = None
        self._checked = float("-inf")
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Ask the database again at the next chance: this process changed a name."""
        with self._lock:
            self._checked = float("-inf")

    def recent(self) -> Names | None:
        """The names where they were asked for within the last second; needs no connection."""
        with self._lock:
            return self._names if monotonic() - self._checked < POLL_SECONDS else None

    def current(self, connection: Connection) -> Names:
        """The names, at most a second old."""
        with self._lock:
            known = self._names
            if known is not None and monotonic() - self._checked < POLL_SECONDS:
                return known
            if known is None or names.current_version(connection) != known.version:
                known = names.load(connection)
            self._names, self._checked = known, monotonic()
            return known
