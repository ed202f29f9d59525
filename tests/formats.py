"""Clients of the three formats, as small as they can be: what each makes of an answer, and what it sends next.

Written against the formats' descriptions and the official SDKs, not against our writers. Every client reads an
answer, streamed or whole, into the same `Seen`, so that formats can be compared; `turn` and `results` give what
the client appends to its conversation, in its own words.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass
class SeenCall:
    id: str
    name: str
    arguments: str  # JSON text


@dataclass
class Seen:
    """What a client got. `finish` is in OpenAI's words; `turn` is the answer as the client keeps it."""

    text: str = ""
    reasoning: str = ""
    calls: list[SeenCall] = field(default_factory=list)
    finish: str | None = None
    error: str | None = None
    usage: Mapping[str, Any] | None = None
    turn: Any = None

    @property
    def meaning(self) -> Any:
        """What must not depend on the format: all but ids, which each format spells in its own way, and a call
        into which the limit fell: Anthropic's whole answers have no place for half an object."""
        calls = [(call.name, _parsed(call.arguments)) for call in self.calls]
        calls = [call for call in calls if self.finish != "length" or call[1] is not None]
        return self.text, self.reasoning, calls, self.finish, self.error is not None


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return None


def events(data: bytes) -> Iterator[Any]:
    """The JSON of a stream's events, in our writers' framing."""
    for block in data.decode().split("\n\n"):
        lines = [line for line in block.split("\n") if not line.startswith(":")]
        text = "\n".join(line.removeprefix("data: ") for line in lines if line.startswith("data: "))
        if text and text != "[DONE]":
            yield json.loads(text)


class ChatClient:
    format = "openai_chat"
    path = "chat/completions"

    def read_stream(self, data: bytes) -> Seen:
        seen = Seen()
        details: list[Any] = []
        for chunk in events(data):
            if "error" in chunk:
                seen.error = chunk["error"]["message"]
                continue
            seen.usage = chunk.get("usage") or seen.usage
            for choice in chunk["choices"]:
                if choice["index"]:
                    continue
                delta = choice["delta"]
                seen.text += delta.get("content") or delta.get("refusal") or ""
                seen.reasoning += delta.get("reasoning_content") or ""
                details += delta.get("reasoning_details") or ()
                for part in delta.get("tool_calls") or ():
                    if part["index"] == len(seen.calls):
                        seen.calls.append(SeenCall(part["id"], part["function"]["name"], ""))
                    seen.calls[part["index"]].arguments += part["function"].get("arguments") or ""
                seen.finish = choice["finish_reason"] or seen.finish
        seen.turn = self._turn(seen, details)
        return seen

    def read_body(self, data: bytes) -> Seen:
        body = json.loads(data)
        if "error" in body:
            return Seen(error=body["error"]["message"])
        choice = next(choice for choice in body["choices"] if choice["index"] == 0)
        message = choice["message"]
        calls = [
            SeenCall(call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or ()
        ]
        text = message.get("content") or message.get("refusal") or ""
        seen = Seen(
            text, message.get("reasoning_content") or "", calls, choice["finish_reason"], None, body.get("usage")
        )
        seen.turn = self._turn(seen, message.get("reasoning_details") or [])
        return seen

    def _turn(self, seen: Seen, details: list[Any]) -> list[Any]:
        message: dict[str, Any] = {"role": "assistant", "content": seen.text or None}
        if seen.reasoning:
            message["reasoning_content"] = seen.reasoning
        if details:
            message["reasoning_details"] = details
        if seen.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in seen.calls
            ]
        return [message]

    def results(self, texts: Mapping[str, str]) -> list[Any]:
        return [{"role": "tool", "tool_call_id": id, "content": text} for id, text in texts.items()]

    def say(self, text: str) -> list[Any]:
        return [{"role": "user", "content": text}]

    def request(self, conversation: list[Any], tools: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        offered = [
            {"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in tools.items()
        ]
        return {"messages": conversation, **({"tools": offered} if offered else {}), **more}


FINISHES = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls", "refusal": "content_filter"}


class AnthropicClient:
    format = "anthropic_messages"
    path = "messages"

    def read_stream(self, data: bytes) -> Seen:
        message: dict[str, Any] = {}
        jsons: dict[int, str] = {}
        for event in events(data):
            match event["type"]:
                case "message_start":
                    message = event["message"]
                case "content_block_start":
                    assert event["index"] == len(message["content"])
                    message["content"].append(event["content_block"])
                case "content_block_delta":
                    block, delta = message["content"][event["index"]], event["delta"]
                    for key in ("text", "thinking", "signature"):
                        if key in delta:
                            block[key] += delta[key]
                    if "partial_json" in delta:
                        jsons[event["index"]] = jsons.get(event["index"], "") + delta["partial_json"]
                case "message_delta":
                    message |= event["delta"]
                    message["usage"] |= event["usage"]
                case "error":
                    return Seen(error=event["error"]["message"], **self._said(message))
        for index, text in jsons.items():
            message["content"][index]["input"] = _parsed(text)
        return self._seen(message, jsons)

    def read_body(self, data: bytes) -> Seen:
        body = json.loads(data)
        return Seen(error=body["error"]["message"]) if body["type"] == "error" else self._seen(body)

    def _said(self, message: Mapping[str, Any]) -> dict[str, Any]:
        blocks = message.get("content", ())
        return {
            "text": "".join(block["text"] for block in blocks if block["type"] == "text"),
            "reasoning": "".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        }

    def _seen(self, message: Mapping[str, Any], jsons: Mapping[int, str] = MappingProxyType({})) -> Seen:
        calls = [
            SeenCall(block["id"], block["name"], jsons.get(index) or json.dumps(block["input"]))
            for index, block in enumerate(message["content"])
            if block["type"] == "tool_use"
        ]
        return Seen(
            **self._said(message),
            calls=calls,
            finish=FINISHES[message["stop_reason"]],
            usage=message["usage"],
            turn=[{"role": "assistant", "content": message["content"]}],
        )

    def results(self, texts: Mapping[str, str]) -> list[Any]:
        blocks = [{"type": "tool_result", "tool_use_id": id, "content": text} for id, text in texts.items()]
        return [{"role": "user", "content": blocks}]

    def say(self, text: str) -> list[Any]:
        return [{"role": "user", "content": text}]

    def request(self, conversation: list[Any], tools: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        offered = [{"name": name, "input_schema": schema} for name, schema in tools.items()]
        body = {"max_tokens": 4096, "messages": conversation, **more}
        return {**body, "tools": offered} if offered else body


class ResponsesClient:
    format = "openai_responses"
    path = "responses"

    def read_stream(self, data: bytes) -> Seen:
        """By the deltas; the items of the end are what it keeps, as Codex does."""
        seen = Seen()
        order: dict[str, SeenCall] = {}
        done: list[Any] = []
        for event in events(data):
            match event["type"]:
                case "response.output_item.added" if event["item"]["type"] == "function_call":
                    item = event["item"]
                    order[item["id"]] = call = SeenCall(item["call_id"], item["name"], "")
                    seen.calls.append(call)
                case "response.output_text.delta" | "response.refusal.delta":
                    seen.text += event["delta"]
                case "response.reasoning_summary_text.delta":
                    seen.reasoning += event["delta"]
                case "response.function_call_arguments.delta":
                    order[event["item_id"]].arguments += event["delta"]
                case "response.output_item.done":
                    done.append(event["item"])
                case "response.completed" | "response.incomplete" | "response.failed":
                    seen.error = (event["response"].get("error") or {}).get("message")
                    seen.finish = None if seen.error else self._finish(event["response"])
                    seen.usage = event["response"].get("usage")
                    assert event["response"]["output"] == done
        if seen.error is not None:
            seen.calls = []  # what a client that was told of a failure does not run
        seen.turn = done
        return seen

    def read_body(self, data: bytes) -> Seen:
        body = json.loads(data)
        if body.get("error"):
            return Seen(error=body["error"]["message"])
        seen = Seen(finish=self._finish(body), usage=body["usage"], turn=body["output"])
        for item in body["output"]:
            if item["type"] == "message":
                seen.text += "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])
            elif item["type"] == "reasoning":
                seen.reasoning += "".join(part["text"] for part in item["summary"])
            elif item["type"] == "function_call":
                seen.calls.append(SeenCall(item["call_id"], item["name"], item["arguments"]))
        return seen

    def _finish(self, response: Mapping[str, Any]) -> str:
        if response["status"] == "incomplete":
            reason = response["incomplete_details"]["reason"]
            return {"max_output_tokens": "length"}.get(reason, reason)
        assert response["status"] == "completed"
        return "tool_calls" if any(item["type"] == "function_call" for item in response["output"]) else "stop"

    def results(self, texts: Mapping[str, str]) -> list[Any]:
        return [{"type": "function_call_output", "call_id": id, "output": text} for id, text in texts.items()]

    def say(self, text: str) -> list[Any]:
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}]

    def request(self, conversation: list[Any], tools: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        offered = [{"type": "function", "name": name, "parameters": schema} for name, schema in tools.items()]
        stateless = {"store": False, "include": ["reasoning.encrypted_content"]}
        return {"input": conversation, **stateless, **({"tools": offered} if offered else {}), **more}


CLIENTS = (ChatClient(), AnthropicClient(), ResponsesClient())
