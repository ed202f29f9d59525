import re

from webui.metrics import exposition

COUNTS = {
    "state:complete": 3,
    "calls": 4,
    "valid_before": 3,
    "input_tokens": 10,
    "ttft:8": 2,
    "ttft:40": 1,
    "ttft_sum": 0.4,
    "cost_usd": 0.25,
    'error:bad "words"\n': 1,
}
WRITER = {"id": "w", "queued": None, "dropped": 2, "failed": 0, "about": None}
SAMPLE = re.compile(r'kimi_proxy_\w+(?:\{\w+="(?:[^"\\]|\\.)*"(?:,\w+="(?:[^"\\]|\\.)*")*\})? [-+0-9.e]+')


def lines(**more: object) -> list[str]:
    page = exposition({("p", "h", "m"): COUNTS}, [{**WRITER, **more}], 5)
    assert page.endswith("\n")
    return page.splitlines()


def test_every_line_is_of_the_format() -> None:
    typed: set[str] = set()
    for line in lines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in typed and kind in ("counter", "gauge", "histogram")
            assert name.endswith("_total") == (kind == "counter")
            typed.add(name)
        elif not line.startswith("# HELP "):
            assert SAMPLE.fullmatch(line), line
            assert re.sub(r"_(?:bucket|sum|count)$", "", line.partition("{")[0].partition(" ")[0]) in typed


def test_samples() -> None:
    found = lines()
    for line in (
        'kimi_proxy_requests_total{provider="p",host="h",model="m",state="complete"} 3',
        'kimi_proxy_tool_calls_total{provider="p",host="h",model="m",valid="true"} 3',
        'kimi_proxy_tool_calls_total{provider="p",host="h",model="m",valid="false"} 1',
        'kimi_proxy_tokens_total{provider="p",host="h",model="m",type="input"} 10',
        'kimi_proxy_stream_errors_total{provider="p",host="h",model="m",class="bad \\"words\\"\\n"} 1',
        'kimi_proxy_cost_usd_total{provider="p",host="h",model="m"} 0.25',
        "kimi_proxy_inflight 5",
        'kimi_proxy_log_queue_depth{writer="w"} 0',
        'kimi_proxy_log_dropped_total{writer="w"} 2',
    ):
        assert line in found


def test_a_histogram_grows_to_the_count() -> None:
    found = [line for line in lines() if line.startswith("kimi_proxy_time_to_first_token_seconds_")]
    below = {line.split('le="')[1].split('"')[0]: line.rpartition(" ")[2] for line in found if "_bucket" in line}
    assert [below[bound] for bound in ("0.01", "0.02", "0.16", "0.32", "655.36", "+Inf")] == [
        "0",
        "2",
        "2",
        "3",
        "3",
        "3",
    ]
    assert found[-2:] == [
        'kimi_proxy_time_to_first_token_seconds_sum{provider="p",host="h",model="m"} 0.4',
        'kimi_proxy_time_to_first_token_seconds_count{provider="p",host="h",model="m"} 3',
    ]


def test_routes_and_their_health() -> None:
    routes = [
        {"name": "k*", "provider": "p", "model": "m", "host": "one", "health": "ok"},
        {"name": "k*", "provider": "p", "model": "m", "host": "two", "health": "cooling down"},
    ]
    found = lines(about={"version": "1.2", "routes": routes})
    place = 'route="k*",profile="",provider="p",model="m"'
    assert f'kimi_proxy_provider_up{{{place},host="one"}} 1' in found
    assert f'kimi_proxy_cooldown{{{place},host="two"}} 1' in found
    assert 'kimi_proxy_build_info{version="1.2"} 1' in found
