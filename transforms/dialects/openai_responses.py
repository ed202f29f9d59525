"""OpenAI Responses: what Codex, opencode, Cline, pi and the OpenAI SDKs speak, and what OpenAI and some others
serve.

Answers are read in `openai_responses_reader.py` and written in `openai_responses_writer.py`, requests in
`openai_responses_requests.py` and `openai_responses_write_request.py`. A failure before the answer began has the
same body as in OpenAI chat.

Source: openai-python `types/responses`, `lib/streaming/responses`, and what the clients of this format were seen
to send.
"""

from transforms.dialects.envelope import Envelope
from transforms.dialects.openai_chat_writer import write_failure
from transforms.dialects.openai_responses_envelope import ID_PREFIX
from transforms.dialects.openai_responses_reader import Reader, read_body
from transforms.dialects.openai_responses_requests import read_request
from transforms.dialects.openai_responses_write_request import write_request
from transforms.dialects.openai_responses_writer import Writer, write_body

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
