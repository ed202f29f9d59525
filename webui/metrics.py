"""The log's counters in Prometheus' text format, version 0.0.4. Pure.

Labels are bounded: routes come from the configuration, kinds and classes from our own tables or are cut off by
`statistics.py`. What is measured has buckets of 0.01·2ⁿ seconds, those of OpenTelemetry's GenAI conventions, and three
more, as agents' turns take long.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from webui.statistics import STEPS, Group, by_kind, classes

type Sample = tuple[Mapping[str, str], float]

_DOUBLINGS = range(17)  # 0.01 s … 655.36 s
_TOKENS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cached_tokens",
    "reasoning": "reasoning_tokens",
}
_MEASURED = {
    "request_duration_seconds": ("whole", "Time from a client's request to the end of its answer."),
    "upstream_duration_seconds": ("upstream", "Time from a request upstream to the end of its answer."),
    "time_to_first_token_seconds": ("ttft", "Time from a request upstream to its first content."),
}
_LOSSES = (
    ("log_queue_depth", "queued", "gauge", "Entries that wait to be written."),
    ("log_dropped_total", "dropped", "counter", "Entries that found the queue full."),
    ("log_failed_total", "failed", "counter", "Entries that could not be written."),
)


def exposition(groups: Mapping[Group, Mapping[str, float]], writers: Sequence[Mapping[str, Any]], running: int) -> str:
    """The page for a scraper. `groups` are counters by provider and model, `writers` the processes that write now."""
    lines: list[str] = []

    def add(name: str, kind: str, text: str, samples: Iterable[Sample]) -> None:
        full = f"kimi_proxy_{name}"
        lines.extend([f"# HELP {full} {text}", f"# TYPE {full} {kind}"])
        lines.extend(f"{full}{_labels(labels)} {value:.10g}" for labels, value in samples)

    def parts(counter: str, label: str) -> Iterator[Sample]:
        for group, counts in groups.items():
            for kind, count in by_kind(counts, counter).items():
                yield {**_group(group), label: kind}, count

    def plain(counter: str) -> Iterator[Sample]:
        return ((_group(group), counts[counter]) for group, counts in groups.items() if counter in counts)

    add("requests_total", "counter", "Requests of clients that were rerouted, by their end.", parts("state", "state"))
    add("responses_total", "counter", "Answers to clients, by their HTTP status.", parts("status", "status"))
    add("upstream_attempts_total", "counter", "Requests upstream.", parts("outcome", "outcome"))
    add("stream_errors_total", "counter", "Requests upstream that failed, by class.", parts("error", "class"))
    add("repairs_total", "counter", "Repairs of requests and answers.", parts("repair", "kind"))
    add("enforcements_total", "counter", "Enforced tool calls, by result.", parts("enforcement", "result"))
    add("reprompts_total", "counter", "Requests upstream that ask once more for a tool call.", plain("reprompts"))
    add("fallbacks_total", "counter", "Requests of clients that another route had to take over.", plain("failovers"))
    add("cost_usd_total", "counter", "What providers said that answers cost, in dollars.", plain("cost_usd"))
    tokens = (
        ({**_group(group), "type": kind}, counts[name])
        for group, counts in groups.items()
        for kind, name in _TOKENS.items()
        if name in counts
    )
    add("tokens_total", "counter", "Tokens, as providers counted them.", tokens)
    calls = (
        ({**_group(group), "valid": word}, counts["valid_before"] if word == "true" else _invalid(counts))
        for group, counts in groups.items()
        if counts.get("calls")
        for word in ("true", "false")
    )
    add("tool_calls_total", "counter", "Tool calls, by whether their schema takes them as upstream sent them.", calls)
    for name, (counter, text) in _MEASURED.items():
        lines.extend(_histogram(f"kimi_proxy_{name}", text, counter, groups))
    add("inflight", "gauge", "Requests of clients that are running.", [({}, running)])
    own = [({"writer": str(one["id"])}, one) for one in writers]
    for name, column, kind, text in _LOSSES:
        add(name, kind, text, [(labels, one[column] or 0) for labels, one in own])
    about: Mapping[str, Any] = next((one["about"] for one in reversed(writers) if one["about"]), {})
    routes = [route for route in about.get("routes", ()) if isinstance(route, dict)]
    health = [({"route": str(route.get("name")), **_place(route)}, route.get("health")) for route in routes]
    add("provider_up", "gauge", "Whether a route is asked.", [(name, float(state == "ok")) for name, state in health])
    add("cooldown", "gauge", "Whether a route cools down.", [(name, float(state != "ok")) for name, state in health])
    add("build_info", "gauge", "The version, always 1.", [({"version": str(about.get("version", ""))}, 1)])
    return "\n".join(lines) + "\n"


def _place(route: Mapping[str, Any]) -> dict[str, str]:
    """What tells routes of one name apart."""
    return {name: str(route.get(name) or "") for name in ("profile", "provider", "model", "host")}


def _invalid(counts: Mapping[str, float]) -> float:
    return counts["calls"] - counts.get("valid_before", 0)


def _group(group: Group) -> dict[str, str]:
    return dict(zip(("provider", "host", "model"), group, strict=True))


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _histogram(name: str, text: str, counter: str, groups: Mapping[Group, Mapping[str, float]]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} histogram"
    for group, counts in groups.items():
        found = classes(counts, counter)
        if not found:
            continue
        for doubling in _DOUBLINGS:
            below = sum(count for number, count in found.items() if number <= STEPS * doubling)
            yield f"{name}_bucket{_labels({**_group(group), 'le': format(0.01 * 2**doubling, 'g')})} {below:.10g}"
        total = sum(found.values())
        yield f"{name}_bucket{_labels({**_group(group), 'le': '+Inf'})} {total:.10g}"
        yield f"{name}_sum{_labels(_group(group))} {counts.get(f'{counter}_sum', 0):.10g}"
        yield f"{name}_count{_labels(_group(group))} {total:.10g}"
