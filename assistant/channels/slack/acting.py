"""What is done about each kind of thing Slack sends."""

from assistant.channels.slack import home, pressing, talking
from assistant.channels.slack.incoming import COMMAND, EVENT, PRESS, VIEW
from assistant.channels.slack.working import Task

_ACTS = {
    EVENT: talking.say,
    COMMAND: talking.command,
    PRESS: pressing.press,
    VIEW: pressing.submit,
}


def act(task: Task) -> None:
    """Act on an event. Raises `NotTakenError` where Slack does not take the answer."""
    if task.event.kind == EVENT and task.event.body["event"]["type"] == "app_home_opened":
        home.opened(task)
    else:
        _ACTS[task.event.kind](task)
