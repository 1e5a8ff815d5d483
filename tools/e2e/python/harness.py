"""What the tests share: clients, checks of what the SDK's parsers gave, and the runner."""

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import httpx2
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel

FIRST, SECOND, MODEL = sys.argv[1:4]
"""Addresses: two gateways, and the simulator that is the model."""

PATIENCE_S = 30

STANDARD = {"frequency_penalty", "presence_penalty", "store"}
"""Fields of a response in the Open Responses standard that the SDK has no types for."""

T = TypeVar("T")
Test = Callable[[], None]


def client_of(url: str, *, strict: bool = True) -> OpenAI:
    """A client that refuses what the SDK's types do not allow, instead of passing it on."""
    return OpenAI(
        base_url=f"{url}/v1",
        api_key="key",
        max_retries=0,
        timeout=PATIENCE_S,
        _strict_response_validation=strict,
    )


def checked(value: T) -> T:
    """The value, after a look that the SDK has a type for all of it."""
    found = list(unknown_in(value, type(value).__name__))
    assert not found, f"unknown to the SDK: {found}"
    return value


def unknown_in(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        known = STANDARD if isinstance(value, Response) else set()
        yield from (f"{path}.{name}" for name in set(value.model_extra or {}) - known)
        for name in type(value).model_fields:
            yield from unknown_in(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_in(item, f"{path}[{index}]")


def all_of(stream: Iterable[ResponseStreamEvent]) -> list[ResponseStreamEvent]:
    return [checked(event) for event in stream]


def some_of(stream: Any) -> list[ResponseStreamEvent]:
    """Reads until some text has come, and leaves."""
    events = []
    for event in stream:
        events.append(checked(event))
        if text_of(events).count(" ") > 4:
            stream.close()
            return events
    raise AssertionError("the stream ended before it was left")


def text_of(events: Iterable[ResponseStreamEvent]) -> str:
    deltas = (event for event in events if event.type == "response.output_text.delta")
    return "".join(event.delta for event in deltas)


def order_of(events: Iterable[Any]) -> list[str]:
    """Types in their order, without `response.`; a run of the same type counts once."""
    order: list[str] = []
    for event in events:
        name = event.type.removeprefix("response.")
        if order[-1:] != [name]:
            order.append(name)
    return order


def numbers_of(events: Iterable[ResponseStreamEvent]) -> list[int]:
    return [event.sequence_number for event in events]


def until(what: str, condition: Callable[[], T]) -> T:
    """Asks again until the answer is true."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited too long for {what}")


def ended(client: OpenAI, response_id: str) -> Response:
    def over() -> Response | None:
        response = checked(client.responses.retrieve(response_id))
        return None if response.status in ("queued", "in_progress") else response

    return until(f"the end of {response_id}", over)


def outcomes_of(request_id: str) -> list[str]:
    """What became of the calls of the model that a request has led to."""
    answer = httpx2.get(f"{MODEL}/log", params={"request": request_id})
    return [run["outcome"] for run in answer.json()["runs"]]


def refusal(error: type[Exception], action: Callable[[], Any]) -> Any:
    """The error, which must be of that class itself."""
    try:
        action()
    except error as thrown:
        assert type(thrown) is error, thrown
        return thrown
    raise AssertionError(f"no {error.__name__}")


def run(tests: Iterable[tuple[str, Test]]) -> None:
    """Tells the outcome of each test in a line of JSON."""
    for name, test in tests:
        problem = None
        begun = time.monotonic()
        try:
            test()
        except Exception:
            problem = traceback.format_exc()
        seconds = time.monotonic() - begun
        print(json.dumps({"name": name, "problem": problem, "seconds": seconds}), flush=True)


class Tests(list[tuple[str, Test]]):
    def __call__(self, name: str) -> Callable[[Test], Test]:
        """Adds a test; the name is a sentence."""

        def add(test: Test) -> Test:
            self.append((name, test))
            return test

        return add
