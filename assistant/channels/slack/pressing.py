"""Buttons and the form with a reason: each press is somebody's words or command, through the one door."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.channels.answers import as_text
from assistant.channels.slack import home, linking
from assistant.channels.slack.showing import Place, show, tell
from assistant.channels.slack.talking import CHANNEL
from assistant.channels.slack.working import Task
from assistant.reply import Reply, Status
from assistant.slack import blocks
from assistant.slack.client import SlackError
from assistant.slack.talk import DIRECT, Talk, talk_of
from assistant.turn import Turn
from storage.people import Person

PLAIN = ("yes", "no")
"""Words of a button that mean nothing else, and need no other reader."""
PRESSABLE = ("approve", "acknowledge_alert", "snooze_alert")
"""Commands that buttons carry out."""


@dataclass(frozen=True)
class Pressed:
    """A button that was pressed, and where it stood."""

    kind: str
    value: str
    label: str
    place: Place
    ts: str
    """The message it stood on; empty on a home page."""
    blocks: list[dict[str, Any]]
    """What the message shows; nothing where Slack does not tell."""
    text: str
    is_home: bool
    trigger: str


def press(task: Task) -> None:
    """Act on a button."""
    pressed = _pressed(task.event.body)
    if pressed is None:
        return
    person = linking.person_or_told(task, pressed.place)
    if person is None:
        return
    kind = pressed.kind.partition(":")[0]
    if kind == blocks.SAY:
        _say(task, pressed, person)
    elif kind == blocks.REJECT:
        _ask_reason(task, pressed, person)
    elif kind == blocks.DO:
        known = json.loads(pressed.value)
        if known["command"] in PRESSABLE:
            _do(task, pressed, person, known["command"], known["slots"])


def submit(task: Task) -> None:
    """Reject a proposal with the reason that was written into the form."""
    body = task.event.body
    view = body["view"]
    known = json.loads(view.get("private_metadata") or "{}")
    talk = talk_of(str(known.get("talk") or ""))
    if view.get("callback_id") != blocks.REJECT or talk is None or talk.user != body["user"]["id"]:
        return
    place = Place(talk)
    person = linking.person_or_told(task, place)
    if person is None:
        return
    written = view["state"]["values"]["reason"]["reason"].get("value")
    slots = {"proposal": known["proposal"]}
    if written and written.strip():
        slots["reason"] = written.strip()
    pressed = Pressed(blocks.REJECT, "", "Reject", place, "", [], "", bool(known.get("home")), "")
    _do(task, pressed, person, "reject", slots)


def _pressed(body: Mapping[str, Any]) -> Pressed | None:
    action, container = body["actions"][0], body.get("container") or {}
    user, team = str(body["user"]["id"]), str((body.get("team") or {}).get("id"))
    message = body.get("message") or {}
    is_home = container.get("type") == "view"
    channel = str((body.get("channel") or {}).get("id") or container.get("channel_id") or user)
    ts = str(container.get("message_ts") or "")
    began = message.get("thread_ts") or container.get("thread_ts")
    thread = str(began or ts)
    place = DIRECT if is_home or channel.startswith("D") else thread
    # Only what one person sees is answered by its own address: others shall see what is decided for all.
    is_alone = bool(container.get("is_ephemeral"))
    url = str(body["response_url"]) if is_alone and body.get("response_url") else None
    return Pressed(
        kind=str(action.get("action_id", "")),
        value=str(action.get("value", "")),
        label=str((action.get("text") or {}).get("text", "")),
        place=Place(Talk(team, channel, place, user), url, in_thread=began is not None),
        ts=ts,
        blocks=list(message.get("blocks") or []),
        text=str(message.get("text") or ""),
        is_home=is_home,
        trigger=str(body.get("trigger_id") or ""),
    )


def _say(task: Task, pressed: Pressed, person: Person) -> None:
    """Say the words of a button in the conversation it belongs to; nobody speaks for somebody else."""
    said = blocks.said(pressed.value)
    talk = talk_of(said.conversation)
    user = pressed.place.talk.user
    if talk is None or said.user != user or talk.user != user:
        whose = "somebody else" if talk is None else f"<@{said.user}>"
        _whisper(task, pressed.place, f"That was asked of {whose}: only they can answer it. Ask me yourself.")
        return
    assistant = task.assistant
    turn = Turn(
        person=person,
        channel=CHANNEL,
        text=said.words,
        conversation_id=talk.id,
        key=task.key,
        answers=said.answers,
        reader=assistant.embedded if said.words in PLAIN else None,
    )
    reply = assistant.dialogue.turn(turn)
    task.counted(CHANNEL, reply)
    if reply.error is not None and reply.error.code in ("moved_on", "foreign_conversation"):
        _whisper(task, pressed.place, blocks.escaped(reply.reply.text))
        return
    if said.answers is not None:
        _mark(task, pressed, f"“{blocks.escaped(pressed.label)}”, said <@{user}>.")
    url = pressed.place.response_url if said.privately else None
    show(task, Place(talk, url), reply)


def _mark(task: Task, pressed: Pressed, mrkdwn: str) -> None:
    """Take the buttons away that were used, and say by whom."""
    slack = task.assistant.slack
    if pressed.place.response_url is not None:
        slack.respond(pressed.place.response_url, [blocks.note(mrkdwn)], mrkdwn, instead=True)
    elif pressed.ts:
        slack.update(
            pressed.place.talk.channel, pressed.ts, blocks.answered(pressed.blocks, mrkdwn), pressed.text
        )


def _ask_reason(task: Task, pressed: Pressed, person: Person) -> None:
    """Open the form for a reason; whoever may not reject is told so instead."""
    assistant, place = task.assistant, pressed.place
    number = int(pressed.value)
    turn = _named(place, person, "reject", {"proposal": number}, key=None)
    turn.only_looks = True
    looked = assistant.dialogue.run("reject", {"proposal": number}, turn)
    if looked.error is not None:
        task.counted(CHANNEL, looked)
        _tell_error(task, pressed, person, looked)
        return
    known = {"proposal": number, "talk": place.talk.id, "home": pressed.is_home}
    view = {
        "type": "modal",
        "callback_id": blocks.REJECT,
        "private_metadata": json.dumps(known),
        "title": {"type": "plain_text", "text": f"Reject proposal {number}"[:24]},
        "submit": {"type": "plain_text", "text": "Reject"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            *blocks.text(str(looked.reply.text).removeprefix(f"Rejected proposal {number}: ")),
            {
                "type": "input",
                "block_id": "reason",
                "optional": True,
                "label": {"type": "plain_text", "text": "Why?"},
                "element": {
                    "type": "plain_text_input",
                    "action_id": "reason",
                    "multiline": True,
                    "max_length": 500,
                },
            },
        ],
    }
    try:
        assistant.slack.call(assistant.slack.client.views_open, trigger_id=pressed.trigger, view=view)
    except SlackError as error:
        if error.code not in (
            "expired_trigger_id",
            "trigger_expired",
            "trigger_exchanged",
            "exchanged_trigger_id",
        ):
            raise
        _whisper(task, place, f"Slack had stopped waiting. Press again, or say: reject proposal {number}.")


def _do(task: Task, pressed: Pressed, person: Person, command: str, slots: dict[str, Any]) -> None:
    """Carry a command out by name; what came of it is told where the button stood."""
    assistant, place = task.assistant, pressed.place
    turn = _named(place, person, command, slots, key=task.key)
    reply = assistant.dialogue.run(command, slots, turn)
    task.counted(CHANNEL, reply)
    decided = reply.status in (Status.DONE, Status.RUNNING) or reply.result is not None
    if not decided:
        _tell_error(task, pressed, person, reply)
        return
    # What was decided is told on the messages about it by a notice, whoever decided and wherever.
    assistant.outbox.loop.wake()
    if pressed.is_home:
        home.publish(assistant, person, place.talk.user, reply.reply.text)


def _named(place: Place, person: Person, command: str, slots: dict[str, Any], key: str | None) -> Turn:
    return Turn(
        person=person,
        channel=CHANNEL,
        text=as_text(command, slots),
        conversation_id=None if key is None else place.talk.id,
        key=key,
    )


def _tell_error(task: Task, pressed: Pressed, person: Person, reply: Reply) -> None:
    if pressed.is_home:
        home.publish(task.assistant, person, pressed.place.talk.user, reply.reply.text)
    else:
        _whisper(task, pressed.place, blocks.escaped(reply.reply.text))


def _whisper(task: Task, place: Place, mrkdwn: str) -> None:
    tell(task, place, [blocks.formatted(mrkdwn)], mrkdwn)
