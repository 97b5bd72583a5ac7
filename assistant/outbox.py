"""Sends what the outbox holds: in order per target, again after a failure, settled one by one."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from assistant import notices
from assistant.briefing.sounding import Sounds
from assistant.bus import Bus
from assistant.delivery import NotTakenError
from assistant.looping import Loop
from assistant.posting import Webhook
from assistant.slack.client import Slack
from assistant.slack.notices import SlackNotices
from storage import outbox
from storage.outbox import Message

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
RETRY_AFTER = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
"""Pauses between attempts; after the last a message has failed for good. After Standard Webhooks."""

SPEAKING_SECONDS = 60.0
"""What it may take, at most, to say a briefing aloud."""

Way = Callable[[Message], None]
"""Hands a message to somebody outside. Raises `NotTakenError`."""


class Sender:
    """Sends notices in the thread of its ``loop``, and brings kept audit entries home."""

    def __init__(self, bus: Bus, slack: Slack | None = None, sounds: Sounds | None = None) -> None:
        """Without ``sounds`` briefings are sent without theirs."""
        self.bus = bus
        self._sounds = sounds
        self.ways: Mapping[str, Way] = {
            notices.WEBHOOK: Webhook(bus).send,
            notices.EMAIL: self._mail,
            notices.SLACK: SlackNotices(bus, slack or Slack(bus), sounds).send,
        }
        """The ways out, by target."""
        self.loop = Loop("outbox", self._step, LOOK_SECONDS)

    def _step(self) -> bool:
        self.bus.journal.replay(self.bus.database)
        return self.send_one()

    def send_one(self) -> bool:
        """Send the next message that is due; False when there is none.

        A process that dies between sending and noting so leaves a message that is sent again with the same
        ``webhook-id``, ``Message-ID`` or metadata, by which the other side, or we, know it.
        """
        now = self.bus.clock()
        targets = notices.ways(self.bus.settings)
        if not targets:
            return False
        with self.bus.database.read() as connection:
            if not outbox.is_due(connection, now, targets):
                return False
        with self.bus.database.write() as connection:
            message = outbox.claim(connection, now, {target: self._lease(target) for target in targets})
        if message is None:
            return False
        problem, wait = None, None
        try:
            self.ways[message.target](message)
        except NotTakenError as error:
            problem, wait = str(error), _pause(message, error)
        with self.bus.database.write() as connection:
            if problem is None:
                outbox.settle(connection, message, outbox.CONFIRMED, None, self.bus.clock())
            elif wait is None:
                outbox.settle(connection, message, outbox.FAILED, problem, self.bus.clock())
            else:
                outbox.retry(connection, message, self.bus.clock() + wait, problem)
        if problem is not None:
            log.warning("notice %s to %s was not taken: %s", message.id, message.target, problem)
        return True

    def _lease(self, target: str) -> timedelta:
        """Longer than the way takes, and no more: what a process that died had claimed waits for its end."""
        said = self.bus.settings
        seconds = {
            notices.WEBHOOK: said.notify.webhook_seconds,
            notices.EMAIL: said.notify.email.seconds,
            # A message may be several calls.
            notices.SLACK: 5 * said.slack.seconds,
        }
        # A briefing may have to be said aloud first.
        return timedelta(seconds=2 * seconds[target] + SPEAKING_SECONDS)

    def _mail(self, message: Message) -> None:
        # Imported here: who sends no mail does not load it.
        from assistant import mailing

        mailing.send(message, self.bus.settings, self._sounds)


def _pause(message: Message, error: NotTakenError) -> timedelta | None:
    """How long to wait before the next attempt; None where there is none."""
    if error.is_final or message.attempts > len(RETRY_AFTER):
        return None
    pause = RETRY_AFTER[message.attempts - 1]
    return pause if error.wait is None else max(pause, error.wait)
