"""Replies as HTTP responses."""

import json
from typing import Any
from uuid import uuid4

from starlette.responses import Response

from assistant.channels.errors import RETRY_SECONDS, Refused
from assistant.reply import Reply, Status
from assistant.turn import Turn
from intents.command import Command, Effect

SLOT_PROBLEMS = frozenset(
    {
        "missing",
        "unknown_slot",
        "invalid_value",
        "not_understood",
        "ambiguous_name",
        "impossible_date",
        "contradictory_slots",
    }
)
"""Codes that say a slot was sent wrong; ``unknown_venture`` and its like are something not found instead."""

_UNDER_WAY = (Status.RUNNING, Status.APPROVAL, Status.CONFIRM)


def answered(reply: Reply, status: int) -> Response:
    """A reply as JSON."""
    headers = {"Retry-After": RETRY_SECONDS} if status == 503 else None
    return Response(reply.model_dump_json(), status, headers, "application/json")


def refuse_other_request(turn: Turn, reply: Reply) -> None:
    """Raise `Refused` when the turn's key already led to the answer of another request."""
    if turn.key is not None and reply.text != turn.text:
        raise Refused(
            422,
            "key_reused",
            "That Idempotency-Key belongs to another request.",
            "Send a new key with every new request; the same one only to send the same request again.",
        )


def status_of_turn(reply: Reply) -> int:
    """200 for whatever was answered; the reply's own status tells how."""
    return _failure(reply) or 200


def status_of_command(reply: Reply) -> int:
    """What became of a command that was named outright."""
    if reply.error is None:
        return 202 if reply.status in _UNDER_WAY else 200
    return _failure(reply) or _refusal(reply.error.code)


def _failure(reply: Reply) -> int | None:
    """The status of a failure that is ours; None for what the request itself led to."""
    if reply.status is not Status.FAILED or reply.error is None:
        return None
    if reply.error.code == "internal_error":
        return 500
    return 503 if reply.error.code.startswith("database_") else None


def _refusal(code: str) -> int:
    if code == "role_required":
        return 403
    if code in SLOT_PROBLEMS:
        return 422
    return 404 if code.startswith("unknown_") else 409


def conversation_of(command: type[Command] | None, sent: str | None) -> str | None:
    """The conversation sent; a new one where the command may be read back, for the yes to be said in."""
    if sent is not None or command is None or command.effect is Effect.READ:
        return sent
    return str(uuid4())


def as_text(name: str, slots: dict[str, Any]) -> str:
    """A command that was sent, not said, as the audit shall show it."""
    written = f"{name} {json.dumps(slots, ensure_ascii=False)}" if slots else name
    # JSON can carry half characters that no database stores.
    return written.encode("utf-8", "replace").decode()
