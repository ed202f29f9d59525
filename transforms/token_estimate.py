"""How many tokens a request's prompt has, before upstream counts them: for clients that ask beforehand, and for
streams whose format names the number at their beginning.

What a chat template would render is counted: every message with its role and borders, reasoning, calls and
their results, tools as JSON, and an allowance for images and files. Text goes through `text_tokens`, all of it
at once, so that the work is bounded however a long conversation is divided into messages.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from transforms.image_tokens import image_tokens
from transforms.json_text import write_json
from transforms.request import Message, Part, Request, Tool
from transforms.text_tokens import count_tokens

# Tokens of Kimi K2's chat template that are no text of the request; other templates need about as many.
_MESSAGE = 4  # <|im_user|>user<|im_middle|> ... <|im_end|>
_REASONING = 2  # <think> ... </think>
_CALLS = 2  # the borders of an answer's calls
_CALL = 7  # the borders of one, and `functions.` and `:0` around its name
_RESULT = 8  # `## Return of functions.`name`:0`

_PAGE = 1_500  # tokens of a file that is not there, only named; Anthropic counts 1,500 to 3,000 for a PDF's page
_BYTES_PER_TOKEN = 30  # of a PDF; its pages have some 60 KB each
_TEXT_BYTES_PER_TOKEN = 4
_FILES = ("file", "input_audio", "video_url")
_BORDER = "\0"  # keeps words of neighbouring texts apart


def estimate_tokens(request: Request) -> int:
    """The number of tokens of the prompt; at least 1."""
    tokens = 0
    texts: list[str] = []
    for message in request.messages:
        tokens += _MESSAGE + _marks(message)
        for part in _parts(message):
            if part.type == "image_url":
                tokens += image_tokens(_address(part))
            elif part.type in _FILES:
                tokens += _file_tokens(_address(part))
            else:
                texts.append(write_json(part.data) if part.text is None else part.text)
        texts.extend(_texts(message))
    if request.tools:
        tokens += _MESSAGE
        texts.append(write_json([_declared(tool) for tool in request.tools]))
    return max(1, tokens + round(count_tokens(_BORDER.join(filter(None, texts)))))


def _parts(message: Message) -> Iterator[Part]:
    if message.content is not None and not isinstance(message.content, str):
        yield from message.content


def _marks(message: Message) -> int:
    calls = _CALLS + _CALL * len(message.tool_calls) if message.tool_calls else 0
    return calls + (_REASONING if message.reasoning else 0) + (_RESULT if message.tool_call_id is not None else 0)


def _texts(message: Message) -> Iterator[str]:
    yield message.reasoning or ""
    yield message.content if isinstance(message.content, str) else ""
    for call in message.tool_calls:
        yield call.name
        yield call.arguments if isinstance(call.arguments, str) else write_json(call.arguments)


def _declared(tool: Tool) -> Mapping[str, Any]:
    """The tool as a template shows it to the model."""
    if tool.type not in ("function", ""):
        return tool.extra
    function = {"name": tool.name, "description": tool.description or "", "parameters": tool.parameters or {}}
    return {"type": "function", "function": function}


def _address(part: Part) -> str:
    """Where the content of an image or a file is, or the content itself; empty where nothing says."""
    content = part.data.get(part.type)
    fields = content if isinstance(content, Mapping) else {"url": content}
    named = (fields.get(key) for key in ("url", "file_data", "data"))
    return next((value for value in named if isinstance(value, str)), "")


def _file_tokens(data: str) -> int:
    """By the size: `data` is base64, with or without the beginning of a `data:` url, or an address."""
    size = len(data) * 3 // 4
    if data[:10].lower().startswith("data:text/"):
        return max(1, size // _TEXT_BYTES_PER_TOKEN)
    return max(_PAGE, size // _BYTES_PER_TOKEN)
