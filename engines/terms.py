"""The nouns every layer shares: money, periods, channels and the states of things."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Self


class Channel(StrEnum):
    """A marketing channel; the values are the names used in data, commands and reports."""

    EMAIL = "email"
    SEO = "seo"
    PAID_SEARCH = "paid_search"
    PAID_SOCIAL = "paid_social"
    DISPLAY = "display"
    VIDEO = "video"
    AFFILIATE = "affiliate"
    INFLUENCER = "influencer"
    ORGANIC_SOCIAL = "organic_social"
    CONTENT = "content"
    COMMUNITY = "community"
    PR = "pr"
    EVENTS = "events"
    PARTNERSHIPS = "partnerships"
    DIRECT_SALES = "direct_sales"
    BRAND = "brand"

    @property
    def label(self) -> str:
        """The channel as a person writes it: ``paid search``, ``e-mail`` stays ``email``."""
        return {"seo": "SEO", "pr": "PR"}.get(self.value, self.value.replace("_", " "))


class Platform(StrEnum):
    """A social platform an influencer publishes on."""

    INSTAGRAM = "instagram"
    TIKTOK = "tiktok"
    YOUTUBE = "youtube"
    LINKEDIN = "linkedin"
    TWITTER = "twitter"
    FACEBOOK = "facebook"
    TWITCH = "twitch"


class CampaignStatus(StrEnum):
    """Where a campaign, or one channel line of it, stands."""

    PLANNED = "planned"
    CONFIGURED = "configured"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class VentureStage(StrEnum):
    """How far a venture has come; it decides which channels fit."""

    PRE_REVENUE = "pre_revenue"
    EARLY_REVENUE = "early_revenue"
    GROWTH = "growth"
    SCALE = "scale"


_MINOR_UNITS = {"BHD": 3, "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "KWD": 3, "OMR": 3, "TND": 3, "VND": 0}


def minor_units(currency: str) -> int:
    """Decimals of an ISO 4217 currency (2 unless the standard says otherwise)."""
    return _MINOR_UNITS.get(currency, 2)


def to_minor(amount: Decimal, currency: str) -> Decimal:
    """``amount`` rounded half-even to ``currency``'s smallest unit: for showing, never before summing."""
    return amount.quantize(Decimal(1).scaleb(-minor_units(currency)), rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, order=True)
class Period:
    """An inclusive range of calendar days, with the words a person would use for it.

    Raises `ValueError` when it ends before it starts.
    """

    start: date
    end: date
    label: str = ""

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a period cannot end ({self.end}) before it starts ({self.start})")
        if not self.label:
            object.__setattr__(self, "label", f"{self.start} to {self.end}")

    @property
    def days(self) -> int:
        """Number of days, both ends counted."""
        return (self.end - self.start).days + 1

    @classmethod
    def last_days(cls, count: int, until: date) -> Self:
        """The ``count`` days that end with ``until``."""
        return cls(
            until - timedelta(days=count - 1), until, f"last {count} days" if count > 1 else "last day"
        )

    def before(self) -> "Period":
        """The equally long period that ends the day before this one starts."""
        return Period(self.start - timedelta(days=self.days), self.start - timedelta(days=1))


@dataclass(frozen=True)
class Money:
    """An exact amount and its ISO 4217 currency."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{to_minor(self.amount, self.currency):,} {self.currency}"
