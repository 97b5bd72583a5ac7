"""How often somebody may ask: one count a person, or an address where nobody is signed in."""

import time
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

WINDOW_SECONDS = 60


@dataclass(frozen=True)
class Rate:
    """What a limit leaves to somebody who has just asked."""

    limit: str
    most: int
    left: int
    seconds: int
    """Until more is left."""
    admitted: bool

    @property
    def headers(self) -> dict[str, str]:
        """The RateLimit fields of draft-ietf-httpapi-ratelimit-headers, and Retry-After for the refused."""
        told = {
            "RateLimit-Policy": f'"{self.limit}";q={self.most};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.limit}";r={self.left};t={self.seconds}',
        }
        return told if self.admitted else {**told, "Retry-After": str(self.seconds)}


class Limits:
    """Counts in this process who asked how often within a minute."""

    def __init__(self, requests_per_minute: int, unknown_per_minute: int) -> None:
        self._requests = requests_per_minute
        self._unknown = unknown_per_minute
        self._counts = SlidingWindowCounterRateLimiter(MemoryStorage())

    def asked(self, caller: str) -> Rate | None:
        """Count a request of a `person` or `place`; None when there is no limit."""
        return self._counted("requests", self._requests, caller)

    def failed(self, place: str) -> Rate | None:
        """Count a request from a `place` that did not prove who asks; None when there is no limit."""
        return self._counted("unknown", self._unknown, place)

    def is_news(self, place: str) -> bool:
        """Whether it was not told within a minute already that a `place` failed too often."""
        return self._hit("news", 1, place).admitted

    def widget(self, widget_id: int, most: int) -> Rate:
        """Count what somebody asks a widget, whose visitors share ``most`` a minute."""
        return self._hit("widget", most, f"widget:{widget_id}")

    def _counted(self, limit: str, most: int, who: str) -> Rate | None:
        return None if most == 0 else self._hit(limit, most, who)

    def _hit(self, limit: str, most: int, who: str) -> Rate:
        item = RateLimitItemPerMinute(most)
        admitted = self._counts.hit(item, limit, who)
        stats = self._counts.get_window_stats(item, limit, who)
        return Rate(limit, most, stats.remaining, max(1, ceil(stats.reset_time - time.time())), admitted)


def person(user_id: int) -> str:
    """The caller that somebody is, whichever token or session they use."""
    return f"person:{user_id}"


def place(client: tuple[str, int] | None) -> str:
    """The caller that a client's address is; of IPv6 the network, as everybody has one of those."""
    if client is None:
        return "place:local"
    try:
        address = ip_address(client[0])
    except ValueError:
        return f"place:{client[0]}"
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return f"place:{mapped or ip_network((address.packed, 64), strict=False)}"
    return f"place:{address}"
