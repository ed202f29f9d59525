"""Anthropic Messages: what Claude Code and the Anthropic SDKs speak, and what Anthropic and some others serve.

Answers are read in `reader.py` and written in `writer.py`, requests in
`requests.py` and `request_writer.py`.

Source: anthropic-sdk-python `types/`, and what the clients of this format were seen to send.
"""

from transforms.dialects.anthropic_messages.reader import Reader, read_body
from transforms.dialects.anthropic_messages.request_writer import write_request
from transforms.dialects.anthropic_messages.requests import read_request
from transforms.dialects.anthropic_messages.writer import ID_PREFIX, Writer, write_body, write_failure
from transforms.dialects.envelope import Envelope

__all__ = [
    "ID_PREFIX",
    "Reader",
    "Writer",
    "read_body",
    "read_request",
    "reader",
    "write_body",
    "write_failure",
    "write_request",
    "writer",
]


def reader() -> Reader:
    return Reader()


def writer(envelope: Envelope) -> Writer:
    return Writer(envelope)
