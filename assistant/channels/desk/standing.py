"""How the service is set up, for the settings page: people, limits and rules."""

from dataclasses import dataclass

from assistant.channels.service import Service
from assistant.settings import Rule
from intents.command import Role
from storage import limits, people
from storage.limits import SpendLimit
from storage.people import Person


@dataclass(frozen=True)
class LimitShown:
    """A spend limit with the names it holds for."""

    limit: SpendLimit
    subject: str


@dataclass(frozen=True)
class Standing:
    """People are shown to the chairman alone."""

    people: list[Person]
    limits: list[LimitShown]
    rules: tuple[Rule, ...]
    above_confidence: str
    most_of_campaign: str
    in_slack: bool
    """Whether the assistant is in Slack, so that people can be known there."""


def standing(here: Service, person: Person) -> Standing:
    """What is in force now."""
    rules = here.assistant.settings.rules
    with here.assistant.database.read() as connection:
        known = here.assistant.bus.names.current(connection)
        ventures = {known.id("venture", label): label for label in known.labels("venture")}
        campaigns = {known.id("campaign", label): label for label in known.labels("campaign")}
        found = limits.all_limits(connection)
        shown = people.people(connection) if person.role.includes(Role.CHAIRMAN) else []
    return Standing(
        people=shown,
        limits=[LimitShown(one, _subject(one, ventures, campaigns)) for one in found],
        rules=rules.campaigns,
        above_confidence=f"{rules.above_confidence:.0%}",
        most_of_campaign=f"{rules.most_of_campaign:.0%}",
        in_slack=here.assistant.settings.slack.listens,
    )


def _subject(one: SpendLimit, ventures: dict[int | None, str], campaigns: dict[int | None, str]) -> str:
    if one.campaign_id is not None:
        return campaigns.get(one.campaign_id, str(one.campaign_id))
    return ventures.get(one.venture_id, str(one.venture_id))
