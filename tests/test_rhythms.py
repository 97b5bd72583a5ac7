"""When something comes again and again, as people say it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intents.values import rhythms


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("brief me every weekday at eight", [("time", "08:00")]),
        (
            "Mondays and Thursdays at half past seven",
            [("weekday", "monday"), ("weekday", "thursday"), ("time", "07:30")],
        ),
        ("first of the month at 9", [("month_day", "1"), ("time", "09:00")]),
        ("every day at 8am my time", [("time", "08:00")]),
        ("every friday at 4:30 pm", [("weekday", "friday"), ("time", "16:30")]),
        ("on the 15th of each month at quarter to nine", [("month_day", "15"), ("time", "08:45")]),
        ("first monday of the month at ten", [("month_day", "1st mon"), ("time", "10:00")]),
        ("the last friday of every month", [("month_day", "last fri")]),
        ("at the end of every month", [("month_day", "last")]),
        ("on the 31st", [("month_day", "last")]),
        ("every monday at half seven", [("weekday", "monday"), ("time", "07:30")]),
        ("tue and thu at 18.15", [("weekday", "tuesday"), ("weekday", "thursday"), ("time", "18:15")]),
        ("at 1800 every day", [("time", "18:00")]),
        ("each evening at six", [("time", "18:00")]),
        ("every Monday morning at nine", [("weekday", "monday"), ("time", "09:00")]),
        ("every weekday morning", [("time", "08:00")]),
        ("twenty past eight", [("time", "08:20")]),
        ("five to eight on weekdays", [("time", "07:55")]),
        ("eight thirty every morning", [("time", "08:30")]),
        ("6 o'clock in the evening", [("time", "18:00")]),
        ("daily at noon", [("time", "12:00")]),
        ("at 12 am", [("time", "00:00")]),
        ("brief me at 5", [("time", "17:00")]),
        ("at 05:00", [("time", "05:00")]),
        ("brief me on Acme", []),
        ("brief me for the last 30 days", []),
        ("a quarter past nothing", []),
    ],
)
def test_days_and_times(said: str, meant: list[tuple[str, str]]) -> None:
    assert [(one.entity, one.value) for one in rhythms.find(said)] == meant


@pytest.mark.parametrize(
    ("said", "alone"),
    [
        ("half past nine", 1),
        ("no, at 8:30", 1),
        ("Mondays", 1),
        ("monday", 0),
        ("12", 0),
        ("brief me at 9", 0),
    ],
)
def test_short_answers(said: str, alone: int) -> None:
    assert len(rhythms.find_alone(said)) == alone


@given(st.integers(0, 23), st.integers(0, 59))
def test_written_times_are_themselves(hour: int, minute: int) -> None:
    written = f"{hour:02}:{minute:02}"
    assert rhythms.time_of(written) == written


@given(st.text(max_size=80))
def test_whatever_is_said_has_its_place(said: str) -> None:
    found = rhythms.find(said)
    assert all(said[one.start : one.end] == one.text for one in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
