"""The service killed at random moments under load: what was acknowledged is there once, nothing is half.

``python -m benchmarks.kills [--kills 30] [--seed 1] [sqlite|postgresql]``
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import func, select

from intents.command import Role
from storage import migrate, people
from storage.audit import audit
from storage.campaigns import campaigns, channel_lines
from storage.changes import changes
from storage.conversations import conversations
from storage.database import Database
from storage.imports.ledger import import_runs, imported_performance
from storage.jobs import jobs
from storage.outbox import outbox
from storage.people import users
from storage.performance import daily_performance
from storage.proposals import proposals
from storage.synthetic import fill
from storage.ventures import ventures
from tests.postgres import free_port, own_database, own_server, programs

CLIENTS = 8
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BIN = Path(sys.executable).parent
PATIENCE = 90.0


@dataclass
class Listener:
    """Takes webhooks, counting how often each came."""

    url: str = ""
    taken: Counter[str] = field(default_factory=Counter)


@contextmanager
def listening() -> Iterator[Listener]:
    """A receiver of webhooks on loopback."""
    made = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            made.taken[self.headers["webhook-id"].removeprefix("msg_")] += 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


class Service:
    """The real service as a process that can be killed and started again."""

    def __init__(self, url: str, folder: Path, port: int, listener: str) -> None:
        self.port = port
        self.starts = 0
        self._log = folder / "service.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GTM_")},
            "GTM_DATABASE_URL": url,
            "GTM_DATA_DIR": str(folder),
            "GTM_NOTIFY__WEBHOOK_URL": listener,
            "GTM_NOTIFY__WEBHOOK_SECRET": SECRET,
            "GTM_NOTIFY__WEBHOOK_SECONDS": "2",
            "GTM_SERVER__REQUESTS_PER_MINUTE": "1000000",
            # What is counted afterwards is what the clients asked for.
            "GTM_LOOPS__ENABLED": "false",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process."""
        if self._process is None:
            raise RuntimeError("it was not started")
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, *options: str) -> None:
        """Begin, and wait until it is ready."""
        self.starts += 1
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [BIN / "gtm", "serve", "--port", str(self.port), *options],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if httpx2.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            except httpx2.HTTPError:
                time.sleep(0.05)
            if self._process.poll() is not None:
                raise RuntimeError(self._log.read_text()[-3000:])
        raise TimeoutError("the service did not become ready")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)


@dataclass
class Acknowledged:
    """A reply that a client got."""

    key: str
    reply: dict[str, Any]


class Client(threading.Thread):
    """Somebody who gives mixed commands in a conversation of their own, and asks again until answered."""

    def __init__(self, number: int, seed: int, service: Service, token: str, *, is_chairman: bool) -> None:
        super().__init__(daemon=True)
        self.number, self.is_chairman = number, is_chairman
        self.acknowledged: list[Acknowledged] = []
        self.unanswered: list[str] = []
        self.created: list[str] = []
        self.failures: Counter[str] = Counter()
        self.stopping = threading.Event()
        self._random = random.Random(seed * 1000 + number)
        self._url = service.url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._conversation = f"client-{number}"
        self._count = 0

    def run(self) -> None:
        """Talk until told to stop; a command that was begun is answered first."""
        with httpx2.Client(base_url=self._url, headers=self._headers, timeout=20) as http:
            while not self.stopping.is_set():
                self._random.choices(
                    [self._ask, self._move, self._pause, self._create, self._import, self._decide],
                    [3, 4, 2, 2, 1, 2 if self.is_chairman else 0],
                )[0](http)

    def _ask(self, http: httpx2.Client) -> None:
        self._say(http, "show gtm performance for Acme")

    def _move(self, http: httpx2.Client) -> None:
        amount = self._random.randint(1, 40)
        source, target = self._random.sample(["display", "email"], 2)
        asked = self._say(http, f"move {amount} from {source} to {target} in Spring Launch")
        if asked.get("status") == "confirm":
            self._say(http, self._random.choice(["yes", "yes", "no"]))

    def _pause(self, http: httpx2.Client) -> None:
        asked = self._say(http, self._random.choice(["pause Summer Splash", "resume Summer Splash"]))
        if asked.get("status") == "confirm":
            self._say(http, "yes")

    def _create(self, http: httpx2.Client) -> None:
        name = f"Zeta {self.number:02}{self._count:05}"
        if self._say(http, f"create a venture called {name}").get("status") == "done":
            self.created.append(name)

    def _import(self, http: httpx2.Client) -> None:
        name = f"c{self.number}n{self._count}.csv"
        body = (
            "date,venture,campaign,channel,clicks,spend\n"
            f"2026-03-01,Imported,Campaign {self.number},email,{self._count},2.50\n"
        )
        self._persist(lambda: http.put(f"/api/v1/files/{name}", content=body.encode()), None)
        self._say(http, f"import performance from {name}")

    def _decide(self, http: httpx2.Client) -> None:
        listed = self._say(http, "what is waiting for my approval")
        rows = (listed.get("reply") or {}).get("table") or {}
        if rows.get("rows"):
            word = self._random.choice(["approve", "approve", "reject"])
            self._say(http, f"{word} proposal {re.sub(r'[^0-9]', '', rows['rows'][0][0])}")

    def _say(self, http: httpx2.Client, text: str) -> dict[str, Any]:
        self._count += 1
        key = f"k{self.number}-{self._count}"
        body = {"text": text, "conversation_id": self._conversation}
        headers = {"Idempotency-Key": key}
        reply = self._persist(lambda: http.post("/api/v1/say", json=body, headers=headers), key)
        if reply is None:
            return {}
        self.acknowledged.append(Acknowledged(key, reply))
        return reply

    def _persist(self, request: Any, key: str | None) -> dict[str, Any] | None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = request()
                if answer.status_code < 500:
                    told: dict[str, Any] = answer.json()
                    return told
                self.failures[answer.json()["error"]["code"]] += 1
            except (httpx2.HTTPError, json.JSONDecodeError) as error:
                self.failures[type(error).__name__] += 1
            time.sleep(0.05)
        if key is not None:
            self.unanswered.append(key)
        return None


@dataclass
class Verdict:
    """What was found after an ordeal; ``faults`` is empty when all is well."""

    kind: str
    blows: int
    acknowledged: int
    figures: dict[str, Any]
    faults: list[str]


def prepare(url: str, folder: Path, models: Path) -> dict[str, str]:
    """A small portfolio, two people who talk, and their tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(models)
    database = Database(url)
    migrate.upgrade(database)
    now = datetime.now(UTC)
    fill(
        database,
        records=3_000,
        seed=1,
        as_of=now.date(),
        now=now,
        truth_file=folder / "truth.json.gz",
    )
    tokens = {}
    with database.write() as connection:
        for role in (Role.CHAIRMAN, Role.OPERATOR):
            person = people.add_person(connection, role.value, role, "UTC", now)
            tokens[role.value] = people.issue_token(connection, person.id, people.API, "ordeal", now)
    database.close()
    return tokens


def ordeal(
    url: str, folder: Path, models: Path, *, kills: int, seed: int, blow: Any = None, longest: float = 2.5
) -> Verdict:
    """Load the service from eight clients and strike ``kills`` times; then look at what is there.

    ``blow`` replaces killing and restarting the service, as by a restart of the database.
    """
    tokens = prepare(url, folder, models)
    before = _lines(url)
    chance = random.Random(seed)
    with listening() as listener:
        service = Service(url, folder, free_port(), listener.url)
        service.start()
        clients = [
            Client(
                number,
                seed,
                service,
                tokens["chairman" if number % 2 == 0 else "operator"],
                is_chairman=number % 2 == 0,
            )
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        for _ in range(kills):
            time.sleep(chance.uniform(0.2, longest))
            if blow is None:
                service.kill()
                service.start()
            else:
                blow()
        time.sleep(1.0)
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join(PATIENCE + 10)
        _wait_until_quiet(url)
        service.stop()
        verdict = _judge(url, clients, before, listener, kills)
    verdict.figures["service_starts"] = service.starts
    return verdict


def _lines(url: str) -> dict[int, Decimal]:
    database = Database(url)
    with database.read() as connection:
        found = connection.execute(select(channel_lines.c.id, channel_lines.c.allocated)).all()
    database.close()
    return {int(key): allocated for key, allocated in found}


def _wait_until_quiet(url: str) -> None:
    """Wait until every job has ended and every notice is settled."""
    database = Database(url)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with database.read() as connection:
            open_jobs = connection.scalar(
                select(func.count()).where(jobs.c.state.in_(("waiting", "running")))
            )
            unsent = connection.scalar(select(func.count()).where(outbox.c.state == "requested"))
        if not open_jobs and not unsent:
            break
        time.sleep(0.2)
    database.close()


def _judge(
    url: str, clients: list[Client], before: dict[int, Decimal], listener: Listener, blows: int
) -> Verdict:
    database = Database(url)
    with database.read() as connection:
        judge = _Judge(connection, clients, before, listener)
        judge.all()
    database.close()
    acknowledged = sum(len(client.acknowledged) for client in clients)
    return Verdict(database.url.get_backend_name(), blows, acknowledged, judge.figures, judge.faults)


class _Judge:
    """Compares what clients were told with what the database holds."""

    def __init__(
        self, connection: Any, clients: list[Client], before: dict[int, Decimal], listener: Listener
    ) -> None:
        self.connection, self.clients, self.before, self.listener = connection, clients, before, listener
        self.faults: list[str] = []
        self.figures: dict[str, Any] = {}

    def all(self) -> None:
        """Every question."""
        self.acknowledged()
        self.money()
        self.halves()
        self.imports()
        self.notices()
        self.talks()

    def fault(self, text: str) -> None:
        """Note what is wrong."""
        self.faults.append(text)

    def acknowledged(self) -> None:
        """Every reply a client got stands in the audit once, and says the same."""
        names = dict(self.connection.execute(select(users.c.id, users.c.name)).all())
        rows: dict[tuple[str, str], list[Any]] = {}
        for row in self.connection.execute(
            select(audit.c.id, audit.c.user_id, audit.c.idempotency_key, audit.c.status, audit.c.command)
        ):
            rows.setdefault((names.get(row.user_id, ""), row.idempotency_key or ""), []).append(row)
        for client in self.clients:
            person = "chairman" if client.is_chairman else "operator"
            for one in client.acknowledged:
                found = rows.get((person, one.key), [])
                said = (one.reply.get("audit_id"), one.reply.get("status"))
                if [(row.id, row.status) for row in found] != [said]:
                    self.fault(f"{one.key}: told {said}, the audit has {found}")
            for key in client.unanswered:
                self.fault(f"{key} was never answered")
        statuses = Counter(
            f"{one.reply.get('command')}:{one.reply.get('status')}"
            for client in self.clients
            for one in client.acknowledged
        )
        self.figures["commands"] = dict(sorted(statuses.items()))
        self.figures["failures_met"] = dict(sum((client.failures for client in self.clients), Counter()))
        made = [name for client in self.clients for name in client.created]
        there = Counter(
            self.connection.scalars(select(ventures.c.name).where(ventures.c.name.like("Zeta %")))
        )
        for name in made:
            if there[name] != 1:
                self.fault(f"venture {name} is there {there[name]} times")
        self.figures["audit_entries"] = self.connection.scalar(select(func.count()).select_from(audit))

    def money(self) -> None:
        """Every line's money is what it was, changed by the recorded changes and by nothing else."""
        now = dict(self.connection.execute(select(channel_lines.c.id, channel_lines.c.allocated)).all())
        at = dict(self.before)
        moves = 0
        for row in self.connection.execute(
            select(changes.c.row_id, changes.c.before, changes.c.after)
            .where(changes.c.table_name == "channel_lines")
            .order_by(changes.c.audit_id, changes.c.place)
        ):
            if row.before is None or "allocated" not in (row.after or {}):
                continue
            moves += 1
            if at.get(row.row_id) != Decimal(row.before["allocated"]):
                self.fault(f"line {row.row_id}: a change found {row.before}, there was {at.get(row.row_id)}")
            at[row.row_id] = Decimal(row.after["allocated"])
        for key, amount in at.items():
            if now.get(key) != amount:
                self.fault(f"line {key} has {now.get(key)}, its changes lead to {amount}")
        first = sum((self.before[key] for key in self.before), Decimal(0))
        last = sum((now[key] for key in self.before), Decimal(0))
        if first != last:
            self.fault(f"the portfolio had {first}, now {last}")
        self.figures["money_changes"] = moves

    def halves(self) -> None:
        """No command is half-done: a move has two sides, a yes one execution, a change its entry."""
        moved = (
            select(audit.c.id, audit.c.status, func.count(changes.c.id))
            .join(changes, changes.c.audit_id == audit.c.id, isouter=True)
            .where(audit.c.command == "reallocate_budget")
            .group_by(audit.c.id, audit.c.status)
        )
        for key, status, count in self.connection.execute(moved):
            if count != (2 if status == "done" and count else 0):
                self.fault(f"entry {key} ({status}) has {count} changes")
        orphans = self.connection.scalar(
            select(func.count())
            .select_from(changes.outerjoin(audit, audit.c.id == changes.c.audit_id))
            .where(audit.c.id.is_(None))
        )
        if orphans:
            self.fault(f"{orphans} changes without an entry")
        for key, decision, execution in self.connection.execute(
            select(proposals.c.id, proposals.c.decision, proposals.c.execution)
        ):
            if (decision == "approved") != (execution in ("done", "failed")):
                self.fault(f"proposal {key} is {decision} and {execution}")
        self.figures["proposals"] = dict(
            self.connection.execute(
                select(func.coalesce(proposals.c.decision, "waiting"), func.count()).group_by(
                    proposals.c.decision
                )
            ).all()
        )

    def imports(self) -> None:
        """Every job came to one end; what jobs imported is there once."""
        states = dict(
            self.connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state)).all()
        )
        runs = self.connection.scalar(select(func.count()).select_from(import_runs)) or 0
        if set(states) - {"done"}:
            self.fault(f"jobs are {states}")
        if runs != states.get("done", 0):
            self.fault(f"{runs} imports for {states.get('done', 0)} jobs")
        ended = self.connection.scalar(select(func.count()).where(audit.c.channel == "job"))
        if ended != sum(states.values()):
            self.fault(f"{ended} entries for {sum(states.values())} jobs")
        rows = self.connection.scalar(select(func.count()).select_from(imported_performance)) or 0
        spent = self.connection.scalar(
            select(func.sum(daily_performance.c.spend))
            .join(channel_lines, channel_lines.c.id == daily_performance.c.line_id)
            .join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
            .join(ventures, ventures.c.id == campaigns.c.venture_id)
            .where(ventures.c.name == "Imported")
        )
        if (rows, spent or 0) != (runs, Decimal("2.50") * runs):
            self.fault(f"{runs} imports left {rows} rows and {spent} of spend")
        again = self.connection.scalar(select(func.count()).where(jobs.c.attempts > 1))
        self.figures["jobs"] = {**states, "begun_again": again}

    def notices(self) -> None:
        """Every notice was taken by the other side, and none that was never written."""
        rows = dict(self.connection.execute(select(outbox.c.idempotency_key, outbox.c.state)).all())
        for key, state in rows.items():
            if state != "confirmed" or not self.listener.taken[key]:
                self.fault(f"notice {key} is {state}, taken {self.listener.taken[key]} times")
        for key in self.listener.taken:
            if key not in rows:
                self.fault(f"notice {key} was taken and never written")
        decided = self.connection.scalar(
            select(func.count()).where(
                audit.c.command.in_(("approve", "reject")),
                audit.c.status.in_(("done", "failed")),
                func.coalesce(audit.c.error_code, "").not_like("database%"),
            )
        )
        told = sum(key.startswith("proposal.decided") for key in rows)
        if decided != told:
            self.fault(f"{decided} decisions, {told} notices of them")
        self.figures["notices"] = {
            "sent": len(rows),
            "sent_again_with_the_same_id": sum(count > 1 for count in self.listener.taken.values()),
        }

    def talks(self) -> None:
        """A conversation counts as many turns as the audit has of it."""
        counted = dict(
            self.connection.execute(
                select(audit.c.conversation_id, func.count())
                .where(audit.c.channel != "job", audit.c.status != "failed")
                .group_by(audit.c.conversation_id)
            ).all()
        )
        for key, turns in self.connection.execute(select(conversations.c.id, conversations.c.turns)):
            if turns < counted.get(key, 0):
                self.fault(f"conversation {key} counts {turns} turns, the audit {counted.get(key)}")
        for turn_id, count in self.connection.execute(
            select(audit.c.turn_id, func.count()).group_by(audit.c.turn_id).having(func.count() > 1)
        ):
            self.fault(f"turn {turn_id} stands {count} times in the audit")


def main() -> None:
    """Run it in full, on both databases unless one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("database", nargs="?", choices=["sqlite", "postgresql"])
    asked = parser.parse_args()
    models = Path("var/models").resolve()
    worst = 0
    for kind in ("sqlite", "postgresql"):
        if asked.database in (None, kind):
            with tempfile.TemporaryDirectory() as name, database_of(kind, Path(name)) as url:
                verdict = ordeal(url, Path(name) / "data", models, kills=asked.kills, seed=asked.seed)
            print(json.dumps(vars(verdict), indent=2, default=str))
            worst = max(worst, len(verdict.faults))
    sys.exit(1 if worst else 0)


@contextmanager
def database_of(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of a kind."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'gtm.db'}"
        return
    found = programs()
    if found is None:
        raise SystemExit("PostgreSQL is not installed")
    with own_server(found) as server, own_database(server.url) as url:
        yield url


if __name__ == "__main__":
    main()
