"""What each kind of data consists of: its fields, and the names exporters give them."""

import re
from dataclasses import dataclass
from functools import cached_property

from storage.imports.words import fold

OPTIONS = {
    "date_order": ("mdy", "dmy"),
    "decimal": ("point", "comma"),
    "blanks": ("refuse", "zero"),
    "fractions": ("refuse", "round"),
    "conversion_touches": ("yes", "no"),
}
"""What `--set` says about reading rather than about a field, and what it can say."""

DEFAULTS = ("currency", "time_zone", "gross_margin", "stage", "model", "category", "objective")
"""What `--set` says about ventures and campaigns that an import creates."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_COPY = re.compile(r" \(\d+\)$")
_BRACKETS = re.compile(r"\([^)]*\)")


def plain(header: str) -> str:
    """A column's name without case, punctuation and what stands in brackets."""
    return fold(_CAMEL.sub(" ", _BRACKETS.sub(" ", header)))


def full(header: str) -> str:
    """A column's name without case, punctuation and the number of its copy."""
    return fold(_CAMEL.sub(" ", _COPY.sub("", header)))


@dataclass(frozen=True)
class Field:
    """One thing a row says."""

    name: str
    type: str
    """text, count, money, share, day, moment, channel, platform, currency, flag, rank, kind or country."""
    known_as: str
    """Column names, comma separated, the surest first."""
    parts: str = ""
    """Words one of which in a longer column name makes it probable."""
    required: bool = False
    many: bool = False
    """Whether several columns may give it."""

    @cached_property
    def ranks(self) -> dict[str, int]:
        """The place of each name in the list."""
        return {fold(name): rank for rank, name in reversed(list(enumerate(self.known_as.split(","))))}

    @cached_property
    def words(self) -> frozenset[str]:
        """The telling words."""
        return frozenset(self.parts.split())


@dataclass(frozen=True)
class Shape:
    """A kind of data."""

    name: str
    fields: tuple[Field, ...]
    one_of: tuple[str, ...] = ()
    """Fields at least one of which must be there."""
    keeps_rest: bool = False
    """Whether columns nothing else takes are kept as they are."""

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by name."""
        return {one.name: one for one in self.fields}


_VENTURE = Field(
    "venture",
    "text",
    "venture, brand, company, business, advertiser, account name, client, account",
    required=True,
)
_CHANNEL = Field(
    "channel",
    "channel",
    "channel, marketing channel, channel name, channel group, default channel group, source medium, medium, "
    "network, source, utm medium, utm source, platform, publisher platform",
)
_CAMPAIGN = Field(
    "campaign", "text", "campaign, campaign name, utm campaign, campaign title, campaign id", "campaign"
)
_CURRENCY = Field("currency", "currency", "currency, currency code, account currency")

PERFORMANCE = Shape(
    "performance",
    (
        _VENTURE,
        Field("campaign", "text", _CAMPAIGN.known_as, "campaign", required=True),
        Field("channel", "channel", _CHANNEL.known_as, required=True),
        Field(
            "date",
            "day",
            "date, day, c date, ad date, report date, reporting starts, start date, date start, week, month, "
            "timestamp, time",
            "date",
            required=True,
        ),
        _CURRENCY,
        Field("id", "text", "ad id, keyword id, creative id, row id, record id, id"),
        Field(
            "breakdown",
            "text",
            "age, gender, sex, device, device type, device category, placement, country, region, hour, "
            "interest, "
            "network type, match type, ad group id, ad set id, adset id",
            many=True,
        ),
        Field("reach", "count", "reach, unique reach, unique users"),
        Field("impressions", "count", "impressions, impr, imps, ad impressions, impression"),
        Field("clicks", "count", "clicks, link clicks, ad clicks, clicks all, total clicks, click"),
        Field("leads", "count", "leads, enquiries, inquiries, total leads, form leads, lead", "leads"),
        Field(
            "conversions",
            "count",
            "conversions, orders, purchases, website purchases, transactions, results, acquisitions, "
            "total orders",
            "conversion conversions orders purchases",
        ),
        Field(
            "revenue",
            "money",
            "revenue, conversion value, conv value, conversions value, total conversion value, "
            "purchases conversion value, purchase value, sales amount, sale amount, sales, total revenue, "
            "income",
            "revenue",
        ),
        Field(
            "spend",
            "money",
            "spend, spent, amount spent, cost, ad spend, adspend, total spent, total spend, "
            "campaign cost, ad cost, "
            "media cost, costs",
            "spend spent cost",
        ),
    ),
    one_of=("reach", "impressions", "clicks", "leads", "conversions", "revenue", "spend"),
)

_TIME = Field(
    "time",
    "moment",
    "time, timestamp, occurred at, event time, event timestamp, interaction time, created at, datetime, "
    "date time, "
    "date, order date, day",
    "time date",
    required=True,
)
_KIND = Field(
    "kind",
    "kind",
    "interaction, interaction type, touch type, event type, event name, event, action, kind, type",
)
_CONVERSION = Field("conversion", "flag", "conversion, converted, is conversion, conversions")
_REVENUE = Field(
    "revenue",
    "money",
    "conversion value, revenue, order value, purchase value, value, order total, total, amount, price",
    "revenue value",
)
_VISITORS = (
    "visitor, visitor id, user id, client id, cookie, cookie id, anonymous id, person id, user, contact id"
)

TOUCHPOINTS = Shape(
    "touchpoints",
    (
        _VENTURE,
        Field("visitor", "text", _VISITORS + ", customer id, customer, session id, lead id", required=True),
        _TIME,
        Field("channel", "channel", _CHANNEL.known_as, required=True),
        _KIND,
        _CAMPAIGN,
        _CONVERSION,
        _REVENUE,
        _CURRENCY,
        Field("id", "text", "touchpoint id, event id, hit id, interaction id, row id, id"),
    ),
)

CONVERSIONS = Shape(
    "conversions",
    (
        _VENTURE,
        Field("visitor", "text", _VISITORS),
        Field("customer", "text", "customer, customer id, customer number, buyer, buyer id, email"),
        _TIME,
        Field("revenue", "money", _REVENUE.known_as, "revenue value amount", required=True),
        _KIND,
        _CONVERSION,
        _CHANNEL,
        _CAMPAIGN,
        _CURRENCY,
        Field("id", "text", "order id, order number, transaction id, conversion id, event id, row id, id"),
    ),
    one_of=("visitor", "customer"),
)

INFLUENCERS = Shape(
    "influencers",
    (
        Field("handle", "text", "handle, username, user name, screen name, account handle", required=True),
        Field("name", "text", "display name, full name"),
        Field("platform", "platform", "platform, network, social network, channel", required=True),
        Field(
            "category",
            "text",
            "category 1, category, niche, vertical, main category, category 2, category 3, topic, topics, "
            "topic 1",
            many=True,
        ),
        Field(
            "followers",
            "count",
            "followers numbers, followers, subscribers, follower count, followers count, "
            "subscriber count, fans",
            "followers subscribers",
            required=True,
        ),
        Field("engagement", "share", "engagement rate, er, eng rate, avg engagement rate"),
        Field(
            "interactions",
            "count",
            "engagement avg values, engagement avg, eng avg, average engagement, avg engagement, "
            "engagement average, "
            "engagements, interactions, engagement",
        ),
        Field("likes", "count", "likes avg, avg likes, average likes, likes"),
        Field("comments", "count", "comments avg, avg comments, average comments, comments"),
        Field("shares", "count", "shares avg, avg shares, average shares, shares"),
        Field("average_views", "count", "views avg, avg views, average views, views"),
        Field("country", "country", "country, audience country, location", "country"),
        Field("price", "money", "price, rate, cost per post, price per post, fee", ""),
        Field("currency", "currency", "currency, currency code"),
        Field("verified", "flag", "verified, is verified"),
    ),
    one_of=("engagement", "interactions", "likes"),
)

KEYWORDS = Shape(
    "keywords",
    (
        _VENTURE,
        Field(
            "phrase",
            "text",
            "keyword, phrase, query, search term, search query, term, keywords",
            required=True,
        ),
        Field(
            "volume",
            "count",
            "search volume, volume, avg monthly searches, monthly searches, searches",
            "volume",
        ),
        Field(
            "difficulty",
            "share",
            "keyword difficulty, difficulty, kd, keyword difficulty index, competition indexed value",
            "difficulty",
        ),
        Field("cpc", "money", "cpc, cost per click, avg cpc, top of page bid"),
        Field("position", "rank", "position, rank, current position, ranking, google position, pos"),
        Field("previous_position", "rank", "previous position, previous rank, last position, old position"),
        Field("url", "text", "url, page, landing page, ranking url, current url"),
        Field("search_intent", "text", "keyword intents, intent, search intent, intents, keyword intent"),
        Field("cluster", "text", "cluster, topic, keyword group, parent topic, group, parent keyword"),
        Field("date", "day", "timestamp, date, day, checked at, last update"),
        _CURRENCY,
    ),
)

CUSTOMERS = Shape(
    "customers",
    (
        _VENTURE,
        Field(
            "customer",
            "text",
            "customer id, customer, external id, account id, user id, client id, subscriber id, id, "
            "customer number",
            required=True,
        ),
        Field("email", "text", "email, e mail, email address, mail"),
        Field("country", "country", "country, country code"),
        Field(
            "plan",
            "text",
            "plan, subscription, subscription plan, tier, product, contract, contract type, package",
        ),
        Field(
            "monthly_revenue",
            "money",
            "monthly revenue, mrr, monthly charges, monthly charge, monthly fee, monthly recurring revenue, "
            "monthly spend, subscription amount",
            required=True,
        ),
        Field(
            "acquired",
            "moment",
            "acquired at, acquired, signup date, sign up date, signed up at, created at, start date, "
            "join date, "
            "customer since, registration date, subscription start",
        ),
        Field(
            "tenure", "count", "tenure, tenure months, tenure in months, months, account length, age months"
        ),
        Field(
            "churned_on",
            "moment",
            "churned at, churn date, churned on, cancellation date, canceled at, cancelled at, end date, "
            "subscription end",
        ),
        Field(
            "churned",
            "flag",
            "churn, churned, is churned, churn label, exited, attrition, cancelled, canceled",
        ),
        Field("date", "day", "snapshot date, as of, report date"),
        _CAMPAIGN,
        _CHANNEL,
        _CURRENCY,
    ),
    one_of=("acquired", "tenure"),
    keeps_rest=True,
)

SHAPES = {
    shape.name: shape for shape in (PERFORMANCE, TOUCHPOINTS, CONVERSIONS, INFLUENCERS, KEYWORDS, CUSTOMERS)
}
