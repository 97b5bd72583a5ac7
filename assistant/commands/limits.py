"""Limits of spending: campaigns that reach one are paused by themselves."""

from decimal import Decimal

from pydantic import BaseModel, Field

from assistant import wording
from assistant.commands.budget import money_of
from assistant.handling import Context, handles
from assistant.reply import Action, Answer, Button, Problem, Telling
from engines.moves import Pace
from intents.command import Command, Effect, Role
from intents.slots import CampaignName, MoneySlot, PaceName, VentureName
from storage.changes import added, changed
from storage.limits import limit_of


class SpendLimitSet(BaseModel):
    """What may be spent in a day, a week or a month."""

    subject: str
    pace: str
    amount: Decimal
    before: Decimal | None
    """The limit so far; None where there was none."""
    currency: str


class SetSpendLimit(Command):
    """Limits what a venture or a campaign may spend; what reaches the limit is paused by itself."""

    effect = Effect.RECORD
    role = Role.OPERATOR
    sets_ceiling = True
    examples = (
        "set a spend limit of $500 a day for Spring Launch",
        "limit the spending of Acme to $50,000 a month",
    )

    amount: MoneySlot = Field(description="How much?")
    pace: PaceName = Field(Pace.MONTH.value, description="A day, a week or a month?")
    venture: VentureName | None = Field(None, description="Of which venture?")
    campaign: CampaignName | None = Field(None, description="Of which campaign?")

    def asks_for(self) -> str | None:
        """One of the two must be named."""
        return "venture" if self.campaign is None and self.venture is None else None


@handles
def set_spend_limit(asked: SetSpendLimit, context: Context) -> Answer[SpendLimitSet]:
    """Plan a limit, in place of the one there is for the same time."""
    if asked.pace == Pace.TOTAL:
        raise Problem("no_such_pace", "A spend limit is for a day, a week or a month.", "Say which.")
    venture = context.venture(asked.venture)
    campaign = None if asked.campaign is None else context.campaign(asked.campaign, venture)
    if campaign is not None:
        owner, subject, currency = context.owner(campaign), str(asked.campaign), campaign.currency
    elif venture is not None:
        owner, subject, currency = venture, venture.name, venture.currency
    else:
        raise Problem("which_venture", "Limit the spending of what?", "Name a venture or a campaign.")
    amount = money_of(asked.amount, currency)
    of_campaign = None if campaign is None else campaign.id
    known = limit_of(context.connection, owner.id, of_campaign, asked.pace)
    if known is None:
        change = added(
            "spend_limits",
            venture_id=owner.id,
            campaign_id=of_campaign,
            pace=asked.pace,
            amount=amount,
            currency=currency,
            version=1,
        )
    else:
        change = changed(
            "spend_limits", known.id, amount=(known.amount, amount), currency=(known.currency, currency)
        )
    shown = f"{wording.money(amount, currency)} a {asked.pace}"
    done = f"{subject} may spend {shown}; when it has, it is paused."
    before = "" if known is None else f" Until now it was {wording.money(known.amount, known.currency)}."
    return Answer(
        result=SpendLimitSet(
            subject=subject,
            pace=asked.pace,
            amount=amount,
            before=None if known is None else known.amount,
            currency=currency,
        ),
        telling=Telling(text=f"{done}{before}", speech=done, buttons=[Button(label="Undo", say="undo that")]),
        action=Action(
            summary=f"limit the spending of {subject} to {shown}",
            done=done,
            changes=[change],
            kind="campaign",
            venture_id=owner.id,
            campaign_id=of_campaign,
            amount=amount,
            currency=currency,
        ),
    )
