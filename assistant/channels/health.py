"""Whether the process lives, whether it can answer, and how busy it is."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from assistant.bootstrap import Assistant
from assistant.channels.errors import ErrorBody
from assistant.channels.service import Here
from assistant.reply import Error
from intents.names import Names
from intents.reading import Scene
from storage import migrate

ALIVE, READY, METRICS = "/healthz", "/readyz", "/metrics"

router = APIRouter(tags=["operation"])


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


class Readiness(BaseModel):
    """Every part can answer."""

    status: str = "ready"


@router.get(ALIVE, operation_id="healthz")
def healthz() -> Health:
    """Whether the process lives."""
    return Health()


@router.get(
    READY,
    operation_id="readyz",
    response_model=Readiness,
    responses={503: {"model": ErrorBody, "description": "Not ready; the error lists the reasons"}},
)
def readyz(here: Here) -> Response:
    """Whether the service can answer: the database, its schema, the reader."""
    reasons = [*_database_reasons(here.assistant), *_reader_reasons(here.assistant)]
    if not reasons:
        return JSONResponse(Readiness().model_dump())
    error = Error(
        code="not_ready",
        message=" ".join(message for message, _ in reasons),
        cure=" ".join(cure for _, cure in reasons),
    )
    return JSONResponse(ErrorBody(error=error).model_dump(exclude_none=True), 503)


@router.get(METRICS, operation_id="metrics", response_class=Response)
def metrics(here: Here) -> Response:
    """Figures about the service for Prometheus."""
    return Response(here.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def _database_reasons(assistant: Assistant) -> list[tuple[str, str]]:
    try:
        if migrate.is_current(assistant.database):
            return []
    except SQLAlchemyError:
        return [("The database does not answer.", "Check the database and GTM_DATABASE_URL.")]
    return [("The database's schema is of another version.", "Restart the service: it migrates at start.")]


def _reader_reasons(assistant: Assistant) -> list[tuple[str, str]]:
    reading = assistant.dialogue.reader.read("help", Scene(Names(()), assistant.clock().date()))
    if reading.intent is not None:
        return []
    return [("The reader understands nothing.", "Train it with `gtm nlu train` and restart.")]
