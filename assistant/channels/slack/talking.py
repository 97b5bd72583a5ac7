"""What is said in Slack, typed or recorded, answered where it was said."""

from collections.abc import Mapping
from typing import Any

from assistant.channels.slack import linking
from assistant.channels.slack.showing import Place, show, tell
from assistant.channels.slack.words import plain
from assistant.channels.slack.working import Task
from assistant.slack import blocks
from assistant.slack.client import SlackError
from assistant.slack.talk import COMMAND, DIRECT, Talk
from assistant.turn import Turn
from storage.people import Person
from voice.audio import VoiceError

CHANNEL = "slack"
LONGEST = 10_000
"""Characters of a message that are read, as over HTTP."""


def say(task: Task) -> None:
    """Answer a message to us, or one that names us."""
    body = task.event.body
    event = body["event"]
    talk = _talk(body, event)
    place = Place(talk)
    person = linking.person_or_told(task, place)
    if person is None:
        return
    clip = next((one for one in event.get("files") or [] if _is_clip(one)), None)
    if clip is not None:
        _listen(task, place, person, clip)
        return
    words = plain(str(event.get("text") or ""))
    if not words and event.get("files"):
        _refuse(task, place, "I read messages and listen to audio clips; other files I cannot use here.")
        return
    _answer(task, place, person, words or "help")


def command(task: Task) -> None:
    """Answer ``/gtm …``, to whoever typed it alone."""
    body = task.event.body
    talk = Talk(str(body.get("team_id")), str(body.get("channel_id")), COMMAND, str(body["user_id"]))
    place = Place(talk, str(body["response_url"]))
    words = plain(str(body.get("text") or ""))
    first, _, rest = words.partition(" ")
    if first.casefold() == linking.LINK and rest:
        linking.link(task, place, rest)
        return
    person = linking.person_or_told(task, place)
    if person is not None:
        _answer(task, place, person, words or "help")


def _talk(body: Mapping[str, Any], event: Mapping[str, Any]) -> Talk:
    team, channel, user = str(body.get("team_id")), str(event["channel"]), str(event["user"])
    thread = event.get("thread_ts")
    if thread is None and not channel.startswith("D"):
        # What is said to us in a channel begins a thread.
        thread = event["ts"]
    return Talk(team, channel, DIRECT if thread is None else str(thread), user)


def _answer(task: Task, place: Place, person: Person, words: str) -> None:
    turn = _turn(task, place, person, words[:LONGEST])
    reply = task.assistant.dialogue.turn(turn)
    task.counted(CHANNEL, reply)
    show(task, place, reply)


def _turn(task: Task, place: Place, person: Person, words: str) -> Turn:
    return Turn(person=person, channel=CHANNEL, text=words, conversation_id=place.talk.id, key=task.key)


def _is_clip(file: Mapping[str, Any]) -> bool:
    """Whether a file is something said: Slack's own clips of sound may be called video."""
    return str(file.get("mimetype", "")).startswith("audio/") or file.get("subtype") == "slack_audio"


def _listen(task: Task, place: Place, person: Person, clip: Mapping[str, Any]) -> None:
    """Answer a recording, and show what was understood."""
    assistant = task.assistant
    turn = _turn(task, place, person, "")
    address = str(clip.get("url_private_download") or clip.get("url_private") or "")
    try:
        sound = (
            b""
            if assistant.bus.earlier(turn)
            else assistant.slack.download(address, assistant.settings.voice.most_bytes)
        )
        exchange = assistant.spoken.turn(sound, turn)
    except SlackError as error:
        if not error.is_final:
            raise
        _refuse(task, place, f"I could not get that recording: {error}.")
        return
    except VoiceError as error:
        _refuse(task, place, f"{error.message} {error.cure}".strip())
        return
    task.counted(CHANNEL, exchange.reply)
    show(task, place, exchange.reply, exchange.reply.text or None)


def _refuse(task: Task, place: Place, told: str) -> None:
    tell(task, place, blocks.text(told), told)
