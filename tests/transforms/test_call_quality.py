import pytest

from transforms.call_quality import CallQuality, measure
from transforms.request import Request, Tool
from transforms.response import ResponseCall

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = (Tool("weather", parameters=CITY), Tool("anything"))
GOOD, BAD = ResponseCall("1", "weather", '{"city": "Paris"}'), ResponseCall("2", "weather", '{"town": "Paris"}')


@pytest.mark.parametrize(
    ("calls", "repairs", "quality"),
    [
        ([], {}, CallQuality(1, 0, 0, 0, 0)),
        ([GOOD], {}, CallQuality(1, 1, 1, 1, 1)),
        ([GOOD, BAD], {}, CallQuality(1, 1, 2, 1, 1)),
        ([ResponseCall("1", "anything", '{"x": 1}')], {}, CallQuality(1, 1, 1, 1, 1)),
        ([ResponseCall("1", "unknown", "{}")], {}, CallQuality(1, 1, 1, 0, 0)),
        ([ResponseCall("1", "weather", "[]"), ResponseCall("2", "weather", "{")], {}, CallQuality(1, 1, 2, 0, 0)),
        ([ResponseCall("1", "weather", "[" * 100_000)], {}, CallQuality(1, 1, 1, 0, 0)),
        # Leaked, and with arguments that had to be mended: one call that was not valid.
        ([GOOD, GOOD], {"leaked-call": 1, "arguments-python-literals": 1}, CallQuality(1, 1, 2, 1, 2)),
        ([GOOD], {"id-missing": 1, "think-block": 1}, CallQuality(1, 1, 1, 1, 1)),
        ([GOOD], {"arguments-resent": 3}, CallQuality(1, 1, 1, 0, 1)),
        ([], {"call-dropped-truncated": 1}, CallQuality(1, 1, 1, 0, 0)),
    ],
)
def test_quality(calls: list[ResponseCall], repairs: dict[str, int], quality: CallQuality) -> None:
    assert measure(Request("kimi", tools=TOOLS), calls, repairs) == quality


@pytest.mark.parametrize(
    "request_", [Request("kimi"), Request("kimi", tools=TOOLS, parameters={"tool_choice": "none"})]
)
def test_where_no_call_was_wanted(request_: Request) -> None:
    assert measure(request_, [], {}) == CallQuality(0, 0, 0, 0, 0)
