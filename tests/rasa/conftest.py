"""A real Rasa server, trained for a few rounds on a real export, beside our real service."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from benchmarks.kills import Service, prepare
from intents.rasa_project import TOKEN_VARIABLE
from storage.database import Database
from tests.postgres import free_port

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".rasa" / "venv" / "bin" / "rasa"
BIN = Path(sys.executable).parent
EPOCHS = "5"
PATIENCE = 180.0
TOKEN = "sesame"
QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


@dataclass
class Beside:
    """Our service, whom its people are by their tokens, and where Rasa is to answer."""

    service: Service
    tokens: dict[str, str]
    database: Database
    rasa_port: int

    @property
    def rasa(self) -> str:
        return f"http://127.0.0.1:{self.rasa_port}"

    def gtm(self, *arguments: str) -> str:
        """What a command of ours prints, with the service's settings."""
        done = subprocess.run(
            [BIN / "gtm", *arguments], env=self.service.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def say(self, text: str) -> dict[str, Any]:
        """One turn of the chairman, in a conversation of its own."""
        answer = httpx2.post(
            f"{self.service.url}/api/v1/say",
            json={"text": text, "conversation_id": uuid4().hex},
            headers={"Authorization": f"Bearer {self.tokens['chairman']}"},
            timeout=20,
        )
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture(scope="session")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """The service with Rasa as its reader, and as the action server of that same Rasa."""
    folder = tmp_path_factory.mktemp("service")
    url = f"sqlite:///{folder / 'gtm.db'}"
    tokens = prepare(url, folder, ROOT / "var" / "models")
    made = Beside(
        Service(url, folder, free_port(), "http://127.0.0.1:9/"), tokens, Database(url), free_port()
    )
    made.service.environment |= {
        "GTM_UNDERSTANDING__FIRST": "rasa",
        "GTM_UNDERSTANDING__RASA__URL": made.rasa,
        "GTM_UNDERSTANDING__RASA__TOKEN": TOKEN,
        "GTM_UNDERSTANDING__RASA__SECONDS": "10",
    }
    made.service.start()
    yield made
    made.database.close()
    made.service.stop()


@dataclass
class Project:
    """A Rasa project in a folder, and the server that runs it."""

    folder: Path
    beside: Beside
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of Rasa's, to its end."""
        return subprocess.run(
            [PROGRAM, *arguments], cwd=self.folder, env=self._environment(), capture_output=True, text=True
        )

    def serve(self) -> None:
        """Start the server, and wait until it answers."""
        log = self.folder / "server.log"
        place = ["--interface", "127.0.0.1", "--port", str(self.beside.rasa_port)]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [PROGRAM, "run", "--enable-api", "--auth-token", TOKEN, *place],
                cwd=self.folder,
                env=self._environment(),
                stdout=out,
                stderr=out,
            )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            assert self.process.poll() is None, log.read_text()[-3000:]
            try:
                if httpx2.get(f"{self.beside.rasa}/status", params={"token": TOKEN}).status_code == 200:
                    return
            except httpx2.HTTPError:
                time.sleep(0.2)
        raise TimeoutError(log.read_text()[-3000:])

    def kill(self) -> None:
        """End the server as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def talk(self, text: str, sender: str = "anna") -> list[dict[str, Any]]:
        """What the bot says to a message over Rasa's REST channel."""
        answer = httpx2.post(
            f"{self.beside.rasa}/webhooks/rest/webhook",
            json={"sender": sender, "message": text},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        told: list[dict[str, Any]] = answer.json()
        return told

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **QUIET, TOKEN_VARIABLE: self.beside.tokens["chairman"]}


@pytest.fixture(scope="session")
def project(beside: Beside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """An export with the names of the service's database, and its action server's address."""
    assert PROGRAM.exists(), "Rasa is not installed: run `make test-rasa`"
    made = Project(tmp_path_factory.mktemp("rasa") / "project", beside)
    webhook = f"{beside.service.url}/webhook"
    beside.gtm("rasa", "export", str(made.folder), "--epochs", EPOCHS, "--actions", webhook)
    yield made
    made.kill()


@pytest.fixture(scope="session")
def rasa(project: Project) -> Project:
    """The project trained and served."""
    trained = project.run("train")
    assert trained.returncode == 0, trained.stdout[-3000:] + trained.stderr[-3000:]
    project.serve()
    return project
