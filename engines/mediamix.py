"""What each channel brought of one outcome for all of them: a joint media mix model of weekly figures.

Where a business knows what each channel cost but only one figure of what it sold, channels can be told apart
only together: Jin, Wang, Sun, Chan & Koehler, "Bayesian methods for media mix modeling with carryover and
shape effects" (Google, 2017): geometric carry-over, a Hill curve, effects that cannot be negative, and beside
them level, trend, season and what else is known. `engines.mixsampler` draws from its posterior.

Before the data (`MEDIA_SHARE`): media brought some 40 % of the outcome, as Google's Meridian assumes where a
unit's worth is not known ("Default prior distributions": mean 40 %, standard deviation 20 %), and every
channel's part of it is like its part of the spend, as Robyn prefers (its "decomposition distance" punishes
what strays from that: Runge, Skokan & Zhou 2023); each may be several times that, or nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.mixsampler import Sample, Task, media, sample
from engines.response import Estimate, Refusal, estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MEDIA_SHARE = 0.4
"""Mean share of the outcome that all channels together bring before the data."""

MIN_WEEKS = 52
"""Weeks below which a season cannot be told from what is spent."""

WEEKS_A_CHANNEL = 10
"""Weeks needed for each channel and control."""

MIN_SPENT_WEEKS = 8
"""Weeks with spend, and at other levels than the usual one, below which a channel is not judged."""

CARRY_OVER = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.87)
"""Shares of last week's effect still there this week that are tried; each span is as likely (Meridian)."""

HALVES = (0.2, 0.4, 0.7, 1.0, 1.5, 2.3, 4.0)
"""Half-saturation, in times of a usual week."""
USUAL_HALF, HALF_SPREAD = 1.0, 0.7

SLOPES = (0.8, 1.2, 1.8)
USUAL_SLOPE, SLOPE_SPREAD = 1.2, 0.35

HARMONICS = 4
"""Waves of the year."""
WAVE, TREND, BEND, CONTROL = 0.1, 0.3, 0.2, 0.5
"""Standard deviations before the data, as shares of the mean outcome: of a wave's part, of a year's trend, of
its change at a knot, of a control's effect for one standard deviation of it."""
KNOT_WEEKS = 52
"""The trend may bend this often."""

UNTOLD = 0.8
"""Width of a share's 90 % range over that of its prior from which on the data have said nothing of it."""

AGREED = 1.1
"""R-hat above which the chains do not agree and nothing is told."""

ALIKE = 0.9
"""Correlation of two channels' spend from which on only their sum is sure."""


@dataclass(frozen=True, eq=False)
class Media:
    """A channel's weeks."""

    name: str
    spend: Floats
    exposure: Floats | None = None
    """What people saw of it (impressions, clicks); its spend where that is not known."""


@dataclass(frozen=True, eq=False)
class Control:
    """Something else that moves the outcome, weekly: a price, a competitor, an event."""

    name: str
    values: Floats


@dataclass(frozen=True, eq=False)
class Weeks:
    """Weekly figures of one business, oldest first, without gaps."""

    ordinals: Ints
    """`date.toordinal` number of each week's first day."""
    outcome: Floats
    channels: tuple[Media, ...]
    controls: tuple[Control, ...] = ()

    def until(self, week: int) -> "Weeks":
        """The weeks before the one in this place."""
        return Weeks(
            self.ordinals[:week],
            self.outcome[:week],
            tuple(
                Media(one.name, one.spend[:week], None if one.exposure is None else one.exposure[:week])
                for one in self.channels
            ),
            tuple(Control(one.name, one.values[:week]) for one in self.controls),
        )


@dataclass(frozen=True)
class Part:
    """What one channel brought over all weeks."""

    name: str
    spend: float
    """Over all weeks."""
    share: Estimate
    """Of the outcome."""
    share_before: Estimate
    """The same before the data."""
    returns: Estimate | None
    """Outcome a unit of money; None where nothing was spent."""
    next_returns: Estimate | None
    """Outcome of the next unit of money, everything a little more of what it was."""
    carry_over: float
    """Mean share of last week's effect still there this week."""
    told: bool
    """Whether the data say more of its share than was assumed before."""


@dataclass(frozen=True, eq=False)
class Mix:
    """A fitted media mix."""

    weeks: int
    parts: tuple[Part, ...]
    base: Estimate
    """Share of the outcome without any media."""
    r_squared: float
    """Of all weeks, by the mean of the draws."""
    error: float
    """Root of the mean squared residual over the mean outcome."""
    fitted: Floats
    spread: float
    """R-hat of the chains."""
    alike: tuple[tuple[str, str, float], ...]
    """Channels whose spend goes up and down together, and their correlation: their split is mostly prior."""
    drawn: "Drawn"


@dataclass(frozen=True, eq=False)
class Drawn:
    """The model behind a mix, for predicting."""

    sample: Sample
    basis: "_Basis"

    def predicted(self, weeks: Weeks) -> Floats:
        """The expected outcome of ``weeks``, which begin with those fitted: draws by weeks."""
        features = self.basis.features(weeks)
        return np.asarray(
            media(features, self.sample).sum(axis=1) + self.sample.rest @ self.basis.rest(weeks).T
        )


def fit_mix(weeks: Weeks, *, seed: int = 0) -> Mix | Refusal:
    """The mix of one business.

    Refuses too few weeks, an outcome or a channel that does not move, and what the chains do not agree on.
    Raises `ValueError` for lengths that differ, negative spend, or weeks that are not seven days apart.
    """
    _check(weeks)
    refusal = _refuse(weeks)
    if refusal is not None:
        return refusal
    rng = np.random.default_rng(seed)
    basis = _Basis(weeks)
    task = basis.task(weeks)
    drawn = sample(task, rng)
    left = weeks.outcome - Drawn(drawn, basis).predicted(weeks).mean(axis=0)
    worth = _independence(left)
    if worth < 1:
        task = basis.task(weeks, noise=float(left.var()), worth=worth)
        drawn = sample(task, rng)
    if drawn.spread > AGREED:
        return Refusal(
            "no_agreement",
            f"the channels' shares cannot be told apart (R-hat {drawn.spread:.2f})",
            "join channels that always run together, or add weeks in which they do not",
        )
    return _mix(weeks, basis, drawn)


def _mix(weeks: Weeks, basis: "_Basis", drawn: Sample) -> Mix:
    brought = media(basis.features(weeks), drawn)
    total = float(weeks.outcome.sum())
    fitted = Drawn(drawn, basis).predicted(weeks).mean(axis=0)
    left = weeks.outcome - fitted
    more = media(basis.features(_raised(weeks)), drawn).sum(axis=2)
    parts = tuple(
        _part(one, brought[:, place].sum(axis=1), more[:, place], total, basis, drawn, place)
        for place, one in enumerate(weeks.channels)
    )
    rest = 1 - brought.sum(axis=(1, 2)) / total
    return Mix(
        weeks=len(weeks.outcome),
        parts=parts,
        base=estimate(float(rest.mean()), rest),
        r_squared=1 - float((left**2).sum() / ((weeks.outcome - weeks.outcome.mean()) ** 2).sum()),
        error=float(np.sqrt((left**2).mean()) / weeks.outcome.mean()),
        fitted=fitted,
        spread=drawn.spread,
        alike=_alike(weeks),
        drawn=Drawn(drawn, basis),
    )


_RAISE = 0.01


def _raised(weeks: Weeks) -> Weeks:
    """With a hundredth more of every channel in every week."""
    more = tuple(
        Media(
            one.name, one.spend * (1 + _RAISE), None if one.exposure is None else one.exposure * (1 + _RAISE)
        )
        for one in weeks.channels
    )
    return Weeks(weeks.ordinals, weeks.outcome, more, weeks.controls)


def _part(
    channel: Media,
    brought: Floats,
    more: Floats,
    total: float,
    basis: "_Basis",
    drawn: Sample,
    place: int,
) -> Part:
    spend = float(channel.spend.sum())
    share = estimate(float(brought.mean()) / total, brought / total)
    before = basis.share_before(place)
    returns = following = None
    if spend > 0:
        returns = estimate(float(brought.mean()) / spend, brought / spend)
        each = (more - brought) / (_RAISE * spend)
        following = estimate(float(each.mean()), each)
    return Part(
        name=channel.name,
        spend=spend,
        share=share,
        share_before=before,
        returns=returns,
        next_returns=following,
        carry_over=float(np.array(CARRY_OVER)[basis.carried[drawn.shape[:, place]]].mean()),
        told=share.high - share.low < UNTOLD * (before.high - before.low),
    )


class _Basis:
    """How weeks become columns, with the units of the weeks fitted."""

    def __init__(self, weeks: Weeks) -> None:
        self._first = int(weeks.ordinals[0])
        self._count = len(weeks.outcome)
        self._level = float(weeks.outcome.mean())
        exposures = [_exposure(one) for one in weeks.channels]
        self._starts = [float(one[:4].mean()) for one in exposures]
        self._units = [float(one[one > 0].mean()) for one in exposures]
        self._controls = [(float(one.values.mean()), float(one.values.std())) for one in weeks.controls]
        spent = np.array([float(one.spend.sum()) for one in weeks.channels])
        even = np.full(len(spent), 1 / len(spent))
        # Half evenly, so that what costs little may still bring something.
        parts = 0.5 * even + 0.5 * (spent / spent.sum() if spent.sum() else even)
        # A half Student's t of four degrees of freedom has mean 1 at this scale.
        self._scales = MEDIA_SHARE * parts
        carried, halves, slopes = np.meshgrid(
            np.arange(len(CARRY_OVER)), np.array(HALVES), np.array(SLOPES), indexing="ij"
        )
        self.carried, self._halves, self._slopes = carried.ravel(), halves.ravel(), slopes.ravel()

    def features(self, weeks: Weeks) -> Floats:
        """Channels by shapes by weeks: shares of the greatest effect, 0 to 1."""
        found = []
        for one, unit, start in zip(weeks.channels, self._units, self._starts, strict=True):
            levels = carried_over(_exposure(one) / unit, np.array(CARRY_OVER), start / unit)[self.carried]
            with np.errstate(divide="ignore"):
                powers = (self._halves[:, None] / np.maximum(levels, 1e-12)) ** self._slopes[:, None]
            found.append(1 / (1 + powers))
        return np.stack(found)

    def rest(self, weeks: Weeks) -> Floats:
        """Weeks by columns: level, trend and its bends, waves of the year, controls, times the mean."""
        days = weeks.ordinals - self._first
        years = days / 365.25
        knots = np.arange(KNOT_WEEKS, self._count - KNOT_WEEKS // 2, KNOT_WEEKS) * 7 / 365.25
        angle = 2 * np.pi * (weeks.ordinals + 3) / 365.25
        columns = [np.ones(len(days)), years - years[: self._count].mean()]
        columns += [np.maximum(years - knot, 0) for knot in knots.tolist()]
        for wave in range(1, HARMONICS + 1):
            columns += [np.cos(wave * angle), np.sin(wave * angle)]
        for one, (mean, deviation) in zip(weeks.controls, self._controls, strict=True):
            columns.append((one.values - mean) / (deviation or 1.0))
        return np.stack(columns, axis=1) * self._level

    def _rest_spread(self) -> Floats:
        bends = len(np.arange(KNOT_WEEKS, self._count - KNOT_WEEKS // 2, KNOT_WEEKS))
        spread = [10.0, TREND, *[BEND] * bends]
        for wave in range(1, HARMONICS + 1):
            spread += [WAVE / wave] * 2
        return np.array([*spread, *[CONTROL] * len(self._controls)])

    def task(self, weeks: Weeks, noise: float | None = None, worth: float = 1.0) -> Task:
        """What `sample` needs; ``noise`` is guessed from the rest alone where it is not given."""
        features, rest = self.features(weeks), self.rest(weeks)
        spread = self._rest_spread()
        if noise is None:
            left = weeks.outcome - rest @ np.linalg.lstsq(rest, weeks.outcome, rcond=None)[0]
            noise = 0.5 * float(left.var()) + 1e-9 * self._level**2
        prior = (
            np.log(np.gradient(np.array(CARRY_OVER)))[self.carried]
            - 0.5 * (np.log(self._halves / USUAL_HALF) / HALF_SPREAD) ** 2
            - 0.5 * (np.log(self._slopes / USUAL_SLOPE) / SLOPE_SPREAD) ** 2
        )
        scale = np.array(self._scales)[:, None] * float(weeks.outcome.sum()) / features.sum(axis=2)
        return Task(
            features=features,
            shape_prior=np.repeat(prior[None, :], len(features), axis=0),
            scale=scale,
            rest=rest,
            rest_spread=spread,
            outcome=weeks.outcome,
            noise=noise,
            worth=worth,
        )

    def share_before(self, place: int) -> Estimate:
        """What is believed of a channel's share before the data."""
        drawn = np.abs(np.random.default_rng(0).standard_t(4, 4_000)) * self._scales[place]
        return estimate(float(drawn.mean()), drawn)


def carried_over(amounts: Floats, shares: Floats, before: float) -> Floats:
    """Weekly ``amounts`` with their carry-over, a row a share; steady ones keep their level.

    ``before`` is the level of the weeks before the first.
    """
    level = np.full(len(shares), before)
    result = np.empty((len(shares), len(amounts)))
    for week, amount in enumerate(amounts.tolist()):
        level = (1 - shares) * amount + shares * level
        result[:, week] = level
    return result


def _exposure(channel: Media) -> Floats:
    return channel.spend if channel.exposure is None else channel.exposure


def _check(weeks: Weeks) -> None:
    lengths = {len(weeks.ordinals), len(weeks.outcome)}
    lengths |= {len(one) for channel in weeks.channels for one in (channel.spend, _exposure(channel))}
    lengths |= {len(one.values) for one in weeks.controls}
    if len(lengths) > 1:
        raise ValueError("the weeks of outcome, channels and controls differ in number")
    if len(weeks.ordinals) > 1 and (np.diff(weeks.ordinals) != 7).any():
        raise ValueError("the weeks are not seven days apart")
    if any(
        float(one.min(initial=0)) < 0
        for channel in weeks.channels
        for one in (channel.spend, _exposure(channel))
    ):
        raise ValueError("spend and exposure cannot be negative")


def _refuse(weeks: Weeks) -> Refusal | None:
    count, columns = len(weeks.outcome), len(weeks.channels) + len(weeks.controls)
    needed = max(MIN_WEEKS, WEEKS_A_CHANNEL * columns)
    if not weeks.channels:
        return Refusal("no_channels", "there is no channel to judge", "name the columns of spend")
    if count < needed:
        return Refusal(
            "too_little_history",
            f"only {count} weeks; {columns} channels and controls need {needed}",
            "add weeks, join channels, or leave controls out",
        )
    if weeks.outcome.sum() <= 0 or weeks.outcome.std() < 1e-9 * weeks.outcome.mean():
        return Refusal("no_outcome", "the outcome does not move", "check its column")
    for one in weeks.channels:
        seen = _exposure(one)
        if int((seen > 0).sum()) < MIN_SPENT_WEEKS:
            return Refusal(
                "too_little_spend",
                f"{one.name} ran in {int((seen > 0).sum())} weeks only; {MIN_SPENT_WEEKS} are needed",
                "leave it out, or join it with a channel like it",
            )
        if seen.std() < 0.05 * seen.mean():
            return Refusal(
                "no_variation",
                f"{one.name} is the same every week, so the data cannot say what it brings",
                "leave it out, or run visibly more and less of it for some weeks",
            )
    return None


def _independence(residuals: Floats) -> float:
    """Share of the weeks that counts: below 1 where a residual resembles the one before."""
    count = len(residuals)
    centred = residuals - residuals.mean()
    likeness = float((centred[1:] * centred[:-1]).sum() / max(float((centred**2).sum()), 1e-300))
    excess = float(np.clip(likeness - 1 / count**0.5, 0, 0.8))
    return (1 - excess) / (1 + excess)


def _alike(weeks: Weeks) -> tuple[tuple[str, str, float], ...]:
    names = [one.name for one in weeks.channels]
    if len(names) < 2:
        return ()
    likeness = np.atleast_2d(np.corrcoef(np.stack([_exposure(one) for one in weeks.channels])))
    return tuple(
        (names[first], names[second], float(likeness[first, second]))
        for first in range(len(names))
        for second in range(first + 1, len(names))
        if likeness[first, second] >= ALIKE
    )
