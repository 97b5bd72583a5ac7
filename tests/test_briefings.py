"""Briefings: what they say, when they come, that each comes once, and everywhere they go."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import select, update

from assistant import aloud, mailing, notices
from assistant.bootstrap import build_loops
from assistant.briefing import times, words
from assistant.briefing.delivering import is_heard
from assistant.briefing.facts import Briefing
from assistant.briefing.html import document
from assistant.briefing.sounding import Sounds
from assistant.reply import Reply, Status
from assistant.settings import Briefings, Voice
from assistant.ticking import Loops
from assistant.voicing import Voicing
from engines.terms import Period
from intents.command import Role
from storage import briefings, outbox
from storage.briefings import DAILY, MONTHLY, WEEKLY, Schedule
from storage.people import users
from tests.conftest import NOW
from tests.world import DAY, HOUR, TODAY, USUAL, World
from voice.decoding import decode
from voice.transcriber import Vocabulary

BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
MAIL = {"host": "127.0.0.1", "to": "everybody@example.com", "security": "none"}
MONDAY = datetime(2026, 3, 16, tzinfo=UTC)


def schedule(**changes: Any) -> Schedule:
    """Every weekday at eight in Berlin."""
    usual = Schedule(
        id=1,
        user_id=1,
        venture_id=None,
        frequency=DAILY,
        weekdays=WEEKDAYS,
        month_day=None,
        time="08:00",
        time_zone="Europe/Berlin",
        delivery=["page"],
        spoken=False,
        length="one_minute",
        skip_holidays=False,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        ended_at=None,
    )
    return replace(usual, **changes)


def facts(reply: Reply) -> Briefing:
    assert reply.status is Status.DONE, reply.error
    assert isinstance(reply.result, Briefing)
    return reply.result


def made(world: World, user: str = "chairman!") -> list[briefings.Made]:
    with world.bus.database.read() as connection:
        number = connection.scalar(select(users.c.id).where(users.c.name == user)) or 0
        return briefings.latest_made(connection, number, 100)


def sent(world: World) -> list[tuple[str, dict[str, Any]]]:
    table = outbox.outbox.c
    with world.bus.database.read() as connection:
        query = select(table.target, table.payload).where(table.kind == notices.BRIEFING_READY)
        return [(target, payload) for target, payload in connection.execute(query.order_by(table.id))]


def weaker(world: World, days: int = 7, until: date = TODAY - DAY) -> None:
    """The first line earns a fifth of what it did, at the same spend."""
    poor = replace(USUAL, revenue=USUAL.revenue / 5, conversions=2)
    world.days(lambda place: poor if place == 0 else USUAL, TODAY - days * DAY, until)


def test_a_quiet_week_is_a_good_briefing(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.venture()
    reply = world.run("brief_me")
    told = facts(reply)
    assert told.movements == []
    assert told.headline.startswith(
        "Nothing unusual at the portfolio: revenue $4,200.00 (+0.00 %), spend $420.00"
    )
    assert told.period == Period(TODAY - 7 * DAY, TODAY - DAY, "last 7 days")
    assert reply.reply.speech == (
        "Nothing unusual at the portfolio. Revenue 4.2 thousand dollars, spend 420 dollars, "
        "return on ad spend 10.0. Nothing needs you."
    )


def test_what_moved_comes_with_its_baseline_its_driver_and_its_caveat(
    make_world: Callable[..., World],
) -> None:
    world = make_world()
    world.venture()
    weaker(world)
    reply = world.run("brief_me", venture="Zeta")
    told = facts(reply)
    revenue = next(one for one in told.movements if one.metric in ("revenue", "conversions"))
    assert (revenue.direction, revenue.good) == ("down", False)
    by_channel = next(one for one in revenue.drivers if one.dimension == "channel")
    assert by_channel.parts[0].name == "email"
    assert by_channel.share == 1
    for movement in told.movements:
        for driver in movement.drivers:
            assert sum((part.amount for part in driver.parts), Decimal(0)) == movement.difference
    assert "Conversions of the last days still come in." in revenue.caveats
    assert told.headline in reply.reply.text
    assert "mostly email" in told.headline
    assert reply.reply.chart is not None
    assert reply.reply.chart.labels[-1] == str(TODAY - DAY)
    # To the rows: the formula, the parts, the records.
    assert all(one.rows == 14 and one.period == told.period for one in reply.reply.evidence)


def test_a_large_change_of_a_restless_venture_is_told_in_a_clause(
    make_world_here: Callable[..., World],
) -> None:
    world = make_world_here()
    world.venture(days=200)
    # Every second week spends 1.6 times as much, and earns as much more: the last does, too.
    restless = replace(USUAL, spend=USUAL.spend * 8 / 5, revenue=USUAL.revenue * 8 / 5)
    for back in range(1, 28, 2):
        last = TODAY - DAY - 7 * (back - 1) * DAY
        world.days(lambda _: restless, last - 6 * DAY, last)
    reply = world.run("brief_me", venture="Zeta")
    told = facts(reply)
    assert told.movements == []
    assert [(one.metric, one.because) for one in told.swings] == [("revenue", "usual"), ("spend", "usual")]
    clause = "Revenue rose 60.0 % and spend 60.0 %, which is within what Zeta does in a week."
    assert words.swung(told) == [clause]
    assert clause in reply.reply.text
    assert clause in reply.reply.speech
    assert clause in words.markdown(told)
    assert clause in document(told, url="", picture=None, alt="")
    assert clause not in world.run("brief_me", venture="Zeta", length="just_numbers").reply.text


def test_lengths_and_the_ear(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture()
    weaker(world)
    heard = {
        length: aloud.said(world.run("brief_me", length=length).reply.speech)
        for length in ("just_numbers", "one_minute", "in_full")
    }
    assert len(heard["just_numbers"].split()) < len(heard["one_minute"].split()) <= 60 * aloud.WORDS_A_SECOND
    assert heard["in_full"] == heard["one_minute"]
    assert "%" not in heard["one_minute"]
    full, short = (world.run("brief_me", length=one).reply.text for one in ("in_full", "just_numbers"))
    assert "Figures: Revenue $2,520.00, down 40.0 %." in full
    assert "- " not in short
    assert short.startswith("Revenue $2,520.00, down 40.0 %.")


def test_today_is_not_over_so_it_is_yesterday(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture()
    told = facts(world.run("brief_me", period="today"))
    assert (told.period.start, told.period.end) == (TODAY - DAY, TODAY - DAY)
    assert told.compared_with == f"the mean of the 4 {TODAY - DAY:%A}s before"
    assert "Today is not over, so this is yesterday." in told.notes


def test_deeds_and_needs_are_told(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.venture()
    world.venture("Other")
    assert world.run("pause_campaign", campaign="Zeta Push").status is Status.DONE
    asked = world.run("resume_campaign", Role.OPERATOR, campaign="Zeta Push")
    assert asked.status is Status.APPROVAL
    world.clock[0] += HOUR
    reply = world.run("brief_me", venture="Zeta")
    told = facts(reply)
    assert [(one.told, one.by, one.by_itself) for one in told.deeds] == [
        ("Paused Zeta Push.", "chairman!", False)
    ]
    assert [(one.kind, one.say) for one in told.needs] == [("approval", "approve proposal 1")]
    assert told.steps[0].say == "approve proposal 1"
    assert "1 proposal needs a yes." in reply.reply.speech
    assert [one.slots for one in reply.reply.listed] == [{"proposal": 1}]
    # Of another venture neither is.
    other = facts(world.run("brief_me", venture="Other"))
    assert (other.deeds, other.needs) == ([], [])


def test_nothing_known_is_refused_and_said_why(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    assert world.run("brief_me").error is not None
    world.venture()
    refused = world.run("brief_me", period="2024-01-01")
    assert refused.error is not None
    assert refused.error.code == "no_data_in_period"
    unknown = world.run("brief_me", briefing=3)
    assert unknown.error is not None
    assert unknown.error.code == "unknown_briefing"


def test_every_weekday_at_eight_is_kept_taken_back_and_listed(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.venture()
    reply = world.run("schedule_briefing", frequency="weekdays", time="eight", venture="Zeta")
    assert reply.reply.text == (
        "I brief you every weekday at 08:00 (UTC) on Zeta, on your Today page. "
        "The first comes on Monday, Mar 16, 2026 at 08:00."
    )
    again = world.run("schedule_briefing", frequency="weekdays", time="08:00", venture="Zeta")
    assert again.error is not None
    assert again.error.code == "scheduled_already"
    assert "every weekday at 08:00 (UTC) on Zeta" in world.run("list_briefings").reply.text
    # Nobody sees or ends another's.
    assert world.run("list_briefings", Role.VIEWER).reply.text == "No briefing is scheduled for you."
    theirs = world.run("cancel_briefing", Role.OPERATOR, schedule=1)
    assert theirs.error is not None
    assert theirs.error.code == "unknown_schedule"
    assert world.run("cancel_briefing", frequency="monthly").error is not None
    assert world.run("cancel_briefing", weekdays=["monday"]).status is Status.DONE
    assert world.run("list_briefings").reply.text == "No briefing is scheduled for you."
    assert world.run("undo").status is Status.DONE
    assert "every weekday" in world.run("list_briefings").reply.text


@pytest.mark.parametrize(
    ("slots", "when"),
    [
        (
            {"weekdays": ["thu", "Monday"], "time": "half past seven"},
            "every Monday and Thursday at 07:30 (UTC)",
        ),
        ({"frequency": "weekly"}, "every Monday at 08:00 (UTC)"),
        ({"frequency": "daily", "time": "6pm"}, "every day at 18:00 (UTC)"),
        ({"frequency": "weekends", "time": "10"}, "every Saturday and Sunday at 10:00 (UTC)"),
        ({"month_day": "1", "time": "9"}, "every month on the 1st at 09:00 (UTC)"),
        ({"frequency": "monthly", "month_day": "last fri"}, "every month on its last Friday at 08:00 (UTC)"),
        ({"frequency": "monthly", "weekdays": ["tuesday"]}, "every month on its 1st Tuesday at 08:00 (UTC)"),
        ({"month_day": "31st"}, "every month on its last day at 08:00 (UTC)"),
    ],
)
def test_rhythms(make_world_here: Callable[..., World], slots: dict[str, Any], when: str) -> None:
    assert (
        make_world_here()
        .run("schedule_briefing", **slots)
        .reply.text.startswith(f"I brief you {when} on the")
    )


@pytest.mark.parametrize(
    ("slots", "code"),
    [
        ({"frequency": "fortnightly"}, "not_every_other_week"),
        ({"frequency": "daily", "delivery": ["email"]}, "no_email"),
        ({"frequency": "daily", "delivery": ["webhook"]}, "no_webhook"),
        ({"frequency": "daily", "skip_holidays": True}, "no_holidays"),
    ],
)
def test_what_cannot_be_is_refused(
    make_world_here: Callable[..., World], slots: dict[str, Any], code: str
) -> None:
    error = make_world_here().run("schedule_briefing", **slots).error
    assert error is not None
    assert error.code == code


def test_several_are_told_apart_or_ended_together(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    for day in ("monday", "friday"):
        world.run("schedule_briefing", weekdays=[day])
    unclear = world.run("cancel_briefing")
    assert unclear.error is not None
    assert unclear.reply.choices == ["cancel briefing 1", "cancel briefing 2"]
    assert world.run("cancel_briefing", every=True).status is Status.DONE
    assert world.run("list_briefings").reply.text == "No briefing is scheduled for you."


def test_eight_stays_eight_when_clocks_change() -> None:
    for first in (datetime(2026, 3, 26, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)):
        found = times.times(schedule(weekdays=[]), first)
        here = [next(found).astimezone(BERLIN) for _ in range(6)]
        assert [(one.hour, one.minute) for one in here] == [(8, 0)] * 6
        assert [one.date() for one in here] == [(first + count * DAY).date() for count in range(6)]


def test_a_time_that_clocks_leave_out_or_have_twice_comes_once() -> None:
    night = schedule(weekdays=[], time="02:30")
    for first in (date(2026, 3, 29), date(2026, 10, 25)):
        start = datetime(first.year, first.month, first.day, tzinfo=BERLIN).astimezone(UTC)
        found = [
            at for at in _until(night, start, start + 25 * HOUR) if at.astimezone(BERLIN).date() == first
        ]
        assert len(found) == 1


def _until(one: Schedule, first: datetime, last: datetime) -> list[datetime]:
    found: list[datetime] = []
    for at in times.times(one, first):
        if at > last:
            return found
        found.append(at)
    return found


DAYS = st.integers(0, 3 * 365 * 24).map(lambda hours: datetime(2024, 1, 1, tzinfo=UTC) + hours * HOUR)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
CLOCK = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda at: f"{at[0]:02}:{at[1]:02}")


@settings(deadline=None, max_examples=60)
@given(DAYS, ZONES, CLOCK, st.lists(st.sampled_from(WEEKDAYS), unique=True), st.integers(0, 20 * 24))
def test_whatever_was_missed_is_made_up_for_by_the_latest(
    start: datetime, zone: str, at: str, days: list[str], hours: int
) -> None:
    one = schedule(time_zone=zone, time=at, weekdays=days)
    now = start + timedelta(hours=hours)
    passed = [found for found in _until(one, start, now) if found <= now]
    due = times.due_time(one, start, now)
    assert due == (passed[-1] if passed else None)
    if due is not None:
        assert times.due_time(one, due, now) is None
        period = times.period_of(one, due, None)
        assert period.end == due.astimezone(ZoneInfo(zone)).date() - DAY
        assert 1 <= period.days <= 7


def test_each_briefing_is_about_the_days_since_the_one_before() -> None:
    eight = datetime(2026, 3, 16, 8, tzinfo=BERLIN)
    assert times.period_of(schedule(), eight, None) == Period(
        date(2026, 3, 13), date(2026, 3, 15), "the 3 days to Mar 15, 2026"
    )
    assert times.period_of(schedule(), eight + DAY, None).label == "Monday"
    weekly = schedule(frequency=WEEKLY, weekdays=["monday"])
    assert times.period_of(weekly, eight, None).days == 7
    monthly = schedule(frequency=MONTHLY, weekdays=[], month_day="1")
    first = datetime(2026, 3, 1, 8, tzinfo=BERLIN)
    assert times.period_of(monthly, first, None) == Period(
        date(2026, 2, 1), date(2026, 2, 28), "February 2026"
    )
    # What was missed is in it.
    assert times.period_of(schedule(), eight + 3 * DAY, eight).days == 3


def test_holidays_are_left_out_where_that_is_wanted() -> None:
    is_holiday = times.holidays_of(Briefings(holidays_country="DE", holidays_region="BY"))
    before = datetime(2026, 12, 23, 12, tzinfo=UTC)
    assert [at.astimezone(BERLIN).day for at in _first(schedule(), before, 3, is_holiday)] == [24, 25, 28]
    skipping = schedule(skip_holidays=True)
    assert [at.astimezone(BERLIN).day for at in _first(skipping, before, 3, is_holiday)] == [24, 28, 29]
    with pytest.raises(ValueError, match="ZZ"):
        times.holidays_of(Briefings(holidays_country="ZZ"))


def _first(one: Schedule, after: datetime, count: int, is_holiday: times.IsHoliday) -> list[datetime]:
    found = times.times(one, after, is_holiday)
    return [next(found) for _ in range(count)]


def test_a_due_briefing_is_made_and_sent_once(make_world: Callable[..., World]) -> None:
    world = make_world(notify={"email": MAIL}, briefings={"addresses": {"chairman!": "chair@example.com"}})
    world.venture()
    weaker(world, until=TODAY)
    world.run("schedule_briefing", frequency="daily", delivery=["email", "slack"], venture="Zeta")
    assert world.look(MONDAY + 7 * HOUR, "briefings")["made"] == []
    result = world.look(MONDAY + 8 * HOUR, "briefings")
    assert [(one["person"], one["sent"]) for one in result["made"]] == [("chairman!", ["email", "slack"])]
    assert world.look(MONDAY + 8 * HOUR + timedelta(minutes=1), "briefings")["made"] == []
    kept = made(world)
    assert [one.due_at for one in kept] == [MONDAY + 8 * HOUR]
    assert [target for target, _ in sent(world)] == ["email", "slack"]
    _, payload = sent(world)[1]
    assert payload["type"] == "briefing.ready"
    data = payload["data"]
    assert (data["briefing"], data["person"]) == (kept[0].id, "chairman!")
    assert data["text"].startswith(kept[0].headline)
    assert data["markdown"].startswith("# ")
    assert Briefing.model_validate(data["facts"]).number == kept[0].id
    shown = facts(world.run("brief_me", briefing=kept[0].id))
    assert shown.headline == kept[0].headline
    assert world.run("brief_me", Role.LEAD, briefing=kept[0].id).error is not None
    assert (
        f"briefing {kept[0].id}, Mar 16, 2026: {kept[0].headline}" in world.run("list_briefings").reply.text
    )


def test_what_was_missed_comes_once_after_a_restart(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.venture()
    world.run("schedule_briefing", frequency="daily")
    world.look(MONDAY + 8 * HOUR, "briefings")
    # Down from Monday noon to Thursday noon.
    later = MONDAY + 3 * DAY + 12 * HOUR
    assert len(world.look(later, "briefings")["made"]) == 1
    assert world.look(later + timedelta(minutes=1), "briefings")["made"] == []
    assert [one.due_at for one in made(world)] == [MONDAY + 3 * DAY + 8 * HOUR, MONDAY + 8 * HOUR]
    about = Briefing.model_validate(made(world)[0].facts).period
    assert (about.start, about.end) == (MONDAY.date(), MONDAY.date() + 2 * DAY)


def test_two_processes_make_one_briefing(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.venture()
    world.run("schedule_briefing", frequency="daily", delivery=["slack"])
    world.clock[0] = MONDAY + 9 * HOUR
    declared = {"briefings": build_loops(world.bus).declared["briefings"]}
    services = [Loops(world.bus, declared) for _ in range(4)]
    services[0].prepare(MONDAY)
    threads = [threading.Thread(target=one.tick, args=(MONDAY + 9 * HOUR,)) for one in services]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(made(world)) == 1
    assert len(sent(world)) == 1


def test_a_briefing_that_was_made_stands_when_the_loop_is_begun_again(
    make_world: Callable[..., World],
) -> None:
    world = make_world()
    world.venture()
    world.run("schedule_briefing", frequency="daily", delivery=["slack"])
    world.look(MONDAY + 9 * HOUR, "briefings")
    with world.bus.database.write() as connection:
        one = briefings.schedules(connection)[0]
        assert briefings.keep(connection, one, MONDAY + 8 * HOUR, NOW, "again", {}) is None
    assert len(made(world)) == 1


def test_without_data_the_briefing_says_so(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.run("schedule_briefing", frequency="daily")
    world.look(MONDAY + 8 * HOUR, "briefings")
    assert [one.headline for one in made(world)] == ["The portfolio has no performance data yet."]
    shown = world.run("brief_me", briefing=1)
    assert shown.reply.speech.startswith("The portfolio has no performance data yet.")


def test_who_left_is_briefed_no_more(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture()
    world.run("schedule_briefing", frequency="daily", delivery=["slack"])
    with world.bus.database.write() as connection:
        connection.execute(update(users).where(users.c.name == "chairman!").values(active=False))
    assert world.look(MONDAY + 8 * HOUR, "briefings")["made"] == []
    assert sent(world) == []


def test_a_mail_holds_words_a_page_and_its_chart(make_world_here: Callable[..., World]) -> None:
    world = make_world_here(
        notify={"email": MAIL}, briefings={"addresses": {"chairman!": "chair@example.com"}}
    )
    world.venture("Zeta <b>&amp; $x$")
    weaker(world, until=TODAY)
    world.run("schedule_briefing", frequency="daily", delivery=["email"], venture="Zeta <b>&amp; $x$")
    world.look(MONDAY + 8 * HOUR, "briefings")
    with world.bus.database.write() as connection:
        message = outbox.claim(connection, world.clock[0], {"email": HOUR})
    assert message is not None
    raw = mailing.written(message, world.bus.settings).as_bytes()
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["To"] == "chair@example.com"
    assert "\n" not in mail["Subject"]
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
    plain, page, picture = (
        next(part for part in mail.walk() if part.get_content_type() == kind)
        for kind in ("text/plain", "text/html", "image/png")
    )
    html = page.get_content()
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html
    assert "Zeta &lt;b&gt;&amp;amp; $x$" in html
    assert "<b>&amp;" not in html
    kept = made(world)[0]
    assert kept.headline in plain.get_content().replace("\n", " ")
    assert f"/briefings/{kept.id}" in plain.get_content()
    with Image.open(BytesIO(picture.get_content())) as image:
        assert image.format == "PNG"


def voiced(world: World, **terms: Any) -> Sounds:
    """Sounds of briefings as the settings of the voice have them."""
    said = world.bus.settings.model_copy(update={"voice": Voice(**({"mouth": "espeak"} | terms))})
    return Sounds(Voicing(said, Vocabulary), world.bus.settings.data_dir)


def mailed(world: World, sounds: Sounds | None) -> EmailMessage:
    """The mail of the briefing that waits, as it arrives."""
    with world.bus.database.write() as connection:
        message = outbox.claim(connection, world.clock[0], {"email": timedelta()})
    assert message is not None
    raw = mailing.written(message, world.bus.settings, sounds).as_bytes()
    return message_from_bytes(raw, EmailMessage, policy=policy.default)


def sounds_in(mail: EmailMessage) -> list[tuple[str, str | None, bytes]]:
    return [
        (part.get_content_type(), part.get_filename(), part.get_payload(decode=True))  # type: ignore[misc]
        for part in mail.walk()
        if part.get_content_maintype() == "audio"
    ]


def test_a_mail_brings_its_sound_where_that_was_asked_for(make_world_here: Callable[..., World]) -> None:
    world = make_world_here(notify={"email": MAIL})
    world.venture()
    world.run("schedule_briefing", frequency="daily", delivery=["email"], spoken=True)
    world.look(MONDAY + 8 * HOUR, "briefings")
    sounds = voiced(world)
    mail = mailed(world, sounds)
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds[:3] == ["multipart/mixed", "multipart/alternative", "text/plain"]
    ((kind, name, sound),) = sounds_in(mail)
    assert (kind, name) == ("audio/mpeg", f"briefing-{made(world)[0].id}.mp3")
    assert 5 < decode(sound).seconds < 60
    # Said once: another attempt sends the same.
    assert sounds_in(mailed(world, sounds)) == [(kind, name, sound)]
    # Where nobody can speak here the words go alone, and promise nothing.
    for silent in (voiced(world, mouth="off"), None):
        (world.bus.settings.data_dir / "briefings" / f"{made(world)[0].id}.mp3").unlink(missing_ok=True)
        alone = mailed(world, silent)
        assert sounds_in(alone) == []
        assert alone.get_content_type() == "multipart/alternative"
        assert "Hear" not in alone.as_string()


def test_a_large_sound_is_told_of_and_one_nobody_asked_for_is_not_made(
    make_world_here: Callable[..., World],
) -> None:
    world = make_world_here(notify={"email": MAIL}, briefings={"most_sound_bytes": 1000, "sound": "always"})
    world.venture()
    world.run("schedule_briefing", frequency="daily", delivery=["email"])
    world.look(MONDAY + 8 * HOUR, "briefings")
    mail = mailed(world, voiced(world))
    assert sounds_in(mail) == []
    page, plain = (
        next(part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == kind)
        for kind in ("text/html", "text/plain")
    )
    assert b"Hear the briefing</a>" in page
    assert b"Hear it: " in plain
    for terms, spoken in (({"sound": "asked"}, False), ({"sound": "never"}, True)):
        said = Briefings(**terms)  # type: ignore[arg-type]
        settings_ = world.bus.settings.model_copy(update={"briefings": said})
        assert not is_heard(settings_, schedule(spoken=spoken))


def test_markdown_keeps_what_people_named_as_it_is(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture("Z[x](y)|*_<i>")
    weaker(world)
    told = facts(world.run("brief_me", venture="Z[x](y)|*_<i>"))
    written = words.markdown(told)
    assert "Z\\[x\\](y)\\|\\*\\_\\<i\\>" in written
    rows = [line for line in written.splitlines() if line.startswith(("| ", "|--"))]
    assert len(rows) == 2 + len(told.figures)
