"""One question to an endpoint that speaks chat completions, and which tools it calls in answer."""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import SecretStr

FINISHED = ("stop", "tool_calls", "function_call")
LONGEST_ANSWER = 50_000
"""Characters of an answer that are taken."""
MOST_TOKENS_TOLD = 10**9
"""A count of tokens above this is nonsense."""
FIRST_PAUSE = 0.5
"""Seconds before a second try where the endpoint names none."""
NO_KEY = "none"
"""Sent where there is no key: the client would look for somebody else's in the environment."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers, and how long and how much it may."""

    base_url: str
    model: str
    api_key: SecretStr | None = None
    most_tokens: int = 500
    """Of an answer."""
    log_probabilities: bool = False
    """Whether to ask how sure it is; not every endpoint takes the question."""
    temperature: float | None = None


@dataclass(frozen=True)
class Usage:
    """Tokens of a call."""

    input_tokens: int
    output_tokens: int


@dataclass
class ToolCall:
    """A tool and its arguments as the model wrote them."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True)
class Completion:
    """What a model answered."""

    calls: tuple[ToolCall, ...]
    probability: float | None
    """That it gave to exactly this answer, where the endpoint tells."""
    usage: Usage | None


class CompletionError(Exception):
    """No answer; the message says why, without a word of the endpoint's own.

    ``is_charged``: the model may have worked. ``again_in``: seconds after which a second try may do.
    """

    def __init__(self, message: str, *, is_charged: bool, again_in: float | None = None) -> None:
        super().__init__(message)
        self.is_charged = is_charged
        self.again_in = again_in


def request(
    endpoint: Endpoint, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The body of the question."""
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": list(messages),
        "tools": list(tools),
        "tool_choice": "auto",
        "max_completion_tokens": endpoint.most_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if endpoint.log_probabilities:
        body["logprobs"] = True
    if endpoint.temperature is not None:
        body["temperature"] = endpoint.temperature
    return body


def complete(endpoint: Endpoint, body: Mapping[str, Any], seconds: float) -> Completion:
    """Send the question and gather the answer within ``seconds`` in all. Raises `CompletionError`."""
    return asyncio.run(_complete(endpoint, body, seconds))


async def _complete(endpoint: Endpoint, body: Mapping[str, Any], seconds: float) -> Completion:
    key = NO_KEY if endpoint.api_key is None else endpoint.api_key.get_secret_value()
    try:
        async with (
            asyncio.timeout(seconds),
            AsyncOpenAI(base_url=endpoint.base_url, api_key=key, timeout=seconds, max_retries=0) as client,
            await client.chat.completions.create(**body) as stream,
        ):
            return await _gathered(stream, endpoint.most_tokens)
    except (TimeoutError, openai.APITimeoutError) as error:
        raise CompletionError("took too long", is_charged=True) from error
    except openai.APIStatusError as error:
        raise _refused(error) from error
    except openai.APIConnectionError as error:
        if isinstance(error.__cause__, httpx2.ConnectError):
            raise CompletionError("cannot be reached", is_charged=False, again_in=FIRST_PAUSE) from error
        raise CompletionError("broke off", is_charged=True) from error
    except openai.APIError as error:
        raise CompletionError("failed while it answered", is_charged=True) from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise CompletionError("sent what is not its protocol", is_charged=True) from error


def _refused(error: openai.APIStatusError) -> CompletionError:
    """What a status means. Providers do not charge for what they refuse."""
    status = error.status_code
    if status in (401, 403):
        return CompletionError(f"refuses the key ({status})", is_charged=False)
    pause = _asked_pause(error.response.headers)
    if status == 429:
        return CompletionError("is asked too often (429)", is_charged=False, again_in=pause)
    if status >= 500:
        return CompletionError(f"failed ({status})", is_charged=False, again_in=pause)
    return CompletionError(f"refuses the question ({status})", is_charged=False)


def _asked_pause(headers: httpx2.Headers) -> float:
    """Seconds the endpoint wants to be left alone."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return FIRST_PAUSE


async def _gathered(stream: AsyncStream[ChatCompletionChunk], most_tokens: int) -> Completion:
    answer = _Answer()
    if "json" in stream.response.headers.get("content-type", ""):
        # An endpoint that cannot stream sends the whole answer as one document.
        answer.take_whole(ChatCompletion.model_construct(**json.loads(await stream.response.aread())))
        return answer.completion()
    pieces = 0
    async for chunk in stream:
        pieces += bool(chunk.choices)
        # The first and the last piece hold no token.
        if pieces > most_tokens + 2 or answer.length > LONGEST_ANSWER:
            raise CompletionError("said more than it may", is_charged=True)
        answer.take(chunk)
    return answer.completion()


@dataclass
class _Answer:
    """An answer while it comes in. The client checks nothing: any attribute may be of any type."""

    calls: list[ToolCall] = field(default_factory=list)
    places: dict[Any, ToolCall] = field(default_factory=dict)
    log_probabilities: list[float] = field(default_factory=list)
    finish: str | None = None
    usage: Usage | None = None
    length: int = 0

    def take(self, chunk: ChatCompletionChunk) -> None:
        self.usage = _usage(chunk) or self.usage
        for choice in chunk.choices[:1]:
            self.finish = choice.finish_reason or self.finish
            self._weigh(choice.logprobs)
            for piece in choice.delta.tool_calls or ():
                call = self._call(piece.index, piece.id or "")
                if piece.function is not None:
                    call.name = call.name or piece.function.name or ""
                    call.arguments += piece.function.arguments or ""
                    self.length += len(piece.function.arguments or "")

    def take_whole(self, whole: ChatCompletion) -> None:
        self.usage = _usage(whole)
        choice = whole.choices[0]
        self.finish = choice.finish_reason
        self._weigh(choice.logprobs)
        for made in choice.message.tool_calls or ():
            if made.type != "function":
                raise TypeError(made.type)
            self.calls.append(ToolCall(made.id, made.function.name, made.function.arguments))

    def _call(self, place: Any, key: str) -> ToolCall:
        """The call a piece belongs to; some endpoints give all calls one place and tell them apart by id."""
        call = self.places.get(place)
        if call is None or (key and call.id and key != call.id):
            call = self.places[place] = ToolCall(key)
            self.calls.append(call)
        return call

    def _weigh(self, told: Any) -> None:
        if told is not None and told.content:
            self.log_probabilities += [float(token.logprob) for token in told.content]

    def completion(self) -> Completion:
        if self.finish is None:
            raise CompletionError("broke off", is_charged=True)
        if self.finish not in FINISHED:
            raise CompletionError("was cut off", is_charged=True)
        if any(not isinstance(text, str) for call in self.calls for text in (call.name, call.arguments)):
            raise TypeError
        return Completion(tuple(self.calls), self._probability(), self.usage)

    def _probability(self) -> float | None:
        if not self.log_probabilities:
            return None
        found = math.exp(min(sum(self.log_probabilities), 0.0))
        return None if math.isnan(found) else found


def _usage(told: ChatCompletionChunk | ChatCompletion) -> Usage | None:
    """The tokens told, where they are told and make sense."""
    if getattr(told, "usage", None) is None or told.usage is None:
        return None
    counts = (told.usage.prompt_tokens, told.usage.completion_tokens)
    if any(type(count) is not int or not 0 <= count <= MOST_TOKENS_TOLD for count in counts):
        return None
    return Usage(*counts)
