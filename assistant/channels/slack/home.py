"""The home page of the app in Slack: what waits for a yes, and what somebody should look at."""

import json
from datetime import datetime
from hashlib import sha256
from typing import Any

from assistant import wording
from assistant.bootstrap import Assistant
from assistant.channels.slack import linking
from assistant.channels.slack.working import Task
from assistant.commands.approvals import ExpectedEffect
from assistant.reply import Reply
from assistant.slack import blocks
from assistant.slack.blocks import DIVIDER, Block
from assistant.slack.notices import alert_buttons, proposal_buttons
from assistant.turn import DESK, Turn
from storage import slack
from storage.people import Person

MOST_SHOWN = 12
"""Proposals, and alerts, on the page."""
LONGEST = 600
"""Characters of one of them."""


def opened(task: Task) -> None:
    """Show somebody the page when they open it."""
    user = str(task.event.body["event"]["user"])
    with task.assistant.database.read() as connection:
        person = slack.person_of(connection, user)
    publish(task.assistant, person, user)


def publish(assistant: Assistant, person: Person | None, user: str, told: str = "") -> None:
    """Show the page as things stand; ``told`` is what came of a button on it."""
    page = _page(assistant, person, user)
    notice = [*blocks.text(told[:LONGEST]), DIVIDER] if told else []
    _show(assistant, user, [*notice, *page])
    with assistant.database.write() as connection:
        slack.home_shown(connection, user, _digest(page), assistant.clock())


def refresh(assistant: Assistant, home: slack.Home) -> bool:
    """Show the page again where it is no longer what was shown last; False where it is."""
    with assistant.database.read() as connection:
        person = slack.person_of(connection, home.slack_id)
    page = _page(assistant, person, home.slack_id)
    digest = _digest(page)
    if digest == home.shown:
        return False
    _show(assistant, home.slack_id, page)
    with assistant.database.write() as connection:
        slack.home_refreshed(connection, home.slack_id, digest)
    return True


def _show(assistant: Assistant, user: str, shown: list[Block]) -> None:
    client = assistant.slack
    view = {"type": "home", "blocks": shown[: blocks.MOST_HOME]}
    client.call(client.client.views_publish, user_id=user, view=view)


def _digest(page: list[Block]) -> str:
    return sha256(json.dumps(page, sort_keys=True).encode()).hexdigest()


def _page(assistant: Assistant, person: Person | None, user: str) -> list[Block]:
    url = assistant.settings.server.url
    if person is None:
        return blocks.text(linking.unknown(user, url))
    link = f"You are {blocks.escaped(person.name)}, {person.role}. Everything else is on <{url}|the desk>."
    return [*_approvals(assistant, person), DIVIDER, *_alerts(assistant, person), DIVIDER, blocks.note(link)]


def _approvals(assistant: Assistant, person: Person) -> list[Block]:
    waiting = _rows(_asked(assistant, person, "list_approvals"), "proposals")
    shown: list[Block] = [blocks.header("Waiting for approval")]
    for row in waiting[:MOST_SHOWN]:
        number = int(row["number"])
        told = f"*{number}* · {blocks.escaped(str(row['summary'])[:LONGEST])}"
        shown += [blocks.formatted(told), blocks.note(_about(row))]
        if _may(assistant, person, "approve"):
            shown += blocks.row(proposal_buttons(number))
    return [*shown, *_rest(len(waiting), "Nothing waits.")]


def _about(row: dict[str, Any]) -> str:
    """Who asked, what it is expected to bring, and who may say yes until when."""
    effect = row.get("expected")
    brings = [] if effect is None else [f"expected to bring {ExpectedEffect.model_validate(effect).told}"]
    risk = [] if row.get("risk") is None else [f"risk {row['risk']}"]
    until = wording.day(datetime.fromisoformat(str(row["expires_at"])).date())
    decide = f"{wording.listed(list(row['approvers']), 'or')} decides until {until}"
    told = "; ".join([f"Asked by {row['requested_by']}", *brings, *risk, decide])
    return blocks.escaped(told)


def _alerts(assistant: Assistant, person: Person) -> list[Block]:
    found = _rows(_asked(assistant, person, "list_alerts"), "alerts")
    unseen = [row for row in found if row["state"] == "open"]
    shown: list[Block] = [blocks.header("Alerts")]
    for row in unseen[:MOST_SHOWN]:
        number = int(row["number"])
        headline = str(row["told"]).partition("\n")[0][:LONGEST]
        shown.append(blocks.formatted(f"*{number}* · {blocks.escaped(headline)}"))
        if _may(assistant, person, "acknowledge_alert"):
            shown += blocks.row(alert_buttons(number))
    return [*shown, *_rest(len(unseen), "Nothing is open.")]


def _may(assistant: Assistant, person: Person, command: str) -> bool:
    """Whether somebody may press a button; the door looks again when they do."""
    bus = assistant.bus
    return bus.may(bus.catalogue[command], person)


def _rest(count: int, none: str) -> list[Block]:
    if not count:
        return [blocks.note(none)]
    return [blocks.note(f"{count - MOST_SHOWN} more: ask me to list them.")] if count > MOST_SHOWN else []


def _asked(assistant: Assistant, person: Person, command: str) -> Reply:
    """What a page asks by being opened, through the same door as everything."""
    turn = Turn(person=person, channel=DESK, text=command, only_looks=True)
    return assistant.dialogue.run(command, {}, turn)


def _rows(reply: Reply, name: str) -> list[dict[str, Any]]:
    result = reply.result
    plain = {} if result is None else result if isinstance(result, dict) else result.model_dump(mode="json")
    return list(plain.get(name) or [])
