"""How the service is set up, for the settings page: people, limits and rules."""

from dataclasses import dataclass

from assistant.channels.access import SignedIn
from assistant.channels.service import Service
from assistant.settings import Rule
from intents.command import Role
from storage import accesses, limits, mail_addresses, people, sessions, widgets
from storage.accesses import Access
from storage.limits import SpendLimit
from storage.mail_addresses import MailAddress
from storage.people import Person
from storage.sessions import Begun
from storage.widgets import Widget

MOST_ACCESSES = 50
"""Of them, as many as a page shows."""


@dataclass(frozen=True)
class LimitShown:
    """A spend limit with the names it holds for."""

    limit: SpendLimit
    subject: str


@dataclass(frozen=True)
class Standing:
    """People and widgets are shown to the chairman alone, sessions to whom they belong."""

    people: list[Person]
    widgets: list[Widget]
    sessions: list[Begun]
    limits: list[LimitShown]
    rules: tuple[Rule, ...]
    above_confidence: str
    most_of_campaign: str
    in_slack: bool
    """Whether the assistant is in Slack, so that people can be known there."""
    by_mail: bool
    """Whether there is a mail server."""
    mail: MailAddress
    """One's own address."""
    addresses: dict[int, MailAddress]
    """Everybody's, for the chairman."""


def standing(here: Service, found: SignedIn) -> Standing:
    """What is in force now."""
    rules, now = here.assistant.settings.rules, here.assistant.clock()
    is_chairman = found.person.role.includes(Role.CHAIRMAN)
    with here.assistant.database.read() as connection:
        known = here.assistant.bus.names.current(connection)
        ventures = {known.id("venture", label): label for label in known.labels("venture")}
        campaigns = {known.id("campaign", label): label for label in known.labels("campaign")}
        limited = limits.all_limits(connection)
        shown = people.people(connection) if is_chairman else []
        placed = [one for one in widgets.every(connection) if one.is_live(now)] if is_chairman else []
        mail = mail_addresses.of(connection, found.person.id)
        addresses = mail_addresses.every(connection) if is_chairman else {}
        begun = sessions.begun(connection, now, found.person.id, found.session.nonce)
    return Standing(
        people=shown,
        widgets=placed,
        sessions=begun,
        limits=[LimitShown(one, _subject(one, ventures, campaigns)) for one in limited],
        rules=rules.campaigns,
        above_confidence=f"{rules.above_confidence:.0%}",
        most_of_campaign=f"{rules.most_of_campaign:.0%}",
        in_slack=here.assistant.settings.slack.listens,
        by_mail=here.assistant.settings.notify.email.host is not None,
        mail=mail,
        addresses=addresses,
    )


def came_in(here: Service) -> list[Access]:
    """The latest sign-ins, refusals, and keys made and ended."""
    with here.assistant.database.read() as connection:
        return accesses.latest(connection, MOST_ACCESSES)


def _subject(one: SpendLimit, ventures: dict[int | None, str], campaigns: dict[int | None, str]) -> str:
    if one.campaign_id is not None:
        return campaigns.get(one.campaign_id, str(one.campaign_id))
    return ventures.get(one.venture_id, str(one.venture_id))
