"""What somebody outside is told: that a person is needed, and what came of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from assistant.reply import Reply, Status
from assistant.settings import Settings
from assistant.turn import Turn
from storage.changes import RowChange

WEBHOOK, EMAIL, SLACK = "webhook", "email", "slack"
"""Where notices go, each in an order of its own."""
LOOP_CHANNEL = "loop"
"""The channel of turns that no person began."""

PROPOSAL_WAITING = "proposal.waiting"
PROPOSAL_DECIDED = "proposal.decided"
ACTION_CONFIRMED = "action.confirmed"
JOB_ENDED = "job.ended"
LOOP_ACTED = "loop.acted"
ALERT_RAISED = "alert.raised"
ALERT_ESCALATED = "alert.escalated"
ALERT_ANSWERED = "alert.answered"
BRIEFING_READY = "briefing.ready"
BRIEFING_SOUND = "briefing.sound"
ADDRESS_PROOF = "address.proof"
KINDS = {
    PROPOSAL_WAITING: "Somebody's request waits for the chairman.",
    PROPOSAL_DECIDED: "A proposal was approved or rejected; the text says what came of it.",
    ACTION_CONFIRMED: "Somebody confirmed what was read back, as the chairman what spends; it was done.",
    JOB_ENDED: "Work in the background ended: done, failed or cancelled.",
    LOOP_ACTED: "A loop changed something by itself, inside its limits.",
    ALERT_RAISED: "Something is to be looked at: a level that was crossed, an unusual day, a spending limit.",
    ALERT_ESCALATED: "An alert that nobody acknowledged.",
    ALERT_ANSWERED: "An alert was acknowledged or put off, or that was taken back; to Slack alone.",
    BRIEFING_READY: "A scheduled briefing, for those who want it there; the data hold its facts, too.",
    BRIEFING_SOUND: "The sound of a briefing that was sent just before; to Slack alone.",
    ADDRESS_PROOF: "The link that confirms somebody's e-mail address; by mail, to it alone.",
}
"""Every kind of notice, and when it is sent."""


def ways(settings: Settings) -> list[str]:
    """The ways out that there are: a briefing reaches its person in Slack without a channel for notices."""
    found = targets(settings)
    return found if SLACK in found or settings.slack.bot_token is None else [*found, SLACK]


def targets(settings: Settings) -> list[str]:
    """Where notices go by the settings."""
    named = {
        WEBHOOK: settings.notify.webhook_url is not None,
        EMAIL: settings.notify.email.host is not None,
        SLACK: settings.slack.bot_token is not None and settings.slack.channel is not None,
    }
    return [target for target, is_set in named.items() if is_set]


def kind_of(turn: Turn, reply: Reply, approved: dict[str, Any] | None) -> str | None:
    """The notice a turn leads to, if any."""
    if turn.only_looks:
        return None
    if turn.channel == "job":
        return JOB_ENDED
    if reply.status is Status.APPROVAL:
        return PROPOSAL_WAITING
    if reply.status is Status.CONFIRM:
        return None
    if turn.channel == LOOP_CHANNEL:
        return LOOP_ACTED if reply.status is Status.DONE else None
    # A decision stands even when carrying it out failed; a refusal has neither result nor yes.
    if turn.command in ("approve", "reject") and (approved or reply.result is not None):
        return PROPOSAL_DECIDED
    return ACTION_CONFIRMED if approved and reply.status is Status.DONE else None


def payload(kind: str, turn: Turn, reply: Reply, now: datetime) -> dict[str, Any]:
    """The notice as it is posted (Standard Webhooks: type, timestamp, data)."""
    return {
        "type": kind,
        "timestamp": now.isoformat(),
        "data": {
            "text": reply.reply.text,
            "status": reply.status.value,
            "person": turn.person.name,
            "command": reply.command,
            "slots": reply.slots,
            "turn_id": turn.turn_id,
            "audit_id": reply.audit_id,
            "job_id": reply.job_id,
            "proposal": turn.proposal,
            "conversation_id": turn.conversation_id,
        },
    }


_ANSWERS = {"acknowledged_at", "snoozed_until"}


def answered_alerts(settings: Settings, made: Sequence[RowChange]) -> list[int]:
    """The alerts that a command acknowledged, put off or opened again, where messages may show them."""
    if SLACK not in targets(settings):
        return []
    touched = (one for one in made if one.table == "alerts" and _ANSWERS & {*(one.after or {})})
    return [one.row_id for one in touched if one.row_id is not None]


def alert_payload(
    notice: str, kind: str, told: str, now: datetime, number: int | None = None
) -> dict[str, Any]:
    """An alert as it is posted; ``notice`` says whether it is new or was not acknowledged."""
    data = {"text": told, "kind": kind, "alert": number}
    return {"type": notice, "timestamp": now.isoformat(), "data": data}
