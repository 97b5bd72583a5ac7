"""Signing in at a provider: there and back again (OpenID Connect, authorization code with PKCE)."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from itsdangerous import BadSignature
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from starlette.responses import RedirectResponse, Response

from assistant.bus import database_problem
from assistant.channels import entering
from assistant.channels.entering import LockedOutError
from assistant.channels.page import locked_out, notice
from assistant.channels.service import Here, Service
from assistant.provider import Claims, Journey, ProviderError
from intents.command import Role
from storage import identities, people, sessions
from storage.people import Person

START, BACK = "/sign-in/provider", "/sign-in/back"
COOKIE = "gtm_signing_in"
MINUTES = 15
"""How long somebody may take at the provider."""

router = APIRouter(include_in_schema=False)


def own_path(path: str) -> str:
    """A path of ours to go to; whatever could be another site's is none."""
    is_ours = path.startswith("/") and path.isprintable() and "\\" not in path and not path.startswith("//")
    return path if is_ours and not path.startswith(("/sign-in", "/sign-out")) else "/"


@router.get(START)
def start(request: Request, here: Here, next: Annotated[str, Query(max_length=1000)] = "/") -> Response:  # noqa: A002
    """Go to the provider."""
    if here.provider is None:
        return _not_set_up(request)
    journey = Journey.new()
    try:
        with here.assistant.database.read() as connection:
            entering.admit(connection, here, request)
        address = here.provider.address(journey)
    except LockedOutError as locked:
        return locked_out(request, locked)
    except ProviderError as error:
        return _told(request, error, 503)
    except SQLAlchemyError as error:
        return _no_database(request, error)
    until = here.assistant.clock().timestamp() + MINUTES * 60
    kept = {**asdict(journey), "next": own_path(next), "until": until}
    response = RedirectResponse(address, 303)
    # It must come along when the provider sends people back, which a strict one does not.
    response.set_cookie(
        COOKIE,
        here.sessions.sealed(kept),
        max_age=MINUTES * 60,
        path="/sign-in",
        secure=here.assistant.settings.server.is_https,
        httponly=True,
        samesite="lax",
    )
    return response


@router.get(BACK)
def back(
    request: Request,
    here: Here,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
    error_description: Annotated[str, Query(max_length=1000)] = "",
    iss: Annotated[str | None, Query(max_length=1000)] = None,
) -> Response:
    """Come back from the provider, and in."""
    if here.provider is None:
        return _not_set_up(request)
    try:
        with here.assistant.database.read() as connection:
            entering.admit(connection, here, request)
        try:
            journey, path = _begun(here, request.cookies.get(COOKIE), state)
            _refuse_other(here, iss)
            if error or not code:
                raise _denied(error, error_description)
            claims = here.provider.claims(code, journey)
            response = _entered(request, here, claims, journey, path)
        except ProviderError as trouble:
            if trouble.code != "provider_unavailable":
                with here.assistant.database.write() as connection:
                    entering.refuse(connection, here, request, f"provider: {trouble.message}")
            response = _told(request, trouble, 503 if trouble.code == "provider_unavailable" else 403)
    except LockedOutError as locked:
        response = locked_out(request, locked)
    except SQLAlchemyError as trouble:
        response = _no_database(request, trouble)
    response.delete_cookie(COOKIE, path="/sign-in")
    return response


def _begun(here: Service, cookie: str | None, state: str) -> tuple[Journey, str]:
    """The sign-in that this browser began, and where it was to lead. Raises `ProviderError`."""
    cure = "Sign in again, in one window, with cookies allowed."
    try:
        kept = here.sessions.unsealed(cookie or "")
    except BadSignature as error:
        message = "This browser has not begun to sign in."
        raise ProviderError("sign_in_not_begun", message, cure) from error
    if kept.pop("until") < here.assistant.clock().timestamp():
        raise ProviderError("sign_in_too_late", f"Signing in took more than {MINUTES} minutes.", cure)
    path = own_path(kept.pop("next"))
    journey = Journey(**kept)
    if not state or state != journey.state:
        raise ProviderError("sign_in_mixed_up", "The answer belongs to another sign-in.", cure)
    return journey, path


def _refuse_other(here: Service, iss: str | None) -> None:
    """An answer that names another issuer is that one's (RFC 9207). Raises `ProviderError`."""
    if iss is not None and here.provider is not None and iss.rstrip("/") != here.provider.issuer.rstrip("/"):
        raise ProviderError("sign_in_mixed_up", "The answer comes from another provider.", "Sign in again.")


def _denied(error: str, description: str) -> ProviderError:
    told = f" ({description or error})" if error else ""
    return ProviderError("sign_in_denied", f"The provider did not sign you in{told}.", "Sign in again.")


def _entered(request: Request, here: Service, claims: Claims, journey: Journey, path: str) -> Response:
    try:
        with here.assistant.database.write() as connection:
            person = _person(connection, here, claims)
            # Named after the journey, which leads to one session and no other.
            session = entering.begin(
                connection, here, request, person, sessions.OIDC, f"journey-{journey.state}"
            )
    except IntegrityError as error:
        message = "This answer of the provider was used before."
        raise ProviderError("sign_in_used", message, "Sign in again.") from error
    response = RedirectResponse(path, 303)
    lifetime = round(here.sessions.lifetime.total_seconds())
    entering.set_cookie(response, here, here.sessions.signed(session), lifetime)
    return response


def _person(connection: Connection, here: Service, claims: Claims) -> Person:
    """Who of us that is. Raises `ProviderError` for people nobody knows, where those are refused."""
    known = identities.person_known_as(connection, claims.issuer, claims.subject)
    if known is not None:
        return known
    now, settings = here.assistant.clock(), here.assistant.settings
    is_known = identities.is_known(connection, claims.issuer, claims.subject)
    if not is_known and claims.email is not None:
        invited = identities.person_known_as(connection, claims.issuer, identities.invited(claims.email))
        if invited is not None:
            identities.accept(connection, claims.issuer, claims.email, claims.subject)
            return invited
    if is_known or settings.sign_in.unknown == "refuse":
        who = claims.email or claims.name or claims.subject
        unproved = "" if claims.email else " (the provider does not vouch for an e-mail address)"
        raise ProviderError(
            "person_unknown",
            f"Nobody here is known as {who}{unproved}.",
            f"Ask whoever runs the service: `gtm user link NAME {claims.email or claims.subject}`.",
        )
    name = _free_name(connection, claims)
    person = people.add_person(connection, name, Role.VIEWER, settings.time_zone, now)
    identities.link(connection, person.id, claims.issuer, claims.subject, claims.email or "", now)
    return person


def _free_name(connection: Connection, claims: Claims) -> str:
    wanted = (claims.email or claims.name or claims.subject)[:90]
    taken = {one.name.casefold() for one in people.everybody(connection)}
    names = [wanted, *(f"{wanted} {number}" for number in range(2, 100))]
    return next((one for one in names if one.casefold() not in taken), claims.subject[:100])


def _told(request: Request, error: ProviderError, status: int) -> Response:
    return notice(request, "You are not signed in", error.message, error.cure, status)


def _not_set_up(request: Request) -> Response:
    message = "No provider of sign-in is set up."
    return notice(request, "Not here", message, "Set sign_in.issuer, or open a link of `gtm sign-in`.", 404)


def _no_database(request: Request, error: SQLAlchemyError) -> Response:
    problem = database_problem(error)
    return notice(request, "Not available", problem.message, problem.cure, 503)
