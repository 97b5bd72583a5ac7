"""Replies as HTTP responses."""

import json
from typing import Any

from starlette.responses import Response

from assistant.channels.errors import RETRY_SECONDS
from assistant.reply import Reply, Status

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

_UNDER_WAY = (Status.RUNNING, Status.APPROVAL)


def answered(reply: Reply, status: int) -> Response:
    """A reply as JSON."""
    headers = {"Retry-After": RETRY_SECONDS} if status == 503 else None
    return Response(reply.model_dump_json(), status, headers, "application/json")


def status_of_turn(reply: Reply) -> int:
    """200 for whatever was answered; the reply's own status tells how."""
    return _failure(reply) or 200


def status_of_command(reply: Reply) -> int:
    """What became of a command that was named outright."""
    if reply.error is None:
        return 202 if reply.status in _UNDER_WAY else 200
    return _failure(reply) or _refusal(reply.error.code)


def _failure(reply: Reply) -> int | None:
    if reply.status is not Status.FAILED:
        return None
    return 500 if reply.error is not None and reply.error.code == "internal_error" else 503


def _refusal(code: str) -> int:
    if code == "role_required":
        return 403
    if code in SLOT_PROBLEMS:
        return 422
    return 404 if code.startswith("unknown_") else 409


def as_text(name: str, slots: dict[str, Any]) -> str:
    """A command that was sent, not said, as the audit shall show it."""
    written = f"{name} {json.dumps(slots, ensure_ascii=False)}" if slots else name
    # JSON can carry half characters that no database stores.
    return written.encode("utf-8", "replace").decode()
