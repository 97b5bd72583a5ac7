"""Answers in Slack: where they are shown, to whom, and with which picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.channels.slack.working import Task
from assistant.reply import Chart, Reply, Status
from assistant.slack import blocks
from assistant.slack.blocks import Block
from assistant.slack.client import SlackError
from assistant.slack.talk import DIRECT, Talk

WHISPERED = (Status.REFUSED, Status.UNKNOWN, Status.FAILED)
"""Where others read along, what went wrong is told to whoever asked alone."""
MOST_CHARTS = 3
SHOWN = "shown"


@dataclass(frozen=True)
class Place:
    """Where somebody spoke, and so is answered."""

    talk: Talk
    response_url: str | None = None
    """Answers to one person alone, where the app itself may not write."""
    in_thread: bool = False
    """Whether there is a thread already: one that only begins shows nothing to one person alone."""


def show(task: Task, place: Place, reply: Reply, heard: str | None = None) -> None:
    """Show a reply; ``heard`` are the words a recording was taken for."""
    talk = place.talk
    shown = blocks.answer(reply, talk.id, talk.user, privately=talk.is_private)
    if heard is not None:
        shown = [blocks.note(f"Heard: “{blocks.escaped(heard)}”"), *shown]
    if talk.is_private:
        tell(task, place, shown, reply.reply.text)
        _send_charts(task, place, _charts(reply))
        return
    if reply.status in WHISPERED and not talk.is_direct:
        tell(task, place, shown, reply.reply.text)
        return
    task.assistant.slack.post(
        talk.channel,
        shown,
        reply.reply.text,
        task.key,
        thread=talk.thread,
        sent={name: ts for name, ts in task.progress.items() if isinstance(ts, str)},
        look_since=task.look_since,
        note=task.note,
    )
    for number, chart in enumerate(_charts(reply)):
        _show_chart(task, talk, chart, number)


def tell(task: Task, place: Place, shown: Sequence[Block], told: str) -> None:
    """Tell whoever spoke, and nobody else."""
    talk, slack = place.talk, task.assistant.slack
    if task.progress.get("told"):
        return
    if place.response_url is not None:
        slack.respond(place.response_url, shown, told)
    elif talk.is_at_home:
        slack.post(talk.user, shown, told, task.key, note=task.note)
    else:
        slack.whisper(talk.channel, talk.user, shown, told, talk.thread if place.in_thread else None)
    task.note("told", True)


def _charts(reply: Reply) -> list[Chart]:
    found = [step.reply.chart for step in (*reply.steps, reply) if step.reply.chart is not None]
    # The whole shows the chart of its last step.
    return [one for at, one in enumerate(found) if one not in found[:at]][:MOST_CHARTS]


def _send_charts(task: Task, place: Place, charts: Sequence[Chart]) -> None:
    """Show pictures to one person alone: only messages hold files, so they are in those to the app."""
    if not charts or task.progress.get("charts_told"):
        return
    slack, talk = task.assistant.slack, place.talk
    try:
        direct = slack.direct(talk.user)
    except SlackError as error:
        if not error.is_final and not error.is_token:
            raise
        direct = None
    there = direct is not None and [
        _show_chart(task, replace(talk, channel=direct, place=DIRECT), chart, number)
        for number, chart in enumerate(charts)
    ]
    link = task.assistant.settings.server.url
    where = f"in <#{direct}|our direct messages>" if there and all(there) else f"on <{link}|the desk>"
    note = [blocks.note(f"The chart is {where}.")]
    if place.response_url is not None:
        slack.respond(place.response_url, note, "The chart is in our direct messages.")
    task.note("charts_told", True)


def _show_chart(task: Task, talk: Talk, chart: Chart, number: int) -> bool:
    """Show a picture once; False where there is none to be seen."""
    # Imported here: few answers have a picture, and the library is large.
    from assistant import pictures

    name = f"chart{number}"
    if task.progress.get(name):
        return bool(task.progress[name] == SHOWN)
    try:
        drawn = pictures.png(chart)
    except ValueError:
        return False
    is_shown = True
    told = pictures.described(chart)
    try:
        task.assistant.slack.upload(talk.channel, "chart.png", drawn, chart.title, told, talk.thread)
    except SlackError as error:
        if not error.is_final:
            raise
        # The answer itself is there; its table holds the same figures.
        is_shown = False
    task.note(name, SHOWN if is_shown else "refused")
    return is_shown
