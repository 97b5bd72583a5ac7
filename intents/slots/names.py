"""Names of the portfolio, words of closed lists, and names nobody knows yet."""

from typing import Annotated

from pydantic import WithJsonSchema

from intents import values
from intents.reading import EntityMatch
from intents.slots.base import Entity, listed, named, said_before

VentureName = Annotated[str, Entity("venture"), named("venture")]
"""A venture's canonical name."""

CampaignName = Annotated[str, Entity("campaign"), named("campaign")]
"""A campaign's canonical name; with its venture in brackets where two share one."""

ChannelName = Annotated[str, Entity("channel"), listed("channel")]
"""A value of `engines.terms.Channel`."""

MetricName = Annotated[str, Entity("metric"), listed("metric")]
"""A name of `engines.metrics`."""


def _is_no_verb(match: EntityMatch, text: str) -> bool:
    """Not the "reach" that an amount follows: "when do we reach a million in revenue"."""
    after = text[match.end :].split()[:2]
    return match.value != "reach" or not any(values.parse_money(" ".join(after[:count])) for count in (1, 2))


GoalMetric = Annotated[str, Entity("metric", fits=_is_no_verb), listed("metric")]
"""The same where goals are reached."""

StatusName = Annotated[str, Entity("status"), listed("status")]
"""A value of `engines.terms.CampaignStatus`."""

TopicName = Annotated[str, Entity("topic"), listed("topic")]
"""A command's name or an area of the product."""

LengthName = Annotated[str, Entity("length"), listed("length")]
"""How long a briefing is: just_numbers, one_minute or in_full."""

DeliveryName = Annotated[str, Entity("delivery"), listed("delivery")]
"""Where a briefing goes: page, email, slack, podcast or webhook."""

DeedName = Annotated[str, Entity("deed"), listed("deed")]
"""What was done and is asked about: budget_changed, was_paused or was_resumed."""

_BEFORE_PERIODS = said_before("the", "this", "these", "last", "past", "next", "our", "a", "an")

ComparisonName = Annotated[
    str,
    Entity("comparison", fits=lambda match, text: not _BEFORE_PERIODS(match, text)),
    listed("comparison"),
]
"""The side of a level that is waited for: above or below."""

PersonName = Annotated[str, Entity("person"), named("person")]
"""A user's name."""

StageName = Annotated[str, Entity("stage"), listed("stage")]
"""A value of `engines.terms.VentureStage`."""

BusinessKind = Annotated[str, Entity("business"), listed("business")]
"""What kind of business a venture is, and for whom: b2b_smb, b2c_mass …"""

PaceName = Annotated[str, Entity("pace"), listed("pace")]
"""The time an amount is meant for: day, week, month or total."""

LoopName = Annotated[str, Entity("loop"), listed("loop")]
"""A loop of the service, or all of them."""

CurrencyCode = Annotated[str, Entity("currency"), listed("currency")]
"""An ISO 4217 code."""

PlatformName = Annotated[str, Entity("platform"), listed("platform")]
"""A value of `engines.terms.Platform`."""

CategoryName = Annotated[str, Entity("category"), named("category")]
"""A category some influencer has."""

RiskName = Annotated[str, Entity("risk"), listed("risk")]
"""How much risk is wanted: cautious, balanced or bold."""

ModelName = Annotated[str, Entity("model"), listed("model")]
"""An attribution model: first_touch, last_touch, linear, time_decay, position_based …"""

DataKind = Annotated[str, Entity("kind"), listed("kind")]
"""A kind of data that can be imported: performance, touchpoints …"""

CountryCode = Annotated[str, Entity("place"), listed("place")]
"""An ISO 3166 country code."""

InfluencerName = Annotated[
    str, Entity("influencer", opened_by=("influencer", "creator", "block", "profile of"))
]
"""An influencer's handle or name."""

CollaboratorName = Annotated[
    str,
    Entity(
        "influencer",
        opened_by=(
            *("influencer", "creator", "sign up", "bring in", "bring on", "get", "team up with", "work with"),
            *("add", "adding", "hire", "hiring", "book", "booking", "attach", "bring", "put", "sign", "use"),
            *("take", "include", "assign", "go with", "collaborate with", "partner with"),
        ),
        opened_first=True,
    ),
]
"""The handle or name of an influencer somebody wants to work with."""

NewName = Annotated[
    str,
    Entity("name", opened_by=("called", "named", "call it", "name it", "calling it", "venture", "campaign")),
]
"""A name nobody knows yet."""

FileName = Annotated[str, Entity("file")]
"""The name of a file."""

Pairs = Annotated[
    dict[str, str],
    Entity("pairs"),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
"""Values by name, for programs: nobody says them."""

Reason = Annotated[str, Entity("reason", opened_by=("because", "since it", "the reason is"), to_the_end=True)]
"""Free words: why."""

FreeText = Annotated[str, Entity("category")]
"""A category in anybody's words."""
