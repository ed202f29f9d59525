import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from transforms.chain import Stage
from transforms.checkers import CHECKERS
from transforms.dialects import anthropic_messages, openai_chat
from transforms.dialects.envelope import Envelope
from transforms.enforced_answer import EnforcedAnswer, Said
from transforms.events import Event, Failure, Finish, Repair, TextDelta
from transforms.finish import FinishRepair
from transforms.pipeline import Pipeline
from transforms.thought_signatures import SignatureCollector

ENVELOPE = Envelope("chatcmpl-1", "kimi", 1763900000)
HEAD = {"id": "up-1", "created": 7, "model": "vendor/kimi"}
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
DONE = b"data: [DONE]\n\n"


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(text: str = "", finish: str | None = None, **more: Any) -> bytes:
    return event(HEAD | {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]} | more)


BODY = HEAD | {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ab"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
STREAM = chunk("a") + chunk("b", "stop", usage=USAGE) + DONE
ERROR = {"error": {"message": "m", "type": "upstream_error", "param": None, "code": 502}}


def pipeline(*stages: Stage, stream: bool = True, untouched: bool = False) -> Pipeline:
    return Pipeline(
        upstream=openai_chat,
        client=openai_chat,
        stages=stages,
        envelope=ENVELOPE,
        stream=stream,
        untouched=untouched,
    )


def values(data: bytes) -> list[Any]:
    events = data.decode().split("\n\n")
    assert events.pop() == ""
    return [json.loads(text) if text.startswith("{") else text for text in (e.removeprefix("data: ") for e in events)]


def text(data: bytes) -> str:
    """The text of a stream that ended well."""
    *chunks, done = values(data)
    assert done == "[DONE]"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)


# ---------------------------------------------------------------------- streams


def test_a_delta_leaves_at_once() -> None:
    running = pipeline()
    (first,) = values(running.feed(chunk("a")))
    assert first["choices"] == [{"index": 0, "delta": {"role": "assistant", "content": "a"}, "finish_reason": None}]
    assert (first["id"], first["created"], first["model"]) == ("up-1", 7, "kimi")
    assert running.transcript.content_seen and not running.transcript.ended
    assert running.feed(chunk("", "stop")) == b""
    assert text(event(first) + running.feed(DONE)) == "a"
    assert running.close() == b""
    assert running.transcript.ended


def test_an_answer_without_end_is_ended() -> None:
    running = pipeline()
    written = running.feed(chunk("a", "stop"))
    assert text(written + running.close()) == "a"


def test_a_cut_is_an_error() -> None:
    running = pipeline()
    written = running.feed(chunk("a")) + running.close()
    assert values(written)[-1]["error"]["type"] == "stream_cut"
    assert running.transcript.failure is not None


@pytest.mark.parametrize(
    "prefix", [b"\xef\xbb\xbf", b" \r\n\n", b": wait\n\n", b"id: 1\n", b"retry: 9\n", b"event: x\n"]
)
def test_a_stream_is_known_by_its_beginning(prefix: bytes) -> None:
    for pieces in ([prefix + STREAM], [bytes([byte]) for byte in prefix + STREAM]):
        running = pipeline()
        written = b"".join([*map(running.feed, pieces), running.close()])
        assert text(written.removeprefix(b": wait\n\n")) == "ab"


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf", b"\n\n  "])
def test_a_body_in_place_of_a_stream(prefix: bytes) -> None:
    running = pipeline()
    for byte in prefix + json.dumps(BODY).encode():
        assert running.feed(bytes([byte])) == b""
    assert text(running.close()) == "ab"
    assert running.transcript.usage == USAGE


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the provider's stream broke off before the answer began"),
        (b"dat", "the provider's stream broke off before the answer began"),
        (b'{"error": "m"}', "m"),
        (b"<html><title>Oh no</title></html>", "Oh no"),
        (b"upstream connect error", "upstream connect error"),
        (b'{"id": "x", "choi', 'the provider\'s answer is no valid JSON: \'{"id": "x", "choi\''),
        (b"[]", "the provider's stream broke off before the answer began"),
    ],
)
def test_what_is_no_answer_is_an_error_event(data: bytes, message: str) -> None:
    running = pipeline()
    (error,) = values(running.feed(data) + running.close())
    assert error["error"]["message"] == message


def test_comments_keep_a_stream_alive() -> None:
    assert pipeline().feed(b": wait\n\n") == b": wait\n\n"


# ---------------------------------------------------------------------- failing


FAILURE = Failure("gone", "upstream_connection_error", 502)
GONE = {"error": {"message": "gone", "type": "upstream_connection_error", "param": None, "code": 502}}


@pytest.mark.parametrize("before", [b"", b"da", chunk("a"), chunk("a") + b'data: {"cho', b'{"choices":'])
def test_fail_before_the_end(before: bytes) -> None:
    running = pipeline()
    assert values(running.feed(before) + running.fail(FAILURE))[-1] == GONE
    assert running.transcript.failure == FAILURE
    assert running.feed(chunk("b")) == b""
    assert running.close() == b""
    assert running.fail(FAILURE) == b""


def test_fail_behind_the_end() -> None:
    running = pipeline()
    assert text(running.feed(STREAM)) == "ab"
    assert running.fail(FAILURE) == b""
    assert running.transcript.failure is None


def test_fail_behind_every_finish_loses_nothing() -> None:
    running = pipeline()
    assert text(running.feed(chunk("a", "stop")) + running.fail(FAILURE)) == "a"
    assert running.transcript.failure is None


def test_fail_keeps_an_event_that_came_whole() -> None:
    running = pipeline()
    first, error = values(running.feed(chunk("a").rstrip()) + running.fail(FAILURE))
    assert (first["choices"][0]["delta"]["content"], error) == ("a", GONE)


def test_an_error_as_body() -> None:
    assert json.loads(pipeline().error(FAILURE)) == GONE


# ---------------------------------------------------------------------- whole answers


def test_a_body() -> None:
    running = pipeline(stream=False)
    status, written = running.whole(200, json.dumps(BODY).encode())
    assert (status, json.loads(written)) == (200, BODY | {"model": "kimi"})
    assert (running.transcript.text, running.transcript.usage, running.transcript.ended) == ("ab", USAGE, True)


def test_a_body_for_a_stream() -> None:
    status, written = pipeline().whole(200, json.dumps(BODY).encode())
    assert (status, text(written)) == (200, "ab")


FORMS = {
    "a stream": STREAM,
    "a stream with a byte order mark": b"\xef\xbb\xbf" + STREAM,
    "a stream with comments": b": wait\n\n\n: wait\n\n" + STREAM,
    "a stream behind an unknown field": b"x: y\r" + STREAM,
    "a stream without end": chunk("a") + chunk("b", "stop", usage=USAGE),
    "lines of chunks": STREAM.replace(b"data: ", b"").replace(b"\n\n", b"\n"),
    "a list of chunks": b"[" + (chunk("a") + chunk("b", "stop", usage=USAGE)).replace(b"data: ", b",")[1:] + b"]",
    "a list of one body": json.dumps([BODY]).encode(),
    "a body in a stream": event(BODY) + DONE,
    "a body": b"\xef\xbb\xbf\n" + json.dumps(BODY).encode(),
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_the_client_gets_the_form_it_asked_for(data: bytes) -> None:
    running = pipeline(stream=False)
    status, written = running.whole(200, data)
    assert (status, json.loads(written)) == (200, BODY | {"model": "kimi"})
    assert running.transcript.usage == USAGE
    status, written = pipeline(stream=True).whole(200, data)
    assert (status, text(written.replace(b": wait\n\n", b""))) == (200, "ab")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "data", "expected"),
    [
        (429, b'{"error": {"message": "m"}}', 429),
        (503, b"", 503),
        (302, b"moved", 502),
        (500, json.dumps(BODY).encode(), 500),
        (200, b'{"error": {"message": "m", "code": 404}}', 404),
        (200, b"", 502),
        (200, b"null", 502),
        (200, b"<html></html>", 502),
        (200, b'{"choices": []}', 502),
        (200, b'{"choices": [', 502),
        (200, event(ERROR), 502),
        (200, b": wait\n\n" + DONE, 502),
        (200, b'{"choices": [{"delta": {}}]} {"x"', 502),
    ],
)
def test_a_failure_before_any_word_has_a_status(stream: bool, status: int, data: bytes, expected: int) -> None:
    running = pipeline(stream=stream)
    code, written = running.whole(status, data)
    assert code == expected
    assert json.loads(written)["error"]["message"]
    assert running.transcript.failure is not None


def test_a_failure_behind_words_is_an_event_in_a_stream_and_a_status_in_a_body() -> None:
    data = chunk("a") + event(ERROR)
    status, written = pipeline().whole(200, data)
    assert status == 200
    first, error = values(written)
    assert (first["choices"][0]["delta"]["content"], error) == ("a", ERROR)
    status, written = pipeline(stream=False).whole(200, data)
    assert (status, json.loads(written)) == (502, ERROR)


def test_other_good_statuses_are_answers() -> None:
    status, written = pipeline(stream=False).whole(201, json.dumps(BODY).encode())
    assert (status, json.loads(written)["usage"]) == (200, USAGE)


def test_a_body_has_no_comments() -> None:
    status, written = pipeline(stream=False).whole(200, b": wait\n\n" + STREAM)
    assert (status, b"wait" in written) == (200, False)


def test_an_answer_that_utf8_cannot_hold() -> None:
    body = BODY | {"choices": [{"index": 0, "message": {"content": "\ud800\u2028é"}, "finish_reason": "stop"}]}
    _, written = pipeline(stream=False).whole(200, json.dumps(body).encode())
    assert '"content":"\\ud800\\u2028é"'.encode() in written


# ---------------------------------------------------------------------- untouched


@pytest.mark.parametrize("data", [STREAM, b"\xef\xbb\xbf\n" + STREAM, json.dumps(BODY, indent=1).encode()])
@pytest.mark.parametrize("size", [1, 1000])
def test_untouched_bytes_are_read_along(data: bytes, size: int) -> None:
    running = pipeline(untouched=True)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert [running.feed(piece) for piece in pieces] == pieces
    assert running.close() == b""
    transcript = running.transcript
    assert (transcript.text, transcript.usage, transcript.ended, transcript.failure) == ("ab", USAGE, True, None)
    assert transcript.finish is not None and transcript.finish.reason == "stop"


@pytest.mark.parametrize(("status", "data"), [(200, json.dumps(BODY).encode()), (404, b"not here"), (200, STREAM)])
def test_an_untouched_whole_answer(status: int, data: bytes) -> None:
    running = pipeline(stream=False, untouched=True)
    assert running.whole(status, data) == (status, data)
    assert running.transcript.ended
    assert (running.transcript.failure is not None) == (status == 404)


def test_an_untouched_stream_that_breaks_off() -> None:
    running = pipeline(untouched=True)
    half = chunk("a") + b'data: {"cho'
    assert running.feed(half) == half
    error = b"\n\n" + event(GONE).replace(b": ", b":").replace(b", ", b",").replace(b"data:", b"data: ")
    assert running.fail(FAILURE) == error
    assert running.fail(FAILURE) == b""
    assert running.transcript.failure == FAILURE


def test_an_untouched_stream_that_just_ends_is_told_to_be_cut() -> None:
    running = pipeline(untouched=True)
    running.feed(chunk("a"))
    (error,) = values(running.close().removeprefix(b"\n\n"))
    assert error["error"]["type"] == "stream_cut"
    whole = pipeline(untouched=True)
    whole.feed(chunk("a", "stop") + DONE)
    assert whole.close() == b""
    body = pipeline(untouched=True)
    body.feed(b'{"choices"')
    assert body.close() == b""


def test_an_untouched_stream_that_breaks_off_behind_every_finish() -> None:
    running = pipeline(untouched=True)
    running.feed(chunk("a", "stop"))
    assert running.fail(FAILURE) == b""
    assert running.transcript.failure is None


def test_an_untouched_answer_that_never_began() -> None:
    running = pipeline(untouched=True)
    assert values(running.fail(FAILURE)) == [GONE]


def test_an_untouched_body_that_breaks_off() -> None:
    running = pipeline(untouched=True)
    running.feed(b'{"choices"')
    assert running.fail(FAILURE) == b""
    assert running.transcript.failure == FAILURE


# ---------------------------------------------------------------------- stages


class Shout:
    """A stage that changes text, reports it, and holds the last of it until the end."""

    orphan_seen = False

    def __init__(self) -> None:
        self._held: list[Event] = []

    def feed(self, event: Event) -> Iterable[Event]:
        match event:
            case TextDelta(text):
                ready, self._held = self._held, [Repair("shout", text, text.upper()), TextDelta(text.upper())]
                self.orphan_seen = True
                return ready
            case Finish() | Failure():
                return [*self._held, event]
            case _:
                return [event]

    def close(self) -> Iterable[Event]:
        return ()


def test_stages_work_on_streams_and_bodies() -> None:
    running = pipeline(Shout(), FinishRepair())
    (begun,) = values(running.feed(chunk("a")))
    assert begun["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    written = running.feed(chunk("b", "stop")) + running.feed(DONE)
    assert text(written) == "AB"
    assert running.transcript.repair_counts == {"shout": 2}
    assert running.transcript.text == "AB"
    _, written = pipeline(Shout(), stream=False).whole(200, json.dumps(BODY).encode())
    assert json.loads(written)["choices"][0]["message"]["content"] == "AB"


def test_what_a_stage_holds_comes_before_the_failure() -> None:
    running = pipeline(Shout())
    running.feed(chunk("a"))
    first, error = values(running.fail(FAILURE))
    assert (first["choices"][0]["delta"]["content"], error) == ("A", GONE)


def test_a_stage_tells_of_an_orphan() -> None:
    running = pipeline(FinishRepair(), Shout())
    assert not running.orphan_seen
    running.feed(chunk("a"))
    assert running.orphan_seen


class Broken:
    """A stage with a mistake."""

    def feed(self, event: Event) -> Iterable[Event]:
        raise RuntimeError("oh")

    def close(self) -> Iterable[Event]:
        return ()


def test_a_stage_that_raised_is_not_asked_again() -> None:
    running = pipeline(Broken())
    with pytest.raises(RuntimeError):
        running.feed(chunk("a"))
    assert values(running.fail(FAILURE)) == [GONE]
    assert running.transcript.failure == FAILURE
    assert running.fail(FAILURE) == b""


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_it_tells_where_upstream_has_its_reasoning(field: str) -> None:
    streamed, whole = pipeline(), pipeline(stream=False)
    streamed.feed(b'data: {"choices":[{"index":0,"delta":{"%s":"a"}}]}\n\n' % field.encode())
    assert streamed.reasoning_field == field
    message = {"role": "assistant", "content": "b", field: "a"}
    whole.whole(200, json.dumps({"choices": [{"index": 0, "message": message}]}).encode())
    assert whole.reasoning_field == field
    assert pipeline().reasoning_field == ""
    streamed.feed(b'data: {"choices":[{"index":0,"delta":{"reasoning":"b"}}]}\n\n')
    assert streamed.reasoning_field == field


# ---------------------------------------------------------------------- from one format into another


def between(upstream: Any, client: Any, *, stream: bool) -> Pipeline:
    envelope = Envelope("msg_1", "kimi", 1763900000)
    return Pipeline(upstream=upstream, client=client, stages=[], envelope=envelope, stream=stream)


def test_unknown_fields_stay_within_their_format() -> None:
    extra = {"system_fingerprint": "f", "annotations": [1]}
    call = {"index": 0, "id": "c", "type": "function", "x": 1, "function": {"name": "f", "arguments": "{}"}}
    message = {"content": "a", "tool_calls": [call], "annotations": [1]}
    choice = {"index": 0, "delta": message, "message": message, "logprobs": {"a": 1}, "finish_reason": "tool_calls"}
    data = event(HEAD | extra | {"choices": [choice]}) + DONE
    for client, kept in ((openai_chat, True), (anthropic_messages, False)):
        written = between(openai_chat, client, stream=True).feed(data).decode()
        written += between(openai_chat, client, stream=False).whole(200, data)[1].decode()
        for name in ("fingerprint", "annotations", "logprobs", '"x":1'):
            assert (name in written) == kept
        assert "tool_use" in written or kept


def test_entries_for_a_chat_client_are_numbered() -> None:
    """By which OpenAI's SDK puts them together; entries with numbers keep theirs."""
    thoughts = [{"type": "thinking", "thinking": name, "signature": f"sig-{name}"} for name in ("a", "b")]
    body = {"content": [*thoughts, {"type": "text", "text": "c"}], "stop_reason": "end_turn"}
    data = json.dumps(body).encode()
    written = json.loads(between(anthropic_messages, openai_chat, stream=False).whole(200, data)[1])
    details = written["choices"][0]["message"]["reasoning_details"]
    assert [(detail["signature"], detail["index"]) for detail in details] == [("sig-a", 0), ("sig-b", 1)]


def test_blocks_of_anthropic_s_own_are_nothing_to_others() -> None:
    block = {"type": "server_tool_use", "id": "s", "name": "n", "input": {}}
    body = {"content": [{"type": "text", "text": "a"}, block], "stop_reason": "end_turn", "container": {"id": "c"}}
    data = json.dumps(body).encode()
    assert (
        json.loads(between(anthropic_messages, anthropic_messages, stream=False).whole(200, data)[1])["content"][1]
        == block
    )
    status, written = between(anthropic_messages, openai_chat, stream=False).whole(200, data)
    assert status == 200 and "container" not in json.loads(written)
    assert json.loads(written)["choices"][0]["message"] == {"role": "assistant", "content": "a"}


def test_the_whole_answer_is_known_where_the_client_got_it_whole() -> None:
    running = between(openai_chat, anthropic_messages, stream=False)
    assert running.body is None
    _, written = running.whole(200, json.dumps(BODY).encode())
    assert running.body == json.loads(written)
    streamed = between(openai_chat, anthropic_messages, stream=True)
    streamed.feed(STREAM)
    assert streamed.body is None


def test_a_writer_may_know_the_whole_answer() -> None:
    streamed = between(openai_chat, Repeating(), stream=True)
    streamed.feed(STREAM)
    assert streamed.body == {"events": 5}


class Repeating:
    """A format whose stream says it all once more at its end."""

    def writer(self, envelope: Envelope) -> "Repeating":
        self.response: dict[str, int] | None = None
        return self

    def write(self, events: Sequence[Event]) -> bytes:
        self.response = {"events": len(events)}
        return b""


# ---------------------------------------------------------------------- several attempts

ROLE = event(HEAD | {"choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]})
OVERLOADED = event({"error": {"message": "overloaded", "code": 529}})


class Hoard:
    """Holds what is said until the end, as a stage holds words that may turn out to be thinking."""

    def __init__(self) -> None:
        self._held: list[Event] = []

    def feed(self, event: Event) -> Iterable[Event]:
        if isinstance(event, TextDelta):
            self._held.append(event)
            return ()
        return [*self._held, event] if isinstance(event, Failure) else [event]

    def close(self) -> Iterable[Event]:
        return ()


def attempt(*stages: Stage, after: Pipeline | None = None, **more: Any) -> Pipeline:
    options: dict[str, Any] = {"upstream": openai_chat, "client": openai_chat, "stream": True, **more}
    return Pipeline(stages=stages, envelope=ENVELOPE, holds_failures=True, after=after, **options)


@pytest.mark.parametrize(
    "pieces",
    [
        [OVERLOADED],
        [ROLE, OVERLOADED],
        [b": wait\n\n", ROLE, b": wait\n\n", OVERLOADED],
        [chunk("lost") + OVERLOADED],  # nothing of it has gone out
    ],
)
@pytest.mark.parametrize("client", [openai_chat, anthropic_messages])
def test_another_attempt_goes_on_where_a_failed_one_stopped(pieces: list[bytes], client: Any) -> None:
    first = attempt(client=client)
    written = b"".join(map(first.feed, pieces))
    assert first.held is not None and first.held.message == "overloaded"
    assert b"overloaded" not in written and b"lost" not in written
    second = attempt(after=first, client=client)
    whole = written + second.feed(STREAM) + second.close()
    checker = CHECKERS["openai_chat" if client is openai_chat else "anthropic_messages"]()
    checker.feed(whole)
    assert checker.close() == []
    assert whole.count(b'"role":"assistant"') == 1
    assert (second.transcript.text, second.held) == ("ab", None)


def test_a_held_failure_is_told_after_all() -> None:
    running = attempt()
    running.feed(ROLE)
    running.feed(OVERLOADED)
    (error,) = values(running.tell())
    assert error["error"]["message"] == "overloaded"
    assert running.transcript.failure == running.held
    assert not running.transcript.content_seen


@pytest.mark.parametrize("stages", [[], [Hoard()]], ids=["in one piece", "held by a stage"])
def test_what_came_before_it_is_told_too(stages: list[Stage]) -> None:
    running = attempt(*stages)
    assert b"Half" not in running.feed(ROLE) + running.feed(chunk("Half") + OVERLOADED)
    said = running.tell()
    assert said.index(b"Half") < said.index(b"overloaded")
    assert running.transcript.content_seen


def test_an_end_without_content_is_held() -> None:
    running = attempt()
    assert running.feed(ROLE) and running.close() == b""
    assert running.held is not None
    assert b"error" in running.tell()


def test_after_content_a_failure_is_written() -> None:
    running = attempt()
    running.feed(chunk("a"))
    assert b"overloaded" in running.feed(OVERLOADED)
    assert running.held is None


@pytest.mark.parametrize("stream", [True, False])
def test_a_whole_failure_is_held(stream: bool) -> None:
    running = attempt(stream=stream)
    assert running.whole(429, b'{"error": {"message": "slow down"}}') == (429, b"")
    assert running.held is not None and running.held.status == 429
    assert b"slow down" in running.tell()


def test_where_a_failure_is_told_at_once_nothing_is_held() -> None:
    running = attempt()
    assert b"gone" in running.fail(Failure("gone"))
    assert running.held is None


# Untouched bytes wait for the content, or they could not be taken back.


def test_untouched_bytes_wait_for_the_content() -> None:
    running = attempt(untouched=True)
    assert running.feed(b": wait\n\n") == b": wait\n\n"
    assert running.feed(b": wa") == b""
    assert running.feed(b"it\n\n") == b""
    assert running.feed(ROLE) == b""
    assert running.feed(chunk("a")) == b": wait\n\n" + ROLE + chunk("a")
    assert running.feed(chunk("b", "stop") + DONE) == chunk("b", "stop") + DONE
    assert running.close() == b""


def test_untouched_bytes_of_a_failed_attempt_are_not_sent() -> None:
    first = attempt(untouched=True)
    assert first.feed(ROLE) + first.feed(OVERLOADED) == b""
    second = attempt(untouched=True, after=first)
    assert second.feed(STREAM) + second.close() == STREAM


def test_an_untouched_failure_in_upstreams_own_words() -> None:
    running = attempt(untouched=True)
    assert running.feed(ROLE) + running.feed(OVERLOADED) == b""
    assert running.tell() == ROLE + OVERLOADED


def test_an_untouched_end_without_content_has_no_words_of_upstream() -> None:
    running = attempt(untouched=True)
    assert running.feed(ROLE) + running.close() == b""
    said = running.tell()
    assert said.startswith(ROLE) and b"error" in said


def test_an_answer_of_no_words_passes_untouched_at_its_end() -> None:
    nothing = event(HEAD | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + DONE
    running = attempt(untouched=True)
    assert running.feed(ROLE) == b""
    assert running.feed(nothing) == ROLE + nothing
    assert running.close() == b""


def test_signatures_are_those_of_the_stages() -> None:
    collector = SignatureCollector()
    collector.signatures["key"] = "text"
    assert attempt(FinishRepair(), collector).signatures == {"key": "text"}


# Where tool calls are enforced, the end waits for the verdict.


def enforced(after: Pipeline | None = None, said: Said | None = None, **more: Any) -> Pipeline:
    stage = EnforcedAnswer({"lookup": True}, "done", said or Said())
    return attempt(after=after, enforced=stage, **more)


def words(data: bytes) -> str:
    """The text of a stream, whether it has ended or not."""
    chunks = [value for value in values(data) if isinstance(value, dict) and "choices" in value]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def test_the_end_waits_for_the_verdict() -> None:
    running = enforced()
    assert words(running.feed(chunk("a"))) == "a"
    assert not running.awaits_verdict
    assert b'"finish_reason":"stop"' not in running.feed(chunk("b", "stop") + DONE)
    assert running.awaits_verdict and running.transcript.ended
    assert (running.feed(chunk("late")), running.close()) == (b"", b"")
    *_, last, done = values(running.accept())
    assert (last["choices"][0]["finish_reason"], done) == ("stop", "[DONE]")
    assert not running.awaits_verdict


def test_another_attempt_goes_on_behind_an_end() -> None:
    said = Said()
    first = enforced(said=said)
    data = first.feed(STREAM)
    second = enforced(first, said)
    data += second.feed(ROLE) + second.feed(chunk("c", "stop") + DONE) + second.accept()
    checker = CHECKERS["openai_chat"]()
    checker.feed(data)
    assert checker.close() == []
    assert words(data) == "ab\n\nc"
    assert second.transcript.text == "\n\nc"


@pytest.mark.parametrize("stream", [True, False])
def test_a_whole_answer_waits_too(stream: bool) -> None:
    said = Said()
    first = enforced(said=said, stream=stream)
    status, before = first.whole(200, json.dumps(BODY).encode())
    assert (status, first.awaits_verdict) == (200, True)
    assert bool(before) is stream
    second = enforced(first, said, stream=stream)
    status, more = second.whole(200, json.dumps(BODY).encode())
    data = before + more + second.accept()
    if stream:
        assert data.endswith(DONE)
    else:
        (choice,) = json.loads(data)["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("ab", "stop")


def test_upstream_that_breaks_behind_its_last_word_has_said_all() -> None:
    running = enforced()
    data = running.feed(chunk("a", "stop")) + running.fail(Failure("gone"))
    assert words(data) == "a"
    assert data.endswith(DONE) and b"gone" not in data


def test_a_failure_behind_words_of_an_earlier_attempt_is_an_error_of_the_format() -> None:
    said = Said()
    first = enforced(said=said)
    data = first.feed(STREAM)
    second = enforced(first, said)
    data += second.feed(OVERLOADED)
    assert second.held is not None
    data += second.tell()
    assert words(data) == "ab" and b"overloaded" in data
