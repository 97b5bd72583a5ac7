"""Requests that cannot be answered, told in one shape."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from assistant.bus import database_problem
from assistant.channels.openai_errors import is_openai, openai_error, openai_status
from assistant.reply import Error

RETRY_SECONDS = "5"


class ErrorBody(BaseModel):
    """Why a request was not answered, and what would help."""

    error: Error


class Refused(HTTPException):
    """A request refused with a stable code, a sentence and its cure; ``slot`` is the part that is wrong."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        cure: str,
        headers: Mapping[str, str] | None = None,
        *,
        slot: str | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.error = Error(code=code, message=message, cure=cure, slot=slot)


class _Problem(JSONResponse):
    """An error in the shape of the interface that was asked, which is known when it is sent."""

    def __init__(self, status: int, error: Error, headers: Mapping[str, str] | None) -> None:
        super().__init__(ErrorBody(error=error).model_dump(exclude_none=True), status, headers)
        status = openai_status(status)
        self._openai = JSONResponse(openai_error(status, error), status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_openai(scope["path"]):
            await self._openai(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def problem_response(status: int, error: Error, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response of an error."""
    return _Problem(status, error, headers)


_TEXT_HEADER = {"schema": {"type": "string"}, "required": True}
_HEADERS = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}


def documented(
    *statuses: int, told_by: Any = None, at: Sequence[int] = ()
) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses of these statuses in the one shape, beside those every route for people can give.

    Those ``at`` may have the shape ``told_by`` as well.
    """
    every = {400, 401, 403, 408, 413, 422, 429, 503, *statuses, *at}
    return {status: _documented(status, told_by if status in at else None) for status in sorted(every)}


def _documented(status: int, told_by: Any) -> dict[str, Any]:
    model = ErrorBody if told_by is None else told_by | ErrorBody
    told = {"model": model, "description": HTTPStatus(status).phrase}
    if status in _HEADERS:
        told["headers"] = dict.fromkeys(_HEADERS[status], _TEXT_HEADER)
    return told


def add_error_handlers(app: FastAPI, headers_of_defects: Mapping[str, str]) -> None:
    """Have every error of the application told in the one shape."""

    @app.exception_handler(HTTPException)
    async def on_http(_request: Request, error: HTTPException) -> JSONResponse:
        told = error.error if isinstance(error, Refused) else _told(error)
        return problem_response(error.status_code, told, error.headers)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return _invalid(error, names_part=is_openai(request.url.path))

    @app.exception_handler(SQLAlchemyError)
    async def on_database(_request: Request, error: SQLAlchemyError) -> JSONResponse:
        problem = database_problem(error)
        told = Error(code=problem.code, message=problem.message, cure=problem.cure)
        return problem_response(503, told, {"Retry-After": RETRY_SECONDS})

    @app.exception_handler(Exception)
    async def on_defect(_request: Request, _error: Exception) -> JSONResponse:
        told = Error(
            code="internal_error",
            message="Something went wrong on our side.",
            cure="Try again; if it happens again, the service's log says why.",
        )
        return problem_response(500, told, headers_of_defects)


_KNOWN = {
    400: Error(code="unreadable_body", message="The body cannot be read.", cure="Send JSON in UTF-8."),
    404: Error(code="not_found", message="There is nothing here.", cure="See /openapi.json for the paths."),
    405: Error(
        code="method_not_allowed",
        message="This path does not take that method.",
        cure="See /openapi.json for the methods.",
    ),
}


def _told(error: HTTPException) -> Error:
    return _KNOWN.get(
        error.status_code,
        Error(code=f"http_{error.status_code}", message=str(error.detail), cure="See /openapi.json."),
    )


def _invalid(error: RequestValidationError, *, names_part: bool) -> JSONResponse:
    errors = error.errors()
    if any(one["type"] == "json_invalid" for one in errors):
        told = Error(code="invalid_json", message="The body is not JSON.", cure="Send JSON in UTF-8.")
        return problem_response(400, told)
    json_only = "Send JSON with Content-Type: application/json as /openapi.json describes it."
    told = Error(
        code="invalid_request",
        message="; ".join(f"{_place(one['loc'])}: {one['msg']}" for one in errors[:5]),
        cure="Send it as /openapi.json describes it." if names_part else json_only,
        slot=_place(errors[0]["loc"]) if names_part else None,
    )
    return problem_response(422, told)


def _place(location: tuple[Any, ...]) -> str:
    """Where in the request, without echoing what a hostile sender made up at length."""
    parts = [str(part)[:60] for part in location if part != "body"]
    return ".".join(parts).encode("ascii", "backslashreplace").decode() or "body"
