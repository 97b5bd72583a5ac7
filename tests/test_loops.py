"""Loops: claimed once, coalesced, backing off, listed, paused, run; and nothing is done twice when killed."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from sqlalchemy import func, select, update

from assistant.bootstrap import Assistant, build_bus
from assistant.bus import Bus
from assistant.channels.cli import cli as commands_of_the_terminal
from assistant.recurring import Done, Recurring, Run, Step
from assistant.reply import Problem, Status
from assistant.settings import Loops as LoopSettings
from assistant.settings import Settings
from assistant.ticking import LEASE, Loops
from intents import lexicon
from intents.command import Role
from storage import alerts, loops, migrate
from storage.audit import audit
from storage.campaigns import channel_lines
from storage.changes import changes
from storage.database import Database
from storage.promises import promises
from tests import killed_loops
from tests.conftest import NOW, Speaker, run
from tests.made_up_campaigns import Daily, add_campaign, add_venture

HOUR = timedelta(hours=1)


@pytest.fixture
def bus(database_url: str, tmp_path: Path) -> Iterator[Bus]:
    """The door alone, on an empty database of each kind."""
    made = build_bus(Settings(data_dir=tmp_path, database_url=database_url), lambda: NOW)
    yield made
    made.database.close()


def ticking(bus: Bus, **steps: Step) -> Loops:
    """Loops of the given steps, hourly; first due at 19:00."""
    declared = {
        name: Recurring(name, name.title(), "A loop.", step, HOUR, None, timedelta(hours=6))
        for name, step in steps.items()
    }
    made = Loops(bus, declared)
    made.tick(NOW)
    return made


def row(bus: Bus, name: str) -> loops.Loop:
    with bus.database.read() as connection:
        return loops.all_loops(connection)[name]


def last(bus: Bus, name: str) -> loops.Run:
    with bus.database.read() as connection:
        return loops.runs(connection, loops.all_loops(connection)[name].id, 1)[0]


def test_it_is_done_when_it_is_due_and_what_was_missed_is_done_once(bus: Bus) -> None:
    seen: list[datetime] = []

    def look(run: Run) -> Done:
        seen.append(run.now)
        return Done(f"Looked at {run.now:%H:%M}.")

    made = ticking(bus, look=look)
    assert seen == []
    assert made.tick(NOW + timedelta(minutes=59)) == []
    assert made.tick(NOW + HOUR) == ["look"]
    late = NOW + timedelta(hours=7, minutes=20)
    assert made.tick(late) == ["look"]
    assert made.tick(late) == []
    assert seen == [NOW + HOUR, late]
    assert row(bus, "look").due_at == NOW + timedelta(hours=8)
    assert last(bus, "look").told == "Looked at 01:20."


def test_processes_that_tick_at_the_same_moment_do_it_once(bus: Bus) -> None:
    done: list[str] = []
    gate = threading.Barrier(4)

    def look(run: Run) -> Done:
        done.append(run.holder)
        return Done("Done.")

    ticking(bus, look=look)
    declared = {"look": Recurring("look", "Look", "A loop.", look, HOUR, None, HOUR)}

    def another() -> None:
        one = Loops(bus, declared)
        gate.wait()
        one.tick(NOW + HOUR)

    threads = [threading.Thread(target=another) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1


def test_one_that_fails_backs_off_tells_why_and_stops_no_other(bus: Bus) -> None:
    tried: list[datetime] = []

    def broken(run: Run) -> Done:
        tried.append(run.now)
        if len(tried) < 4:
            raise Problem("no_feed", "The feed is gone.", "Connect it again.")
        return Done("Fine again.")

    made = ticking(bus, broken=broken, other=lambda _: Done("Fine."))
    at = NOW
    while len(tried) < 4:
        at += timedelta(minutes=30)
        made.tick(at)
    # After an hour, then two, then four: each time to the full hour, as it is due hourly.
    assert [(later - sooner) / HOUR for sooner, later in pairwise(tried)] == [1, 2, 4]
    assert last(bus, "other").outcome == loops.DONE
    assert (last(bus, "broken").outcome, row(bus, "broken").failures) == (loops.DONE, 0)
    with bus.database.read() as connection:
        told = connection.execute(select(alerts.alerts.c.told, alerts.alerts.c.closed_at)).all()
    # One alert, over when the loop worked again.
    assert [tuple(one) for one in told] == [
        ("The loop “Broken” failed: The feed is gone. Connect it again.", tried[-1])
    ]


def test_a_defect_is_told_as_one_and_not_shown(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Run) -> Done:
        raise ZeroDivisionError("secret figures")

    made = ticking(bus, broken=broken)
    made.tick(NOW + HOUR)
    assert last(bus, "broken").told == "It failed on our side; the log of the service tells why."
    assert "secret figures" in caplog.text


def test_who_lost_a_loop_to_another_process_writes_nothing(bus: Bus) -> None:
    began = threading.Event()
    taken = threading.Event()
    wrote: list[str] = []

    def slow(run: Run) -> Done:
        if run.now == NOW + HOUR:
            began.set()
            taken.wait(20)
        with bus.database.write() as connection:
            run.make_sure(connection)
            wrote.append(run.holder)
        return Done(f"Of {run.now:%H:%M}.")

    first = ticking(bus, slow=slow)
    second = Loops(bus, first.declared)
    thread = threading.Thread(target=first.tick, args=[NOW + HOUR])
    thread.start()
    assert began.wait(20)
    assert second.tick(NOW + HOUR + LEASE / 2) == []
    assert second.tick(NOW + HOUR + 2 * LEASE) == ["slow"]
    taken.set()
    thread.join()
    assert wrote == [second.holder]
    assert last(bus, "slow").told == "Of 19:10."
    assert last(bus, "slow").attempts == 2


def test_a_paused_one_is_not_done_but_may_be_run_by_hand(bus: Bus) -> None:
    made = ticking(bus, look=lambda _: Done("Done."))
    with bus.database.write() as connection:
        connection.execute(update(loops.loops).values(state=loops.PAUSED))
    assert made.tick(NOW + HOUR) == []
    assert made.run_now("look", NOW + HOUR)
    assert last(bus, "look").outcome == loops.DONE
    with pytest.raises(KeyError):
        made.run_now("nothing", NOW)


def test_one_of_a_process_that_died_is_free_at_once(bus: Bus) -> None:
    made = ticking(bus, look=lambda _: Done("Done."))
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True)
    host = made.holder.rsplit(":", 2)[0]
    with bus.database.write() as connection:
        holder = f"{host}:{int(dead.stdout)}:0"
        loops.claim(connection, holder, NOW + HOUR, NOW + HOUR + LEASE, "look")
    assert made.tick(NOW + HOUR) == []
    assert Loops(bus, made.declared).tick(NOW + HOUR) == ["look"]


def test_apscheduler_ticks_while_the_service_runs(database_url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=database_url, loops=LoopSettings(tick_seconds=0.1))
    moment = [NOW]
    bus = build_bus(settings, lambda: moment[0])
    ran, others = threading.Event(), threading.Event()

    def stuck(run: Run) -> Done:
        while True:
            run.keep()
            ran.wait(0.01)

    def other(_: Run) -> Done:
        others.set()
        return Done("Done.")

    made = ticking(bus, stuck=stuck, other=other)
    moment[0] = NOW + HOUR
    made.start()
    assert others.wait(30), "a loop that never ends held up another"
    made.stop()
    # What was under way is due still, for whoever comes next.
    assert row(bus, "stuck").claimed_by is None
    assert row(bus, "stuck").due_at == NOW + HOUR
    bus.database.close()


def test_times_of_day_follow_the_clocks_of_their_zone() -> None:
    daily = Recurring("daily", "Daily", "A loop.", lambda _: Done(""), None, "02:30", HOUR)
    due, days = datetime.fromisoformat("2026-03-27T12:00:00+00:00"), []
    for _ in range(4):
        due = daily.next_due(due, "Europe/Berlin")
        days.append(f"{due:%d %H:%M}")
    # On the 29th the clocks go from two to three: 02:30 does not exist and comes an hour later.
    assert days == ["28 01:30", "29 01:30", "30 00:30", "31 00:30"]
    # On the 25th of October they go from three to two: 02:30 comes twice and counts once.
    due, days = datetime.fromisoformat("2026-10-24T12:00:00+00:00"), []
    for _ in range(2):
        due = daily.next_due(due, "Europe/Berlin")
        days.append(f"{due:%d %H:%M}")
    assert days == ["25 00:30", "26 01:30"]


def test_loops_are_listed_paused_resumed_and_run_in_words(assistant: Assistant) -> None:
    assistant.loops.tick(NOW)
    talk = Speaker(assistant)
    listed = talk.say("list the loops")
    assert listed.command == "list_loops"
    assert listed.reply.table is not None
    assert [line[0] for line in listed.reply.table.rows] == [
        one.title for one in assistant.loops.declared.values()
    ]
    paused = talk.say("pause the optimization loop")
    assert paused.reply.text == "Paused: Campaign optimization."
    assert row(assistant.bus, "campaign_optimization").is_paused
    assert "campaign_optimization" not in assistant.loops.tick(NOW + HOUR)
    assert talk.say("run the optimizer now").status is Status.REFUSED
    assert talk.say("undo that").reply.text == "Took back: Paused: Campaign optimization."
    assert not row(assistant.bus, "campaign_optimization").is_paused
    asked = talk.say("run the spend watch")
    assert asked.command == "run_loop"
    assert row(assistant.bus, "spend_watch").due_at <= NOW
    assert "spend_watch" in assistant.loops.tick(NOW)
    told = talk.say("what has the spend watch found")
    assert "Looked at 0 spend limits: nothing to stop." in told.reply.text
    assert talk.say("pause all loops").command == "pause_loop"
    assert assistant.loops.tick(NOW + 30 * HOUR) == []
    assert talk.say("resume all loops").command == "resume_loop"
    assert len(assistant.loops.tick(NOW + 30 * HOUR)) == len(assistant.loops.declared)


def test_whoever_only_looks_cannot_stop_them(assistant: Assistant) -> None:
    assistant.loops.tick(NOW)
    viewer = Speaker(assistant, Role.VIEWER)
    assert run(viewer, "list_loops").status is Status.DONE
    assert run(viewer, "pause_loop", loop="optimizer").error is not None
    assert not row(assistant.bus, "campaign_optimization").is_paused


def test_the_words_for_loops_are_those_of_the_loops(assistant: Assistant) -> None:
    assert set(lexicon.vocabulary("loop")) == {*assistant.loops.declared, "all"}


CAMPAIGNS = 16


@pytest.fixture
def cut_by_a_tenth(database_url: str, tmp_path: Path) -> Callable[[], Database]:
    """A database of campaigns whose customers cost too much; opened anew by whoever looks."""
    database = Database(database_url)
    migrate.upgrade(database)
    yesterday = killed_loops.NOW.date() - timedelta(days=1)
    with database.write() as connection:
        venture = add_venture(connection)
        poor = Daily(spend=Decimal(30), revenue=Decimal(10), impressions=0)
        for place in range(CAMPAIGNS):
            add_campaign(connection, venture, f"Campaign {place}", until=yesterday, daily=lambda _: poor)
    database.close()
    bus = build_bus(killed_loops.settings(database_url, tmp_path), lambda: killed_loops.NOW)
    from assistant.bootstrap import build_loops

    build_loops(bus).prepare(killed_loops.NOW)
    with bus.database.write() as connection:
        # Only the loop this is about.
        ours = loops.loops.c.name == killed_loops.LOOP
        connection.execute(update(loops.loops).where(~ours).values(state=loops.PAUSED))
    bus.database.close()
    return lambda: Database(database_url)


def test_killed_fifty_times_in_the_middle_of_applying_it_applies_everything_once(
    cut_by_a_tenth: Callable[[], Database], database_url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.killed_loops", database_url, str(tmp_path), "1"]
    ordeal = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert ordeal.returncode == 0, ordeal.stderr[-2000:]
    told = json.loads(ordeal.stdout)
    assert told["kills"] == killed_loops.KILLS
    database = cut_by_a_tenth()
    with database.read() as connection:
        money = Counter(connection.scalars(select(channel_lines.c.allocated)))
        entries = connection.scalar(select(func.count()).select_from(audit).where(audit.c.status == "done"))
        moved = connection.scalar(select(func.count()).select_from(changes))
        promised = Counter(connection.scalars(select(promises.c.campaign_id)))
        run_of_it = loops.runs(connection, loops.all_loops(connection)[killed_loops.LOOP].id, 5)
    database.close()
    assert money == {Decimal(540): CAMPAIGNS, Decimal(360): CAMPAIGNS}
    assert (entries, moved) == (CAMPAIGNS, 2 * CAMPAIGNS)
    assert set(promised.values()) == {1}
    assert len(run_of_it) == 1
    assert run_of_it[0].outcome == loops.DONE


def test_the_terminal_lists_pauses_and_runs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GTM_DATA_DIR", str(tmp_path))

    terminal = typer.main.get_command(commands_of_the_terminal)

    def gtm(*words: str) -> tuple[int, str]:
        ended = 0
        try:
            result = terminal(["loops", *words], standalone_mode=False)
            ended = result if isinstance(result, int) else 0
        except SystemExit as leaving:
            ended = int(leaving.code or 0)
        except typer.Exit as leaving:
            ended = leaving.exit_code
        return ended, capsys.readouterr().out

    status, told = gtm("--json")
    assert status == 0
    assert {one["loop"] for one in json.loads(told)["result"]["loops"]} == set(lexicon.vocabulary("loop")) - {
        "all"
    }
    assert gtm("pause", "campaign optimizer")[1].startswith("Paused: Campaign optimization.")
    assert gtm("pause", "optimizer")[0] == 1
    assert gtm("resume", "all")[0] == 0
    ran = json.loads(gtm("run", "spend watch", "--json")[1])["result"]["loops"]
    assert [(one["loop"], one["last_outcome"]) for one in ran] == [("spend_watch", "done")]
    assert gtm("run", "nothing")[0] == 2
    assert gtm("--calibration")[1] == "No change with a promise was judged yet.\n"
