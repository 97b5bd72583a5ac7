"""Answers in Slack: where they are shown, to whom, and with which picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.channels.slack.working import Task
from assistant.reply import Chart, Reply, Status
from assistant.slack import blocks
from assistant.slack.blocks import Block
from assistant.slack.client import SlackError
from assistant.slack.talk import Talk

WHISPERED = (Status.REFUSED, Status.UNKNOWN, Status.FAILED)
"""Where others read along, what went wrong is told to whoever asked alone."""
MOST_CHARTS = 3


@dataclass(frozen=True)
class Place:
    """Where somebody spoke, and so is answered."""

    talk: Talk
    response_url: str | None = None
    """Answers to one person alone, where the app itself may not write."""


def show(task: Task, place: Place, reply: Reply, heard: str | None = None) -> None:
    """Show a reply; ``heard`` are the words a recording was taken for."""
    talk = place.talk
    shown = blocks.answer(reply, talk.id, talk.user, privately=talk.is_private)
    if heard is not None:
        shown = [blocks.note(f"Heard: “{blocks.escaped(heard)}”"), *shown]
    if talk.is_private:
        charts = list(_charts(reply))
        if charts:
            link = task.assistant.settings.server.url
            shown = [
                *shown,
                blocks.note(f"The chart is on <{link}|the desk>, and in an answer to a message."),
            ]
        tell(task, place, shown, reply.reply.text)
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
        slack.whisper(talk.channel, talk.user, shown, told, talk.thread)
    task.note("told", True)


def _charts(reply: Reply) -> list[Chart]:
    found = [step.reply.chart for step in (*reply.steps, reply) if step.reply.chart is not None]
    # The whole shows the chart of its last step.
    return [one for at, one in enumerate(found) if one not in found[:at]][:MOST_CHARTS]


def _show_chart(task: Task, talk: Talk, chart: Chart, number: int) -> None:
    # Imported here: few answers have a picture, and the library is large.
    from assistant import pictures

    name = f"chart{number}"
    if task.progress.get(name):
        return
    try:
        drawn = pictures.png(chart)
    except ValueError:
        return
    told = pictures.described(chart)
    try:
        task.assistant.slack.upload(talk.channel, "chart.png", drawn, chart.title, told, talk.thread)
    except SlackError as error:
        if not error.is_final:
            raise
        # The answer itself is there; its table holds the same figures.
    task.note(name, True)
