"""Templates of the desk, with what every page has."""

import gzip
import json
import secrets
from typing import Any

from fastapi import Request
from starlette.responses import Response

from assistant import wording
from assistant.briefing import words
from assistant.channels.access import SignedIn
from assistant.channels.desk import showing
from assistant.channels.desk.pages import MOVED, PAGES, WATCHED
from assistant.channels.page import templates
from assistant.channels.service import Service
from assistant.commands.attribution import models_table, paths_table
from assistant.turn import Page as InFront
from engines.crediting import Model
from engines.metrics import METRICS
from intents.command import Effect, Role

FAST = 5
"""How hard is compressed: a millisecond for a sixth of the size."""
THEME_COOKIE = "gtm_theme"
PERIODS = (
    ("7 days", "last 7 days"),
    ("30 days", ""),
    ("90 days", "last 90 days"),
    ("Quarter", "this quarter"),
    ("Year", "last 365 days"),
)
"""Periods to choose; any other may be said."""
PLATFORMS = ("instagram", "tiktok", "youtube", "linkedin", "twitter", "facebook", "twitch")

_BETTER = {name: metric.higher_is_better for name, metric in METRICS.items()}

templates.env.globals.update(
    PAGES=PAGES,
    PERIODS=PERIODS,
    address=showing.address,
    venture_page=showing.venture_page,
    campaign_page=showing.campaign_page,
    influencer_page=showing.influencer_page,
    scores=showing.scores,
    channel_name=showing.channel_name,
    together=showing.together,
    spark=showing.spark,
    new_key=lambda: secrets.token_urlsafe(16),
    metric_label=lambda name: METRICS[name].label,
    models_table=models_table,
    paths_table=paths_table,
    MODELS=tuple(Model),
    PLATFORMS=PLATFORMS,
    curves=showing.curves,
    contributions=showing.contributions,
    MOVED=MOVED,
    WATCHED=WATCHED,
    about=showing.about,
    movement_told=words.moved,
    swings_told=words.swung,
)
templates.env.filters.update(
    tone=lambda figure: showing.tone(figure, _BETTER),
    change=lambda share: wording.percent(share, signed=True),
    brief=showing.brief,
    need=words.need_told,
    money=wording.money,
    percent=wording.percent,
    sentence=wording.sentence,
    plain=lambda name: str(name).replace("_", " "),
    as_json=lambda value: json.dumps(value, ensure_ascii=False).replace("<", "\\u003c"),
)


def rendered(
    request: Request,
    here: Service,
    found: SignedIn,
    template: str,
    context: dict[str, Any],
    status: int = 200,
) -> Response:
    """A page for somebody who is signed in, compressed where that is taken.

    Compressing what holds a secret beside words of the address is safe here: no other site can have a page
    asked for in the session, whose cookie is strict.
    """
    front: InFront | None = context.get("front")
    theme = request.cookies.get(THEME_COOKIE)
    response = templates.TemplateResponse(
        request,
        template,
        {
            "person": found.person,
            "may": found.person.role.includes,
            "Role": Role,
            "reads": {
                name
                for name, command in here.assistant.bus.catalogue.items()
                if command.effect is Effect.READ
            },
            "csrf_token": here.sessions.csrf_token(found.session),
            "theme": theme if theme in ("light", "dark") else "",
            "front_sent": "" if front is None else front.sent,
            "own_address": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            **context,
        },
        status,
    )
    response.headers["Vary"] = "Accept-Encoding, Cookie"
    if "gzip" in request.headers.get("accept-encoding", ""):
        response.body = gzip.compress(bytes(response.body), FAST)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Length"] = str(len(response.body))
    return response
