"""The web's door: sign in, sign out, the conversation on a page of its own, scripts and styles."""

from contextlib import suppress
from math import ceil
from mimetypes import guess_type
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import FormData, Headers
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import Scope

from assistant.bus import database_problem
from assistant.channels import entering
from assistant.channels.access import Cookie, SignedIn, refuse_forgery, signed_in
from assistant.channels.entering import LockedOutError
from assistant.channels.service import Here, Service
from assistant.channels.sessions import Session
from storage import people, sessions

WEB = Path(__file__).parent.parent / "web"

templates = Jinja2Templates(directory=WEB / "templates")

router = APIRouter(include_in_schema=False)


CSRF_FIELD = "_csrf"
MOST_FIELDS = 40


class PageFiles(StaticFiles):
    """The page's scripts and styles: kept by the browser, asked for anew whether they changed.

    A file that was compressed beforehand (``desk.js.gz``) is sent so to whoever takes it.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, compressed where that is there and wanted."""
        wants = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        if not wants or not self.lookup_path(f"{path}.gz")[1]:
            return await super().get_response(path, scope)
        response = await super().get_response(f"{path}.gz", scope)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Content-Type"] = guess_type(path)[0] or "application/octet-stream"
        return response

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """A file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def page_files() -> PageFiles:
    """What is served under ``/static``."""
    return PageFiles(directory=WEB / "static")


def built_files() -> PageFiles:
    """What is served under ``/built``: scripts and styles that `make setup` puts together."""
    return PageFiles(directory=WEB / "built", check_dir=False)


BUILT = built_files()


async def gate(request: Request, here: Service, cookie: str | None) -> SignedIn | Response:
    """Who is signed in, or the page that says how to."""
    try:
        found = await here.lane.run(signed_in, here, cookie)
    except SQLAlchemyError as error:
        problem = database_problem(error)
        return notice(request, "Not available", problem.message, problem.cure, 503)
    if found is not None:
        return found
    if cookie is None and request.headers.get("sec-fetch-site") == "cross-site":
        # The browser keeps a strict cookie back on a link from elsewhere; coming from here it is sent.
        return templates.TemplateResponse(request, "enter.html", {})
    to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    context = {"is_over": cookie is not None, "provider": here.provider, "to": to}
    return templates.TemplateResponse(request, "sign_in.html", context)


async def read_form(request: Request, here: Service, found: SignedIn) -> FormData:
    """The fields of a form of ours. Raises `Refused` for one that another site made up."""
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    refuse_forgery(request, here, found.session, str(form.get(CSRF_FIELD, "")))
    return form


@router.get("/talk")
async def talk(request: Request, here: Here, cookie: Cookie) -> Response:
    """The conversation alone."""
    found = await gate(request, here, cookie)
    if isinstance(found, Response):
        return found
    context = {"person": found.person, "csrf_token": here.sessions.csrf_token(found.session)}
    return templates.TemplateResponse(request, "chat.html", context)


@router.get("/sign-in")
def sign_in(request: Request, here: Here, token: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Turn a one-time link into a session."""
    assistant = here.assistant
    try:
        with assistant.database.write() as connection:
            entering.admit(connection, here, request)
            person = people.redeem_sign_in(connection, token, assistant.clock())
            if person is None:
                entering.refuse(connection, here, request, "a link that is used, too old or made up")
            else:
                session = entering.begin(connection, here, request, person, sessions.LINK)
    except LockedOutError as locked:
        return locked_out(request, locked)
    except SQLAlchemyError as error:
        problem = database_problem(error)
        return notice(request, "Not available", problem.message, problem.cure, 503)
    if person is None:
        return templates.TemplateResponse(request, "link_used.html", {}, 410)
    response = RedirectResponse("/", 303)
    lifetime = round(here.sessions.lifetime.total_seconds())
    entering.set_cookie(response, here, here.sessions.signed(session), lifetime)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, here: Here, cookie: Cookie) -> Response:
    """Forget the session."""
    session = here.sessions.read(cookie)
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    if session is not None:
        sent = str((await request.form(max_files=0)).get(CSRF_FIELD, "")) if is_form else None
        refuse_forgery(request, here, session, sent)
        await here.lane.run(_signed_out, request, here, session)
    response = RedirectResponse("/", 303) if is_form else Response(status_code=204)
    entering.set_cookie(response, here, "", 0)
    return response


def _signed_out(request: Request, here: Service, session: Session) -> None:
    # Where the database is gone, the browser forgets its session none the less.
    with suppress(SQLAlchemyError), here.assistant.database.write() as connection:
        entering.end(connection, here, request, session)


def locked_out(request: Request, locked: LockedOutError) -> Response:
    """That too many sign-ins from here were refused."""
    minutes = ceil(locked.seconds / 60)
    response = notice(
        request,
        "Not now",
        f"{locked.most} sign-ins from your address were refused within {locked.minutes:g} minutes.",
        f"Wait {minutes} minute{'' if minutes == 1 else 's'}, then open a fresh link of `gtm sign-in`.",
        429,
    )
    response.headers["Retry-After"] = str(locked.seconds)
    return response


def notice(request: Request, title: str, message: str, cure: str, status: int) -> Response:
    """A page that says what is wrong and what helps."""
    context = {"title": title, "message": message, "cure": cure}
    return templates.TemplateResponse(request, "notice.html", context, status)
