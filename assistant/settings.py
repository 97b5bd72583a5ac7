"""Every setting of the product, from ``config.yml`` and the environment."""

import os
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from yaml import YAMLError

PREFIX = "GTM_"


class ConfigurationError(Exception):
    """A setting is wrong; the message names key, value and cure, a line each."""


def known_zone(name: str) -> str:
    """``name`` when it is a time zone. Raises `ValueError`."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("must be a time zone name such as Europe/Berlin or UTC") from error
    return name


TimeZone = Annotated[str, AfterValidator(known_zone)]


def parts(listed: str) -> list[str]:
    """What a list separated by commas names."""
    return [one for part in listed.split(",") if (one := part.strip())]


def known_networks(named: str) -> str:
    """``named`` when it lists addresses or networks. Raises `ValueError`."""
    for one in parts(named):
        try:
            ip_network(one)
        except ValueError as error:
            raise ValueError("must be addresses or networks such as 10.0.0.1, 10.1.0.0/16") from error
    return named


Networks = Annotated[str, AfterValidator(known_networks)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Server(_Section):
    """Where the service listens."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    public_url: str | None = Field(
        None, description="How people reach the service, for links; by default its address and port."
    )
    session_hours: float = Field(12, gt=0, description="How long a web sign-in lasts.")
    max_body_bytes: int = Field(1_000_000, gt=0, description="Largest request body taken, in bytes.")
    body_seconds: float = Field(
        30,
        gt=0,
        description="How long a request may take to arrive: its head, its body, and of a file that is sent "
        "each part.",
    )
    keep_alive_seconds: int = Field(5, gt=0, description="How long a connection waits for its next request.")
    requests_per_minute: int = Field(
        1200,
        ge=0,
        description="Requests a minute of a person, or of an address where nobody is signed in; "
        "0 for any number.",
    )
    unknown_per_minute: int = Field(
        60,
        ge=0,
        description="Requests a minute from an address that fail to prove who asks; 0 for any number.",
    )
    sign_in_failures: int = Field(
        10,
        ge=0,
        description="Refused sign-ins after which an address is locked out; 0 for any number.",
    )
    sign_in_minutes: float = Field(
        15, gt=0, description="Within how many minutes they count, and how long it is locked out at most."
    )
    trusted_proxies: Networks = Field(
        "",
        description="Addresses or networks of proxies, separated by commas, whose X-Forwarded-For and "
        "X-Forwarded-Proto count; by default nobody's do.",
    )

    @property
    def url(self) -> str:
        """How people reach the service."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def is_https(self) -> bool:
        """Whether people reach it encrypted."""
        return self.url.startswith("https:")

    @property
    def proxies(self) -> list[str]:
        """The proxies one by one."""
        return parts(self.trusted_proxies)


class OpenId(_Section):
    """A provider where people sign in (OpenID Connect), beside one-time links."""

    issuer: str | None = Field(
        None, pattern=r"^https?://", description="Its issuer, as it calls itself; without one, links alone."
    )
    client_id: str = Field("", description="What it knows this service as.")
    client_secret: SecretStr | None = Field(
        None, description="Its secret for this service, if it has one; leave it to the environment."
    )
    name: str = Field("your company", description="What the button says after “Sign in with”.")
    scopes: str = Field("openid email profile", description="What is asked of it, openid among it.")
    unknown: Literal["refuse", "viewer"] = Field(
        "refuse",
        description="What becomes of people nobody here knows: refused, or let in as viewers.",
    )
    seconds: float = Field(10, gt=0, le=60, description="How long it may take to answer.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.issuer and not self.client_id:
            raise ValueError("client_id must be set where there is an issuer")
        if "openid" not in self.scopes.split():
            raise ValueError("scopes must have openid among them")
        return self


class LanguageModel(_Section):
    """A language model that is asked what was meant."""

    model: str | None = Field(None, description="Its name at the endpoint; without one, none is asked.")
    base_url: HttpUrl = Field(
        HttpUrl("https://api.openai.com/v1"), description="An endpoint that speaks chat completions."
    )
    api_key: SecretStr | None = Field(None, description="Its key; leave it to the environment.")
    ask: Literal["unsure", "always"] = Field(
        "unsure", description="When: about what the readers before it are unsure of, or always."
    )
    unsure_below: float = Field(
        0.7, ge=0, le=1, description="The probability below which another reader counts as unsure."
    )
    seconds: float = Field(10, gt=0, le=120, description="How long it may take, a second try included.")
    retries: int = Field(
        1,
        ge=0,
        le=5,
        description="Tries after one that was refused as too many or failed, where time is left.",
    )
    most_tokens: int = Field(500, ge=16, le=100_000, description="The longest answer it may give, in tokens.")
    temperature: float | None = Field(
        None, ge=0, le=2, description="How freely it chooses; sent only when set: not every model takes it."
    )
    log_probabilities: bool = Field(
        False, description="Whether to ask it how sure it is; not every endpoint takes the question."
    )
    monthly_limit: Decimal = Field(
        Decimal(20), ge=0, le=1_000_000, decimal_places=6, description="The most it may cost a month, in USD."
    )
    input_price: Decimal | None = Field(
        None,
        ge=0,
        le=1000,
        decimal_places=6,
        description="USD a million tokens of questions; 0 for one's own.",
    )
    output_price: Decimal | None = Field(
        None, ge=0, le=1000, decimal_places=6, description="USD a million tokens of answers; 0 for one's own."
    )

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.model is not None and (self.input_price is None or self.output_price is None):
            raise ValueError("model needs input_price and output_price: the limit is held by them")
        return self


class Rasa(_Section):
    """The Rasa server that understands."""

    url: HttpUrl = Field(HttpUrl("http://127.0.0.1:5005"), description="Where the Rasa server answers.")
    seconds: float = Field(
        2, gt=0, le=60, description="How long its answer may take before the embedded reader's stands."
    )
    token: SecretStr | None = Field(
        None, description="The token it was started with (`rasa run --auth-token`), if with any."
    )


class Understanding(_Section):
    """Who understands, and how sure a reader must be."""

    min_confidence: float = Field(
        0.45, ge=0, le=1, description="Below this probability the assistant asks instead of acting."
    )
    language_model: LanguageModel = Field(
        default_factory=LanguageModel, description="A language model that is asked what was meant."
    )
    encoder: str = Field(
        "auto",
        description="The sentence encoder beside words: auto for the installed one, off, or a folder with "
        "the published files of all-MiniLM-L6-v2.",
    )
    first: Literal["embedded", "rasa"] = Field(
        "embedded",
        description="Who understands: embedded, or rasa with the embedded reader where it does not answer.",
    )
    rasa: Rasa = Field(default_factory=Rasa, description="The Rasa server that understands.")


class Dialogue(_Section):
    """How long a conversation is remembered."""

    question_minutes: float = Field(10, gt=0, description="How long a question waits for its answer.")
    context_minutes: float = Field(
        60, gt=0, description='How long "and last month?" still refers to what was asked before.'
    )


class Approvals(_Section):
    """How long what waits for a yes stays valid."""

    proposal_days: float = Field(7, gt=0, description="Days a proposal waits before it expires.")


class Imports(_Section):
    """Files that are imported by a command."""

    folder: Path | None = Field(
        None, description="The only folder such files are taken from; by default inbox in the data folder."
    )
    max_file_bytes: int = Field(
        500_000_000, gt=0, description="Largest file that can be sent to it, in bytes."
    )


class Email(_Section):
    """A mail server that takes what people are told of."""

    host: str | None = Field(None, description="The mail server; without one, no mail is sent.")
    port: int = Field(587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is encrypted; none only on the same machine."
    )
    user: str | None = Field(None, description="Name to sign in with, where it wants one.")
    password: SecretStr | None = Field(None, description="Its password; leave it to the environment.")
    sender: str = Field("gtm-assistant@localhost", description="The address mails come from.")
    to: str = Field("", description="Who gets alerts and notices: addresses, separated by commas.")
    escalate_to: str = Field(
        "", description="Who gets an alert that nobody acknowledged, too; by default the same people."
    )
    seconds: float = Field(15, gt=0, le=60, description="How long the server may take.")

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if self.host is not None and not parts(self.to):
            raise ValueError("host needs an address in to: somebody must get the mail")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together")
        return self


class Notify(_Section):
    """Who outside is told of what needs a person."""

    webhook_url: HttpUrl | None = Field(
        None, description="Where notices of proposals, decisions and ended jobs are posted."
    )
    webhook_secret: SecretStr | None = Field(
        None,
        description="Signs them by the Standard Webhooks specification: whsec_ and base64 of 24 to 64 bytes.",
    )
    webhook_seconds: float = Field(15, gt=0, le=60, description="How long the other side may take.")
    email: Email = Field(default_factory=Email, description="The same by e-mail.")

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.webhook_url is not None and self.webhook_secret is None:
            raise ValueError("webhook_url needs a webhook_secret: what is posted must be signed")
        return self


class Slack(_Section):
    """The assistant in Slack: docs/slack.md tells how to set it up."""

    bot_token: SecretStr | None = Field(
        None, min_length=1, description="The bot's token, xoxb-…; leave it to the environment."
    )
    signing_secret: SecretStr | None = Field(
        None,
        min_length=1,
        description="Proves that a request to /slack/events is Slack's; leave it to the environment.",
    )
    app_token: SecretStr | None = Field(
        None,
        min_length=1,
        description="The token of the app, xapp-…, for Socket Mode: then Slack needs no way in from outside.",
    )
    channel: str | None = Field(
        None,
        min_length=1,
        max_length=80,
        description="The channel that is told of proposals, alerts and what was done: its ID, as C012AB3CD.",
    )
    api_url: HttpUrl = Field(HttpUrl("https://slack.com/api/"), description="Where Slack's Web API answers.")
    seconds: float = Field(10, ge=1, le=60, description="How long an answer of Slack's may take.")

    @model_validator(mode="after")
    def _with_a_bot(self) -> Self:
        if self.bot_token is None and (self.signing_secret or self.app_token or self.channel):
            raise ValueError("signing_secret, app_token and channel need the bot_token")
        return self

    @property
    def listens(self) -> bool:
        """Whether what is said in Slack reaches the assistant."""
        return self.signing_secret is not None or self.app_token is not None


class Reports(_Section):
    """What the answers assume when nobody says otherwise."""

    default_days: int = Field(30, ge=1, le=3650, description="Days of a report when no period is said.")
    min_spend_share: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="Channels below this share of all spend are left out of rankings by a ratio of spend.",
    )


class Attribution(_Section):
    """What attribution counts, and how."""

    look_back_days: float = Field(
        30, gt=0, le=730, description="Touches longer before a conversion get no credit."
    )
    decay_days: float = Field(
        7, gt=0, description="Time decay: a touch so much earlier weighs 1/e; 7 is a half-life of 4.85 days."
    )
    first_weight: float = Field(0.4, ge=0, le=1, description="Position based: the first touch's part.")
    last_weight: float = Field(
        0.4, ge=0, le=1, description="And the last touch's; the touches between share what is left."
    )
    markov_order: Literal[1, 2, 3] = Field(1, description="Touches that the Markov chain remembers.")
    lost_paths: bool = Field(True, description="Whether the Markov chain counts paths without a conversion.")
    session_minutes: float = Field(
        0,
        ge=0,
        le=1440,
        description="Touches of one channel with no longer pause between them count as one: 30 as in web "
        "analytics; 0 counts each.",
    )
    across_devices: bool = Field(
        True, description="Whether the visitors that one customer bought as are one person."
    )

    @model_validator(mode="after")
    def _weighed(self) -> Self:
        if self.first_weight + self.last_weight > 1:
            raise ValueError("first_weight and last_weight must not be more than 1 together")
        return self


class Whisper(_Section):
    """Free speech, understood on this machine by faster-whisper."""

    model: str | None = Field(
        None,
        description="A folder with a model in CTranslate2's form, or a size such as base.en that was fetched "
        "with `gtm voice fetch`; without one, Whisper is not used.",
    )
    threads: int = Field(2, ge=1, le=64, description="Threads it computes with.")


class SpeechEndpoint(_Section):
    """A server that hears and speaks by OpenAI's interface of audio."""

    base_url: HttpUrl = Field(HttpUrl("https://api.openai.com/v1"), description="Where it answers.")
    api_key: SecretStr | None = Field(None, description="Its key; leave it to the environment.")
    hearing_model: str | None = Field(
        None, description="The model that hears; without one, it does not hear."
    )
    speaking_model: str | None = Field(
        None, description="The model that speaks; without one, it does not speak."
    )
    detail: Literal["json", "verbose_json", "logprobs"] = Field(
        "verbose_json",
        description="How it is asked how sure it is: Whisper models tell it in verbose_json, newer ones in "
        "logprobs, others not at all.",
    )
    voice: str = Field("alloy", description="The voice it speaks with.")
    seconds: float = Field(15, gt=0, le=120, description="How long it may take.")


class Loops(_Section):
    """What the service does again and again by itself."""

    enabled: bool = Field(
        True, description="Whether this service does them; where several share a database, any may."
    )
    tick_seconds: float = Field(
        5, ge=0.1, le=60, description="How often it looks whether one is due, or was asked for."
    )
    keep_days: int = Field(7, ge=1, description="How long what they came to is kept.")


Hour = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Alerts(_Section):
    """What is worth an alert, and when people are told."""

    metrics: tuple[
        Literal[
            "revenue", "conversions", "spend", "clicks", "leads", "new_customers", "conversion_rate", "roas"
        ],
        ...,
    ] = Field(
        ("revenue", "conversions", "spend"), description="Metrics of ventures whose unusual days are told."
    )
    days: int = Field(
        7, ge=1, le=365, description="Full days an alert's metric is measured over when none are said."
    )
    back_by: Decimal = Field(
        Decimal("0.05"),
        ge=0,
        lt=1,
        description="How far a metric must be back on the right side, as a share of its level, before its "
        "alert ends and can be raised again.",
    )
    over_after_days: int = Field(
        3, ge=1, le=30, description="Usual days in a row after which an alert of unusual days is over."
    )
    stale_days: int = Field(3, ge=1, le=60, description="Days without new data after which an alert says so.")
    quiet_from: Hour | None = Field(
        "22:00", description="From when nobody is disturbed, in `time_zone`; empty for never."
    )
    quiet_until: Hour | None = Field("07:00", description="Until when.")
    urgent: tuple[str, ...] = Field(
        ("spend_limit",), description="Kinds of alerts that are told at any hour."
    )
    escalate_hours: float = Field(
        4,
        ge=0,
        le=24 * 14,
        description="Hours after which an unacknowledged alert is told again; 0 for never.",
    )

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet_from and quiet_until belong together")
        return self


class Briefings(_Section):
    """What people are briefed on, when, and where it goes."""

    time: Hour = Field("08:00", description="When a scheduled briefing comes if nobody says a time.")
    default_days: int = Field(
        7, ge=1, le=92, description="Full days that a briefing is about when no period is said."
    )
    settling_days: int = Field(
        3,
        ge=0,
        le=30,
        description="Latest days whose conversions still come in: figures resting on them are told with a "
        "warning.",
    )
    coming_days: int = Field(
        7, ge=0, le=92, description="Days ahead in which a campaign's end or a proposal's expiry is told."
    )
    holidays_country: str | None = Field(
        None,
        pattern=r"^[A-Z]{2}$",
        description="ISO 3166 code of the country whose public holidays are left out where that is wanted.",
    )
    holidays_region: str | None = Field(
        None, description="Its region, where holidays differ: CA of the US, BY of Germany."
    )
    addresses: dict[str, str] = Field(
        default_factory=dict,
        description="E-mail address of each person by name; without one, briefings go to `notify.email.to`.",
    )
    sound: Literal["asked", "always", "never"] = Field(
        "asked",
        description="Whether briefings by e-mail and in Slack bring their sound: where that was asked for "
        "(“… to listen to”), always, or never.",
    )
    sound_form: Literal["mp3", "opus"] = Field("mp3", description="The kind of file that sound is.")
    most_sound_bytes: int = Field(
        2_000_000,
        ge=1000,
        le=20_000_000,
        description="Above this size the sound is not sent; a mail says where it is heard instead.",
    )
    in_feed: int = Field(30, ge=1, le=300, description="Briefings that a podcast feed lists.")
    phrasing: bool = Field(
        False,
        description="Whether the language model of `understanding` puts scheduled briefings into words; "
        "what it says beyond the facts is thrown away.",
    )


class Rule(_Section):
    """A metric of a campaign, the level it must not cross, and what is done where it does."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="Its name, for talking about it.")
    metric: Literal["cpc", "cpa", "cac", "cpl", "cpm", "ctr", "conversion_rate", "roas", "roi", "aov"] = (
        Field(description="What is measured.")
    )
    above: Decimal | None = Field(None, description="The level it must not exceed; money in `currency`.")
    below: Decimal | None = Field(None, description="Or the level it must not fall below.")
    of: Literal["value", "target"] = Field(
        "value", description="Whether the level is a value, or a multiple of the campaign's target."
    )
    days: int = Field(7, ge=1, le=365, description="Full days it is measured over.")
    action: Literal["budget", "pause", "bids", "audience", "creatives"] = Field(
        description="What is done: budget and pause here; the others are advice."
    )
    change: Decimal | None = Field(
        None, ge=Decimal("-0.95"), le=5, description="Of budget or bids, as a share: -0.2 takes a fifth away."
    )
    confidence: Decimal = Field(gt=0, lt=1, description="Stated: that the campaign brings more after it.")
    risk: Literal["low", "medium", "high"] = Field(description="How much can go wrong.")
    in_steps: bool = Field(
        False, description="Whether a change greater than is allowed a day is made in steps."
    )
    least: dict[
        Literal["impressions", "clicks", "leads", "conversions", "new_customers", "spend", "revenue"], Decimal
    ] = Field(default_factory=dict, description="Totals there must be before the metric means anything.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("say either above or below")
        if (self.change is None) == (self.action in ("budget", "bids")):
            raise ValueError("budget and bids need a change, the other actions take none")
        if self.change == 0:
            raise ValueError("change must not be 0")
        return self


class Rules(_Section):
    """Rules for campaigns, and how far they may go without a person."""

    campaigns: tuple[Rule, ...] = Field(
        (), description="The rules, the most important first; `config.yml` has those of the product."
    )
    above_confidence: Decimal = Field(
        Decimal("0.8"), ge=0, le=1, description="Only what is surer than this is done without a person."
    )
    propose_above: Decimal = Field(
        Decimal("0.5"),
        ge=0,
        le=1,
        description="What is no surer than this is not even proposed: a rule may be broken, and its remedy "
        "cost more than it saves.",
    )
    most_of_campaign: Decimal = Field(
        Decimal("0.1"), ge=0, le=1, description="Most of a campaign's money that loops change within a day."
    )
    most_of_venture: Decimal = Field(
        Decimal("0.1"), ge=0, le=1, description="The same of all money of a venture's active campaigns."
    )
    cool_down_hours: float = Field(
        24, ge=1, le=24 * 90, description="Time after any change of a campaign in which loops leave it alone."
    )
    judge_days: int = Field(
        14, ge=7, le=90, description="Days before and after a change by which its promise is judged."
    )
    stale_days: int = Field(
        3, ge=1, le=90, description="Days without data after which a campaign is not judged."
    )

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [rule.name for rule in self.campaigns]
        if len(set(names)) != len(names):
            raise ValueError("two rules have the same name")
        return self


class Voice(_Section):
    """How the assistant hears and speaks."""

    ears: Literal["auto", "whisper", "endpoint", "embedded", "off"] = Field(
        "auto",
        description="What hears: auto takes Whisper where a model is named, then an endpoint, then the "
        "embedded engine, which needs no download.",
    )
    moonshine: str = Field(
        "auto",
        description="Free speech for the embedded ears by Moonshine: auto for the installed model, off for "
        "closed commands only, or a folder with its files.",
    )
    mouth: Literal["auto", "piper", "endpoint", "espeak", "off"] = Field(
        "auto",
        description="What speaks: auto takes Piper where a voice is named, then an endpoint, then eSpeak.",
    )
    speaker_voice: str | None = Field(None, description="The voice of the mouth; without one, its first.")
    speed: float = Field(1.0, ge=0.5, le=3, description="How fast it speaks; 1 is usual.")
    longest_answer: float = Field(
        20, ge=5, le=600, description="Seconds an answer is spoken for; the rest is on the screen."
    )
    most_seconds: float = Field(
        60, ge=1, le=600, description="The longest utterance listened to, in seconds."
    )
    most_bytes: int = Field(10_000_000, ge=1000, description="The largest recording taken, in bytes.")
    whisper: Whisper = Field(default_factory=Whisper, description="Free speech on this machine.")
    endpoint: SpeechEndpoint = Field(default_factory=SpeechEndpoint, description="Speech at a server.")
    piper_voice: Path | None = Field(
        None, description="A voice of Piper: its .onnx file, the .json beside it."
    )
    wyoming_host: str = Field(
        "127.0.0.1",
        description="Address to listen on for Wyoming satellites. The protocol has no passwords: whoever "
        "reaches it may use the ears and the mouth.",
    )
    wyoming_port: int | None = Field(
        None, ge=1, le=65535, description="Port for Wyoming satellites; without one, there is no such server."
    )


class Settings(BaseSettings):
    """The settings, each from the environment, else from ``config.yml``, else its default."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid")

    data_dir: Path = Field(Path("var"), description="Folder of the embedded database, caches and secrets.")
    database_url: str = Field(
        "",
        description="SQLAlchemy URL of the database; by default SQLite in the data folder. "
        "PostgreSQL: postgresql://user:password@host/name.",
    )
    database_seconds: float = Field(
        30,
        gt=0,
        description="How long the database may work on a statement (PostgreSQL) or a transaction (SQLite) "
        "of a turn; imports, migrations and other long work take their time.",
    )
    currency: str = Field(
        "USD", pattern=r"^[A-Z]{3}$", description="ISO 4217 currency of reports over several ventures."
    )
    time_zone: TimeZone = Field("UTC", description="Time zone of people who have not set their own.")
    log_level: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="How much the log tells."
    )
    server: Server = Field(default_factory=Server, description="Where the service listens.")
    sign_in: OpenId = Field(
        default_factory=OpenId, description="A provider where people sign in, beside one-time links."
    )
    understanding: Understanding = Field(
        default_factory=Understanding, description="Who understands, and how sure a reader must be."
    )
    dialogue: Dialogue = Field(default_factory=Dialogue, description="How long a conversation is remembered.")
    approvals: Approvals = Field(
        default_factory=Approvals, description="How long what waits for a yes stays valid."
    )
    imports: Imports = Field(default_factory=Imports, description="Files that are imported by a command.")
    notify: Notify = Field(default_factory=Notify, description="Who outside is told of what needs a person.")
    slack: Slack = Field(default_factory=Slack, description="The assistant in Slack.")
    voice: Voice = Field(default_factory=Voice, description="How the assistant hears and speaks.")
    attribution: Attribution = Field(
        default_factory=Attribution, description="What attribution counts, and how."
    )
    loops: Loops = Field(
        default_factory=Loops, description="What the service does again and again by itself."
    )
    alerts: Alerts = Field(
        default_factory=Alerts, description="What is worth an alert, and when people are told."
    )
    briefings: Briefings = Field(
        default_factory=Briefings, description="What people are briefed on, when, and where it goes."
    )
    rules: Rules = Field(
        default_factory=Rules, description="Rules for campaigns, and how far they may go without a person."
    )
    reports: Reports = Field(
        default_factory=Reports, description="What the answers assume when nobody says otherwise."
    )

    recipe: str | None = Field(None, description="Rasa's: graph recipe.")
    assistant_id: str | None = Field(None, description="Rasa's: name of the assistant in its events.")
    language: str = Field("en", pattern="^en$", description="Rasa's: language of the training data.")
    pipeline: list[dict[str, Any]] | None = Field(None, description="Rasa's: components of its reader.")
    policies: list[dict[str, Any]] | None = Field(None, description="Rasa's: dialogue policies.")

    @property
    def inbox(self) -> Path:
        """The folder of files to import."""
        return self.imports.folder or self.data_dir / "inbox"

    @model_validator(mode="after")
    def _default_database(self) -> Self:
        if not self.database_url:
            self.database_url = f"sqlite:///{self.data_dir / 'gtm.db'}"
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        file = _ConfigFile(settings_cls, yaml_file=config_file())
        return init_settings, env_settings, file


class _ConfigFile(YamlConfigSettingsSource):
    """Reads it with the library in C where there is one: a tenth of the time, at every start."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        with file_path.open(encoding="utf-8") as file:
            read: dict[str, Any] | None = yaml.load(file, Loader=_LOADER)  # noqa: S506 - both are safe
        return read or {}


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def config_file() -> Path:
    """``GTM_CONFIG``, else ``config.yml`` here, else the one the product came with."""
    named = os.environ.get(PREFIX + "CONFIG")
    if named:
        if not Path(named).is_file():
            raise ConfigurationError(f"GTM_CONFIG: there is no file {named}. Name an existing YAML file.")
        return Path(named)
    package = Path(__file__).parent
    candidates = (Path("config.yml"), package.parent / "config.yml", package / "config.yml")
    return next((path for path in candidates if path.is_file()), candidates[0])


def load_settings() -> Settings:
    """Read the settings. Raises `ConfigurationError` naming every wrong key, its value and the cure."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise ConfigurationError("\n".join(_told(one) for one in error.errors())) from error
    except YAMLError as error:
        raise ConfigurationError(f"{config_file()} is not valid YAML: {error}") from error
    _refuse_unknown_variables()
    return settings


def _told(error: Any) -> str:
    path = ".".join(str(part) for part in error["loc"]) or "config.yml"
    if error["type"] == "extra_forbidden":
        return f"{path}: there is no such setting. Remove it, or see docs/configuration.md for the names."
    value = "" if _is_secret(error, path) else f" is {error['input']!r}:"
    variable = PREFIX + path.upper().replace(".", "__")
    return f"{path}{value} {error['msg']}. Correct it in {config_file()} or the variable {variable}."


def _is_secret(error: Any, path: str) -> bool:
    """Whether what was given is missing, may be a secret, or is a section that may hold one."""
    guarded = any(word in path for word in ("url", "key", "secret", "token", "password"))
    return error["type"] == "missing" or guarded or isinstance(error["input"], dict)


def _refuse_unknown_variables() -> None:
    """A misspelt variable would be silently without effect."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {PREFIX + "CONFIG"}
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable.split("__")[0] not in known:
            raise ConfigurationError(
                f"{variable}: there is no such setting. Remove it; docs/configuration.md has the names."
            )
