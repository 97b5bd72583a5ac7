"""Days and moments as the text a database takes."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from engines.market import Floats, Ints

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400


@cache
def _clock_times() -> list[str]:
    return [f" {s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}.000000" for s in range(_DAY)]


@cache
def day_text(ordinal: int) -> str:
    """A `date.toordinal` number as ``YYYY-MM-DD``."""
    return date.fromordinal(ordinal).isoformat()


def day_texts(ordinals: Ints) -> list[str]:
    """`date.toordinal` numbers as ``YYYY-MM-DD``."""
    return [day_text(ordinal) for ordinal in ordinals.tolist()]


def moment_texts(seconds: Ints) -> list[str]:
    """Seconds since 1970 as the UTC wall clock, in the form SQLite keeps."""
    clock = _clock_times()
    days, rest = np.divmod(seconds, _DAY)
    return [
        day_text(day) + clock[second]
        for day, second in zip((days + _EPOCH).tolist(), rest.tolist(), strict=True)
    ]


def moment_text(moment: datetime) -> str:
    """An aware moment as `moment_texts` writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


class LocalDays:
    """Consecutive calendar days of a time zone, numbered from 0; days of 23 and 25 hours included."""

    def __init__(self, zone: str, first: date, count: int) -> None:
        self.ordinals: Ints = np.arange(first.toordinal(), first.toordinal() + count)
        self._starts = np.array(
            [
                int(datetime.combine(first + timedelta(days=n), time(), ZoneInfo(zone)).timestamp())
                for n in range(count + 1)
            ],
            dtype=np.int64,
        )

    @property
    def start(self) -> int:
        """The first moment of the first day, in seconds since 1970."""
        return int(self._starts[0])

    @property
    def end(self) -> int:
        """The first moment after the last day, in seconds since 1970."""
        return int(self._starts[-1])

    def moments(self, days: Ints, fractions: Floats) -> Ints:
        """Seconds since 1970 at ``fractions`` (0 to below 1) of the given days."""
        length = self._starts[days + 1] - self._starts[days]
        return self._starts[days] + (length * fractions).astype(np.int64)

    def days_of(self, seconds: Ints) -> Ints:
        """The number of the day each moment lies in; moments outside belong to the nearest end."""
        found = np.searchsorted(self._starts, seconds, side="right") - 1
        return np.clip(found, 0, len(self.ordinals) - 1).astype(np.int64)
