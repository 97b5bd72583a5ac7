"""The types a command's slots are declared with.

Each names the entity that fills it and turns what was said, or sent as JSON, into its value. Validation
takes a `Scene` as context (``Model.model_validate(data, context=scene)``); without one only finished values
are accepted, which is how stored commands are read back.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from engines.terms import Period
from intents import lexicon, values
from intents.reading import EntityMatch, Scene
from intents.values import rhythms
from intents.values.dates import ImpossibleDate, checked_year

Fits = Callable[[EntityMatch, str], bool]
"""Whether a match, in its utterance, is meant for a slot."""


@dataclass(frozen=True)
class Entity:
    """Marks a slot type with the kinds of entity that fill it."""

    kind: str
    also: tuple[str, ...] = ()
    """Other kinds that do as well."""
    fits: Fits | None = None
    """Which of several matches; a slot that says so chooses before one that takes any."""
    opened_by: tuple[str, ...] = ()
    """For a name nobody knows yet: the words it follows (``called``, ``named``)."""
    to_the_end: bool = False
    """Whether such words go on to the end of the text, joining words and all."""
    as_said: bool = False
    """Whether the slot reads the words itself: they mean something else here than elsewhere."""


def said_after(*words: str) -> Fits:
    """Matches that directly follow one of these words (an article may stand between)."""
    pattern = re.compile(rf"\b(?:{'|'.join(words)})\s+(?:the\s+|our\s+)?$", re.IGNORECASE)
    return lambda match, text: pattern.search(text[: match.start]) is not None


def said_before(*words: str) -> Fits:
    """Matches that are directly followed by one of these words."""
    pattern = re.compile(rf"^\s*(?:{'|'.join(words)})\b", re.IGNORECASE)
    return lambda match, text: pattern.search(text[match.end :]) is not None


def written_with(*signs: str) -> Fits:
    """Matches whose own words hold one of these signs."""
    return lambda match, text: any(sign in match.text.casefold() for sign in signs)


def slot_error(code: str, message: str, choices: tuple[str, ...] = ()) -> PydanticCustomError:
    """A slot error: a stable code, a sentence for the person, and what could be said instead."""
    return PydanticCustomError(code, "{message}", {"message": message, "choices": list(choices)})


def _said(parse: Callable[[str, Scene], Any], what: str) -> BeforeValidator:
    """Validate strings with ``parse``; anything else is taken as a finished value."""

    def validate(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str) or not isinstance(info.context, Scene):
            return value
        parsed = parse(value, info.context)
        if parsed is None:
            raise slot_error("not_understood", f"I cannot read {value[:80]!r} as {what}.")
        return parsed

    return BeforeValidator(validate)


def _named(kind: str) -> BeforeValidator:
    """Resolve a name against the live names: one canonical spelling, or an error with the choices."""

    def validate(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str) or not isinstance(info.context, Scene):
            return value
        found = info.context.names.find(kind, value)
        if found.exact or found.near:
            if found.alternatives:
                choices = (found.label, *found.alternatives)
                raise slot_error("ambiguous_name", f"{value!r} could be more than one {kind}.", choices)
            return found.label
        raise slot_error(f"unknown_{kind}", f"I know no {kind} called {value[:80]!r}.", found.suggestions)

    return BeforeValidator(validate)


def _listed(kind: str) -> BeforeValidator:
    """Resolve a word of a closed list (channel, metric, status …) to its canonical value."""

    def validate(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = lexicon.canonical(kind, value)
        if found is None:
            choices = lexicon.vocabulary(kind)
            raise slot_error(f"unknown_{kind}", f"I know no {kind} called {value[:80]!r}.", choices)
        return found

    return BeforeValidator(validate)


def _schema(description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": description})


VentureName = Annotated[str, Entity("venture"), _named("venture")]
"""A venture's canonical name."""

CampaignName = Annotated[str, Entity("campaign"), _named("campaign")]
"""A campaign's canonical name; with its venture in brackets where two share one."""

ChannelName = Annotated[str, Entity("channel"), _listed("channel")]
"""A value of `engines.terms.Channel`."""

MetricName = Annotated[str, Entity("metric"), _listed("metric")]
"""A name of `engines.metrics`."""


def _is_no_verb(match: EntityMatch, text: str) -> bool:
    """Not the "reach" that an amount follows: "when do we reach a million in revenue"."""
    after = text[match.end :].split()[:2]
    return match.value != "reach" or not any(values.parse_money(" ".join(after[:count])) for count in (1, 2))


GoalMetric = Annotated[str, Entity("metric", fits=_is_no_verb), _listed("metric")]
"""The same where goals are reached."""

StatusName = Annotated[str, Entity("status"), _listed("status")]
"""A value of `engines.terms.CampaignStatus`."""

TopicName = Annotated[str, Entity("topic"), _listed("topic")]
"""A command's name or an area of the product."""

Count = Annotated[
    int,
    Entity("count"),
    _said(lambda text, scene: values.parse_count(text), "a number"),
    _schema("a whole number, in digits or words"),
]
"""A positive whole number: how many to show."""

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
    _schema("an amount of money or a share: $5,000, five thousand, 20%"),
]
"""Money or a share of what there is."""

MoneySlot = Annotated[
    Amount,
    Entity("money", also=("count",)),
    BeforeValidator(_money),
    _schema("an amount of money: $5,000, five thousand, EUR 300"),
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
    _schema("money on top of what there is: 20k more, another five thousand"),
]
"""Money on top of what there is."""

ProposalNumber = Annotated[
    int,
    Entity("proposal", also=("count",)),
    _said(lambda text, scene: values.parse_count(text), "a proposal's number"),
    _schema("the number of a proposal"),
]
"""The number a proposal is listed with."""

_BEFORE_SPANS = said_before("hours?", "hrs?", "days?", "weeks?", "months?", "more (?:hours?|days?|weeks?)")

AlertNumber = Annotated[
    int,
    Entity("count", fits=lambda match, text: not _BEFORE_SPANS(match, text)),
    _said(lambda text, scene: values.parse_count(text), "an alert's number"),
    _schema("the number of an alert"),
]
"""The number an alert is listed with."""

SpanCount = Annotated[
    int,
    Entity("count", fits=_BEFORE_SPANS),
    _said(lambda text, scene: values.parse_count(text), "a number"),
    _schema("how many hours, days, weeks or months"),
]
"""How many of a span of time."""

SpanName = Annotated[str, Entity("span"), _listed("span")]
"""A span of time: hour, day, week or month."""

Everything = Annotated[
    bool,
    Entity("every"),
    BeforeValidator(lambda value: True if value == "every" else value),
    WithJsonSchema({"type": "boolean", "description": "true for all of them"}),
]
"""Whether all are meant, not one."""

FrequencyName = Annotated[str, Entity("frequency"), _listed("frequency")]
"""How often something comes: daily, weekdays, weekends, weekly, fortnightly or monthly."""


def _weekday(value: Any) -> Any:
    if isinstance(value, Period) and value.start == value.end:
        return rhythms.WEEKDAYS[value.start.weekday()]
    if not isinstance(value, str):
        return value
    found = rhythms.weekday_of(value)
    if found is None:
        raise slot_error("unknown_weekday", f"I know no weekday {value[:80]!r}.", rhythms.WEEKDAYS)
    return found


WeekdayName = Annotated[
    str,
    Entity("weekday", also=("period",), fits=lambda match, text: rhythms.weekday_of(match.text) is not None),
    BeforeValidator(_weekday),
    _schema("a weekday: monday"),
]
"""``monday`` to ``sunday``."""


def _time_of_day(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return value
    found = rhythms.time_of(value)
    if found is None:
        raise slot_error("not_understood", f"I cannot read {value[:80]!r} as a time of day.")
    return found


TimeOfDay = Annotated[
    str,
    Entity("time", also=("count",)),
    BeforeValidator(_time_of_day),
    _schema("a time of day: 08:30, half past seven, 6pm"),
]
"""``HH:MM`` of 24 hours; a bare six to eleven is the morning, one to five the afternoon."""


def _month_day(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return value
    found = rhythms.month_day_of(value)
    if found is None:
        raise slot_error("not_understood", f"I cannot read {value[:80]!r} as a day of the month.")
    return found


MonthDay = Annotated[
    str,
    Entity("month_day"),
    BeforeValidator(_month_day),
    _schema("a day of the month: 1 to 28, last, 1st mon, last fri"),
]
"""A day that every month has: ``1`` to ``28``, ``last``, ``1st mon``."""

LengthName = Annotated[str, Entity("length"), _listed("length")]
"""How long a briefing is: just_numbers, one_minute or in_full."""

DeliveryName = Annotated[str, Entity("delivery"), _listed("delivery")]
"""Where a briefing goes: page, email, slack, podcast or webhook."""


def _true_for(word: str) -> BeforeValidator:
    return BeforeValidator(lambda value: True if value == word else value)


Spoken = Annotated[
    bool,
    Entity("spoken"),
    _true_for("spoken"),
    WithJsonSchema({"type": "boolean", "description": "true for one to listen to"}),
]
"""Whether it is to be heard as well."""

SkipsHolidays = Annotated[
    bool,
    Entity("skipping"),
    _true_for("skip_holidays"),
    WithJsonSchema({"type": "boolean", "description": "true to leave out public holidays"}),
]
"""Whether public holidays are left out."""

ScheduleNumber = Annotated[
    int,
    Entity("count"),
    _said(lambda text, scene: values.parse_count(text), "a schedule's number"),
    _schema("the number of a schedule"),
]
"""The number a schedule is listed with."""

BriefingNumber = Annotated[
    int,
    Entity("count"),
    _said(lambda text, scene: values.parse_count(text), "a briefing's number"),
    _schema("the number of a briefing that was made earlier"),
]
"""The number a briefing is kept under."""

DeedName = Annotated[str, Entity("deed"), _listed("deed")]
"""What was done and is asked about: budget_changed, was_paused or was_resumed."""

_BEFORE_PERIODS = said_before("the", "this", "these", "last", "past", "next", "our", "a", "an")

ComparisonName = Annotated[
    str,
    Entity("comparison", fits=lambda match, text: not _BEFORE_PERIODS(match, text)),
    _listed("comparison"),
]
"""The side of a level that is waited for: above or below."""


@dataclass(frozen=True)
class Level:
    """A number that a metric is held against."""

    number: Decimal
    unit: str | None = None
    """``percent`` (the number is a share then), a currency, or None for a bare number."""
    side: str | None = None
    """above or below, where what was said tells it."""


def _level(value: Any, info: ValidationInfo) -> Any:
    """A level from money, a share, a bare number or a range with one end."""
    if isinstance(value, str) and isinstance(info.context, Scene):
        share = values.parse_percent(value)
        said = values.parse_range(value) or (
            values.NumberRange(share, share, "percent") if share is not None else values.parse_money(value)
        )
        if said is None:
            raise slot_error("not_understood", f"I cannot read {value[:80]!r} as a level.")
        value = said
    if isinstance(value, values.MoneySaid):
        return Level(Decimal(value.amount), value.currency)
    if isinstance(value, values.NumberRange):
        return _one_end(value)
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Level(Decimal(value))
    if isinstance(value, dict):
        return Level(Decimal(str(value["number"])), value.get("unit"), value.get("side"))
    return value


def _one_end(said: values.NumberRange) -> Level:
    if said.min is not None and said.max is not None and said.min != said.max:
        raise slot_error("two_levels", "A level is one number, not two.")
    number = said.max if said.min is None else said.min
    if number is None:
        raise slot_error("not_understood", "A level is a number.")
    side = None if said.min == said.max else "below" if said.min is None else "above"
    return Level(number, said.unit, side)


LevelSlot = Annotated[
    Level,
    Entity("range", also=("money", "percent", "count")),
    BeforeValidator(_level),
    _schema("a level: 120, $120, 2%, above 120, under two percent"),
]
"""The number a metric is held against, with its side where that is said."""

Reason = Annotated[str, Entity("reason", opened_by=("because", "since it", "the reason is"), to_the_end=True)]
"""Free words: why."""

PersonName = Annotated[str, Entity("person"), _named("person")]
"""A user's name."""

FreeText = Annotated[str, Entity("category")]
"""A category in anybody's words."""

StageName = Annotated[str, Entity("stage"), _listed("stage")]
"""A value of `engines.terms.VentureStage`."""

BusinessKind = Annotated[str, Entity("business"), _listed("business")]
"""What kind of business a venture is, and for whom: b2b_smb, b2c_mass …"""

PaceName = Annotated[str, Entity("pace"), _listed("pace")]
"""The time an amount is meant for: day, week, month or total."""

LoopName = Annotated[str, Entity("loop"), _listed("loop")]
"""A loop of the service, or all of them."""

CurrencyCode = Annotated[str, Entity("currency"), _listed("currency")]
"""An ISO 4217 code."""


def _zone(value: Any) -> Any:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise slot_error("unknown_time_zone", f"I know no time zone {value[:60]!r}.") from error
    return value


TimeZoneName = Annotated[str, Entity("time_zone"), BeforeValidator(_zone)]
"""A time zone as Europe/Berlin."""

NewName = Annotated[
    str,
    Entity("name", opened_by=("called", "named", "call it", "name it", "calling it", "venture", "campaign")),
]
"""A name nobody knows yet."""


def _followers(match: EntityMatch, text: str) -> bool:
    """A number of followers: a bare range, or a bare number with the word beside it."""
    if match.entity == "range":
        return isinstance(match.value, values.NumberRange) and match.value.unit is None
    return said_before("followers", "subscribers", "fans", "people following")(match, text)


def _range(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str) and isinstance(info.context, Scene):
        said = values.parse_range(value) or values.parse_count(value)
        if said is None:
            raise slot_error("not_understood", f"I cannot read {value[:80]!r} as a range.")
        value = said
    return values.around(value) if isinstance(value, int) else value


def _has_unit(unit: str | None) -> Fits:
    def fits(match: EntityMatch, text: str) -> bool:
        del text
        said = match.value.unit if isinstance(match.value, values.NumberRange) else None
        return said == "percent" if unit == "percent" else said not in (None, "percent")

    return fits


FollowersRange = Annotated[
    values.NumberRange,
    Entity("range", also=("count",), fits=_followers),
    BeforeValidator(_range),
    _schema("how many followers: 50k (half to double), at least 20k, between 10 and 50k"),
]
"""Followers; a plain number means half to double of it."""

EngagementRange = Annotated[
    values.NumberRange,
    Entity("range", fits=_has_unit("percent")),
    BeforeValidator(_range),
    _schema("engagement as a share: over 3%"),
]
"""Engagement rates, as shares."""

PriceRange = Annotated[
    values.NumberRange,
    Entity("range", fits=_has_unit("money")),
    BeforeValidator(_range),
    _schema("price of a post: under $500"),
]
"""Prices."""

PlatformName = Annotated[str, Entity("platform"), _listed("platform")]
"""A value of `engines.terms.Platform`."""

CategoryName = Annotated[str, Entity("category"), _named("category")]
"""A category some influencer has."""


RiskName = Annotated[str, Entity("risk"), _listed("risk")]
"""How much risk is wanted: cautious, balanced or bold."""

ModelName = Annotated[str, Entity("model"), _listed("model")]
"""An attribution model: first_touch, last_touch, linear, time_decay, position_based …"""

DataKind = Annotated[str, Entity("kind"), _listed("kind")]
"""A kind of data that can be imported: performance, touchpoints …"""

FileName = Annotated[str, Entity("file")]
"""The name of a file."""

Pairs = Annotated[
    dict[str, str],
    Entity("pairs"),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
"""Values by name, for programs: nobody says them."""

CountryCode = Annotated[str, Entity("place"), _listed("place")]
"""An ISO 3166 country code."""

InfluencerName = Annotated[
    str, Entity("influencer", opened_by=("influencer", "creator", "block", "profile of"))
]
"""An influencer's handle or name."""

Safe = Annotated[bool, Entity("safe")]
"""Whether only brand-safe ones will do."""


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


def _in_known_years(period: Period) -> Period:
    for day in (period.start, period.end):
        try:
            checked_year(day.year)
        except ImpossibleDate as error:
            raise slot_error("beyond_the_calendar", str(error)) from error
    return period


_PERIOD_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "description": "a period as people say it: last month, Q3, since March"},
            {
                "type": "object",
                "properties": {
                    "start": {"type": "string", "format": "date"},
                    "end": {"type": "string", "format": "date"},
                    "label": {"type": "string"},
                },
                "required": ["start", "end"],
            },
        ]
    },
    mode="validation",
)

PeriodSlot = Annotated[
    Period,
    Entity("period"),
    _said(lambda text, scene: values.parse_period(text, scene.today, scene.fiscal_year_start), "a period"),
    AfterValidator(_in_known_years),
    _PERIOD_SCHEMA,
]
"""Inclusive days in the asker's time zone. Words of no year mean the latest there was: "July", said in June,
is last year's."""


def _coming(text: str, scene: Scene) -> Period | None:
    """The period; words of no year mean the one that is not over yet, where there is one."""
    found = values.parse_period(text, scene.today, scene.fiscal_year_start)
    if found is None or found.end >= scene.today:
        return found
    for year in (scene.today.year, scene.today.year + 1):
        later = values.parse_period(f"{text} {year}", scene.today, scene.fiscal_year_start)
        if later is not None and later.end >= scene.today:
            return later
    return found


ComingPeriod = Annotated[
    Period,
    Entity("period", as_said=True),
    _said(_coming, "a period"),
    AfterValidator(_in_known_years),
    _PERIOD_SCHEMA,
]
"""The same of what is to come: "July", said in June, is this year's."""


_FILLERS = frozenset(
    {"of", "at", "to", "is", "be", "stay", "stays", "must", "should", "kept", "keep", "target", "goal"}
    | {"remains", "a", "an", "about", "x", "the", "not", "staying", "stands"}
)
_WORDS = re.compile(r"[^\W_]+")
_MOST_FILLERS = 3


def _beside(kind: str, match: EntityMatch, text: str, meanings: tuple[str, ...]) -> bool:
    """Whether a word of ``kind`` with one of the meanings stands right before or after the match."""
    before, after = text[: match.start], text[match.end :]
    ahead = [one.value for one in lexicon.find_of(kind, before) if _only_fillers(before[one.end :])]
    behind = [one.value for one in lexicon.find_of(kind, after) if after[: one.start].strip() in ("", "x")]
    return any(value in meanings for value in (*ahead, *behind))


def _only_fillers(text: str) -> bool:
    words = _WORDS.findall(text.casefold())
    return len(words) <= _MOST_FILLERS and set(words) <= _FILLERS and "," not in text


def _unit(match: EntityMatch) -> str | None:
    if match.entity == "percent":
        return "percent"
    return match.value.unit if isinstance(match.value, values.NumberRange) else None


_COMPELLED = said_after(
    "must spend", "has to spend", "have to spend", "must get", "has to get", "must put", "needs to get"
)
_ON = re.compile(r"^\s*(?:a month\s+)?(?:on|for|in|into|to|towards)\s+(?:the\s+)?", re.IGNORECASE)
_GETS = re.compile(r"\b(?:at|gets?|has|have|keeps?|with|between|is)?\s*$", re.IGNORECASE)


def _of_channel(match: EntityMatch, text: str) -> bool:
    """Money a channel must or may get: "at least 5k on email", "email gets at least 5k"."""
    if _unit(match) == "percent" or _beside("metric", match, text, TARGETS):
        return False
    if match.entity != "range" and not _COMPELLED(match, text):
        return False
    before, after = text[: match.start], text[match.end :]
    on = _ON.match(after)
    if on and any(found.start == 0 for found in lexicon.find_of("channel", after[on.end() :])):
        return True
    ends = len(_GETS.sub("", before).rstrip())
    return any(found.end == ends for found in lexicon.find_of("channel", before))


TARGETS = ("roas", "roi", "cac", "cpa")
"""Metrics money can be split for."""

_FAR = 6
"""Words that may stand between a metric and its range: "keep the CAC of Spring Launch under 60"."""


def _of_target(match: EntityMatch, text: str) -> bool:
    if _unit(match) == "percent":
        return False
    if _beside("metric", match, text, TARGETS):
        return True
    ahead = [one for one in lexicon.find_of("metric", text[: match.start]) if one.value in TARGETS]
    if match.entity != "range" or not ahead or _of_channel(match, text):
        return False
    between = text[ahead[-1].end : match.start]
    return len(_WORDS.findall(between)) <= _FAR and not re.search(r"[,;\d]", between)


_PARTS = re.compile(r"\b(campaign|line|channel)s?\b", re.IGNORECASE)


def _of_campaigns(match: EntityMatch, text: str) -> bool:
    """Whether the nearest part of a budget that is spoken of is a campaign: before the share, else after."""
    before, after = _PARTS.findall(text[: match.start]), _PARTS.findall(text[match.end :])
    nearest = before[-1:] or after[:1]
    return _unit(match) == "percent" and [part.casefold() for part in nearest] == ["campaign"]


def _bounds(value: Any, info: ValidationInfo) -> Any:
    """A range as said; a plain amount is what it must be at least or at most, as the slot's owner says."""
    if isinstance(value, str) and isinstance(info.context, Scene):
        said = values.parse_range(value) or values.parse_money(value)
        if said is None:
            raise slot_error("not_understood", f"I cannot read {value[:80]!r} as a limit.")
        value = said
    if isinstance(value, values.MoneySaid):
        return values.NumberRange(value.amount, value.amount, value.currency)
    if isinstance(value, (int, Decimal)):
        return values.NumberRange(Decimal(value), Decimal(value), None)
    return value


def _change(value: Any, info: ValidationInfo) -> Any:
    """The share in a limit of change: "at most 20 %", and "by more than 20 %", which is what must not be."""
    if isinstance(value, str) and isinstance(info.context, Scene):
        said = values.parse_percent(value)
        value = values.parse_range(value) if said is None else said
        if value is None:
            raise slot_error("not_understood", "I cannot read that as a share.")
    if isinstance(value, values.NumberRange):
        value = value.max if value.max is not None else value.min
    if isinstance(value, Decimal) and not 0 < value <= 1:
        raise slot_error("absurd_share", "A change must be above 0 and at most 100 %.")
    return value


TargetMetric = Annotated[
    str, Entity("metric", fits=lambda match, text: match.value in TARGETS), _listed("metric")
]
"""A metric money can be split for: roas, roi, cac or cpa."""

TargetRange = Annotated[
    values.NumberRange,
    Entity("range", also=("money", "count"), fits=_of_target),
    BeforeValidator(_bounds),
    _schema("a target of a metric: at least 3, under $80"),
]
"""What a metric named beside it must be."""

ChannelMoney = Annotated[
    values.NumberRange,
    Entity("range", also=("money", "count"), fits=_of_channel),
    BeforeValidator(_bounds),
    _schema("what a channel must or may get: at least 5k, between 2k and 4k"),
]
"""Money the channel named beside it must or may get."""

CampaignChange = Annotated[
    Decimal,
    Entity("range", also=("percent",), fits=_of_campaigns),
    BeforeValidator(_change),
    _schema("how far any campaign may change: 20%"),
]
"""The greatest change of any campaign, as a share."""

LineChange = Annotated[
    Decimal,
    Entity("range", also=("percent",), fits=lambda match, text: _unit(match) == "percent"),
    BeforeValidator(_change),
    _schema("how far any line may change: 10%"),
]
"""The greatest change of any line, as a share."""
