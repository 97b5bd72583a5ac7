"""Notices in Slack: each a message with its buttons, or a change of the message it is about."""

import logging
from collections.abc import Mapping
from typing import Any

from assistant import delegating, notices, wording
from assistant.briefing.facts import Briefing
from assistant.briefing.sounding import Sounds, file_name
from assistant.bus import Bus
from assistant.commands.approvals import expected_effect
from assistant.slack import blocks
from assistant.slack.blocks import Block
from assistant.slack.client import Slack, SlackError
from assistant.slack.talk import talk_of
from storage import alerts, people, proposals, slack
from storage.outbox import Message

log = logging.getLogger(__name__)

SOUND_ATTEMPTS = 3
"""After which the sound of a briefing is given up."""
MOST_CLAIMS = 5
"""Figures told of what a proposal rests on; the page has all."""


class SlackNotices:
    """Sends notices to the channel of the settings, to the person, or to where the work was asked for."""

    def __init__(self, bus: Bus, client: Slack, sounds: Sounds | None = None) -> None:
        self._bus = bus
        self._slack = client
        self._sounds = sounds

    def send(self, message: Message) -> None:
        """Send a notice, or change the message that already shows what it is about. Raises `SlackError`."""
        data = message.payload["data"]
        if message.kind == notices.PROPOSAL_DECIDED and self._decided(data):
            return
        if message.kind == notices.ALERT_ANSWERED:
            self._answered(data)
            return
        if message.kind == notices.BRIEFING_SOUND:
            self._play(message)
            return
        shown, told = self._shown(message), str(data["text"])
        channel, thread = self._place(message, data)
        places = self._slack.post(
            channel,
            shown,
            told,
            message.idempotency_key,
            thread=thread,
            look_since=message.created_at.timestamp() if message.attempts > 1 else None,
        )
        subject = _subject(message)
        if subject is not None and places:
            at, ts = places[-1]
            last = blocks.messages(shown)[-1]
            self._slack.remember(slack.Shown(subject, at, ts, blocks.fallback(told), last))

    def _shown(self, message: Message) -> list[Block]:
        """A notice with its buttons."""
        data = message.payload["data"]
        told = str(data["text"])
        by = blocks.escaped(str(data.get("person") or ""))
        number, alert = data.get("proposal"), data.get("alert")
        if message.kind == notices.BRIEFING_READY:
            link = str(data.get("url") or "")
            more = [blocks.note(f"<{link}|Hear it, and see where its figures come from>")] if link else []
            return [*blocks.markdown(str(data.get("markdown") or told)), *more]
        if message.kind == notices.PROPOSAL_WAITING and number is not None:
            facts = self._facts(int(number))
            asked = blocks.note(f"Asked by {by}")
            return [*blocks.text(told), *facts, asked, *blocks.row(proposal_buttons(int(number)))]
        if message.kind in (notices.ALERT_RAISED, notices.ALERT_ESCALATED) and alert is not None:
            return [*blocks.text(told), *blocks.row(alert_buttons(int(alert)))]
        return [*blocks.text(told), *([blocks.note(f"By {by}")] if by else [])]

    def _facts(self, number: int) -> list[Block]:
        """What a proposal rests on, how sure it is, and who may decide."""
        with self._bus.database.read() as connection:
            found = proposals.proposal(connection, number)
            if found is None:
                return []
            deciders = delegating.approvers(connection, found, self._bus.clock())
        effect = expected_effect(found)
        brings = [] if effect is None else [f"Expected to bring {effect.told}."]
        claims = [f"• {one['claim']} ({one['data']})" for one in found.evidence[:MOST_CLAIMS]]
        sure = [] if found.confidence is None else [f"confidence {found.confidence:.0%}"]
        risk = [] if found.risk is None else [f"risk {found.risk}"]
        whose = [f"for {wording.listed(deciders, 'or')} to decide"]
        line = ", ".join([*sure, *risk, *whose])
        told = [*brings, *claims, f"{line[:1].upper()}{line[1:]}."]
        return [blocks.note(blocks.escaped("\n".join(told)))]

    def _decided(self, data: Mapping[str, Any]) -> bool:
        """Tell on the proposal's own message who decided what; False where it has none."""
        number = data.get("proposal")
        if number is None:
            return False
        verb = "✗ Rejected" if data.get("command") == "reject" else "✓ Approved"
        line = f"{verb} by {self._slack.named(str(data['person']))} · {blocks.escaped(str(data['text']))}"
        return self._slack.finish(f"proposal:{number}", line)

    def _answered(self, data: Mapping[str, Any]) -> None:
        """Tell on an alert's own messages how it stands now, and by whom: another attempt says the same."""
        number = int(data["alert"])
        with self._bus.database.read() as connection:
            found = alerts.alert(connection, number)
            seen_by = None if found is None else found.acknowledged_by
            seen = None if seen_by is None else people.person(connection, seen_by)
        if found is None:
            return
        told = blocks.escaped(str(data["text"]).partition("\n")[0])
        by = self._slack.named(seen.name if seen is not None else str(data["person"]))
        if found.acknowledged_at is not None:
            line = f"✓ Acknowledged by {by} · {told}"
        elif found.sleeps(self._bus.clock()):
            line = f"⏾ Snoozed by {by} · {told}"
        else:
            line = f"Open again, said {by}"
        is_open = found.acknowledged_at is None and not found.sleeps(self._bus.clock())
        self._slack.finish(f"alert:{number}", line, keeps_buttons=is_open)

    def _play(self, message: Message) -> None:
        """Show the sound of a briefing where its words are; nowhere where they are not.

        The words are there: a sound that is not taken is given up rather than that notices wait behind it.
        """
        data = message.payload["data"]
        with self._bus.database.read() as connection:
            places = slack.messages_about(connection, f"briefing:{data['briefing']}")
        terms = self._bus.settings.briefings
        if not places or self._sounds is None:
            return
        facts = Briefing.model_validate(data["facts"])
        sound = self._sounds.wanted(facts, terms.sound_form)
        if sound is not None and len(sound) <= terms.most_sound_bytes:
            name = file_name(facts, terms.sound_form)
            try:
                self._slack.upload(places[-1].channel, name, sound, facts.headline, None, None)
            except SlackError as error:
                if not (error.is_final or error.is_token or message.attempts >= SOUND_ATTEMPTS):
                    raise
                log.warning("the sound of a briefing is not in Slack: %s", error)

    def _place(self, message: Message, data: Mapping[str, Any]) -> tuple[str, str | None]:
        """Channel and thread: the end of a job goes to where it was asked for, a briefing to its person."""
        channel = self._bus.settings.slack.channel or ""
        if message.kind == notices.JOB_ENDED:
            talk = talk_of(str(data.get("conversation_id") or ""))
            if talk is not None and not talk.is_private:
                return talk.channel, talk.thread
        if message.kind == notices.BRIEFING_READY:
            with self._bus.database.read() as connection:
                found = people.person_named(connection, str(data.get("person") or ""))
                known = None if found is None else slack.slack_id_of(connection, found.id)
            channel = known or channel
        if not channel:
            raise SlackError("no_channel", "there is no slack.channel", is_final=True)
        return channel, None


def proposal_buttons(number: int) -> list[Block]:
    """Yes, and no with a reason."""
    return [
        blocks.deed("Approve", number, "approve", {"proposal": number}, "primary"),
        blocks.button("Reject…", blocks.REJECT, number, str(number), "danger"),
    ]


def alert_buttons(number: int) -> list[Block]:
    """Seen, and later."""
    tomorrow = {"alert": number, "count": 1, "span": "day"}
    return [
        blocks.deed("Acknowledge", number, "acknowledge_alert", {"alert": number}),
        blocks.deed("Snooze a day", number, "snooze_alert", tomorrow),
    ]


def _subject(message: Message) -> str | None:
    """What the message shows, where it is changed once that is."""
    data = message.payload["data"]
    if message.kind == notices.PROPOSAL_WAITING and data.get("proposal") is not None:
        return f"proposal:{data['proposal']}"
    if message.kind == notices.BRIEFING_READY and data.get("heard"):
        return f"briefing:{data['briefing']}"
    return f"alert:{data['alert']}" if data.get("alert") is not None else None
