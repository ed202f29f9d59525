from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.webui.filled_log import HOSTILE, REASONS, UNUSABLE, fill
from webui.store import Store

PARTS = ("kind", "before", "match", "after")


@pytest.fixture
def ids(locations: dict[str, str]) -> list[str]:
    return fill(locations)


def test_pages_of_the_log(client: FlaskClient, ids: list[str]) -> None:
    seen = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get("/api/logs", query_string={"limit": 2, "cursor": cursor}).get_json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == ids
    whole = client.get("/api/logs").get_json()
    assert whole["next"] is None
    assert whole["items"][2]["repair_counts"] == {"leak": 2, "think": 1}
    assert [(item["enforcement"], item["reprompts"]) for item in whole["items"]] == [
        (None, None),
        (None, []),
        ("called", [UNUSABLE]),
        ("called", [UNUSABLE]),
        ("exhausted", ["no tool call", "no tool call"]),
    ]


def test_one_exchange(client: FlaskClient, ids: list[str]) -> None:
    exchange = client.get(f"/api/logs/{ids[2]}").get_json()
    assert exchange["repair_reasons"] == REASONS
    assert exchange["repairs"] == [{"kind": "leak", "before": HOSTILE, "after": ""}]
    assert (exchange["enforcement"], exchange["reprompts"]) == ("called", [UNUSABLE])
    assert [(attempt["number"], attempt["reprompt"]) for attempt in exchange["attempts"]] == [(1, None), (2, UNUSABLE)]


def test_bodies(client: FlaskClient, ids: list[str]) -> None:
    base = f"/api/logs/{ids[2]}/blobs"
    answer = client.get(f"{base}/client_request")
    assert answer.data == HOSTILE.encode() + b"\xff\x00"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["x-kimi-proxy-complete"] == "false"  # the fixture never closed it
    answer = client.get(f"{base}/upstream_response")
    assert (answer.data, answer.headers["x-kimi-proxy-complete"]) == (b"answer 2", "true")
    assert client.get(f"{base}/upstream_response?attempt=1").data == b"answer 1"
    with client.head(f"{base}/upstream_response") as answer:
        assert (answer.status_code, answer.data) == (200, b"")


@pytest.mark.parametrize(
    ("path", "status", "kind", "message"),
    [
        ("/api/logs?limit=0", 400, "invalid_request_error", "limit: '0' is not a number from 1 to 500"),
        ("/api/logs?limit=x", 400, "invalid_request_error", "limit: 'x'"),
        ("/api/logs?cursor=x", 400, "invalid_request_error", "cursor: 'x'"),
        ("/api/logs?q=nothing:k2", 400, "invalid_request_error", "q: nothing: is no field; they are model, provider"),
        ("/api/logs?q=!!", 400, "invalid_request_error", "q: '!!' has no word to search for"),
        ("/api/logs/search?q=model:k2", 400, "invalid_request_error", "q: needs a word"),
        ("/api/logs/search?q=--", 400, "invalid_request_error", "q: "),
        ("/api/logs/search?q=word&kinds=x", 400, "invalid_request_error", "kinds: 'x' is not one of client_request"),
        ("/api/livestore/pull?timestamp=x", 400, "invalid_request_error", "timestamp: 'x'"),
        ("/api/livestore/pull?timestamp=nan", 400, "invalid_request_error", "timestamp: 'nan'"),
        ("/api/livestore/pull?timestamp=1&id=x", 400, "invalid_request_error", "id: 'x'"),
        ("/api/logs/nothing", 404, "not_found_error", "no exchange 'nothing'"),
        ("/api/logs/01HF7YAT3V31WKYMDMTK2P23XE", 404, "not_found_error", "no exchange '01HF7Y"),
        ("/api/logs/ID/blobs/other", 404, "not_found_error", "blob kind: 'other' is not one of client_request"),
        ("/api/logs/ID/blobs/client_response", 404, "not_found_error", "no client_response of attempt 0"),
        ("/api/logs/x/blobs/client_response", 404, "not_found_error", "exchange id: 'x'"),
        ("/api/logs/ID/blobs/client_request?attempt=-1", 400, "invalid_request_error", "attempt: '-1'"),
        ("/nowhere", 404, "not_found_error", ""),
    ],
)
def test_errors_have_one_shape(
    client: FlaskClient, ids: list[str], path: str, status: int, kind: str, message: str
) -> None:
    answer = client.get(path.replace("ID", ids[2]) if "/ID/" in path else path)
    error = answer.get_json()["error"]
    assert (answer.status_code, error["type"]) == (status, kind)
    assert message in error["message"]


def test_filters_and_words(client: FlaskClient, ids: list[str]) -> None:
    def found(q: str) -> list[int]:
        return [ids.index(item["id"]) for item in client.get("/api/logs", query_string={"q": q}).get_json()["items"]]

    assert found("state:interrupted") == [0]  # it ran when its process ended
    assert found("repair:leak ttft:<300ms attempts:>1") == [2, 3, 4]
    assert found('"answer 1"') == [3]
    assert found("provider:vertex -state:complete") == [0, 1]
    assert found("enforcement:exhausted weather") == [4]


def test_search_tells_where_the_words_are(client: FlaskClient, ids: list[str]) -> None:
    def found(**query: str) -> list[tuple[int, list[tuple[str, str, str, str]]]]:
        items = client.get("/api/logs/search", query_string=query).get_json()["items"]
        return [
            (ids.index(item["id"]), [tuple(match[name] for name in PARTS) for match in item["matches"]])
            for item in items
        ]

    assert [place for place, _ in found(q="question 0", kinds="client_request")] == [4]  # both words
    assert found(q='"question 0"', kinds="client_request") == [(4, [("client_request", "", "question 0", "")])]
    assert found(q="question", kinds="client_response") == []
    assert found(q="weather", kinds="client_response", limit="1") == [
        (2, [("client_response", "get_", "weather", " {}")])
    ]


def test_a_body_that_is_complete_has_an_etag(client: FlaskClient, ids: list[str]) -> None:
    path = f"/api/logs/{ids[2]}/blobs/upstream_response"
    with client.get(path) as answer:
        tag = answer.headers["ETag"]
    with client.get(path, headers={"If-None-Match": tag}) as answer:
        assert (answer.status_code, answer.data) == (304, b"")
    with client.get(f"/api/logs/{ids[2]}/blobs/client_request") as answer:
        assert "ETag" not in answer.headers  # it was never closed


@pytest.mark.parametrize("data", [b"garbage", b""])
def test_a_damaged_body_is_not_complete(
    client: FlaskClient, locations: dict[str, str], ids: list[str], data: bytes
) -> None:
    [path] = Path(locations["blob_url"]).rglob(f"{ids[2]}/attempt-1.upstream_response.zst")
    path.write_bytes(data)
    with client.get(f"/api/logs/{ids[2]}/blobs/upstream_response?attempt=1") as answer:
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.headers["x-kimi-proxy-complete"] == "false" and "ETag" not in answer.headers


def test_pulling_tells_everything_once(client: FlaskClient, ids: list[str]) -> None:
    seen: list[str] = []
    place = {"timestamp": 0.0, "id": ""}
    while True:
        answer = client.get("/api/livestore/pull", query_string={**place, "limit": 2}).get_json()
        if not answer["items"]:
            break
        seen += [item["id"] for item in answer["items"]]
        place = answer["next"]
    assert sorted(seen) == sorted(ids)
    assert answer["next"] == place
    newest = client.get("/api/livestore/pull?limit=3").get_json()
    assert newest["next"] == place and len(newest["items"]) == 3


def test_an_empty_log_has_nothing_to_pull(client: FlaskClient, locations: dict[str, str]) -> None:
    store = Store(**locations)
    store.start()
    store.close()
    assert client.get("/api/livestore/pull").get_json() == {"items": [], "next": {"timestamp": 0.0, "id": ""}}
