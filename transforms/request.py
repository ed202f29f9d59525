"""A client's request, in the words that every dialect reads into and writes from.

Parameters keep OpenAI chat's names and shapes (`temperature`, `tool_choice`, `response_format` ...) in
`Request.parameters`; other dialects translate those they know.

Nothing is lost where a request is written in the format in which it came. OpenAI chat keeps what a node does
not express in the node's `extra`: a null or an empty list that means the same as an absent field stays there
as it came. Formats that are built otherwise keep the whole original as the node's `Source`, and write that
back where no rule has changed the node. What they cannot say in these words is listed in `Request.losses`,
for the case that it is written in another format.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from transforms.events import NOTHING, Repair

REASONING_FIELDS = ("reasoning_content", "reasoning")
"""The fields of a message in which an assistant's thinking is sent as a string."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a node was read from: `value`, in the words of the format `dialect` (a key of `DIALECTS`). Nodes
    that come from the same piece of the body share one `Source`."""

    dialect: str
    value: Any


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a message's content: `type` is `text`, `image_url`, or a type we only carry.

    `data` is the part in OpenAI chat's shape, e.g. `{"type": "text", "text": "…"}`.
    """

    data: Mapping[str, Any]

    @property
    def type(self) -> str:
        return str(self.data.get("type", ""))

    @property
    def text(self) -> str | None:
        """The text of a text part, None for any other part."""
        text = self.data.get("text")
        return text if self.type == "text" and isinstance(text, str) else None


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call in the history. `arguments` is JSON text as the client sent it, possibly broken; where a
    client sent something else than a string it is that value."""

    id: str
    name: str
    arguments: Any
    extra: Mapping[str, Any] = NOTHING  # of the call object
    function_extra: Mapping[str, Any] = NOTHING  # of its `function` object


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `role` is system, developer, user, assistant, tool, or what the client sent.

    `tool_call_id` names the answered call of a tool message. `reasoning` is the assistant's thinking, from
    whichever field the client used; the fields themselves are not in `extra`, but `reasoning_details` is.
    """

    role: str
    content: str | Sequence[Part] | None = None
    tool_calls: Sequence[Call] = ()
    tool_call_id: str | None = None
    reasoning: str | None = None
    reasoning_field: str = "reasoning_content"  # where the client had it
    extra: Mapping[str, Any] = NOTHING
    source: Source | None = field(default=None, compare=False, repr=False)

    @property
    def text(self) -> str:
        """All text of the content, parts joined."""
        if self.content is None:
            return ""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text or "" for part in self.content)


@dataclass(frozen=True, slots=True)
class Tool:
    """An offered tool. Types other than `function` (built-in tools) are carried whole in `extra`; `type` is
    empty where the client left it out."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    type: str = "function"
    extra: Mapping[str, Any] = NOTHING  # of the tool object
    function_extra: Mapping[str, Any] = NOTHING  # of its `function` object
    source: Source | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request. Never changed in place: rules make a new one with `dataclasses.replace`.

    `effort` is how much thinking the client wants, where its format has a field of its own for that: `none`,
    `minimal`, `low`, `medium`, `high`, `xhigh` or `max`. OpenAI chat's `reasoning_effort` stays a parameter.
    """

    model: str
    messages: Sequence[Message] = ()
    tools: Sequence[Tool] = ()
    stream: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    effort: str | None = None
    losses: Sequence[Repair] = field(default=(), compare=False)
    source: Source | None = field(default=None, compare=False, repr=False)

    def with_parameters(self, **changes: Any) -> "Request":
        """A copy with these parameters set; a value of None takes the parameter away. A null that the client
        itself sent for another parameter stays."""
        kept = {key: value for key, value in self.parameters.items() if key not in changes}
        added = {key: value for key, value in changes.items() if value is not None}
        return replace(self, parameters=kept | added)
