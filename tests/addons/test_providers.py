"""Every provider passes the whole corpus, at its own path and with its own kind of credential."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from scripts.vendor.server import Simulator, running_simulator
from tests.addons.provider_paths import EACH_CLIENT, EACH_FORM, KEYS, PATHS, ProviderPath, entry, is_stream, read
from tests.addons.recorded_answers import has_counterpart, model_of, request_of, script_chat, script_messages
from transforms.dialects import DIALECTS
from transforms.providers import PROVIDERS

AT_ONCE = 8  # requests
SHOULD = 0.9  # of the cases of this level pass

type Case = dict[str, Any]


@pytest.fixture(scope="module")
def vendors() -> Iterator[Simulator]:
    """All vendors, each of which knows its own credential alone."""
    with running_simulator(keys=KEYS) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def cases(corpus_cases: Callable[[str], list[Case]]) -> list[tuple[str, Case]]:
    """The recorded answers, each with the model's name under which it is asked for."""
    return [(model_of(case, n), case) for n, case in enumerate(corpus_cases("openai_chat/responses"))]


@pytest.fixture(scope="module")
def client(start_shared: Any, vendors: Simulator, cases: list[tuple[str, Case]]) -> Iterator[httpx.Client]:
    """Under each provider's name every case has an entry of its own: what a route has learned from one answer is
    not to decide about another."""
    account = vendors.google.service_account(vendors.url)
    models = [entry(path, vendors.url, account, model, profile=path.name) for path in PATHS for model, _ in cases]
    proxy = start_shared(config=json.dumps({"models": models}))
    with proxy.client(limits=httpx.Limits(max_connections=AT_ONCE)) as client:
        yield client


def test_every_provider_has_a_path() -> None:
    assert {path.provider for path in PATHS} == set(PROVIDERS)


@EACH_FORM
@EACH_CLIENT
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_the_corpus(
    client: httpx.Client,
    vendors: Simulator,
    judge: ModuleType,
    cases: list[tuple[str, Case]],
    path: ProviderPath,
    asking: Any,
    stream: bool,
) -> None:
    vendors.forget()
    asked = [one for one in cases if path.speaks_chat or has_counterpart(one[1], stream=stream)]
    for model, case in asked:
        if path.speaks_chat:
            script_chat(vendors, model, case)
        else:
            events, _ = judge.sse_events("".join(case["upstream"].get("sse", ())))
            script_messages(vendors, model, case, [data for _, data in events], stream=stream)

    def deviations(model: str, case: Case) -> list[str]:
        request = DIALECTS["openai_chat"].read_request(request_of(case, model, stream=stream))
        body = DIALECTS[asking.format].write_request(request)
        answer = client.post(f"/{path.name}/v1/{asking.path}", json=body)
        own_ids = path.speaks_chat and asking.format == "openai_chat"
        try:
            seen = observed(asking, answer)
        except Exception as error:  # is told with all others
            return [f"the client cannot read it: {error!r}"]
        found: list[str] = judge.compare({**case, "expect": expected(case["expect"], stream, own_ids)}, seen)
        if seen["error"] is None and is_stream(answer) is not stream:
            found.append("it has not the form that was asked for")
        return found

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda one: deviations(*one), asked))
    wrong: dict[str, dict[str, list[str]]] = {"must": {}, "should": {}, "may": {}}
    for (_, case), deviating in zip(asked, found, strict=True):
        if deviating:
            wrong[case["level"]][case["id"]] = deviating
    numbers = Counter(case["level"] for _, case in asked)
    assert wrong["must"] == {}, json.dumps(wrong["must"], indent=1)
    assert len(wrong["should"]) <= (1 - SHOULD) * numbers["should"], json.dumps(wrong["should"], indent=1)
    assert numbers["must"] > 100
    assert {request.path for request in vendors.requests} == {urlsplit(path.url(vendors.url)).path}


def observed(asking: Any, answer: httpx.Response) -> dict[str, Any]:
    """What a client saw, in the judge's words."""
    seen = read(asking, answer)
    return {
        "text": seen.text,
        "reasoning": seen.reasoning,
        "tool_calls": [vars(call) for call in seen.calls if seen.error is None],
        "finish_reason": seen.finish,
        "error": seen.error and {"message": seen.error, "status": answer.status_code},
    }


def expected(expect: Case, stream: bool, ids: bool) -> Case:
    """What a case expects of every format. An error in place of a whole answer leaves no room for a part of it."""
    kept = {key: value for key, value in expect.items() if key != "usage" and (ids or key != "id_format")}
    if kept.get("error") and not stream:
        kept["text"] = kept["reasoning"] = None
    if "accept" in kept:
        kept["accept"] = [expected(accepted, stream, ids) for accepted in kept["accept"]]
    return kept
