"""An append-only file that takes audit entries while the database is gone, and gives them back."""

import fcntl
import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TextIO

from storage import audit
from storage.audit import Entry
from storage.database import Database

log = logging.getLogger(__name__)


class Journal:
    """JSON lines, an entry each, on the disk before the reply is given; several processes may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def append(self, entry: Entry) -> None:
        """Keep an entry for later."""
        line = json.dumps({**asdict(entry), "at": entry.at.isoformat()}, ensure_ascii=False)
        with self._lock, self._opened() as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def replay(self, database: Database) -> int:
        """Move every kept entry into the database and say how many. An entry is never written twice."""
        if not self.path.exists():
            return 0
        with self._lock, self._opened() as file:
            file.seek(0)
            entries = [_entry(line) for line in file if line.strip()]
            written = 0
            with database.write() as connection:
                for entry in entries:
                    if audit.reply_of_turn(connection, entry.turn_id) is None:
                        audit.record(connection, entry)
                        written += 1
            self.path.unlink(missing_ok=True)
        if written:
            log.info("replayed %d audit entries from the journal", written)
        return written

    @contextmanager
    def _opened(self) -> Iterator[TextIO]:
        """The file, held against other processes."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with self.path.open("a+", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if not _is_still(file, self.path):
                    # Another process brought the entries home and took the file away.
                    continue
                yield file
                return


def _is_still(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _entry(line: str) -> Entry:
    kept = json.loads(line)
    return Entry(**{**kept, "at": datetime.fromisoformat(kept["at"])})
