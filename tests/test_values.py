"""Values as people say them: known sentences, and what is written reads back as what it was."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.terms import Period
from intents import values
from intents.values import ImpossibleDate, MoneySaid, NumberRange, rhythms

TODAY = date(2026, 11, 20)  # a Friday

NUMBERS = {
    "fifty thousand": "50000",
    "50k": "50000",
    "50 K": "50000",
    "1.5 million": "1500000",
    "one point five million": "1500000",
    "twelve hundred": "1200",
    "a hundred and twenty": "120",
    "three hundred sixty-five": "365",
    "2,500": "2500",
    "a dozen": "12",
    "half a dozen": "6",
    "half a million": "500000",
    "a million and a half": "1500000",
    "two and a half thousand": "2500",
    "two million three hundred thousand and five": "2300005",
    "minus five": "-5",
    "-5": "-5",
    "about twenty": "20",
}


@pytest.mark.parametrize(("said", "number"), NUMBERS.items())
def test_reads_numbers(said: str, number: str) -> None:
    assert values.parse_number(said) == Decimal(number)


@pytest.mark.parametrize(
    "said",
    ["", "two hundred and five hundred", "5th", "ten campaigns", "1,23", "9" * 40, "five ten", "-", "١٢"],
)
def test_what_is_no_number(said: str) -> None:
    assert values.parse_number(said) is None


@pytest.mark.parametrize("said", ["2.5", "minus three", "half"])
def test_a_count_is_whole_and_not_negative(said: str) -> None:
    assert values.parse_count(said) is None


MONEY = {
    "$5k": MoneySaid(Decimal(5000), "USD"),
    "5,000 dollars": MoneySaid(Decimal(5000), "USD"),
    "twelve hundred dollars": MoneySaid(Decimal(1200), "USD"),
    "€2.5k": MoneySaid(Decimal(2500), "EUR"),
    "EUR 300": MoneySaid(Decimal(300), "EUR"),
    "20 grand": MoneySaid(Decimal(20000)),
    "five thousand": MoneySaid(Decimal(5000)),
    "-$5": MoneySaid(Decimal(-5), "USD"),
    "five dollars and fifty cents": MoneySaid(Decimal("5.5"), "USD"),
    "1.2m pounds": MoneySaid(Decimal(1200000), "GBP"),
}


@pytest.mark.parametrize(("said", "money"), MONEY.items())
def test_reads_money(said: str, money: MoneySaid) -> None:
    assert values.parse_money(said) == money


SHARES = {
    "15%": "0.15",
    "fifteen percent": "0.15",
    "2.5 per cent": "0.025",
    "half": "0.5",
    "three quarters": "0.75",
}


@pytest.mark.parametrize(("said", "share"), SHARES.items())
def test_reads_shares(said: str, share: str) -> None:
    assert values.parse_percent(said) == Decimal(share)


@pytest.mark.parametrize("said", ["a third", "15", "percent"])
def test_what_is_no_share(said: str) -> None:
    assert values.parse_percent(said) is None


RANGES: dict[str, tuple[int | str | None, int | str | None, str | None]] = {
    "between 10 and 50k": (10_000, 50_000, None),
    "10-50k": (10_000, 50_000, None),
    "from 500 to 1k": (500, 1000, None),
    "between two hundred and five hundred": (200, 500, None),
    "between 50k and 10k": (10_000, 50_000, None),
    "at least 20k": (20_000, None, None),
    "more than twelve hundred": (1200, None, None),
    "50k+": (50_000, None, None),
    "50k or more": (50_000, None, None),
    "up to $500": (None, 500, "USD"),
    "under 3%": (None, "0.03", "percent"),
    "between 2 and 5 percent": ("0.02", "0.05", "percent"),
}


@pytest.mark.parametrize(("said", "bounds"), RANGES.items())
def test_reads_ranges(said: str, bounds: tuple[int | str | None, int | str | None, str | None]) -> None:
    low, high, unit = bounds
    expected = NumberRange(
        None if low is None else Decimal(low), None if high is None else Decimal(high), unit
    )
    assert values.parse_range(said) == expected


def test_a_plain_number_is_no_range_but_means_half_to_double() -> None:
    assert values.parse_range("50k") is None
    assert values.around(50_000) == NumberRange(Decimal(25_000), Decimal(100_000))


def test_a_range_upside_down_is_refused() -> None:
    with pytest.raises(ValueError, match="below its start"):
        NumberRange(Decimal(2), Decimal(1))


PERIODS = {
    "today": ("2026-11-20", "2026-11-20"),
    "yesterday": ("2026-11-19", "2026-11-19"),
    "this week": ("2026-11-16", "2026-11-20"),
    "last week": ("2026-11-09", "2026-11-15"),
    "next week": ("2026-11-23", "2026-11-29"),
    "month to date": ("2026-11-01", "2026-11-20"),
    "QTD": ("2026-10-01", "2026-11-20"),
    "this year so far": ("2026-01-01", "2026-11-20"),
    "last month": ("2026-10-01", "2026-10-31"),
    "last 7 days": ("2026-11-13", "2026-11-19"),
    "the past two weeks": ("2026-11-06", "2026-11-19"),
    "last ninety days": ("2026-08-22", "2026-11-19"),
    "last 3 months": ("2026-08-01", "2026-10-31"),
    "the past year": ("2025-11-20", "2026-11-19"),
    "last quarter": ("2026-07-01", "2026-09-30"),
    "Q3": ("2026-07-01", "2026-09-30"),
    "q three": ("2026-07-01", "2026-09-30"),
    "Q3 2025": ("2025-07-01", "2025-09-30"),
    "third quarter of last year": ("2025-07-01", "2025-09-30"),
    "the first half of 2025": ("2025-01-01", "2025-06-30"),
    "H1": ("2026-01-01", "2026-06-30"),
    "March": ("2026-03-01", "2026-03-31"),
    "in December": ("2025-12-01", "2025-12-31"),
    "last November": ("2025-11-01", "2025-11-30"),
    "March 2025": ("2025-03-01", "2025-03-31"),
    "2025": ("2025-01-01", "2025-12-31"),
    "twenty twenty-five": ("2025-01-01", "2025-12-31"),
    "since March": ("2026-03-01", "2026-11-20"),
    "since March 5": ("2026-03-05", "2026-11-20"),
    "since last Monday": ("2026-11-16", "2026-11-20"),
    "since the beginning of the year": ("2026-01-01", "2026-11-20"),
    "from March 5 to April 2": ("2026-03-05", "2026-04-02"),
    "between January and March": ("2026-01-01", "2026-03-31"),
    "November to January": ("2025-11-01", "2026-01-31"),
    "March 5-10": ("2026-03-05", "2026-03-10"),
    "2026-03-05": ("2026-03-05", "2026-03-05"),
    "5 March 2026": ("2026-03-05", "2026-03-05"),
    "March 5th": ("2026-03-05", "2026-03-05"),
    "the twenty-first of march": ("2026-03-21", "2026-03-21"),
    "3/5/2026": ("2026-03-05", "2026-03-05"),
    "last Monday": ("2026-11-16", "2026-11-16"),
    "last Friday": ("2026-11-13", "2026-11-13"),
    "the week of March 2": ("2026-03-02", "2026-03-08"),
    "last weekend": ("2026-11-14", "2026-11-15"),
    "two weeks ago": ("2026-11-02", "2026-11-08"),
    "February 29": ("2024-02-29", "2024-02-29"),
    "all of last year": ("2025-01-01", "2025-12-31"),
    "next 30 days": ("2026-11-21", "2026-12-20"),
    "the next fortnight": ("2026-11-21", "2026-12-04"),
    "six weeks ahead": ("2026-11-21", "2027-01-01"),
    "the rest of the month": ("2026-11-21", "2026-11-30"),
    "rest of this year": ("2026-11-21", "2026-12-31"),
    "until the end of the quarter": ("2026-11-20", "2026-12-31"),
}


@pytest.mark.parametrize(("said", "days"), PERIODS.items())
def test_reads_periods(said: str, days: tuple[str, str]) -> None:
    found = values.parse_period(said, TODAY)
    assert found is not None
    assert (found.start.isoformat(), found.end.isoformat()) == days


FISCAL = {
    "FY2026": ("2025-04-01", "2026-03-31"),
    "FY26": ("2025-04-01", "2026-03-31"),
    "fiscal Q1": ("2026-04-01", "2026-06-30"),
    "Q1 FY2026": ("2025-04-01", "2025-06-30"),
    "this fiscal year": ("2026-04-01", "2026-11-20"),
    "last fiscal quarter": ("2026-07-01", "2026-09-30"),
    "Q1": ("2026-01-01", "2026-03-31"),
}


@pytest.mark.parametrize(("said", "days"), FISCAL.items())
def test_a_fiscal_year_is_named_by_the_year_it_ends_in(said: str, days: tuple[str, str]) -> None:
    found = values.parse_period(said, TODAY, fiscal_year_start=4)
    assert found is not None
    assert (found.start.isoformat(), found.end.isoformat()) == days


def test_a_fiscal_year_from_january_is_the_calendar_year() -> None:
    assert values.parse_period("FY2026", TODAY) == Period(date(2026, 1, 1), date(2026, 12, 31), "fiscal 2026")


@pytest.mark.parametrize(
    "said",
    ["February 30", "2026-13-40", "3/45/2026", "November 31st", "February 29 2025", "since December 2030"],
)
def test_days_that_do_not_exist_are_said_to_be_impossible(said: str) -> None:
    with pytest.raises(ImpossibleDate, match=r"^[A-Z].*\.$"):
        values.parse_period(said, TODAY)


def test_this_month_says_that_it_is_not_over() -> None:
    found = values.parse_period("this month", TODAY)
    assert found is not None
    assert found.label == "this month to date"


@pytest.mark.parametrize("said", ["", "campaign", "5", "last campaign", "month", "may I"])
def test_what_is_no_period(said: str) -> None:
    assert values.parse_period(said, TODAY) is None


FOUND: dict[str, list[tuple[str, str]]] = {
    "what are the top performing channels this month": [("period", "this month")],
    "find influencers for fitness with 50000 followers": [("count", "50000")],
    "top 5 channels over the last 30 days": [("count", "5"), ("period", "the last 30 days")],
    "put twelve hundred dollars on email in May": [("money", "twelve hundred dollars"), ("period", "May")],
    "may I see May 2026 and last may": [("period", "May 2026"), ("period", "last may")],
    "set the budget to 2025": [("count", "2025")],
    "revenue in 2025": [("period", "2025")],
    "move half of the email budget": [("percent", "half")],
    "between 10 and 50k followers": [("range", "between 10 and 50k")],
    "the second one, the 5th, v2 and 10x": [],
    "open 24/7": [],
    "all of last year please": [("period", "all of last year")],
    "top-5 campaigns": [("count", "5")],
    "compare Q1 and Q2": [("period", "Q1"), ("period", "Q2")],
}


@pytest.mark.parametrize(("text", "expected"), FOUND.items())
def test_finds_values_in_text(text: str, expected: list[tuple[str, str]]) -> None:
    found = values.find(text, TODAY)
    assert [(one.entity, one.text) for one in found] == expected
    assert all(text[one.start : one.end] == one.text for one in found)


def test_an_impossible_date_in_text_is_reported() -> None:
    (found,) = values.find("how many leads on February 30?", TODAY)
    assert isinstance(found.value, ImpossibleDate)
    assert str(found.value) == "February has no day 30."


amounts = st.decimals(min_value=0, max_value=10**9, places=2)


@given(st.integers(min_value=0, max_value=10**12 - 1))
def test_a_count_reads_back_in_digits_and_words(count: int) -> None:
    assert values.parse_count(values.render_count(count)) == count
    assert values.parse_count(values.spell_count(count)) == count


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_a_number_reads_back(number: Decimal) -> None:
    assert values.parse_number(values.render_number(number)) == number


@given(
    st.decimals(min_value=-(10**9), max_value=10**9, places=2),
    st.sampled_from([None, "USD", "EUR", "JPY"]),
)
def test_money_reads_back(amount: Decimal, currency: str | None) -> None:
    money = MoneySaid(amount, currency)
    assert values.parse_money(values.render_money(money)) == money


@given(st.decimals(min_value=-10, max_value=10, places=4))
def test_a_share_reads_back(share: Decimal) -> None:
    assert values.parse_percent(values.render_percent(share)) == share


@given(amounts, amounts, st.sampled_from([None, "percent", "EUR"]), st.sampled_from(["both", "min", "max"]))
def test_a_range_reads_back(first: Decimal, last: Decimal, unit: str | None, ends: str) -> None:
    low, high = sorted((first, last))
    bounds = NumberRange(None if ends == "max" else low, None if ends == "min" else high, unit)
    assert values.parse_range(values.render_range(bounds)) == bounds


days = st.dates(date(1990, 1, 1), date(2100, 12, 31))


@given(days, st.integers(0, 5000), days)
def test_a_period_reads_back_on_any_day(start: date, length: int, today: date) -> None:
    period = Period(start, start + timedelta(days=length))
    found = values.parse_period(values.render_period(period), today)
    assert found is not None
    assert (found.start, found.end) == (period.start, period.end)


@given(st.sampled_from([*PERIODS, *FISCAL]), days, st.integers(1, 12))
def test_a_label_means_the_period_it_stands_for(said: str, today: date, fiscal_year_start: int) -> None:
    found = values.parse_period(said, today, fiscal_year_start)
    assert found is not None
    again = values.parse_period(found.label, today, fiscal_year_start)
    assert again is not None
    assert (again.start, again.end) == (found.start, found.end)


@given(days, st.integers(1, 400))
def test_last_days_are_full_days(today: date, count: int) -> None:
    found = values.parse_period(f"last {count} days", today)
    assert found is not None
    assert (found.end, found.days) == (today - timedelta(days=1), count)


pieces = st.sampled_from(
    [*NUMBERS, *MONEY, *RANGES, *PERIODS, "and", "to", "for", "-", "%", "$", "🙂", "of", "31", "last"]
)


@given(st.lists(pieces | st.text(max_size=8), max_size=10).map(" ".join), days)
def test_never_raises_and_never_overlaps(text: str, today: date) -> None:
    found = values.find(text, today)
    assert all(left.end <= right.start for left, right in pairwise(found))
    assert all(text[one.start : one.end] == one.text for one in found)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("Monday", date(2026, 6, 22)),
        ("until Monday", date(2026, 6, 22)),
        # That is the day itself.
        ("Wednesday", date(2026, 6, 17)),
        ("this Friday", date(2026, 6, 19)),
        ("July", date(2026, 7, 1)),
        ("May", date(2027, 5, 1)),
        ("June 16", date(2027, 6, 16)),
        # Not every year has that day.
        ("February 29", date(2028, 2, 29)),
        # What can only lie behind.
        ("yesterday", date(2026, 6, 16)),
        ("last Monday", date(2026, 6, 15)),
        ("March 2024", date(2024, 3, 1)),
    ],
)
def test_what_is_to_come(text: str, start: date) -> None:
    found = values.parse_coming(text, date(2026, 6, 17))
    assert found is not None
    assert found.start == start
    assert values.parse_coming("never", date(2026, 6, 17)) is None


@given(st.sampled_from(rhythms.WEEKDAYS), st.dates(date(2020, 1, 1), date(2040, 12, 31)))
def test_a_weekday_to_come_is_within_a_week(weekday: str, today: date) -> None:
    found = values.parse_coming(weekday, today)
    assert found is not None
    assert found.start == found.end
    assert rhythms.WEEKDAYS[found.start.weekday()] == weekday
    assert 0 <= (found.start - today).days < 7
