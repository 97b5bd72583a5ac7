"""Slack's Web API: messages sent once where that can be known, files, and what went wrong."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from assistant.alerting import raise_alert
from assistant.bus import Bus
from assistant.delivery import NotTakenError
from assistant.posting import asked_pause
from assistant.slack import blocks
from assistant.slack.blocks import Block
from storage import alerts, people, slack

if TYPE_CHECKING:
    from slack_sdk import WebClient

log = logging.getLogger(__name__)

T = TypeVar("T")

TOKEN_TROUBLE = {
    "invalid_auth": "it is not a valid token",
    "not_authed": "no token was sent",
    "account_inactive": "the app was removed from the workspace, or its bot user deactivated",
    "token_expired": "it has expired",
    "token_revoked": "it was revoked",
    "no_permission": "it lacks a permission",
    "missing_scope": "it lacks a permission",
    "org_login_required": "the workspace is being moved",
}
"""Answers that say something of our token, and not of what was sent."""
PASSING = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "accesslimited",
    }
)
"""Answers that another attempt may change."""
RATE_WAIT = timedelta(seconds=30)
"""The pause after too many requests where Slack names none."""
LOOK_BACK = timedelta(minutes=2)
"""How much earlier than it was asked for a message may have been sent by Slack's clock."""
LOOKED_AT = 100
"""The latest messages looked through for one that may have been sent."""
MISSHAPEN = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
"""Answers that say something of how a message looks."""
CAUSE = "slack:token"
REDIRECTS = (301, 302, 303, 307, 308)


class SlackError(NotTakenError):
    """Slack did not take it."""

    def __init__(
        self, code: str, told: str, *, is_final: bool, wait: timedelta | None = None, is_token: bool = False
    ) -> None:
        super().__init__(told, is_final=is_final, wait=wait)
        self.code = code
        """Slack's own word for it."""
        self.is_token = is_token


class Slack:
    """The workspace of the settings. Whatever is sent raises `SlackError` where it is not taken."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._is_broken = True
        """Whether an alert about the token may be open."""

    @cached_property
    def client(self) -> "WebClient":
        """Slack's client; raises its own errors. It tries nothing again by itself: that could send twice."""
        # Imported here: who has no Slack does not load it.
        from slack_sdk import WebClient

        said = self._bus.settings.slack
        if said.bot_token is None:
            raise SlackError("not_authed", "there is no slack.bot_token", is_final=True)
        return WebClient(
            token=said.bot_token.get_secret_value(),
            base_url=str(said.api_url),
            timeout=round(said.seconds),
            retry_handlers=[],
            logger=quiet(),
        )

    def post(
        self,
        channel: str,
        shown: Sequence[Block],
        told: str,
        key: str,
        *,
        thread: str | None = None,
        sent: Mapping[str, str] | None = None,
        look_since: float | None = None,
        note: Callable[[str, str], None] = lambda key, ts: None,
    ) -> list[tuple[str, str]]:
        """Post blocks as one or more messages, and give channel and time stamp of each.

        ``sent`` names parts that are known to be there; with ``look_since`` (seconds since 1970) Slack is
        asked whether others are, before they are posted again. ``note`` is told of each once it is there.
        """
        known = dict(sent or {})
        parts = blocks.messages(shown)
        if look_since is not None and len(known) < len(parts):
            known |= self._found(channel, thread, key, look_since)
        places = []
        for number, part in enumerate(parts):
            name = key if number == 0 else f"{key}#{number}"
            ts = known.get(name)
            if ts is None:
                answer = self._posted(channel, part, told, name, thread)
                ts, channel = str(answer["ts"]), str(answer.get("channel") or channel)
            note(name, ts)
            places.append((channel, ts))
        return places

    def _posted(self, channel: str, part: list[Block], told: str, name: str, thread: str | None) -> Any:
        given: dict[str, Any] = {
            "channel": channel,
            "text": blocks.fallback(told),
            "thread_ts": thread,
            "metadata": {"event_type": blocks.MARK, "event_payload": {"key": name}},
            "unfurl_links": False,
            "unfurl_media": False,
        }
        try:
            return self.call(self.client.chat_postMessage, blocks=part, **given)
        except SlackError as error:
            if error.code not in MISSHAPEN:
                raise
            # Its limits change; an answer without its shape is better than none.
            log.warning("Slack does not take the blocks of a message, which is sent as text: %s", error)
            return self.call(self.client.chat_postMessage, **given)

    def _found(self, channel: str, thread: str | None, key: str, since: float) -> dict[str, str]:
        """Parts of a message that are in Slack already; none where we may not look."""
        asked: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{since - LOOK_BACK.total_seconds():.6f}",
            "include_all_metadata": True,
            "limit": LOOKED_AT,
        }
        try:
            if thread is None:
                answer = self._asked(self.client.conversations_history, **asked)
            else:
                answer = self._asked(self.client.conversations_replies, ts=thread, **asked)
        except SlackError as error:
            if not error.is_final and not error.is_token:
                raise
            log.info("whether a message was sent to Slack cannot be known: %s", error)
            return {}
        found = {}
        for one in answer.get("messages") or []:
            mark = one.get("metadata") or {}
            name = str((mark.get("event_payload") or {}).get("key", ""))
            if mark.get("event_type") == blocks.MARK and (name == key or name.startswith(f"{key}#")):
                found[name] = str(one["ts"])
        return found

    def whisper(
        self, channel: str, user: str, shown: Sequence[Block], told: str, thread: str | None = None
    ) -> None:
        """Tell one person alone, where others talk; Slack keeps no such message."""
        for part in blocks.messages(shown):
            self.call(
                self.client.chat_postEphemeral,
                channel=channel,
                user=user,
                blocks=part,
                text=blocks.fallback(told),
                thread_ts=thread,
            )

    def respond(self, url: str, shown: Sequence[Block], told: str, *, instead: bool = False) -> None:
        """Answer a slash command or a button only one person sees; ``instead`` of the message it is on."""
        from slack_sdk.webhook import WebhookClient

        self._check(url)
        hook = WebhookClient(
            url, timeout=round(self._bus.settings.slack.seconds), retry_handlers=[], logger=quiet()
        )
        for number, part in enumerate(blocks.messages(shown)):
            # It holds no token, and so says nothing of ours.
            answer = self._asked(
                hook.send_dict,
                {
                    "response_type": "ephemeral",
                    "replace_original": instead and number == 0,
                    "text": blocks.fallback(told),
                    "blocks": part,
                },
            )
            if answer.status_code != 200:
                wait = asked_pause(_header(answer.headers, "retry-after"), self._bus.clock())
                told_by = f"answered {answer.status_code} {answer.body}"[:200]
                passing = answer.status_code == 429 or answer.status_code >= 500
                raise SlackError(str(answer.body)[:60], told_by, is_final=not passing, wait=wait)

    def update(self, channel: str, ts: str, shown: Sequence[Block], told: str) -> bool:
        """Change a message of ours; False where there is none any more."""
        first = next(iter(blocks.messages(shown)), [])
        try:
            self.call(
                self.client.chat_update, channel=channel, ts=ts, blocks=first, text=blocks.fallback(told)
            )
        except SlackError as error:
            if error.code in ("message_not_found", "cant_update_message", "channel_not_found"):
                return False
            raise
        return True

    def direct(self, user: str) -> str:
        """The channel of somebody's direct messages with us."""
        answer: Any = self.call(self.client.conversations_open, users=[user])
        return str(answer["channel"]["id"])

    def upload(
        self, channel: str, name: str, content: bytes, title: str, told: str | None, thread: str | None
    ) -> None:
        """Share a file; ``told`` says in words what is on a picture."""
        self.call(
            self.client.files_upload_v2,
            channel=channel,
            filename=name,
            file=content,
            title=title[:200],
            alt_txt=None if told is None else told[:1000],
            thread_ts=thread,
        )

    def download(self, url: str, most: int) -> bytes:
        """A file people sent, of at most so many bytes. The token goes to Slack alone."""
        import httpx2

        self._check(url)
        token = self.client.token or ""
        try:
            with (
                httpx2.Client(timeout=self._bus.settings.slack.seconds, follow_redirects=False) as client,
                client.stream("GET", url, headers={"Authorization": f"Bearer {token}"}) as answer,
            ):
                if answer.status_code in REDIRECTS or "html" in answer.headers.get("content-type", ""):
                    # Slack's page to sign in, where a token may not read files.
                    raise SlackError(
                        "no_file", "Slack shows its sign-in page: files:read is missing", is_final=True
                    )
                if answer.status_code != 200:
                    passing = answer.status_code == 429 or answer.status_code >= 500
                    wait = asked_pause(answer.headers.get("retry-after"), self._bus.clock())
                    told = f"the file was answered with {answer.status_code}"
                    raise SlackError("no_file", told, is_final=not passing, wait=wait)
                taken = bytearray()
                for piece in answer.iter_bytes():
                    taken += piece
                    if len(taken) > most:
                        raise SlackError("too_large", f"the file has more than {most:,} bytes", is_final=True)
        except httpx2.HTTPError as error:
            raise SlackError("no_file", f"{type(error).__name__}: {error}"[:200], is_final=False) from error
        return bytes(taken)

    def _check(self, url: str) -> None:
        """Refuse addresses that are not Slack's: a file may be shared from anywhere."""
        asked, ours = urlsplit(url), urlsplit(str(self._bus.settings.slack.api_url))
        host = asked.hostname or ""
        of_slack = asked.scheme == "https" and (host == "slack.com" or host.endswith(".slack.com"))
        if not of_slack and (asked.scheme, asked.netloc) != (ours.scheme, ours.netloc):
            raise SlackError("foreign_address", "the address is not Slack's", is_final=True)

    def call(self, ask: Callable[..., T], /, *given: Any, **named: Any) -> T:
        """What Slack answers; its errors as ours. What says something of our token becomes an alert, once."""
        try:
            answer = self._asked(ask, *given, **named)
        except SlackError as error:
            if error.is_token:
                self._tell_of_token(error)
            raise
        self._tell_that_it_works()
        return answer

    def _asked(self, ask: Callable[..., T], /, *given: Any, **named: Any) -> T:
        from slack_sdk.errors import SlackApiError, SlackClientError

        try:
            return ask(*given, **named)
        except SlackApiError as error:
            raise self._trouble(error) from None
        except (OSError, HTTPException, SlackClientError) as error:
            # An upload's address is a secret, too: only the kind of the error is told.
            raise SlackError("unreachable", f"no answer: {type(error).__name__}", is_final=False) from None

    def _trouble(self, error: Any) -> SlackError:
        answer = error.response
        status = getattr(answer, "status_code", 200)
        data = answer.data if isinstance(getattr(answer, "data", None), dict) else {}
        code = str(data.get("error") or f"status {status}")[:100]
        details = (data.get("response_metadata") or {}).get("messages") or []
        more = [str(one) for one in (data.get("needed"), *details) if one]
        told = f"answered {code}" + (f" ({'; '.join(more)})" if more else "")
        if status == 429 or code in ("ratelimited", "rate_limited"):
            wait = asked_pause(_header(answer.headers, "retry-after"), self._bus.clock()) or RATE_WAIT
            return SlackError(code, told[:300], is_final=False, wait=wait)
        if code in TOKEN_TROUBLE:
            return SlackError(code, told[:300], is_final=False, is_token=True)
        return SlackError(code, told[:300], is_final=status < 500 and code not in PASSING)

    def _tell_of_token(self, trouble: SlackError) -> None:
        """Say it once, where people look: an alert that stays open until Slack takes the token again."""
        self._is_broken = True
        told = (
            f"Slack no longer takes our token: {TOKEN_TROUBLE[trouble.code]} ({trouble}). Install the app "
            "again and set GTM_SLACK__BOT_TOKEN; what waits for Slack is sent then."
        )
        now = self._bus.clock()
        try:
            with self._bus.database.write() as connection:
                if alerts.open_of(connection, CAUSE) is None:
                    log.error("%s", told)
                    raise_alert(
                        connection,
                        self._bus.settings,
                        f"{CAUSE}:{trouble.code}:{now.isoformat()}",
                        alerts.CONNECTION,
                        told,
                        now,
                        cause=CAUSE,
                    )
        except SQLAlchemyError:
            log.warning("the alert about Slack's token waits for the database")

    def _tell_that_it_works(self) -> None:
        if not self._is_broken:
            return
        try:
            with self._bus.database.write() as connection:
                alerts.close_cause(connection, CAUSE, self._bus.clock())
        except SQLAlchemyError:
            return
        self._is_broken = False

    def remember(self, shown: slack.Shown) -> None:
        """Keep where a message with buttons stands."""
        with self._bus.database.write() as connection:
            slack.remember(connection, shown, self._bus.clock())

    def finish(self, subject: str, mrkdwn: str, *, keeps_buttons: bool = False) -> bool:
        """Take the buttons of every message about something away and say why; False where there is none.

        With ``keeps_buttons`` they are there again: what had been answered was taken back.
        """
        with self._bus.database.read() as connection:
            found = slack.messages_about(connection, subject)
        for one in found:
            line = (
                [*one.blocks, blocks.note(mrkdwn)] if keeps_buttons else blocks.answered(one.blocks, mrkdwn)
            )
            self.update(one.channel, one.ts, line, one.text)
        return bool(found)

    def named(self, name: str) -> str:
        """A person as Slack shows them: by their Slack name where it is known."""
        with self._bus.database.read() as connection:
            found = people.person_named(connection, name)
            known = None if found is None else slack.slack_id_of(connection, found.id)
        return blocks.escaped(name) if known is None else f"<@{known}>"


def _header(headers: Mapping[str, Any], name: str) -> str | None:
    found = next((value for key, value in headers.items() if key.lower() == name), None)
    if isinstance(found, list | tuple):
        found = next(iter(found), None)
    return None if found is None else str(found)


def quiet() -> logging.Logger:
    """The log of Slack's client: it would log what was said; what goes wrong is told by whoever asked."""
    made = logging.getLogger("slack_sdk.quiet")
    made.setLevel(logging.CRITICAL)
    return made
