"""Files sent in: they land in the inbox, from where a command imports them."""

import os
import re
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi import Path as InPath
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from assistant.channels.access import Asked
from assistant.channels.errors import Refused, documented
from assistant.channels.service import Here
from assistant.channels.strict import StrictRoute
from intents.command import Role

PREFIX = "/api/v1/files/"

router = APIRouter(prefix=PREFIX.rstrip("/"), tags=["files"], route_class=StrictRoute)

_ENDINGS = "|".join(
    "".join(f"[{letter}{letter.upper()}]" for letter in ending)
    for ending in ("csv", "tsv", "xlsx", "parquet")
)
_PATTERN = rf"[^\W_][\w .()+-]*\.(?:{_ENDINGS})(?:\.[gG][zZ])?"
_NAME = re.compile(_PATTERN)

FileName = Annotated[
    str,
    InPath(
        max_length=120,
        description="Its name with the ending .csv, .tsv (both also .gz), .xlsx or .parquet.",
        json_schema_extra={"pattern": f"^(?:{_PATTERN})$"},
    ),
]


class Kept(BaseModel):
    """A file that is now in the inbox."""

    file: str
    bytes: int


def operator(asker: Asked) -> None:
    """Refuse whoever may not import. Raises `Refused`."""
    if not asker.person.role.includes(Role.OPERATOR):
        raise Refused(403, "role_required", "Sending files needs the role operator.", "Ask an operator.")


@router.put(
    "/{name}",
    responses=documented(),
    operation_id="send_file",
    dependencies=[Depends(operator)],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}
            },
        }
    },
)
async def send_file(name: FileName, request: Request, here: Here) -> Kept:
    """Put a file into the inbox, replacing one of the same name; then say "import performance from NAME"."""
    if not _NAME.fullmatch(name):
        raise Refused(
            422,
            "bad_file_name",
            f"{name[:60]!r} is no name of a file that can be imported.",
            "Use letters, digits, dots and dashes, ending in .csv, .tsv, .csv.gz, .xlsx or .parquet.",
        )
    settings = here.assistant.settings
    inbox, most = settings.inbox, settings.imports.max_file_bytes
    await run_in_threadpool(inbox.mkdir, parents=True, exist_ok=True)
    part = inbox / f".{uuid4().hex}.part"
    try:
        size = await _written(request, part, most)
        if size == 0:
            raise Refused(422, "empty_file", "The file is empty.", "Send its content as the body.")
        await run_in_threadpool(os.replace, part, inbox / name)
    finally:
        await run_in_threadpool(part.unlink, missing_ok=True)
    return Kept(file=name, bytes=size)


async def _written(request: Request, part: Path, most: int) -> int:
    """Write the body to a file and give its size. Raises `Refused` when it is too large."""
    size = 0
    with await run_in_threadpool(part.open, "wb") as file:
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise Refused(
                        413, "body_too_large", f"The file has more than {most:,} bytes.", "Split it."
                    )
                await run_in_threadpool(file.write, chunk)
        except ClientDisconnect as error:
            raise Refused(400, "incomplete", "The file broke off.", "Send it again.") from error
    return size
