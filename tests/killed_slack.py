"""Acts on what Slack sent in processes that are killed in the middle of writing, until it is done.

``python -m tests.killed_slack URL FOLDER API SEED`` prints how often it was killed: SIGKILL before a writing
statement, or a commit, chosen by the seed; so also between an answer's posting and its being noted.
"""

import importlib
import json
import random
import re
import signal
import sys
from functools import partial
from pathlib import Path

from assistant import bootstrap
from assistant.bootstrap import build
from assistant.channels.slack.acting import act
from assistant.channels.slack.working import Workers
from assistant.settings import Settings, Slack
from intents.reading import EntityMatch, Reading, Scene
from tests.killed_loops import DONE, NOT_YET, NOW, _arm, apart

KILLS = 8
LATEST = 18
"""A process is killed before one of so many statements: an event takes about a dozen."""
MOST_STARTS = 200
TOKEN = "xoxb-a-token-of-tests"


class Namer:
    """Understands "create a venture called …" and nothing else: what is killed here is not the reader."""

    name = "embedded"

    def read(self, text: str, scene: Scene) -> Reading:
        del scene
        found = re.search(r"called (.+)$", text)
        if found is None:
            return Reading(text, None, 0.0, in_scope=0.0)
        name = EntityMatch("new_name", found[1], found[1], found.start(1), found.end(1))
        return Reading(text, "create_venture", 1.0, (name,))


def settings(url: str, folder: Path, api: str) -> Settings:
    """A workspace without notices."""
    terms = Slack.model_validate({"bot_token": TOKEN, "signing_secret": "secret", "api_url": api})
    return Settings(data_dir=folder, database_url=url, slack=terms)


def once(url: str, folder: Path, api: str, fatal: int | None) -> int:
    """Act on all there is, dying before the writing statement of that number."""
    assistant = build(settings(url, folder, api), lambda: NOW)
    workers = Workers(assistant, act, lambda channel, reply: None)
    if fatal is not None:
        _arm(assistant.database.engine, fatal)
    acted = 0
    while workers.do_one():
        acted += 1
    assistant.close()
    return NOT_YET if acted else DONE


def main() -> None:
    """Kill until nothing is left to do."""
    url, folder, api, seed = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    chance = random.Random(seed)  # noqa: S311 - where to die is no secret
    bootstrap.load_reader = lambda _: Namer()  # type: ignore[assignment, return-value]
    # What every process would load is loaded once, before they part.
    for module in ("slack_sdk", "psycopg"):
        importlib.import_module(module)
    once(f"sqlite:///{folder / 'warm.db'}", folder, api, None)
    kills = starts = 0
    ended = NOT_YET
    while ended != DONE and starts < MOST_STARTS:
        starts += 1
        fatal = chance.randint(1, LATEST) if kills < KILLS else None
        ended = apart(partial(once, url, folder, api, fatal))
        kills += ended == -signal.SIGKILL
        if ended not in (-signal.SIGKILL, DONE, NOT_YET):
            sys.exit(f"a process ended with {ended}")
    sys.stdout.write(json.dumps({"kills": kills, "starts": starts}) + "\n")


if __name__ == "__main__":
    main()
