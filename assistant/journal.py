"""An append-only file that takes audit entries while the database is gone, and gives them back."""

import json
import logging
import os
import threading
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from storage import audit
from storage.audit import Entry
from storage.database import Database

log = logging.getLogger(__name__)


class Journal:
    """JSON lines, an entry each, flushed to the disk before the reply is given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def append(self, entry: Entry) -> None:
        """Keep an entry for later."""
        line = json.dumps({**asdict(entry), "at": entry.at.isoformat()}, ensure_ascii=False)
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())

    def replay(self, database: Database) -> int:
        """Move every kept entry into the database and say how many. An entry is never written twice."""
        with self._lock:
            if not self.path.exists():
                return 0
            entries = [_entry(line) for line in self.path.read_text(encoding="utf-8").splitlines() if line]
            written = 0
            with database.write() as connection:
                for entry in entries:
                    if audit.reply_of_turn(connection, entry.turn_id) is None:
                        audit.record(connection, entry)
                        written += 1
            self.path.unlink()
            log.info("replayed %d audit entries from the journal", written)
            return written


def _entry(line: str) -> Entry:
    kept = json.loads(line)
    return Entry(**{**kept, "at": datetime.fromisoformat(kept["at"])})
