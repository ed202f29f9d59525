"""What a client is told of an answer as a whole."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Envelope:
    """`id` and `created` (seconds since 1970) stand in where upstream gave none; `model` is the name that
    the client asked for; `include_usage`: the client wants a stream's usage in a chunk of its own."""

    id: str
    model: str
    created: int
    include_usage: bool = False
