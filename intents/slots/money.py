"""Money, shares of it, and where it comes from and goes to."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from intents import lexicon, values
from intents.reading import Scene
from intents.slots.base import Entity, said_after, said_before, schema, slot_error

MOST_MONEY = Decimal(10**10)
"""No single amount is larger; a bigger one is a slip of the tongue or the finger."""


@dataclass(frozen=True)
class Amount:
    """Money, or a share of what there is: one of the two."""

    amount: Decimal | None = None
    currency: str | None = None
    """ISO 4217; None means the currency of what it is about."""
    share: Decimal | None = None
    """0 to 1."""


def _amount(value: Any, info: ValidationInfo) -> Any:
    """Money as said, a bare number, or a share; positive and within reason."""
    if isinstance(value, str) and isinstance(info.context, Scene):
        share = values.parse_percent(value)
        value = values.parse_money(value) if share is None else share
        if value is None:
            raise slot_error("not_understood", "I cannot read that as an amount.")
    if isinstance(value, int):
        value = Amount(amount=Decimal(value))
    elif isinstance(value, values.MoneySaid):
        value = Amount(amount=Decimal(value.amount), currency=value.currency)
    elif isinstance(value, Decimal):
        value = Amount(share=value)
    if isinstance(value, dict):
        value = Amount(
            amount=None if value.get("amount") is None else Decimal(str(value["amount"])),
            currency=value.get("currency"),
            share=None if value.get("share") is None else Decimal(str(value["share"])),
        )
    if isinstance(value, Amount):
        _within_reason(value)
    return value


def _within_reason(said: Amount) -> None:
    if (said.amount is None) == (said.share is None):
        raise slot_error("not_understood", "An amount is money or a share, one of the two.")
    if said.amount is not None and said.amount <= 0:
        raise slot_error("not_positive", f"An amount must be above zero; you said {said.amount}.")
    if said.amount is not None and said.amount > MOST_MONEY:
        raise slot_error("absurd_amount", f"{said.amount:,} is more than anybody spends here.")
    if said.share is not None and not 0 < said.share <= 1:
        raise slot_error("absurd_share", "A share must be above 0 and at most 100 %.")


def _money(value: Any, info: ValidationInfo) -> Any:
    said = _amount(value, info)
    if isinstance(said, Amount) and said.amount is None:
        raise slot_error("not_understood", "I need an amount of money there, not a share.")
    return said


AmountSlot = Annotated[
    Amount,
    Entity("money", also=("percent", "count")),
    BeforeValidator(_amount),
    schema("an amount of money or a share: $5,000, five thousand, 20%"),
]
"""Money or a share of what there is."""

MoneySlot = Annotated[
    Amount,
    Entity("money", also=("count",)),
    BeforeValidator(_money),
    schema("an amount of money: $5,000, five thousand, EUR 300"),
]
"""Money; without a currency it is in that of what it is about."""

_AFTER_MORE = said_after("add", "adding", "added", "extra", "additional", "another", "plus", "further")

_BEFORE_MORE = said_before("more", "extra", "on top", "additional", "additionally")

ExtraMoney = Annotated[
    Amount,
    Entity(
        "money",
        also=("count",),
        fits=lambda match, text: _AFTER_MORE(match, text) or _BEFORE_MORE(match, text),
    ),
    BeforeValidator(_money),
    schema("money on top of what there is: 20k more, another five thousand"),
]
"""Money on top of what there is."""


def _source_or_target(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str) or not isinstance(info.context, Scene):
        return value
    channel = lexicon.canonical("channel", value)
    if channel is not None:
        return channel
    found = info.context.names.find("campaign", value)
    if found.near and not found.alternatives:
        return found.label
    choices = (found.label, *found.alternatives) if found.alternatives else found.suggestions
    code = "ambiguous_name" if found.alternatives else "unknown_channel"
    raise slot_error(code, f"I know no channel or campaign called {value[:80]!r}.", choices)


SourceName = Annotated[
    str,
    Entity("channel", also=("campaign",), fits=said_after("from", "out of", "off")),
    BeforeValidator(_source_or_target),
]
"""The channel or campaign money comes from."""

TargetName = Annotated[
    str,
    Entity("channel", also=("campaign",), fits=said_after("to", "into", "towards", "toward", "onto")),
    BeforeValidator(_source_or_target),
]
"""The channel or campaign money goes to."""
