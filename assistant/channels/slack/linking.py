"""Who somebody in Slack is: a person we know, or nobody yet."""

from assistant.channels.slack.showing import Place, tell
from assistant.channels.slack.working import Task
from assistant.slack import blocks
from storage import people, slack
from storage.people import Person

LINK = "link"


def person_or_told(task: Task, place: Place) -> Person | None:
    """The person who speaks; None for nobody we know, who is then told how to become known."""
    user = place.talk.user
    with task.assistant.database.read() as connection:
        found = slack.person_of(connection, user)
    if found is None:
        told = unknown(user, task.assistant.settings.server.url)
        tell(task, place, blocks.text(told), told)
    return found


def unknown(user: str, url: str) -> str:
    """What somebody is told whom we do not know."""
    return (
        "I do not know you yet. Have a code made, on the settings page of "
        f"{url} or with `gtm slack code NAME`, and send it to me within ten minutes: /gtm link CODE. "
        f"Or have somebody run `gtm slack link {user} NAME`."
    )


def link(task: Task, place: Place, code: str) -> None:
    """Make whoever shows a code the person it was made for."""
    now = task.assistant.clock()
    with task.assistant.database.write() as connection:
        before = slack.person_of(connection, place.talk.user)
        found = people.redeem(connection, code.strip(), people.SLACK, now)
        if found is not None:
            slack.link(connection, place.talk.user, found.id, now)
    told = _told(found, before, is_again=task.event.attempts > 1)
    tell(task, place, blocks.text(told), told)


def _told(found: Person | None, before: Person | None, *, is_again: bool) -> str:
    known = found or (before if is_again else None)
    if known is None:
        return "That code is unknown, was used before, or is too old. Have a new one made."
    return f"From now on you are {known.name} here, with the role {known.role}. Try /gtm help."
