"""Errors as OpenAI's interface tells them, so that its clients raise what they raise there."""

from typing import Any

from pydantic import BaseModel

from assistant.reply import Error

PREFIX = "/v1/"
"""Under this, requests and answers are OpenAI's."""


class OpenAIError(BaseModel):
    """Why a request was not answered."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIErrorBody(BaseModel):
    """An error as OpenAI's clients read it."""

    error: OpenAIError


_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def is_openai(path: str) -> bool:
    """Whether a path belongs to OpenAI's interface."""
    return path.startswith(PREFIX)


def openai_status(status: int) -> int:
    """The status there: whatever is wrong with a request is 400."""
    return 400 if status == 422 else status


def openai_error(status: int, error: Error) -> dict[str, Any]:
    """The body of an error; what would help stands behind what is wrong."""
    other = "server_error" if status >= 500 else "invalid_request_error"
    told = OpenAIError(
        message=f"{error.message} {error.cure}".strip(),
        type=_TYPES.get(status, other),
        param=error.slot,
        code=error.code,
    )
    return OpenAIErrorBody(error=told).model_dump()
