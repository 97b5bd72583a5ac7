"""A briefing as a page of its own that mail programs show: nothing is loaded from anywhere."""

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, Template

from assistant import wording
from assistant.briefing import words
from assistant.briefing.facts import Briefing


def document(
    facts: Briefing, *, url: str, picture: str | None, alt: str, is_heard_there: bool = False
) -> str:
    """The whole page; ``picture`` is where its chart is, ``alt`` the chart in words.

    ``is_heard_there`` says that its sound is at ``url``.
    """
    return _template().render(
        facts=facts,
        table=words.table(facts),
        when=words.when_told(facts),
        moved=words.moved,
        swung=words.swung(facts),
        need_told=words.need_told,
        sentence=wording.sentence,
        url=url,
        picture=picture,
        alt=alt,
        is_heard_there=is_heard_there,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True).get_template(
        "briefing.html"
    )
