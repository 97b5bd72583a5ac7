"""Figures about the service itself for Prometheus; nothing in them tells of a person."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from assistant.reply import Reply

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counts turns and requests in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._turns = Counter(
            "gtm_turns", "Turns answered.", ["channel", "command", "status"], registry=self.registry
        )
        self._turn_seconds = Histogram(
            "gtm_turn_seconds",
            "Seconds from hearing to answering.",
            ["channel"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._requests = Counter(
            "gtm_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )

    def turn(self, channel: str, reply: Reply) -> None:
        """Count an answered turn."""
        self._turns.labels(channel, reply.command or "none", reply.status.value).inc()
        self._turn_seconds.labels(channel).observe(reply.took_ms / 1000)

    def request(self, method: str, route: str, status: int) -> None:
        """Count an answered request by the route's pattern, never its actual path."""
        self._requests.labels(method, route, str(status)).inc()

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
