"""OpenAI Responses: what Codex, opencode, Cline, pi and the OpenAI SDKs speak, and what OpenAI and some others
serve.

Answers are read in `reader.py` and written in `writer.py`, requests in `requests.py` and `request_writer.py`.

Source: openai-python `types/responses`, `lib/streaming/responses`, and what the clients of this format were seen
to send.
"""

from transforms.dialects.envelope import Envelope
from transforms.dialects.openai_responses.envelope import ID_PREFIX, write_failure
from transforms.dialects.openai_responses.reader import Reader, read_body
from transforms.dialects.openai_responses.request_writer import write_request
from transforms.dialects.openai_responses.requests import read_request
from transforms.dialects.openai_responses.writer import Writer, write_body

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
