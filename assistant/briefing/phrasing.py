"""A language model may put a briefing into words; what it says beyond the facts is thrown away."""

from assistant.briefing.facts import Briefing
from assistant.bus import Bus


def phrased(facts: Briefing, bus: Bus) -> str | None:
    """The model's words for a briefing, None where there is no model or it said what is no fact."""
    del facts, bus
    return None
