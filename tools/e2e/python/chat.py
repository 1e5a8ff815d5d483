"""Chat completions."""

import json

import openai
from harness import FIRST, Tests, checked, client_of, refusal

TESTS = Tests()
client = client_of(FIRST)

SENTENCE = "Three words more: a, b and ünïcödé."
MESSAGES = [{"role": "user", "content": SENTENCE}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Rome"]}},
            "required": ["city"],
        },
    },
}


@TESTS("a chat completion in one piece is parsed whole")
def _() -> None:
    answer = checked(client.chat.completions.create(model="sim/text=echo", messages=MESSAGES))
    (choice,) = answer.choices
    assert choice.message.content == SENTENCE
    assert (choice.finish_reason, answer.object) == ("stop", "chat.completion")
    assert answer.usage is not None and answer.usage.completion_tokens > 0
    assert answer._request_id is not None and answer._request_id.startswith("req_")


@TESTS("a chat completion is streamed: the role first, the text in pieces, the usage last")
def _() -> None:
    stream = client.chat.completions.create(
        model="sim/text=echo,pace=2ms",
        messages=MESSAGES,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = [checked(chunk) for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert len([text for text in texts if text]) > 1
    assert "".join(texts) == SENTENCE
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.choices == [] and last.usage is not None and last.usage.completion_tokens > 0


@TESTS("a tool is called in a chat completion, streamed or not, and its result answered in words")
def _() -> None:
    model = "sim/tool=get_weather,pace=2ms"
    asked = {"model": model, "messages": MESSAGES, "tools": [WEATHER]}
    whole = checked(client.chat.completions.create(**asked)).choices[0]
    with client.chat.completions.stream(**asked) as stream:
        for _event in stream:
            pass
        streamed = stream.get_final_completion().choices[0]
    for choice in (whole, streamed):
        assert choice.finish_reason == "tool_calls"
        (call,) = choice.message.tool_calls or []
        assert call.function.name == "get_weather"
        assert json.loads(call.function.arguments) == {"city": "Rome"}
    (call,) = whole.message.tool_calls or []
    turn = {"role": "assistant", "content": None, "tool_calls": [call.to_dict()]}
    result = {"role": "tool", "tool_call_id": call.id, "content": "Sunny."}
    answer = client.chat.completions.create(**{**asked, "messages": [*MESSAGES, turn, result]})
    assert (checked(answer).choices[0].message.content or "").startswith("Lorem")


@TESTS("models are listed and found by their names")
def _() -> None:
    names = [checked(model).id for model in client.models.list()]
    assert "assistant" in names, names
    assert checked(client.models.retrieve("assistant")).id == "assistant"


@TESTS("errors are of the SDK's own classes, with code and param")
def _() -> None:
    def ask(model: str, **fields: object) -> object:
        return client.chat.completions.create(model=model, messages=MESSAGES, **fields)

    missing = refusal(openai.NotFoundError, lambda: ask("gpt-unknown"))
    assert (missing.code, missing.param) == ("model_not_found", "model")
    wrong = refusal(openai.BadRequestError, lambda: ask("assistant", temperature=3))
    assert (wrong.code, wrong.param) == ("invalid_request", "temperature")
    broken = refusal(openai.APIError, lambda: list(ask("sim/tokens=9,cut=3", stream=True)))
    assert broken.code == "provider_stream_cut"
