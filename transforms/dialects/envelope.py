"""What a client is told of an answer as a whole."""

from dataclasses import dataclass

from transforms.request import Request


@dataclass(frozen=True, slots=True)
class Envelope:
    """`id` and `created` (seconds since 1970) stand in where upstream gave none; `model` is the name that
    the client asked for; `include_usage`: the client wants a stream's usage in a chunk of its own. `request`
    is what the client sent, for formats whose answers repeat some of it; `input_tokens` the size of its
    prompt as far as that is known before upstream counts it."""

    id: str
    model: str
    created: int
    include_usage: bool = False
    request: Request | None = None
    input_tokens: int = 0
