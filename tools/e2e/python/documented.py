"""The Python of docs/migrating.md does what the page says."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from harness import FIRST, PATIENCE_S, SECOND, Tests, ended, outcomes_of, until
from openai import AsyncOpenAI, OpenAI

TESTS = Tests()
PAGE = Path(sys.argv[4]).read_text(encoding="utf-8")

LOCAL = "http://127.0.0.1:8080"
"""The address that stands in the page."""


def snippets() -> dict[str, Any]:
    """What the page defines, with its addresses moved to the gateway."""
    before, *code = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert "ThreadPoolExecutor(max_workers=10)" in before, "the first is the app before"
    names: dict[str, Any] = {"message": "Hello"}
    for snippet in code:
        exec(snippet.replace(LOCAL, FIRST), names)
    return names


class CutStream(httpx2.SyncByteStream):
    """Breaks off after so many pieces, as a connection does."""

    def __init__(self, stream: httpx2.SyncByteStream, pieces: int) -> None:
        self.stream, self.pieces = stream, pieces

    def __iter__(self) -> Iterator[bytes]:
        for number, piece in enumerate(self.stream):
            if number == self.pieces:
                raise httpx2.ReadError("cut")
            yield piece

    def close(self) -> None:
        self.stream.close()


class Cutting(httpx2.HTTPTransport):
    """Cuts the first streams, and sends every other request to the other gateway."""

    def __init__(self, cuts: list[int]) -> None:
        super().__init__()
        self.cuts, self.requests = cuts, 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests += 1
        if self.requests % 2 == 0:
            request.url = request.url.copy_with(port=httpx2.URL(SECOND).port)
        response = super().handle_request(request)
        if self.cuts:
            response.stream = CutStream(response.stream, self.cuts.pop(0))
        return response


@TESTS("the page's call and call_async give the text")
def _() -> None:
    names = snippets()
    history = [{"role": "user", "content": "One"}, {"role": "assistant", "content": "Two"}]
    text = names["call"]("Hello", history)
    assert len(text) > 20
    assert names["call_async"]("Hello").result(timeout=PATIENCE_S) == text
    names["executor"].shutdown()


@TESTS("the page's stream goes on after cuts, with no text lost or given twice")
def _() -> None:
    names = snippets()
    text = names["call"]("Hello")
    transport = Cutting([0, 12, 7])
    names["client"] = OpenAI(
        base_url=f"{FIRST}/v1", api_key="any", http_client=httpx2.Client(transport=transport)
    )
    assert "".join(names["stream"]("Hello")) == text
    assert transport.requests == 4, transport.requests


@TESTS("the page's background run is cancelled by its last line")
def _() -> None:
    names = snippets()
    assert ended(names["client"], names["run"].id).status == "cancelled"


@TESTS("cancelling a task of the AsyncOpenAI cancels the run")
def _() -> None:
    async def leave() -> None:
        client = AsyncOpenAI(base_url=f"{FIRST}/v1", api_key="any")
        headers = {"x-request-id": "python-task"}
        asked = client.responses.create(model="sim/think=60s", input="Hi", extra_headers=headers)
        task = asyncio.create_task(asked)
        await asyncio.to_thread(until, "the model's call", lambda: outcomes_of("python-task"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(leave())
    until("the model's end", lambda: outcomes_of("python-task") == ["aborted"])
