"""Times of day that come again and again, across changes of clocks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger


def times_of(trigger: "CronTrigger", after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Every time of a trigger after a moment, in UTC.

    A time of day that a change of clocks leaves out comes an hour later, one that comes twice counts once.
    """
    found: datetime | None = after.astimezone(UTC)
    while found is not None:
        # From UTC: local times that come twice would be found again and again.
        found = trigger.get_next_fire_time(None, found.astimezone(UTC) + timedelta(microseconds=1))
        if found is not None and not found.astimezone(UTC).astimezone(zone).fold:
            yield found.astimezone(UTC)
