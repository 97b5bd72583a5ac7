"""Putting influencers on campaigns."""

from decimal import Decimal

from pydantic import BaseModel, Field

from assistant.handling import Context, handles
from assistant.reply import Answer, Problem
from intents.command import Command, Effect, Role
from intents.slots import CampaignName, CollaboratorName


class Collaboration(BaseModel):
    """x."""

    cost: Decimal | None


class AddInfluencer(Command):
    """Adds an influencer to a campaign, at the price of a post."""

    effect = Effect.SPEND
    role = Role.OPERATOR
    examples = ("add Maya Fields to Spring Launch", "hire @fitwithlena for Spring Launch")

    influencer: CollaboratorName = Field(description="Which influencer?")
    campaign: CampaignName = Field(description="To which campaign?")


@handles
def add_influencer(asked: AddInfluencer, context: Context) -> Answer[Collaboration]:
    """x."""
    raise Problem("x", "x")
