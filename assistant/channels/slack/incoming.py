"""What Slack sends: which of it is for us, and by what it is known when it comes again."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from storage.slack import Incoming

EVENT, PRESS, VIEW, COMMAND = "event", "press", "view", "command"
_SUBTYPES = (None, "file_share", "thread_broadcast")
"""Kinds of messages that people write: not edits, deletions, joinings, or what bots say."""
_DROPPED = ("token", "authorizations", "authed_users")
"""Parts of a body nobody needs."""


def incoming(body: Mapping[str, Any]) -> Incoming | None:
    """What a verified body asks for; None for what is not for us."""
    kept = {name: _storable(value) for name, value in body.items() if name not in _DROPPED}
    if kept.get("type") == "event_callback":
        return _event(kept)
    if kept.get("type") == "block_actions":
        return _press(kept)
    if kept.get("type") == "view_submission":
        return _view(kept)
    return _command(kept) if kept.get("command") and kept.get("user_id") else None


def _event(body: dict[str, Any]) -> Incoming | None:
    event = body.get("event") or {}
    kind, user = event.get("type"), event.get("user")
    if not user or event.get("bot_id"):
        return None
    if kind == "message":
        is_ours = event.get("channel_type") == "im" and event.get("subtype") in _SUBTYPES
    elif kind == "app_home_opened":
        is_ours = event.get("tab", "home") == "home"
    else:
        is_ours = kind == "app_mention"
    if not is_ours:
        return None
    said_at = str(event.get("ts") or event.get("event_ts") or body.get("event_time") or "")
    return Incoming(str(body["event_id"])[:200], EVENT, _line(body.get("team_id"), user), said_at, body)


def _press(body: dict[str, Any]) -> Incoming | None:
    user, action = _user(body), next(iter(body.get("actions") or []), None)
    if user is None or action is None:
        return None
    place = {**(body.get("container") or {}), "action": action.get("action_id")}
    # One press has one time; what is on the button does not name it.
    at = str(action.get("action_ts") or body.get("trigger_id") or "")
    name = _digest({"user": user, "at": at, "place": place})
    return Incoming(f"press:{name}", PRESS, _line(_team(body), user), at, body)


def _view(body: dict[str, Any]) -> Incoming | None:
    user, view = _user(body), body.get("view") or {}
    if user is None or not view.get("id"):
        return None
    name = f"view:{view['id']}:{view.get('hash', '')}"[:200]
    return Incoming(name, VIEW, _line(_team(body), user), "", body)


def _command(body: dict[str, Any]) -> Incoming:
    user = str(body["user_id"])
    name = f"command:{_digest({'user': user, 'trigger': body.get('trigger_id') or body})}"
    return Incoming(name, COMMAND, _line(body.get("team_id"), user), "", body)


def _user(body: Mapping[str, Any]) -> str | None:
    found = (body.get("user") or {}).get("id")
    return None if found is None else str(found)


def _team(body: Mapping[str, Any]) -> str | None:
    return (body.get("team") or {}).get("id") or (body.get("user") or {}).get("team_id")


def _line(team: Any, user: Any) -> str:
    return f"{team}:{user}"[:80]


def _digest(known: Any) -> str:
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _storable(value: Any) -> Any:
    """The value without what PostgreSQL stores in no document: NUL, and half characters."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(name): _storable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_storable(one) for one in value]
    return value
