"""A person's briefings as a podcast: an RSS 2.0 feed that only its secret address opens."""

from collections.abc import Callable, Sequence

from assistant import wording
from assistant.briefing import words
from assistant.briefing.facts import Briefing
from storage.briefings import Made

MEDIA_TYPE = "application/rss+xml; charset=utf-8"


def feed(
    person: str, home: str, own: str, made: Sequence[Made], sound: Callable[[int], tuple[str, int]]
) -> bytes:
    """The feed of a person's briefings, the latest first.

    ``home`` and ``own`` are the addresses of the desk and of the feed; ``sound`` gives the address of a
    briefing's recording and its size in bytes, 0 where that is not known yet.
    """
    # Imported here: few requests are for a feed.
    from feedgen.feed import FeedGenerator

    about = FeedGenerator()
    about.load_extension("podcast")
    about.title(f"Briefings for {person}")
    about.description("What moved, what was done, and what needs a yes.")
    about.link(href=home, rel="alternate")
    about.link(href=own, rel="self")
    about.language("en")
    # It is nobody else's: directories of podcasts are asked to leave it out.
    about.podcast.itunes_block(True)
    about.podcast.itunes_author("GTM assistant")
    about.podcast.itunes_category("Business")
    about.podcast.itunes_explicit("no")
    for one in made:
        facts = Briefing.model_validate({**one.facts, "number": one.id})
        entry = about.add_entry(order="append")
        entry.title(_plain(one.headline))
        entry.guid(f"briefing-{one.id}", permalink=False)
        entry.link(href=f"{home}/briefings/{one.id}")
        entry.description(_plain(f"{words.when_told(facts)} {words.speech(facts)}"))
        entry.pubDate(one.made_at)
        address, size = sound(one.id)
        entry.enclosure(address, str(size), "audio/mpeg")
        entry.podcast.itunes_author(wording.sentence(facts.subject))
    written: bytes = about.rss_str(pretty=True)
    return written


def _plain(told: str) -> str:
    """Without what XML does not take."""
    return "".join(one if one.isprintable() else " " for one in told)
