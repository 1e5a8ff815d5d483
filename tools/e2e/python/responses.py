"""The Responses API, at two gateways."""

import json

import openai
from harness import (
    FIRST,
    SECOND,
    Tests,
    all_of,
    checked,
    client_of,
    ended,
    numbers_of,
    order_of,
    outcomes_of,
    refusal,
    some_of,
    text_of,
    until,
)

TESTS = Tests()
first, second = client_of(FIRST), client_of(SECOND)

SLOW = "sim/tokens=40,pace=25ms"
"""About a second of stream."""

TEXT_EVENTS = [
    *("output_item.added", "content_part.added", "output_text.delta"),
    *("output_text.done", "content_part.done", "output_item.done"),
]
REASONING_EVENTS = [
    *("output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"),
    *("reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"),
]
CALL_EVENTS = [
    *("output_item.added", "function_call_arguments.delta"),
    *("function_call_arguments.done", "output_item.done"),
]
BEGIN = ["created", "queued", "in_progress"]

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Rome"]}},
        "required": ["city"],
    },
}


def slow_text() -> str:
    return first.responses.create(model="sim/tokens=40", input="Hello").output_text


@TESTS("a response in one piece is parsed whole")
def _() -> None:
    fields = {"instructions": "Be brief.", "metadata": {"page": "7"}, "max_output_tokens": 50}
    response = checked(first.responses.create(model="sim/text=echo", input="Hello", **fields))
    assert (response.status, response.output_text) == ("completed", "Hello")
    assert (response.instructions, response.metadata) == ("Be brief.", {"page": "7"})
    assert response.usage is not None and response.usage.output_tokens > 0
    stored = checked(second.responses.retrieve(response.id))
    assert stored.to_dict() == response.to_dict()


@TESTS("a streamed response has its events in their order, numbered, each of a known type")
def _() -> None:
    events = all_of(
        first.responses.create(model="sim/tokens=9,reasoning=4", input="Hello", stream=True)
    )
    assert order_of(events) == [*BEGIN, *REASONING_EVENTS, *TEXT_EVENTS, "completed"]
    assert numbers_of(events) == list(range(len(events)))
    final = events[-1].response
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert final.output_text == text_of(events) != ""


@TESTS("the SDK's own stream helper puts the response together")
def _() -> None:
    with first.responses.stream(model="sim/tokens=9", input="Hello") as stream:
        events = list(stream)
        final = checked(stream.get_final_response())
    assert order_of(events) == [*BEGIN, *TEXT_EVENTS, "completed"]
    assert final.output_text == text_of(events) != ""


@TESTS("a stream is taken up in the middle at the other gateway, in the foreground")
def _() -> None:
    headers = {"x-switchboard-on-disconnect": "resume", "x-request-id": "python-resumed"}
    begun = some_of(
        first.responses.create(model=SLOW, input="Hello", stream=True, extra_headers=headers)
    )
    name, last = begun[0].response.id, begun[-1].sequence_number
    rest = all_of(second.responses.retrieve(name, stream=True, starting_after=last))
    assert numbers_of(begun + rest) == list(range(len(begun) + len(rest)))
    assert text_of(begun + rest) == slow_text()
    assert rest[-1].type == "response.completed"
    assert outcomes_of("python-resumed") == ["finished"]


@TESTS("a stream is taken up after any event, in the background, live and when it has ended")
def _() -> None:
    begun = some_of(
        first.responses.create(model=SLOW, input="Hello", stream=True, background=True)
    )
    name, last = begun[0].response.id, begun[-1].sequence_number
    whole = begun + all_of(second.responses.retrieve(name, stream=True, starting_after=last))
    assert text_of(whole) == slow_text()
    for after in (0, 7, len(whole) - 2):
        again = all_of(first.responses.retrieve(name, stream=True, starting_after=after))
        assert [one.to_dict() for one in again] == [one.to_dict() for one in whole[after + 1 :]]


@TESTS("a background response is polled at the other gateway until it has ended")
def _() -> None:
    started = checked(
        first.responses.create(model="sim/think=200ms,tokens=9", input="Hello", background=True)
    )
    assert started.status in ("queued", "in_progress") and started.background is True
    response = ended(second, started.id)
    assert (response.status, response.id) == ("completed", started.id)
    assert response.output_text.startswith("Lorem")


@TESTS("a response is cancelled from the other gateway, and the model stops")
def _() -> None:
    headers = {"x-request-id": "python-cancelled"}
    started = first.responses.create(
        model="sim/think=60s", input="Hello", background=True, extra_headers=headers
    )
    until("the call of the model", lambda: outcomes_of("python-cancelled"))
    assert checked(second.responses.cancel(started.id)).status == "cancelled"
    assert checked(first.responses.retrieve(started.id)).status == "cancelled"
    until("the model's end", lambda: outcomes_of("python-cancelled") == ["aborted"])


@TESTS("a failed run has the gateway's own code, which the SDK passes on as it is")
def _() -> None:
    # By its types only the codes of OpenAI's own failures are allowed.
    client = client_of(FIRST, strict=False)
    started = client.responses.create(model="sim/error=400", input="Hello", background=True)
    response = ended(client, started.id)
    assert response.status == "failed" and response.error is not None
    assert (response.error.code, response.output) == ("provider_rejected", [])


@TESTS("turns are chained over both gateways, and the model sees them all")
def _() -> None:
    one = checked(first.responses.create(model="sim/text=echo", input="Capital of France?"))
    two = checked(
        second.responses.create(
            model="sim/text=echo", input="And of Spain?", previous_response_id=one.id
        )
    )
    three = checked(
        first.responses.create(
            model="sim/text=request", input="And of Italy?", previous_response_id=two.id
        )
    )
    assert (two.previous_response_id, three.previous_response_id) == (one.id, two.id)
    seen = [turn["content"] for turn in json.loads(three.output_text)["messages"]]
    france, spain = "Capital of France?", "And of Spain?"
    assert seen == [france, france, spain, spain, "And of Italy?"], seen
    items = [checked(item) for item in second.responses.input_items.list(three.id)]
    assert "And of Italy?" in json.dumps([item.to_dict() for item in items])


@TESTS("a function is called, streamed or not, and its output goes back to the model")
def _() -> None:
    question = {"role": "user", "content": "Weather in Rome?"}
    asked = {"model": "sim/tool=get_weather,pace=2ms", "input": [question], "tools": [WEATHER]}
    events = all_of(first.responses.create(**asked, stream=True))
    assert order_of(events) == [*BEGIN, *CALL_EVENTS, "completed"]
    for response in (events[-1].response, checked(first.responses.create(**asked))):
        (call,) = response.output
        assert (call.type, call.name) == ("function_call", "get_weather")
        assert json.loads(call.arguments) == {"city": "Rome"}
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."}
        turn = {"model": "sim/text=request", "tools": [WEATHER]}
        for shape in (
            {"input": [question, call.to_dict(), output]},
            {"input": [output], "previous_response_id": response.id},
        ):
            answer = checked(second.responses.create(**turn, **shape))
            messages = json.loads(answer.output_text)["messages"]
            assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
            assert messages[2]["content"] == "Sunny."


@TESTS("a deleted response is found at no gateway")
def _() -> None:
    response = first.responses.create(model="sim/tokens=3", input="Hello")
    second.responses.delete(response.id)
    for client in (first, second):
        error = refusal(openai.NotFoundError, lambda: client.responses.retrieve(response.id))
        assert error.code == "response_not_found"
