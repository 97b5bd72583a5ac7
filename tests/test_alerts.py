"""Alerts: one a cause, kept up to date while it lasts, closed when it is over; told when it is time to."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from assistant import notices
from assistant.memory import Memory
from assistant.outbox import Sender
from assistant.reply import Reply, Status
from assistant.settings import Email
from engines.anomalies import stopped
from intents.command import Role
from storage import alerts, outbox
from storage.thresholds import thresholds
from tests.conftest import NOW
from tests.loopback_mail import Post, by_mail
from tests.made_up_campaigns import Daily
from tests.world import DAY, HOUR, TODAY, USUAL, World


def every(daily: Daily) -> Callable[[int], Daily]:
    """What each line does, the same."""
    return lambda _: daily


def code_of(reply: Reply) -> str | None:
    return None if reply.error is None else reply.error.code


WEBHOOK = {
    "webhook_url": "http://127.0.0.1:9/x",
    "webhook_secret": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def test_a_broken_tracker_is_one_alert_until_it_counts_again(make_world: Callable[..., World]) -> None:
    world = make_world(notify=WEBHOOK)
    zeta = world.venture()
    broken = Daily(spend=Decimal(30), revenue=Decimal(0), clicks=100, conversions=0)
    assert world.look(NOW)["alerts"] == []
    world.days(lambda place: broken if place == 0 else USUAL, TODAY, TODAY)
    world.look(NOW + DAY)
    (one,) = world.open()
    assert (one.kind, one.venture_id) == (alerts.TRACKING, zeta)
    assert "email in Zeta Push since Mar 15, 2026" in one.told
    assert one.evidence is not None
    assert one.evidence[0]["period"]["start"] == str(TODAY)
    assert world.run("acknowledge_alert", alert=one.id).status is Status.DONE
    # The next day it is the same cause, and told no more.
    world.days(lambda place: broken if place == 0 else USUAL, TODAY + DAY, TODAY + DAY)
    world.look(NOW + 2 * DAY)
    assert [(o.id, o.acknowledged_at is None) for o in world.open()] == [(one.id, False)]
    assert "200 clicks" in world.open()[0].told
    assert world.notices().count(notices.ALERT_RAISED) == 1
    # Another line falls silent, too: that is news.
    world.days(lambda _: broken, TODAY + 2 * DAY, TODAY + 2 * DAY)
    world.look(NOW + 3 * DAY)
    assert [(o.id, o.acknowledged_at is None) for o in world.open()] == [(one.id, True)]
    assert "display in Zeta Push" in world.open()[0].told
    assert world.notices().count(notices.ALERT_RAISED) == 2
    assert world.every() == 1
    world.days(lambda _: USUAL, TODAY + 3 * DAY, TODAY + 3 * DAY)
    found = world.look(NOW + 4 * DAY)
    assert [o for o in world.open() if o.kind == alerts.TRACKING] == []
    assert found["closed"] >= 1


def test_a_line_without_records_is_told_and_over_when_it_reports(
    make_world_here: Callable[..., World],
) -> None:
    world = make_world_here()
    world.venture()
    world.days(lambda place: USUAL if place else None, TODAY, TODAY + DAY)
    world.look(NOW + 2 * DAY)
    assert [one for one in world.open() if one.kind == alerts.REPORTING] == []
    world.days(lambda place: USUAL if place else None, TODAY + 2 * DAY, TODAY + 2 * DAY)
    world.look(NOW + 3 * DAY)
    (one,) = (one for one in world.open() if one.kind == alerts.REPORTING)
    assert "email in Zeta Push since Mar 15, 2026" in one.told
    world.days(lambda _: USUAL, TODAY + 3 * DAY, TODAY + 3 * DAY)
    world.look(NOW + 4 * DAY)
    assert [one for one in world.open() if one.kind == alerts.REPORTING] == []


def test_what_a_day_was_out_of_the_usual_for_is_one_alert(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture()
    world.days(lambda _: Daily(Decimal(30), Decimal(1500), 3000, 100, 50), TODAY, TODAY)
    world.look(NOW + DAY)
    (one,) = world.open()
    assert one.kind == alerts.UNUSUAL
    assert one.told.startswith("Zeta: unusual rise of Revenue and Conversions on Mar 15, 2026, mostly ")
    assert "Revenue on Mar 15, 2026 with $3,000.00" in one.told
    assert "Conversions on Mar 15, 2026 with 100" in one.told
    world.days(lambda _: USUAL, TODAY + DAY, TODAY + 3 * DAY)
    world.look(NOW + 2 * DAY)
    assert [o.id for o in world.open()] == [one.id]
    world.look(NOW + 4 * DAY)
    assert world.open() == []
    assert world.every() == 1


def test_a_day_of_a_venture_with_few_conversions_says_nothing(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture()
    few = Daily(spend=Decimal(30), revenue=Decimal(0), clicks=100, conversions=0)
    world.days(every(few), TODAY - 99 * DAY, TODAY - DAY)
    world.days(lambda place: None if place else Daily(Decimal(60), Decimal(90), 3000, 100, 1), TODAY, TODAY)
    found = world.look(NOW + DAY)
    assert [one for one in found["alerts"] if one["kind"] == alerts.UNUSUAL] == []
    # A day with many is news, however few are usual.
    world.days(every(Daily(Decimal(30), Decimal(900), 3000, 100, 9)), TODAY + DAY, TODAY + DAY)
    world.look(NOW + 2 * DAY)
    assert "Conversions on Mar 16, 2026 with 18" in world.open()[0].told


def test_data_that_end_are_one_alert_for_all_ventures(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.venture("Zeta")
    world.venture("Eta")
    assert world.look(NOW + DAY)["alerts"] == []
    world.look(NOW + 4 * DAY)
    (one,) = world.open()
    assert one.told == "No new data: Eta since Mar 14, 2026; Zeta since Mar 14, 2026."
    # History is no source that broke off.
    world.look(NOW + 80 * DAY)
    assert world.open() == []


def test_the_status_names_what_is_open(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture()
    assert "open" not in world.run("show_status").reply.text
    world.look(NOW + 4 * DAY)
    told = world.run("show_status").reply.text
    assert "1 alert is open.\n1: No new data: Zeta since Mar 14, 2026." in told
    world.run("acknowledge_alert", alert=1)
    assert "alert" not in world.run("show_status").reply.text


def test_a_level_is_one_alert_a_crossing(make_world: Callable[..., World]) -> None:
    world = make_world(notify=WEBHOOK)
    world.venture()
    set_up = world.run("set_alert", metric="roas", value="under 8", venture="Zeta")
    assert set_up.reply.text == (
        "I tell you when the ROAS of Zeta is below 8.00 over the last 7 full days. "
        "It is 10.00 over the 7 days to Mar 14, 2026."
    )
    states = []
    for day, ratio in enumerate(("7", "8.2", "7.9", "8.39", "9", "6")):
        low = Daily(spend=Decimal(30), revenue=30 * Decimal(ratio), clicks=100, conversions=10)
        world.days(every(low), TODAY - 20 * DAY, TODAY + day * DAY)
        found = world.look(NOW + (day + 1) * DAY, "alert_watch")
        states.append((found["levels"][0]["outcome"], len(world.open()), world.every()))
    assert states == [
        ("raised", 1, 1),
        ("known", 1, 1),
        ("known", 1, 1),
        ("known", 1, 1),
        ("within", 0, 1),
        ("raised", 1, 2),
    ]
    told = world.open()[0].told
    assert told == "ROAS of Zeta is 6.00 over the 7 days to Mar 20, 2026, below 8.00."
    assert world.notices().count(notices.ALERT_RAISED) == 2
    shown = world.run("list_alerts")
    assert "Watched: ROAS of Zeta below 8.00 over 7 days." in shown.reply.text
    assert shown.reply.evidence[0].formula == "revenue / spend"


def test_a_level_is_changed_taken_back_and_forgotten(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.venture()

    def kept() -> list[Decimal]:
        with world.bus.database.read() as connection:
            return list(connection.scalars(select(thresholds.c.value)))

    world.run("set_alert", metric="cac", value="above 120", venture="Zeta")
    again = world.run("set_alert", metric="cac", value="100", comparison="above", venture="Zeta")
    assert "Until now it was $120.00." in again.reply.text
    assert kept() == [100]
    world.run("undo")
    assert kept() == [120]
    world.run("set_alert", metric="roas", value="below 2", campaign="Zeta Push")
    asked = world.run("delete_alert")
    assert code_of(asked) == "ambiguous_alert"
    assert asked.reply.choices == [
        "delete the CAC alert of Zeta",
        "delete the ROAS alert of Zeta Push",
    ]
    assert world.run("delete_alert", metric="roas").status is Status.DONE
    assert kept() == [120]
    world.run("undo")
    assert sorted(kept()) == [2, 120]
    assert world.run("delete_alert", every=True).status is Status.DONE
    assert kept() == []


@pytest.mark.parametrize(
    ("slots", "code"),
    [
        ({"metric": "revenue", "value": "below 20%"}, "wrong_unit"),
        ({"metric": "roas", "value": "below $2"}, "wrong_unit"),
        ({"metric": "clicks", "value": "under 10%"}, "wrong_unit"),
        ({"metric": "cac", "value": "above 100 euros", "venture": "Zeta"}, "other_currency"),
        ({"metric": "cac", "value": "above 100", "comparison": "below"}, "contradictory_slots"),
    ],
)
def test_what_is_no_level_is_refused(
    make_world_here: Callable[..., World], slots: dict[str, Any], code: str
) -> None:
    world = make_world_here()
    world.venture()
    refused = world.run("set_alert", **slots)
    assert code_of(refused) == code


def test_a_share_said_as_a_number_is_percent(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture()
    told = world.run("set_alert", metric="ctr", value="below 2", venture="Zeta").reply.text
    assert "is below 2.0 %" in told
    assert "I read 2 as percent." in told


def test_who_only_looks_changes_nothing(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture()
    world.look(NOW + 4 * DAY)
    assert world.run("list_alerts", Role.VIEWER).status is Status.DONE
    tried: dict[str, dict[str, Any]] = {
        "acknowledge_alert": {"alert": 1},
        "snooze_alert": {"alert": 1},
        "set_alert": {"metric": "cac", "value": "above 1"},
        "delete_alert": {"every": True},
    }
    for name, slots in tried.items():
        refused = world.run(name, Role.VIEWER, **slots)
        assert code_of(refused) == "role_required", name


def test_quiet_hours_hold_back_and_nobody_answering_escalates(make_world: Callable[..., World]) -> None:
    world = make_world(notify=WEBHOOK, alerts={"quiet_from": "22:00", "quiet_until": "07:00"})
    world.venture()
    night = datetime.combine(TODAY + 4 * DAY, NOW.timetz()).replace(hour=23)
    world.look(night)
    assert (len(world.open()), world.notices()) == (1, [])
    world.look(night + 7 * HOUR, "alert_watch")
    assert world.notices() == []
    world.look(night + 8 * HOUR, "alert_watch")
    assert world.notices() == [notices.ALERT_RAISED]
    world.look(night + 11 * HOUR, "alert_watch")
    assert world.notices() == [notices.ALERT_RAISED]
    for hours in (12, 13, 20):
        world.look(night + hours * HOUR, "alert_watch")
    assert world.notices() == [notices.ALERT_RAISED, notices.ALERT_ESCALATED]


def test_what_was_acknowledged_is_not_escalated_and_that_can_be_undone(
    make_world: Callable[..., World],
) -> None:
    world = make_world(notify=WEBHOOK)
    world.venture()
    world.look(NOW + 4 * DAY)
    assert world.run("acknowledge_alert").reply.text.startswith("Acknowledged alert 1. No new data")
    twice = world.run("acknowledge_alert", alert=1)
    assert code_of(twice) == "acknowledged_already"
    world.look(NOW + 5 * DAY, "alert_watch")
    assert world.notices() == [notices.ALERT_RAISED]
    assert world.run("undo").status is Status.DONE
    world.look(NOW + 5 * DAY + HOUR, "alert_watch")
    assert world.notices() == [notices.ALERT_RAISED, notices.ALERT_ESCALATED]


def test_what_is_snoozed_comes_back(make_world: Callable[..., World]) -> None:
    world = make_world(notify=WEBHOOK)
    world.venture()
    world.look(NOW + 4 * DAY)
    # That is a Thursday.
    done = world.run("snooze_alert", alert=1, until="Monday")
    assert done.reply.text == "Snoozed alert 1 until Mar 23, 2026."
    assert "Snoozed: 1." in world.run("list_alerts").reply.text
    world.look(NOW + 6 * DAY, "alert_watch")
    assert world.notices() == [notices.ALERT_RAISED]
    world.look(NOW + 8 * DAY, "alert_watch")
    assert world.notices() == [notices.ALERT_RAISED] * 2
    world.run("snooze_alert", span="hour", count=2)
    assert world.open()[0].snoozed_until == NOW + 8 * DAY + 2 * HOUR
    world.run("undo")
    assert not world.open()[0].sleeps(world.clock[0])


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("Wednesday", (2026, 3, 18)),
        ("this Friday", (2026, 3, 20)),
        ("next Monday", (2026, 3, 16)),
        # What lasts today is waited out: that is a Sunday.
        ("Sunday", (2026, 3, 16)),
        ("today", (2026, 3, 16)),
        ("this week", (2026, 3, 16)),
        ("March 20", (2026, 3, 20)),
        ("the end of the month", (2026, 4, 1)),
        ("March 3", (2027, 3, 3)),
    ],
)
def test_a_snooze_ends_on_the_next_such_day(
    make_world_here: Callable[..., World], words: str, day: tuple[int, int, int]
) -> None:
    world = make_world_here()
    world.venture()
    with world.bus.database.write() as connection:
        alerts.raise_once(connection, "one", alerts.ADVICE, "Look at one.", NOW)
    world.run("snooze_alert", alert=1, until=words)
    assert world.open()[0].snoozed_until == datetime(*day, tzinfo=UTC)


@pytest.mark.parametrize("words", ["yesterday", "last Monday", "March 2024"])
def test_nothing_is_put_off_until_what_is_over(make_world_here: Callable[..., World], words: str) -> None:
    world = make_world_here()
    world.venture()
    with world.bus.database.write() as connection:
        alerts.raise_once(connection, "one", alerts.ADVICE, "Look at one.", NOW)
    assert code_of(world.run("snooze_alert", alert=1, until=words)) == "already_over"


def test_several_alerts_are_asked_about(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture()
    with world.bus.database.write() as connection:
        for name in ("one", "two"):
            alerts.raise_once(connection, name, alerts.ADVICE, f"Look at {name}.", NOW)
    asked = world.run("acknowledge_alert")
    assert code_of(asked) == "ambiguous_alert"
    assert asked.reply.choices == ["acknowledge alert 2", "acknowledge alert 1"]
    later = world.run("snooze_alert", span="day", count=3)
    assert later.reply.choices == ["snooze alert 2 for 3 days", "snooze alert 1 for 3 days"]
    # Whoever has just looked at one means that one.
    looked = Memory(command="list_alerts", slots={"alert": 1})
    assert world.run("snooze_alert", memory=looked).reply.text.startswith("Snoozed alert 1 until Mar 16")
    world.run("undo")
    assert world.run("acknowledge_alert", every=True).reply.text == "Acknowledged alerts 2 and 1."
    assert world.run("list_alerts").reply.text == "No alert is open.\nAcknowledged: 2 and 1."


def test_a_part_has_stopped_only_after_reporting_day_after_day() -> None:
    until = date(2026, 3, 31)
    steady = [date(2026, 3, 1) + place * DAY for place in range(20)]
    rare = steady[::3]
    reports = {"steady": steady, "rare": rare, "going": [*steady, until], "old": [date(2025, 1, 1)]}
    assert [(one.key, one.since, one.days) for one in stopped(reports, until)] == [
        ("steady", date(2026, 3, 21), 11)
    ]
    assert stopped(reports, date(2026, 3, 22)) == ()


# By e-mail


def test_an_alert_is_mailed_again_when_nobody_answers_and_tried_again_when_refused(
    make_world_here: Callable[..., World], post: Post
) -> None:
    world = make_world_here(notify=by_mail(post))
    world.venture("Zeta\nBcc: all@example.org")
    post.answers = ["451 later", "250 taken"]
    world.look(NOW + 4 * DAY)
    sender = Sender(world.bus)
    assert sender.send_one()
    assert not sender.send_one()
    world.clock[0] += timedelta(seconds=5)
    assert sender.send_one()
    ((to, mail),) = post.mails
    assert to == ["ann@example.org"]
    assert mail["Subject"] == "No new data: Zeta"
    assert (mail["From"], mail["Bcc"]) == ("gtm@example.org", None)
    assert "since Mar 14, 2026" in mail.get_content()
    world.look(NOW + 5 * DAY, "alert_watch")
    assert sender.send_one()
    to, mail = post.mails[1]
    assert to == ["ann@example.org", "ben@example.org"]
    assert "Nobody has acknowledged this yet" in mail.get_content()
    assert mail["Message-ID"] != post.mails[0][1]["Message-ID"]


def test_a_mail_refused_for_good_is_not_tried_again(
    make_world_here: Callable[..., World], post: Post
) -> None:
    world = make_world_here(notify=by_mail(post))
    world.venture()
    post.answers = ["554 no"]
    world.look(NOW + 4 * DAY)
    assert Sender(world.bus).send_one()
    with world.bus.database.read() as connection:
        row = connection.execute(select(outbox.outbox.c.state, outbox.outbox.c.problem)).one()
    assert tuple(row) == (outbox.FAILED, "answered 554 no")


def test_a_mail_server_needs_somebody_to_write_to() -> None:
    with pytest.raises(ValueError, match="somebody must get the mail"):
        Email(host="mail.example.org")
