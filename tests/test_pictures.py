"""A reply's chart as PNG and SVG, looked at as a viewer would decode it."""

from datetime import date, timedelta
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from PIL import Image

from assistant import pictures
from assistant.reply import Chart, Series, Threshold

SVG = "{http://www.w3.org/2000/svg}"
DAYS = [str(date(2026, 3, 1) + timedelta(days=day)) for day in range(30)]


def line(**changes: object) -> Chart:
    chart = Chart(
        kind="line",
        title="Spend of Acme by day",
        unit="USD",
        labels=DAYS,
        series=[Series(name="Spend", values=[1000.0 + 10 * day for day in range(30)])],
        thresholds=[Threshold(label="spend limit a day", value=1500)],
    )
    return chart.model_copy(update=changes)


def bars() -> Chart:
    return Chart(
        kind="bar",
        title="ROAS by channel",
        unit="×",
        labels=["email", "paid search", "display"],
        series=[Series(name="Now", values=[5.2, 3.1, None]), Series(name="Before", values=[4.8, 3.4, 1.2])],
        thresholds=[Threshold(label="pause below 2", value=2)],
    )


def pixels(png: bytes) -> tuple[tuple[int, int], set[tuple[int, ...]]]:
    """Width and height, and the colors, as another library reads them."""
    with Image.open(BytesIO(png)) as image:
        found = image.convert("RGB").getcolors(1 << 24)
        assert found is not None
        return image.size, {color for _, color in found if isinstance(color, tuple)}


@pytest.mark.parametrize("chart", [line(), bars()], ids=["line", "bar"])
def test_a_png_is_twice_as_fine_as_it_is_shown_and_has_the_colors_of_the_chart(chart: Chart) -> None:
    size, colors = pixels(pictures.png(chart))
    assert size == (pictures.WIDTH * 2, pictures.HEIGHT * 2)
    wanted = [*pictures.COLORS[: len(chart.series)], pictures.LIMIT, "#ffffff"]
    assert {tuple(bytes.fromhex(color[1:])) for color in wanted} <= colors


def test_the_same_chart_is_the_same_picture() -> None:
    assert pictures.png(line()) == pictures.png(line())
    assert pictures.svg(bars()) == pictures.svg(bars())


def test_an_svg_says_what_it_shows_to_who_cannot_see_it() -> None:
    root = etree.fromstring(pictures.svg(line()).encode())
    assert root.tag == f"{SVG}svg"
    assert (root.get("role"), root.get("aria-label")) == ("img", "Spend of Acme by day")
    title, told = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text == "Spend of Acme by day"
    assert told is not None
    assert told.text == (
        "Spend of Acme by day. Spend: $1,000 on Mar 1, $1,290 on Mar 30, between $1,000 and $1,290. "
        "spend limit a day: $1,500."
    )


def test_bars_are_told_one_by_one() -> None:
    assert pictures.described(bars()) == (
        "ROAS by channel. Now: email 5.20×, paid search 3.10×. "
        "Before: email 4.80×, paid search 3.40×, display 1.20×. pause below 2: 2×."
    )


def test_low_and_high_are_one_band() -> None:
    values = [float(day) for day in range(30)]
    chart = line(
        series=[
            Series(name="Forecast", values=list(values)),
            Series(name="Low (5 %)", values=[value * 0.8 for value in values]),
            Series(name="High (95 %)", values=[value * 1.2 for value in values]),
        ]
    )
    drawn = pictures.svg(chart)
    assert "Low (5 %) to High (95 %)" in drawn
    assert "FillBetweenPolyCollection" in drawn
    assert pictures.COLORS[1] not in drawn


@pytest.mark.parametrize("chart", [line(series=[]), line(series=[Series(name="Spend", values=[None] * 30)])])
def test_a_chart_without_a_value_is_no_picture(chart: Chart) -> None:
    with pytest.raises(ValueError, match="no value"):
        pictures.png(chart)


VALUES = st.none() | st.floats(-1e12, 1e12) | st.just(float("nan"))


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(["line", "bar"]),
    st.text(max_size=40),
    st.lists(VALUES, min_size=1, max_size=40),
    st.text(st.characters(codec="utf-8"), max_size=60),
)
def test_whatever_is_in_names_and_values_it_stays_a_picture(
    kind: str, title: str, values: list[float | None], name: str
) -> None:
    chart = Chart(
        kind=kind,
        title=title,
        unit="USD",
        labels=[f"{name}{place}" for place in range(len(values))],
        series=[Series(name=name, values=values), Series(name="$x$ & <b>", values=[1.0] * len(values))],
        thresholds=[Threshold(label="$5 to $6 <", value=5)],
    )
    assert etree.fromstring(pictures.svg(chart).encode()).tag == f"{SVG}svg"
