"""OpenAI chat completions: what nearly every provider serves, and most clients speak.

Answers are read in `reader.py` (how chunks become events is in `answer.py`) and written in `writer.py`; requests
are in `requests.py`. The reader is lenient, because so few keep the format; the writer sends what OpenAI itself
would.

Source: openai-python `types/chat`, and the corpus for what others make of it.
"""

from transforms.dialects.envelope import Envelope
from transforms.dialects.openai_chat.reader import Reader, read_body
from transforms.dialects.openai_chat.requests import read_request, write_request
from transforms.dialects.openai_chat.writer import ID_PREFIX, Writer, write_body, write_failure

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
