"""The ventures, campaigns and channel lines rows belong to: found by name, made where they are new."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, select

from engines.terms import Channel, VentureStage, minor_units
from storage.campaigns import campaigns, channel_lines
from storage.imports.errors import CellRefusedError, ImportRefusedError
from storage.imports.request import Created, ImportDefaults
from storage.imports.words import alike, fold
from storage.ventures import ventures

MOST_NEW = 10_000
"""New campaigns or ventures of one import; more means that a wrong column was taken for them."""
LONGEST_NAME = 200

MODELS = ("b2b_enterprise", "b2b_smb", "b2c_mass", "b2c_premium")
OBJECTIVES = ("awareness", "leads", "conversion", "retention")
_DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD"})
_COMPARED = 300


@dataclass
class VenturePlace:
    """A venture rows belong to."""

    number: int
    key: str
    currency: str
    zone: ZoneInfo
    id: int | None = None
    spellings: Counter[str] = field(default_factory=Counter)
    has_amounts: bool = False

    def take(self, currency: str | None) -> None:
        """The first amount of a new venture tells its currency."""
        if currency and currency != "$" and self.id is None and not self.has_amounts:
            self.currency = currency
        self.has_amounts = True


@dataclass
class CampaignPlace:
    """A campaign rows belong to."""

    venture: VenturePlace
    key: str
    currency: str
    id: int | None = None
    spellings: Counter[str] = field(default_factory=Counter)


@dataclass
class LinePlace:
    """A channel line rows belong to."""

    number: int
    campaign: CampaignPlace
    channel: str
    id: int | None = None


@dataclass(frozen=True)
class LineFacts:
    """What the file tells about a line it may be the first to name."""

    first_day: date
    monthly: int = 0
    """Most spent in a calendar month, in millionths."""


@dataclass(frozen=True)
class Settings:
    """What new ventures and campaigns get."""

    currency: str
    time_zone: str
    stage: str
    model: str
    category: str
    gross_margin: Decimal
    objective: str

    @classmethod
    def made(cls, defaults: ImportDefaults, constants: Mapping[str, str], currency: str | None) -> "Settings":
        """From the defaults and the request. Raises `ImportRefusedError`."""
        said = {name: constants.get(name, getattr(defaults, name)) for name in ImportDefaults.__annotations__}
        _one_of("stage", said["stage"], [one.value for one in VentureStage])
        _one_of("model", said["model"], MODELS)
        _one_of("objective", said["objective"], OBJECTIVES)
        try:
            ZoneInfo(said["time_zone"])
        except (LookupError, ValueError, OSError) as error:
            raise _bad("time_zone", said["time_zone"], "a time zone such as Europe/Berlin") from error
        try:
            margin = Decimal(said["gross_margin"])
        except ArithmeticError as error:
            raise _bad("gross_margin", said["gross_margin"], "a share from 0 to 1") from error
        if not margin.is_finite() or not 0 <= margin <= 1:
            raise _bad("gross_margin", said["gross_margin"], "a share from 0 to 1")
        said["currency"] = (constants.get("currency") or currency or defaults.currency).upper()
        return cls(**{**said, "gross_margin": round(margin, 4)})


def _bad(name: str, value: str, wanted: str) -> ImportRefusedError:
    return ImportRefusedError("bad_value", f"--set {name}={value} is not {wanted}.", "Correct it.")


def _one_of(name: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise _bad(name, value, f"one of {', '.join(known)}")


class Places:
    """Finds the place of every row; numbers are those of the staging tables."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self.settings = settings
        self.ventures: list[VenturePlace] = []
        self.lines: list[LinePlace] = []
        self.made: list[tuple[Table, int]] = []
        """Rows that `create` added."""
        self._ventures: dict[str, VenturePlace] = {}
        self._campaigns: dict[tuple[int, str], CampaignPlace] = {}
        self._lines: dict[tuple[int, str, str], LinePlace] = {}
        self._known = _Known(connection)

    def venture(self, name: str) -> VenturePlace:
        """The venture of a name. Raises `CellRefusedError`."""
        clean = _clean(name)
        key = fold(clean)
        place = self._ventures.get(key)
        if place is None:
            self._refuse_too_many(self._ventures, "ventures", name)
            row = self._known.ventures.get(key)
            place = VenturePlace(
                number=len(self.ventures),
                key=key,
                currency=row.currency if row else self.settings.currency,
                zone=ZoneInfo(row.time_zone if row else self.settings.time_zone),
                id=row.id if row else None,
            )
            self._ventures[key] = place
            self.ventures.append(place)
        _count(place.spellings, clean)
        return place

    def line(self, venture: VenturePlace, campaign: str, channel: str, currency: str | None) -> LinePlace:
        """The channel line of a campaign. Raises `CellRefusedError`, also for money of another currency."""
        clean = _clean(campaign)
        key = fold(clean)
        found = self._campaign(venture, key, currency)
        if currency and not same_money(currency, found.currency):
            raise CellRefusedError(f"is {currency}, but this campaign is kept in {found.currency}")
        _count(found.spellings, clean)
        line = self._lines.get((venture.number, key, channel))
        if line is None:
            line = LinePlace(
                number=len(self.lines),
                campaign=found,
                channel=channel,
                id=self._known.lines.get((found.id, channel)) if found.id else None,
            )
            self._lines[venture.number, key, channel] = line
            self.lines.append(line)
        return line

    def _campaign(self, venture: VenturePlace, key: str, currency: str | None) -> CampaignPlace:
        found = self._campaigns.get((venture.number, key))
        if found is None:
            self._refuse_too_many(self._campaigns, "campaigns", key)
            row = self._known.campaigns.get((venture.id, key)) if venture.id else None
            venture.take(currency)
            # "$" alone does not say whose dollar: a venture that has one keeps its own.
            own = currency if currency and not same_money(currency, venture.currency) else venture.currency
            own = "USD" if own == "$" else own
            found = CampaignPlace(venture, key, row.currency if row else own, row.id if row else None)
            self._campaigns[venture.number, key] = found
        return found

    def _refuse_too_many(self, made: Mapping[Any, Any], what: str, example: str) -> None:
        if len(made) >= MOST_NEW:
            raise ImportRefusedError(
                f"too_many_{what}",
                f"The file names more than {MOST_NEW:,} {what}, {example!r} among them.",
                f"Check which column gives the {what[:-1]}; --map {what[:-1]}=COLUMN names another.",
            )

    def create(
        self,
        connection: Connection,
        now: datetime,
        used_ventures: Iterable[int],
        used_lines: Mapping[int, LineFacts],
    ) -> Created:
        """Make what is missing, in a write transaction: others may have made it since."""
        self._known = _Known(connection)
        created = Created()
        for number in sorted(used_ventures):
            self._make_venture(connection, now, self.ventures[number], created)
        for number, facts in sorted(used_lines.items()):
            line = self.lines[number]
            self._make_venture(connection, now, line.campaign.venture, created)
            self._make_campaign(connection, now, line.campaign, self._start(line, used_lines), created)
            self._make_line(connection, now, line, facts, created)
        return created

    def _start(self, line: LinePlace, used: Mapping[int, LineFacts]) -> date:
        return min(
            facts.first_day for number, facts in used.items() if self.lines[number].campaign is line.campaign
        )

    def _make_venture(
        self, connection: Connection, now: datetime, venture: VenturePlace, created: Created
    ) -> None:
        row = self._known.ventures.get(venture.key)
        if row is not None:
            venture.id = row.id
        if venture.id is not None:
            return
        name, settings = _usual(venture.spellings), self.settings
        made = connection.execute(
            ventures.insert().values(
                name=name,
                name_key=name.casefold(),
                stage=settings.stage,
                category=settings.category,
                kind=settings.model,
                currency=venture.currency,
                time_zone=settings.time_zone,
                monthly_budget=None,
                gross_margin=settings.gross_margin,
                fiscal_year_start=1,
                is_local=False,
                created_at=now,
                version=1,
            )
        ).inserted_primary_key
        venture.id = self._number(ventures, made)
        created.ventures.append(name)

    def _make_campaign(
        self, connection: Connection, now: datetime, campaign: CampaignPlace, start: date, created: Created
    ) -> None:
        row = self._known.campaigns.get((campaign.venture.id or 0, campaign.key))
        if row is not None:
            campaign.id = row.id
        if campaign.id is not None:
            return
        name = _usual(campaign.spellings)
        made = connection.execute(
            campaigns.insert().values(
                venture_id=campaign.venture.id,
                name=name,
                name_key=name.casefold(),
                objective=self.settings.objective,
                status="active",
                currency=campaign.currency,
                target_cpa=None,
                start_on=start,
                end_on=None,
                created_at=now,
                version=1,
            )
        ).inserted_primary_key
        campaign.id = self._number(campaigns, made)
        created.campaigns.append(name)

    def _make_line(
        self, connection: Connection, now: datetime, line: LinePlace, facts: LineFacts, created: Created
    ) -> None:
        line.id = self._known.lines.get((line.campaign.id or 0, line.channel), line.id)
        if line.id is not None:
            return
        places = minor_units(line.campaign.currency)
        monthly = round(Decimal(facts.monthly).scaleb(-6), places)
        made = connection.execute(
            channel_lines.insert().values(
                campaign_id=line.campaign.id,
                channel=line.channel,
                status="active",
                planned=monthly,
                allocated=monthly,
                created_at=now,
                version=1,
            )
        ).inserted_primary_key
        line.id = self._number(channel_lines, made)
        created.lines.append(f"{self.name_of(line.campaign)} · {Channel(line.channel).label}")

    def _number(self, table: Table, key: Any) -> int:
        number: int = key[0]
        self.made.append((table, number))
        return number

    def only_currency(self) -> str | None:
        """The currency of every place rows belong to, if it is one."""
        found = {line.campaign.currency for line in self.lines} or {one.currency for one in self.ventures}
        return found.pop() if len(found) == 1 else None

    def name_of(self, campaign: CampaignPlace) -> str:
        """A campaign's name as most rows spell it."""
        return _usual(campaign.spellings)

    def spellings(self) -> list[str]:
        """Names that were spelled in several ways, as sentences."""
        both = [(one.spellings, "campaign") for one in self._campaigns.values()]
        both += [(one.spellings, "venture") for one in self.ventures]
        return [
            f"{kind} {_usual(counted)!r} is also spelled {', '.join(map(repr, _others(counted)))}"
            for counted, kind in both
            if len(counted) > 1
        ]

    def lookalikes(self, created: Created) -> list[str]:
        """New names that are nearly those of others, as sentences."""
        known = [row.name for row in self._known.campaigns.values()]
        found = _alike(created.campaigns, known, "campaign")
        return found + _alike(
            created.ventures, [row.name for row in self._known.ventures.values()], "venture"
        )


class _Known:
    """What the database has, by folded name."""

    def __init__(self, connection: Connection) -> None:
        ours, theirs, parts = ventures.c, campaigns.c, channel_lines.c
        found = connection.execute(select(ours.id, ours.name, ours.currency, ours.time_zone)).all()
        self.ventures: dict[str, Any] = {fold(row.name): row for row in reversed(found)}
        self.campaigns: dict[tuple[int, str], Any] = {
            (row.venture_id, fold(row.name)): row
            for row in reversed(
                connection.execute(select(theirs.id, theirs.venture_id, theirs.name, theirs.currency)).all()
            )
        }
        self.lines: dict[tuple[int, str], int] = {
            (campaign, channel): line
            for line, campaign, channel in connection.execute(
                select(parts.id, parts.campaign_id, parts.channel)
            )
        }


def same_money(one: str, other: str) -> bool:
    """Whether amounts written in one currency can be those of the other: "$" is written for many."""
    return one == other or (one == "$" and other in _DOLLARS)


def _clean(name: str) -> str:
    clean = " ".join(name.split())
    if len(clean) > LONGEST_NAME:
        raise CellRefusedError(f"is longer than {LONGEST_NAME} characters")
    return clean


def _count(spellings: Counter[str], name: str) -> None:
    if name in spellings or len(spellings) < 50:
        spellings[name] += 1


def _usual(spellings: Counter[str]) -> str:
    """The most frequent spelling, the first of equals."""
    return spellings.most_common(1)[0][0]


def _others(spellings: Counter[str]) -> list[str]:
    return [name for name, _ in spellings.most_common()[1:4]]


def _alike(created: list[str], known: list[str], kind: str) -> list[str]:
    groups: list[list[str]] = []
    new = created[:_COMPARED]
    for name in [*known[:_COMPARED], *new]:
        group = next((group for group in groups if any(alike(name, other) for other in group)), None)
        if group is None:
            groups.append([name])
        elif name not in group:
            group.append(name)
    return [
        f"{kind}s {', '.join(map(repr, group))} look like one; --set {kind}=NAME makes them one"
        for group in groups
        if len(group) > 1 and any(name in new for name in group)
    ]
