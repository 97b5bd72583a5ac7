"""The service held against its own OpenAPI description, by requests made up from it."""

import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from assistant.bootstrap import Assistant
from tests.conftest import Server

CONFIGURATION = Path(__file__).parent / "data" / "openapi.toml"


@pytest.fixture(autouse=True)
def unlimited(assistant: Assistant) -> None:
    """Refusals of whoever asks too often would hide everything else."""
    values = {"requests_per_minute": 0, "unknown_per_minute": 0}
    assistant.settings.server = assistant.settings.server.model_copy(update=values)


def judge(server: Server, folder: Path, header: str, *how: str) -> set[tuple[str, str]]:
    """Send it every kind of request its description allows and forbids; give routes with their statuses."""
    program = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run"]
    told = subprocess.run(
        [*program, f"{server.url}/openapi.json", "--header", header, *how],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    metrics = httpx2.get(f"{server.url}/metrics").text
    return set(re.findall(r'gtm_http_requests_total{.*route="(/a[^"]+)",status="(\d+)"}', metrics))


def test_the_chairman_gets_what_the_description_says(server: Server, tmp_path: Path) -> None:
    """Status codes, bodies and headers as declared, no 5xx, wrong data and methods refused."""
    seen = judge(server, tmp_path, f"Authorization: Bearer {server.token()}")
    commands = {route for route, status in seen if status in ("200", "202") and "/commands/" in route}
    assert len(commands) > len(server.assistant.bus.catalogue) / 3
    assert not {status for _, status in seen} & {"429", "500", "503"}


def test_nobody_gets_only_refusals(server: Server, tmp_path: Path) -> None:
    """The same without a token: whatever is sent, nothing but the request's own form is looked at."""
    how = ("--phases", "examples,coverage", "--max-examples", "2")
    seen = judge(server, tmp_path, "X-Nobody: 1", *how)
    assert {status for _, status in seen} <= {"401", "404", "405"}
    assert len(seen) > len(server.assistant.bus.catalogue)
