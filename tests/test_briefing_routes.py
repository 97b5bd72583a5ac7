"""Briefings over HTTP: words, pages, pictures, sound, the pages of the desk, and the private podcast."""

import calendar
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import feedparser
import podcastparser
import pytest
from PIL import Image
from sqlalchemy import select

from assistant.bootstrap import Assistant, build_loops
from assistant.briefing.facts import Briefing
from assistant.reply import Status
from intents.command import Role
from storage import briefings
from storage.briefings import briefing_feeds
from storage.performance import daily_performance
from tests.conftest import NOW, Speaker, assistant_on, copied, run
from tests.test_http import Site, is_error, site_of
from voice.decoding import decode

DUE = NOW + timedelta(hours=14)


@pytest.fixture(scope="module")
def everybody(
    small_portfolio: Path, tmp_path_factory: pytest.TempPathFactory, models: Path
) -> Iterator[Site]:
    """The service with one briefing of the chairman's, to be read by all tests here."""
    folder, clock = tmp_path_factory.mktemp("briefed"), [NOW]
    made = assistant_on(copied(small_portfolio, folder / "gtm.db"), folder, models, lambda: clock[0])
    asked = run(Speaker(made), "schedule_briefing", frequency="daily", spoken=True, delivery=["podcast"])
    assert asked.status is Status.DONE
    clock[0] = DUE
    assert build_loops(made.bus).run_now("briefings", DUE)
    # Tokens of the tests are good for an hour.
    clock[0] = NOW
    yield site_of(made)
    made.close()


@pytest.fixture(scope="module")
def site(everybody: Site) -> Site:
    return everybody.as_role()


@pytest.mark.parametrize("number", ["1", "now"])
def test_words_a_page_and_pictures(site: Site, number: str) -> None:
    told = site.get(f"/api/v1/briefings/{number}/markdown")
    assert told.status_code == 200
    assert told.headers["content-type"] == "text/markdown; charset=utf-8"
    assert told.text.startswith("# ")
    page = site.get(f"/api/v1/briefings/{number}/html")
    assert page.headers["content-disposition"] == "attachment; filename=briefing.html"
    assert "data:image/png;base64," in page.text
    with Image.open(BytesIO(site.get(f"/api/v1/briefings/{number}/png").content)) as image:
        assert image.format == "PNG"
    assert site.get(f"/api/v1/briefings/{number}/svg").text.startswith("<svg")


@pytest.mark.parametrize("form", ["wav", "opus", "mp3"])
def test_a_briefing_is_heard_in_at_most_a_minute_and_is_said_once(site: Site, form: str) -> None:
    first, again = (site.get(f"/api/v1/briefings/1/{form}").content for _ in range(2))
    assert first == again
    assert 3 < decode(BytesIO(first), most_seconds=90).seconds <= 60


def test_what_moved_stands_on_every_page_that_tells_it(assistant: Assistant) -> None:
    last_week = daily_performance.c.day > NOW.date() - timedelta(days=8)
    with assistant.database.write() as connection:
        connection.execute(
            daily_performance.update().where(last_week).values(revenue=daily_performance.c.revenue * 4)
        )
    run(Speaker(assistant), "schedule_briefing", frequency="daily")
    assert build_loops(assistant.bus).run_now("briefings", DUE)
    site = site_of(assistant)
    site.sign_in()
    facts = run(Speaker(assistant), "brief_me").result
    assert isinstance(facts, Briefing)
    assert facts.movements
    for path in ("/", "/briefings/1"):
        page = site.get(path)
        assert page.status_code == 200
        assert facts.movements[0].label in page.text
    for kind in ("markdown", "html", "png", "mp3"):
        assert site.get(f"/api/v1/briefings/now/{kind}").status_code == 200


def test_nobody_hears_what_is_another_s(everybody: Site) -> None:
    other = everybody.as_role(Role.LEAD)
    assert is_error(other.get("/api/v1/briefings/1/markdown"), 404, "unknown_briefing")
    assert other.get("/api/v1/briefings/now/markdown").status_code == 200
    assert everybody.get("/api/v1/briefings/1/markdown").status_code == 401
    assert is_error(other.get("/api/v1/briefings/77/wav"), 404)
    assert other.get("/api/v1/briefings/1/exe").status_code == 422


def test_the_feed_is_what_podcast_apps_take(site: Site, everybody: Site) -> None:
    url = site.post("/api/v1/briefings/feed").json()["url"]
    path = url.removeprefix(site.assistant.settings.server.url)
    # Apps send no token: the address is the key.
    answer = everybody.get(path)
    assert answer.headers["content-type"] == "application/rss+xml; charset=utf-8"
    read = feedparser.parse(answer.content)
    assert not read.bozo
    assert read.version == "rss20"
    (entry,) = read.entries
    assert calendar.timegm(entry.published_parsed) == int(DUE.timestamp())
    assert entry.id == "briefing-1"
    (enclosure,) = entry.enclosures
    assert enclosure.type == "audio/mpeg"
    show = podcastparser.parse(url, BytesIO(answer.content))
    assert show["title"] == "Briefings for chairman"
    assert [one["title"] for one in show["episodes"]] == [entry.title]
    heard = everybody.get(enclosure.href.removeprefix(site.assistant.settings.server.url))
    assert heard.status_code == 200
    assert decode(BytesIO(heard.content), most_seconds=90).seconds > 3
    sized = feedparser.parse(everybody.get(path).content).entries[0].enclosures[0]
    assert int(sized.length) == len(heard.content)


def test_a_new_address_ends_the_one_before_and_neither_is_kept(site: Site, everybody: Site) -> None:
    first, second = (site.post("/api/v1/briefings/feed").json()["url"] for _ in range(2))
    home = site.assistant.settings.server.url
    assert everybody.get(first.removeprefix(home)).status_code == 404
    assert everybody.get(second.removeprefix(home)).status_code == 200
    assert everybody.get(f"/feeds/{'x' * 43}/briefings.xml").status_code == 404
    secret = second.split("/")[-2]
    with site.assistant.database.read() as connection:
        kept = connection.scalars(select(briefing_feeds.c.digest)).all()
    assert secret not in kept
    assert briefings.digest(secret) in kept
    assert len(secret) >= 40


def test_another_s_feed_has_nothing_of_mine(everybody: Site) -> None:
    url = everybody.as_role(Role.LEAD).post("/api/v1/briefings/feed").json()["url"]
    path = url.removeprefix(everybody.assistant.settings.server.url)
    assert feedparser.parse(everybody.get(path).content).entries == []
    assert everybody.get(path.replace("briefings.xml", "1.mp3")).status_code == 404


def test_the_desk_shows_today_s_briefing_with_a_player_and_one_in_full(everybody: Site) -> None:
    desk = site_of(everybody.assistant)
    token = desk.sign_in()
    today = desk.get("/").text
    assert 'src="/api/v1/briefings/now/mp3"' in today
    assert '<a href="/briefings/1">' in today
    full = desk.get("/briefings/1")
    assert full.status_code == 200
    assert 'src="/api/v1/briefings/1/mp3"' in full.text
    assert "data-plot" in full.text
    assert desk.get("/briefings/77").status_code == 404
    listed = desk.get("/briefings").text
    assert "every day at 08:00 (UTC)" in listed
    fresh = desk.client.post("/briefings/feed", data={"_csrf": token})
    assert f"{desk.assistant.settings.server.url}/feeds/" in fresh.text
    assert desk.client.post("/briefings/feed", data={"_csrf": "wrong"}).status_code == 403
