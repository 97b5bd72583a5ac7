"""Channels whose share of the credit moved, and those whose did not."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from numpy.random import default_rng
from sqlalchemy import insert

from engines.response import Estimate
from engines.shifts import shifts
from storage import alerts
from storage.journeys import conversions, touchpoints
from tests.world import DAY, TODAY, World

CHANNELS = ("email", "display", "paid_search")


def journeys(
    world: World, venture: int, seed: int, first: int, days: int, chances: tuple[float, ...]
) -> None:
    """Ten conversions a day from so many days ago on, each after two touches of channels by their chances."""
    rng = default_rng(seed)
    met, won = [], []
    for place in range(days * 10):
        day = TODAY - timedelta(days=first - place // 10)
        at = datetime.combine(day, time(12), UTC)
        who = f"{seed}-{place}"
        for hour in (2, 1):
            channel = CHANNELS[rng.choice(3, p=chances)]
            row = {"venture_id": venture, "visitor": who, "channel": channel, "kind": "click"}
            met.append(row | {"occurred_at": at - timedelta(hours=hour)})
        sold = {"venture_id": venture, "visitor": who, "kind": "purchase", "revenue": 10}
        won.append(sold | {"occurred_at": at})
    with world.bus.database.write() as connection:
        connection.execute(insert(touchpoints), met)
        connection.execute(insert(conversions), won)


def test_a_share_that_moved_is_one_alert_until_it_has_settled(make_world: Callable[..., World]) -> None:
    world = make_world()
    zeta = world.venture()
    journeys(world, zeta, 1, first=56, days=28, chances=(0.5, 0.3, 0.2))
    journeys(world, zeta, 2, first=28, days=28, chances=(0.2, 0.3, 0.5))
    found = world.look(world.clock[0], "credit_watch")
    assert found["ventures"][0]["outcome"] == "raised"
    (one,) = world.open()
    assert (one.kind, one.venture_id, one.parts) == (
        alerts.CREDIT,
        zeta,
        ["email:down", "paid_search:up"],
    )
    assert "Zeta: shares of the credit moved: " in one.told
    assert "display" not in one.told
    assert one.evidence is not None
    assert one.evidence[0]["rows"] == 560
    # Four weeks later both periods are as the second was.
    journeys(world, zeta, 3, first=0, days=28, chances=(0.2, 0.3, 0.5))
    assert world.look(world.clock[0] + 28 * DAY, "credit_watch")["closed"] == 1
    assert world.open() == []


def test_chance_and_few_conversions_raise_nothing(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    zeta, eta = world.venture("Zeta"), world.venture("Eta")
    journeys(world, zeta, 4, first=56, days=56, chances=(0.4, 0.3, 0.3))
    journeys(world, eta, 5, first=33, days=5, chances=(1, 0, 0))
    journeys(world, eta, 6, first=5, days=5, chances=(0, 1, 0))
    found = {one["venture"]: one["outcome"] for one in world.look(world.clock[0], "credit_watch")["ventures"]}
    assert found == {"Eta": "few", "Zeta": "steady"}
    assert world.open() == []


def test_only_what_is_certain_and_matters_is_a_shift() -> None:
    def share(value: float, width: float) -> Estimate:
        return Estimate(value, value - width / 2, value + width / 2)

    before = {"email": share(0.5, 0.02), "video": share(0.2, 0.02), "display": share(0.3, 0.2)}
    now = {"email": share(0.58, 0.02), "video": share(0.08, 0.02), "display": share(0.42, 0.2)}
    (one,) = shifts(before, now)
    assert (one.channel, one.now.value) == ("video", 0.08)
    assert one.score < -4
    assert [one.channel for one in shifts({}, {"new": share(0.4, 0.1)})] == ["new"]
