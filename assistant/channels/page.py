"""The web page: sign in, talk, sign out."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from assistant.bus import database_problem
from assistant.channels.access import SESSION_COOKIE, Cookie, refuse_forgery, signed_in
from assistant.channels.service import Here, Service
from storage import people

WEB = Path(__file__).parent.parent / "web"

templates = Jinja2Templates(directory=WEB / "templates")

router = APIRouter(include_in_schema=False)


class PageFiles(StaticFiles):
    """The page's scripts and styles: kept by the browser, asked for anew whether they changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """A file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def page_files() -> PageFiles:
    """What is served under ``/static``."""
    return PageFiles(directory=WEB / "static")


@router.get("/")
def home(request: Request, here: Here, cookie: Cookie) -> Response:
    """The conversation, or how to sign in."""
    try:
        found = signed_in(here, cookie)
    except SQLAlchemyError as error:
        problem = database_problem(error)
        return _notice(request, "Not available", problem.message, problem.cure, 503)
    if found is not None:
        context = {"person": found.person, "csrf_token": here.sessions.csrf_token(found.session)}
        return templates.TemplateResponse(request, "chat.html", context)
    if cookie is None and request.headers.get("sec-fetch-site") == "cross-site":
        # The browser keeps a strict cookie back on a link from elsewhere; coming from here it is sent.
        return templates.TemplateResponse(request, "enter.html", {})
    return templates.TemplateResponse(request, "sign_in.html", {"is_over": cookie is not None})


@router.get("/sign-in")
def sign_in(request: Request, here: Here, token: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Turn a one-time link into a session."""
    assistant = here.assistant
    try:
        with assistant.database.write() as connection:
            person = people.redeem_sign_in(connection, token, assistant.clock())
    except SQLAlchemyError as error:
        problem = database_problem(error)
        return _notice(request, "Not available", problem.message, problem.cure, 503)
    if person is None:
        return templates.TemplateResponse(request, "link_used.html", {}, 410)
    response = RedirectResponse("/", 303)
    _set_cookie(response, here, here.sessions.start(person.id), round(here.sessions.lifetime.total_seconds()))
    return response


@router.post("/sign-out")
def sign_out(request: Request, here: Here, cookie: Cookie) -> Response:
    """Forget the session."""
    session = here.sessions.read(cookie)
    if session is not None:
        refuse_forgery(request, here, session)
    response = Response(status_code=204)
    _set_cookie(response, here, "", 0)
    return response


def _notice(request: Request, title: str, message: str, cure: str, status: int) -> Response:
    context = {"title": title, "message": message, "cure": cure}
    return templates.TemplateResponse(request, "notice.html", context, status)


def _set_cookie(response: Response, here: Service, value: str, seconds: int) -> None:
    response.set_cookie(
        SESSION_COOKIE,
        value,
        max_age=seconds,
        secure=here.assistant.settings.server.url.startswith("https:"),
        httponly=True,
        samesite="strict",
    )
