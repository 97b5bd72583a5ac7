"""Notices by e-mail, handed to the mail server of the settings: plain words, of a briefing a page as well."""

import smtplib
import ssl
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from assistant import notices
from assistant.delivery import NotTakenError
from assistant.reply import Chart
from assistant.settings import Briefings, Email, Settings, parts
from storage.outbox import Message

if TYPE_CHECKING:
    from assistant.briefing.sounding import Sounds

SUBJECT_CHARACTERS = 120
MESSAGE_ID_HOST = "gtm-assistant.invalid"
CHART = "cid:chart@gtm-assistant.invalid"
"""What the page of a briefing calls its picture."""


class MailError(NotTakenError):
    """The mail server did not take it. Final is an SMTP reply of 5xx to these addresses or this message."""


def written(message: Message, settings: Settings, sounds: "Sounds | None" = None) -> EmailMessage:
    """The mail of a notice. Sent a second time it has the same Message-ID, by which servers know it.

    With ``sounds`` a briefing that is to be heard brings its sound, or says where it is where that is large.
    """
    text = str(message.payload["data"]["text"])
    first = text.partition("\n")[0].strip()
    mail = EmailMessage()
    # A line break in a header would be another header; what people named may hold any character.
    subject = " ".join("".join(one if one.isprintable() else " " for one in first).split())
    mail["Subject"] = subject if len(subject) <= SUBJECT_CHARACTERS else f"{subject[:SUBJECT_CHARACTERS]}…"
    mail["From"] = settings.notify.email.sender
    mail["To"] = ", ".join(_addresses(message, settings.notify.email))
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.idempotency_key.replace(':', '.')}@{MESSAGE_ID_HOST}>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.kind == notices.BRIEFING_READY:
        _briefing(mail, message.payload["data"], settings.briefings, sounds)
    else:
        mail.set_content(f"{text}\n\n{settings.server.url}\n")
    return mail


def _briefing(mail: EmailMessage, data: dict[str, Any], terms: Briefings, sounds: "Sounds | None") -> None:
    """Words alone, and the same as a page with its chart inside; and its sound."""
    # Imported here: few mails are briefings, and drawing is much to load.
    from assistant.briefing.facts import Briefing
    from assistant.briefing.html import document
    from assistant.briefing.sounding import file_name
    from assistant.pictures import described, png
    from voice.encoding import MEDIA_TYPES

    facts = Briefing.model_validate(data["facts"])
    sound = sounds.wanted(facts, terms.sound_form) if sounds and data.get("heard") else None
    is_large = sound is not None and len(sound) > terms.most_sound_bytes
    hear = "Hear it: " if is_large else ""
    mail.set_content(f"{data['text']}\n\n{hear}{data['url']}\n")
    drawn = None if facts.chart is None else _drawn(png, facts.chart)
    alt = "" if facts.chart is None else described(facts.chart)
    page = document(
        facts, url=data["url"], picture=None if drawn is None else CHART, alt=alt, is_heard_there=is_large
    )
    mail.add_alternative(page, subtype="html")
    if drawn is not None:
        related = mail.get_payload(1)
        if isinstance(related, EmailMessage):
            related.add_related(
                drawn, "image", "png", cid=f"<{CHART.removeprefix('cid:')}>", filename="chart.png"
            )
    if sound is not None and not is_large:
        subtype = MEDIA_TYPES[terms.sound_form].partition("/")[2]
        mail.add_attachment(sound, "audio", subtype, filename=file_name(facts, terms.sound_form))


def _drawn(draw: Callable[[Chart], bytes], chart: Chart) -> bytes | None:
    try:
        return draw(chart)
    except ValueError:
        return None


def send(message: Message, settings: Settings, sounds: "Sounds | None" = None) -> None:
    """Hand a notice to the mail server. Raises `MailError`."""
    said = settings.notify.email
    mail = written(message, settings, sounds)
    try:
        with _connected(said) as server:
            if said.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if said.user is not None and said.password is not None:
                server.login(said.user, said.password.get_secret_value())
            refused = server.send_message(mail, to_addrs=_addresses(message, said))
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise MailError("no address was taken", is_final=all(code >= 500 for code in codes)) from error
    except smtplib.SMTPResponseException as error:
        told = error.smtp_error
        words = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
        is_final = error.smtp_code >= 500 and not isinstance(error, smtplib.SMTPAuthenticationError)
        raise MailError(f"answered {error.smtp_code} {words}"[:300], is_final=is_final) from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailError(f"{type(error).__name__}: {error}"[:300], is_final=False) from error
    if refused:
        raise MailError(f"not taken for {', '.join(sorted(refused))}"[:300], is_final=True)


def _connected(said: Email) -> smtplib.SMTP:
    host = said.host or ""
    if said.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, said.port, timeout=said.seconds, context=context)
    return smtplib.SMTP(host, said.port, timeout=said.seconds)


def _addresses(message: Message, said: Email) -> Sequence[str]:
    if message.kind in (notices.BRIEFING_READY, notices.ADDRESS_PROOF):
        own: list[str] = message.payload["data"]["to"]
        return own
    everybody = parts(said.to)
    if message.kind == notices.ALERT_ESCALATED:
        everybody += [one for one in parts(said.escalate_to) if one not in everybody]
    return everybody
