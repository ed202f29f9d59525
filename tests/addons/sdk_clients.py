"""The official Python SDKs in a tool task, one class for each format, used as their manuals say."""

import json
import re
from typing import Any, Protocol

import anthropic
import openai

from tests.addons.tool_task import CLIENT_KEY, PICTURE, PICTURE_URL, QUESTION, RESULTS, SCHEMA, Said

# Anthropic's words, in those of chat completions.
FINISHES = {"tool_use": "tool_calls", "end_turn": "stop"}


class Task(Protocol):
    """A client in the middle of its conversation. `pictures` counts those in turn 2."""

    pictures: int

    def __init__(self, url: str, model: str, stream: bool) -> None:
        """`url` is the proxy's, with the profile."""
        ...

    def ask(self) -> Said: ...

    def answer(self) -> None:
        """Runs the tools that were called, and adds their results."""
        ...

    def close(self) -> None: ...


class ChatTask:
    pictures = 1  # a tool's result is text there

    def __init__(self, url: str, model: str, stream: bool) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=CLIENT_KEY, max_retries=0, timeout=30)
        self.close = self.client.close
        self.stream = stream
        picture = {"type": "image_url", "image_url": {"url": PICTURE_URL}}
        self.messages: list[Any] = [{"role": "user", "content": [{"type": "text", "text": QUESTION}, picture]}]
        tools = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in RESULTS]
        self.options: Any = {"model": model, "tools": tools}
        self.calls: Any = []

    def ask(self) -> Said:
        if self.stream:
            options = {**self.options, "stream_options": {"include_usage": True}}
            with self.client.chat.completions.stream(messages=self.messages, **options) as stream:
                kinds = [event.type for event in stream]
                completion: Any = stream.get_final_completion()
            assert "content.delta" in kinds
        else:
            completion = self.client.chat.completions.create(messages=self.messages, **self.options)
        [choice] = completion.choices
        message = choice.message
        self.calls = message.tool_calls or []
        if self.stream:
            assert kinds.count("tool_calls.function.arguments.done") == len(self.calls)
        self.messages.append(message.model_dump(exclude_none=True))
        return Said(
            message.content,
            message.reasoning_content,
            [(call.function.name, json.loads(call.function.arguments)) for call in self.calls],
            choice.finish_reason,
            (completion.usage.prompt_tokens, completion.usage.completion_tokens),
        )

    def answer(self) -> None:
        for call in self.calls:
            result = RESULTS[call.function.name]
            self.messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


class MessagesTask:
    pictures = 2

    def __init__(self, url: str, model: str, stream: bool) -> None:
        self.client = anthropic.Anthropic(base_url=url, api_key=CLIENT_KEY, max_retries=0, timeout=30)
        self.close = self.client.close
        self.stream = stream
        self.picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
        content = [{"type": "text", "text": QUESTION}, self.picture]
        self.messages: list[Any] = [{"role": "user", "content": content}]
        self.options: Any = {
            "model": model,
            "max_tokens": 2048,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [{"name": name, "input_schema": SCHEMA} for name in RESULTS],
        }
        self.calls: Any = []

    def ask(self) -> Said:
        if self.stream:
            with self.client.messages.stream(messages=self.messages, **self.options) as stream:
                kinds = {event.type for event in stream}
                message: Any = stream.get_final_message()
            assert {"thinking", "signature", "text", "content_block_stop", "message_stop"} <= kinds
        else:
            message = self.client.messages.create(messages=self.messages, **self.options)
        self.calls = [block for block in message.content if block.type == "tool_use"]
        assert all(re.fullmatch("[a-zA-Z0-9_-]+", call.id) for call in self.calls)
        [thinking] = [block for block in message.content if block.type == "thinking"]
        assert thinking.signature
        self.messages.append({"role": "assistant", "content": message.content})
        return Said(
            "".join(block.text for block in message.content if block.type == "text"),
            thinking.thinking,
            [(call.name, call.input) for call in self.calls],
            FINISHES[message.stop_reason],
            (message.usage.input_tokens, message.usage.output_tokens),
        )

    def answer(self) -> None:
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": RESULTS[call.name]}]}
            for call in self.calls
        ]
        results[-1]["content"].append(self.picture)
        self.messages.append({"role": "user", "content": results})


class ResponsesTask:
    """Keeps its own history, as clients with `store: false` do."""

    pictures = 2

    def __init__(self, url: str, model: str, stream: bool) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=CLIENT_KEY, max_retries=0, timeout=30)
        self.close = self.client.close
        self.stream = stream
        self.picture = {"type": "input_image", "image_url": PICTURE_URL, "detail": "auto"}
        content = [{"type": "input_text", "text": QUESTION}, self.picture]
        self.input: list[Any] = [{"role": "user", "content": content}]
        tools = [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in RESULTS]
        include = ["reasoning.encrypted_content"]
        self.options: Any = {"model": model, "tools": tools, "store": False, "include": include}
        self.calls: Any = []

    def ask(self) -> Said:
        if self.stream:
            with self.client.responses.stream(input=self.input, **self.options) as stream:
                kinds = [event.type for event in stream]
                response: Any = stream.get_final_response()
            assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
            assert "response.output_text.delta" in kinds
        else:
            response = self.client.responses.create(input=self.input, **self.options)
        assert response.status == "completed"
        self.calls = [item for item in response.output if item.type == "function_call"]
        if self.stream:
            assert kinds.count("response.function_call_arguments.done") == len(self.calls)
        self.input += response.output
        return Said(
            response.output_text,
            reasoning_of(response),
            [(call.name, json.loads(call.arguments)) for call in self.calls],
            "tool_calls" if self.calls else "stop",
            (response.usage.input_tokens, response.usage.output_tokens),
        )

    def answer(self) -> None:
        outputs: list[Any] = [
            {"type": "function_call_output", "call_id": call.call_id, "output": RESULTS[call.name]}
            for call in self.calls
        ]
        outputs[-1]["output"] = [{"type": "input_text", "text": outputs[-1]["output"]}, self.picture]
        self.input += outputs


def reasoning_of(response: Any) -> str:
    items = [item for item in response.output if item.type == "reasoning"]
    return "".join(part.text for item in items for part in (item.content or item.summary))


TASKS: dict[str, type[Task]] = {"chat": ChatTask, "messages": MessagesTask, "responses": ResponsesTask}
