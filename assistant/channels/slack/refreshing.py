"""Home pages that were opened follow what they show: approvals, alerts, who is who."""

import logging
from datetime import datetime, timedelta
from typing import Any

from assistant.alerting import OPEN_DAYS
from assistant.bootstrap import Assistant
from assistant.channels.slack import home
from assistant.looping import Loop
from assistant.slack.client import RATE_WAIT, SlackError
from storage import alerts, proposals, slack

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often it is looked whether anything changed."""
PAUSE = timedelta(seconds=10)
"""Between two changes of one page: what happens meanwhile is shown together."""
LOOK_ANYWAY = timedelta(minutes=10)
"""After which pages are made anew though nothing is known to have changed: roles, who decides, dates."""


class Homes:
    """Refreshes the pages in the thread of its ``loop``."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._seen: Any = None
        self._look_at: datetime | None = None
        self.loop = Loop("slack-homes", self._step, LOOK_SECONDS)

    def _step(self) -> bool:
        self.look()
        return False

    def look(self) -> int:
        """Refresh every page whose content changed, each at most once a `PAUSE`; how many were."""
        now = self._assistant.clock()
        with self._assistant.database.read() as connection:
            pages = slack.homes(connection)
            stands = _stands(connection, now) if pages else None
        known = (stands, [one.slack_id for one in pages])
        if known == self._seen and self._look_at is not None and now < self._look_at:
            return 0
        left, refreshed = False, 0
        for one in pages:
            with self._assistant.database.write() as connection:
                taken = slack.claim_home(connection, one.slack_id, now, now - PAUSE)
            if taken is None:
                left = True
                continue
            try:
                refreshed += home.refresh(self._assistant, taken)
            except SlackError as error:
                left = self._put_off(taken, error, now) or left
        if not left:
            self._seen, self._look_at = known, now + LOOK_ANYWAY
        return refreshed

    def _put_off(self, page: slack.Home, error: SlackError, now: datetime) -> bool:
        """Try again later, unless Slack has no such page any more; whether there is a later."""
        log.warning("a home page in Slack was not refreshed: %s", error)
        with self._assistant.database.write() as connection:
            if error.is_final:
                slack.forget_home(connection, page.slack_id)
                return False
            # A token that is not taken is not asked with again and again.
            wait = LOOK_ANYWAY if error.is_token else max(error.wait or RATE_WAIT, PAUSE)
            slack.look_later(connection, page.slack_id, now + wait - PAUSE)
        return True


def _stands(connection: Any, now: datetime) -> Any:
    """What the pages are made of, in short."""
    since = now - timedelta(days=OPEN_DAYS)
    return (
        [one.id for one in proposals.waiting(connection, now)],
        [
            (one.id, one.told, one.acknowledged_at, one.sleeps(now))
            for one in alerts.open_alerts(connection, since)
        ],
        slack.linked(connection),
    )
