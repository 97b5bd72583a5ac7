"""Back-up and restore of PostgreSQL, through its own programs: the backup is a custom-format dump."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sqlalchemy import URL, inspect, text

from storage.backup.terms import EMPTY_BUT_FOR, Progress, UnavailableError, UnusableError, broken, side_file
from storage.database import Database
from storage.schema import metadata

_INSTALLED = Path("/usr/lib/postgresql")
_BLOCK = 1 << 20
_NO_LOCK = "55P03"
_WAIT_SECONDS = 10
"""How long a restore waits for those who use the tables."""


def backup(database: Database, file: Path, progress: Progress) -> None:
    """Dump one moment of the database."""
    program = _program("pg_dump")
    with side_file(file) as side, tempfile.TemporaryFile() as errors:
        command = [program, "-Fc", "--no-owner", "--no-privileges", "-f", str(side), *_where(database)]
        with _running(command, _environment(database), errors) as process:
            while process.poll() is None:
                progress("copying", side.stat().st_size, 0)
                time.sleep(0.05)
        if process.returncode:
            raise UnavailableError("dump_failed", f"pg_dump failed: {_said(errors)}.", "Check that it runs.")
        with side.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(side, file)


def verified(_database: Database, file: Path) -> str:
    """The schema's revision in a sound backup."""
    # Read to the end and thrown away: a list of contents would not show that data are missing.
    _read(file, "-f", os.devnull)
    rows = _read(file, "--data-only", "-t", "alembic_version", "-f", "-")
    found = re.search(r"^COPY .*alembic_version.*\n(\S+)$", rows, re.MULTILINE)
    if found is None:
        raise broken(file, "its schema has no version")
    return found.group(1)


def has_content(database: Database) -> bool:
    """Whether there is anything a restore would lose."""
    with database.read() as connection:
        names = set(inspect(connection).get_table_names()) - EMPTY_BUT_FOR
        quote = connection.dialect.identifier_preparer.quote
        rows = (connection.scalar(text(f"select 1 from {quote(name)} limit 1")) for name in names)  # noqa: S608
        return any(rows)


def restore(database: Database, file: Path, progress: Progress) -> None:
    """Replace our tables by those of the backup in one transaction, which is committed last of all."""
    script = [_program("pg_restore"), "--no-owner", "--no-privileges", "-f", "-", str(file)]
    target = [
        _program("psql"),
        "-X",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-v",
        "VERBOSITY=verbose",
        "-o",
        os.devnull,
        *_where(database),
    ]
    tables = _tables(file) | set(metadata.tables) | {"alembic_version"}
    database.close()
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as unread:
        with (
            _running(target, _environment(database), errors, stdin=subprocess.PIPE) as psql,
            _running(script, None, unread, stdout=subprocess.PIPE) as reading,
        ):
            script_in = _pipe(psql.stdin)
            try:
                _feed(script_in, reading, sorted(tables), progress)
            except BrokenPipeError:
                reading.kill()
            with suppress(BrokenPipeError):
                script_in.close()
        if psql.returncode:
            raise _refused(_said(errors))
        if reading.returncode:
            raise broken(file, _said(unread))


def _feed(out: IO[bytes], reading: subprocess.Popen[bytes], tables: list[str], progress: Progress) -> None:
    """Give psql the whole script; without its last line psql rolls everything back."""
    dropped = "".join(f'drop table if exists "{name}" cascade;\n' for name in tables)
    settings = f"set local client_min_messages = warning;\nset local lock_timeout = '{_WAIT_SECONDS}s';\n"
    out.write(f"begin;\n{settings}{dropped}".encode())
    script, fed = _pipe(reading.stdout), 0
    while block := script.read(_BLOCK):
        out.write(block)
        fed += len(block)
        progress("restoring", fed, 0)
    if reading.wait() == 0:
        out.write(b"\ncommit;\n")
    out.flush()


def _refused(said: str) -> UnusableError | UnavailableError:
    if _NO_LOCK in said:
        return UnusableError("in_use", "The database is in use.", "Stop the service, then restore.")
    return UnavailableError("restore_failed", f"psql failed: {said}.", "Nothing was changed.")


def _pipe(asked_for: IO[bytes] | None) -> IO[bytes]:
    if asked_for is None:
        raise TypeError("the program was started without this pipe")
    return asked_for


def _tables(file: Path) -> set[str]:
    listed = _read(file, "--list")
    return set(re.findall(r"^\d+; \d+ \d+ TABLE public (\S+) ", listed, re.MULTILINE))


def _read(file: Path, *options: str) -> str:
    command = [_program("pg_restore"), *options, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise broken(file, (done.stderr.strip().splitlines() or ["it cannot be read"])[0])
    return done.stdout


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        installed = sorted(_INSTALLED.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
        found = str(installed[-1]) if installed else None
    if found is None:
        raise UnavailableError(
            "no_program",
            f"{name} is not on this machine; PostgreSQL is backed up and restored with its own programs.",
            "Install the PostgreSQL client (apt-get install postgresql-client), as new as the server.",
        )
    return found


def _where(database: Database) -> list[str]:
    """The database without its password, which everybody on the machine could read in a command line."""
    url = database.url
    bare = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    return ["-d", bare.render_as_string(hide_password=False)]


def _environment(database: Database) -> dict[str, str]:
    password = database.url.password
    return {**os.environ, **({} if password is None else {"PGPASSWORD": str(password)})}


@contextmanager
def _running(
    command: list[str],
    environment: dict[str, str] | None,
    errors: IO[bytes],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ended with the block, whatever ends the block."""
    process = subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=errors)  # noqa: S603
    try:
        yield process
        process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def _said(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    lines = [line for line in lines if "error:" in line.lower()] or lines
    return (lines or ["it gave no reason"])[0].rstrip(".")
