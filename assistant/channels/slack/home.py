"""The home page of the app in Slack: what waits for a yes, and what somebody should look at."""

from datetime import datetime
from typing import Any

from assistant import wording
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
    publish(task, person, user)


def publish(task: Task, person: Person | None, user: str, told: str = "") -> None:
    """Show the page as things stand; ``told`` is what came of a button on it."""
    shown = _page(task, person, user, told)[: blocks.MOST_HOME]
    client = task.assistant.slack
    client.call(client.client.views_publish, user_id=user, view={"type": "home", "blocks": shown})


def _page(task: Task, person: Person | None, user: str, told: str) -> list[Block]:
    url = task.assistant.settings.server.url
    if person is None:
        return blocks.text(linking.unknown(user, url))
    notice = [*blocks.text(told[:LONGEST]), DIVIDER] if told else []
    link = f"You are {blocks.escaped(person.name)}, {person.role}. Everything else is on <{url}|the desk>."
    return [*notice, *_approvals(task, person), DIVIDER, *_alerts(task, person), DIVIDER, blocks.note(link)]


def _approvals(task: Task, person: Person) -> list[Block]:
    waiting = _rows(_asked(task, person, "list_approvals"), "proposals")
    shown: list[Block] = [blocks.header("Waiting for approval")]
    for row in waiting[:MOST_SHOWN]:
        number = int(row["number"])
        told = f"*{number}* · {blocks.escaped(str(row['summary'])[:LONGEST])}"
        shown += [blocks.formatted(told), blocks.note(_about(row))]
        if _may(task, person, "approve"):
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


def _alerts(task: Task, person: Person) -> list[Block]:
    found = _rows(_asked(task, person, "list_alerts"), "alerts")
    unseen = [row for row in found if row["state"] == "open"]
    shown: list[Block] = [blocks.header("Alerts")]
    for row in unseen[:MOST_SHOWN]:
        number = int(row["number"])
        headline = str(row["told"]).partition("\n")[0][:LONGEST]
        shown.append(blocks.formatted(f"*{number}* · {blocks.escaped(headline)}"))
        if _may(task, person, "acknowledge_alert"):
            shown += blocks.row(alert_buttons(number))
    return [*shown, *_rest(len(unseen), "Nothing is open.")]


def _may(task: Task, person: Person, command: str) -> bool:
    """Whether somebody may press a button; the door looks again when they do."""
    bus = task.assistant.bus
    return bus.may(bus.catalogue[command], person)


def _rest(count: int, none: str) -> list[Block]:
    if not count:
        return [blocks.note(none)]
    return [blocks.note(f"{count - MOST_SHOWN} more: ask me to list them.")] if count > MOST_SHOWN else []


def _asked(task: Task, person: Person, command: str) -> Reply:
    """What a page asks by being opened, through the same door as everything."""
    turn = Turn(person=person, channel=DESK, text=command, only_looks=True)
    return task.assistant.dialogue.run(command, {}, turn)


def _rows(reply: Reply, name: str) -> list[dict[str, Any]]:
    result = reply.result
    plain = {} if result is None else result if isinstance(result, dict) else result.model_dump(mode="json")
    return list(plain.get(name) or [])
