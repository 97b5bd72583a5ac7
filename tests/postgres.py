"""A PostgreSQL server of our own, for tests and benchmarks."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text

from storage.database import Database


def programs() -> Path | None:
    """The folder of the newest PostgreSQL there is on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if found:
        return found[-1]
    on_path = shutil.which("postgres")
    return Path(on_path).parent if on_path else None


def free_port() -> int:
    """A port nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class PostgresServer:
    """A running server."""

    url: str
    """Without the database's name."""
    folder: Path
    port: int
    bin: Path

    def control(self, *words: str) -> None:
        """Call pg_ctl: ``stop -m immediate``, ``start``, ``restart`` …"""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c max_connections=200"
        place = ("-D", str(self.folder / "data"), "-w", "-l", str(self.folder / "log"))
        self._quietly(self.bin / "pg_ctl", *place, "-o", f"{options} -c fsync=off", *words)

    def initialize(self) -> None:
        """Make its folder."""
        owner = ("-U", "postgres", "-A", "trust", "-N")
        self._quietly(self.bin / "initdb", "-D", str(self.folder / "data"), *owner)

    def _quietly(self, *words: str | Path) -> None:
        # The server refuses to run as root.
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run([*user, *words], stdout=subprocess.DEVNULL, check=True, cwd=self.folder)


@contextmanager
def own_server(bin_folder: Path) -> Iterator[PostgresServer]:
    """A server in a temporary folder, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="gtm-pg-") as name:
        folder, port = Path(name), free_port()
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        server = PostgresServer(f"postgresql://postgres@127.0.0.1:{port}", folder, port, bin_folder)
        server.initialize()
        server.control("start")
        try:
            yield server
        finally:
            server.control("-m", "immediate", "stop")


_TABLES = """
select quote_ident(tablename) from pg_tables
where schemaname = 'public' and tablename != 'alembic_version'
"""
_COUNTED = "select quote_ident(sequencename) from pg_sequences where last_value is not null"


def empty(url: str) -> None:
    """Take every row out of a database and end whoever is connected to it; the schema stays.

    To make another one with the schema takes the server ten times as long.
    """
    database = Database(url)
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        )
        asked = (
            f"select '{name}' where exists (select from {name})" for name in connection.scalars(text(_TABLES))
        )
        if filled := list(connection.scalars(text(" union all ".join(asked)))):
            connection.execute(text(f"truncate {', '.join(filled)} restart identity cascade"))
        # What was rolled back has counted, too.
        for sequence in list(connection.scalars(text(_COUNTED))):
            connection.execute(text(f"alter sequence {sequence} restart"))
    database.close()


@contextmanager
def own_database(server_url: str, like: str = "template1") -> Iterator[str]:
    """The URL of a new database, a copy of another one of the server, dropped at the end."""
    name = f"gtm_{uuid4().hex}"
    admin = Database(f"{server_url}/postgres")
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"create database {name} template {like}"))
    try:
        yield f"{server_url}/{name}"
    finally:
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"drop database {name} with (force)"))
        admin.close()
