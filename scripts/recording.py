"""Behind `scripts/record`: a logged exchange as a corpus case, without credentials.

The case has the corpus's fields. What only a person can say (the defect, what would be right) is left for
that person to fill in, who also reads it before it is published: a key cut in two by a stream, or written
into a tool's arguments, is not found here.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from scripts.start import dashboard_target, read_settings

REMOVED = "REMOVED"
_NAMES = re.compile(
    r"authorization|cookie|api[-_]?key|secret|password|credential|access[-_]?token|id[-_]?token|signature"
    r"|user[-_]?id|session[-_]?id|organi[sz]ation|account[-_]?id",
    re.IGNORECASE,
)
# Keys of the vendors, Google's tokens, JSON web tokens, and whatever follows "Bearer".
_SECRETS = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|ghp|gho|hf|nvapi)[-_][A-Za-z0-9_-]{12,}|\bAIza[\w-]{30,}|\bya29\.[\w.-]+"
    r"|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=Bearer )[\w.~+/=-]{8,}"
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/record", description="Writes a logged exchange as a corpus case, without credentials."
    )
    parser.add_argument("exchange", metavar="EXCHANGE_ID", help="the response header x-kimi-proxy-exchange")
    parser.add_argument("--attempt", type=int, default=1, metavar="N", help="which attempt (default: the first)")
    settings = read_settings(Path.cwd())
    address = dashboard_target(settings.get("DASHBOARD_ADDRESS", ""))
    parser.add_argument("--dashboard", default=f"http://{address}", metavar="URL", help="default: DASHBOARD_ADDRESS")
    parser.add_argument("--token", default=settings.get("DASHBOARD_TOKEN"), help="default: DASHBOARD_TOKEN")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    options = parser.parse_args(arguments)
    headers = {"authorization": f"Bearer {options.token}"} if options.token else {}
    try:
        with httpx.Client(base_url=options.dashboard, headers=headers, trust_env=False) as dashboard:
            case = fetch_case(dashboard, options.exchange, options.attempt)
    except httpx.HTTPStatusError as error:
        print(f"record: {options.dashboard}: {_reason(error.response)}", file=sys.stderr)
        return 1
    except httpx.HTTPError as error:
        print(f"record: {options.dashboard}: {error}", file=sys.stderr)
        return 1
    text = json.dumps(case, ensure_ascii=False, indent=2) + "\n"
    if options.output:
        options.output.write_text(text)
    else:
        sys.stdout.write(text)
    return 0


def _reason(answer: httpx.Response) -> str:
    """What the dashboard says of a refusal."""
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"it answers {answer.status_code}"


def fetch_case(dashboard: httpx.Client, exchange: str, attempt: int = 1) -> dict[str, Any]:
    """The exchange as a case. Raises httpx.HTTPError where the dashboard does not answer or knows no such
    exchange."""
    entry = dashboard.get(f"/api/logs/{exchange}").raise_for_status().json()
    blobs = {}
    for kind, number in (("client_request", 0), ("upstream_response", attempt)):
        answer = dashboard.get(f"/api/logs/{exchange}/blobs/{kind}", params={"attempt": number})
        blobs[kind] = answer.raise_for_status().text
    return corpus_case(exchange, entry, blobs["client_request"], blobs["upstream_response"], attempt)


def corpus_case(
    exchange: str, entry: Mapping[str, Any], client_request: str, upstream: str, attempt: int = 1
) -> dict[str, Any]:
    """A case from the log's entry and the two bodies."""
    request = _parsed(client_request)
    attempts = entry.get("attempts") or [{}]
    status = attempts[min(attempt, len(attempts)) - 1].get("status") or entry.get("status") or 200
    answer: dict[str, Any] = {"status": status, "headers": {}}
    body = _parsed(upstream)
    if body is not None:
        answer |= {"headers": {"content-type": "application/json"}, "body": body}
    elif re.match(r"\ufeff?(?::|data:|event:|id:|retry:)", upstream):
        answer |= {"headers": {"content-type": "text/event-stream"}, "sse": [*_events(upstream)]}
    else:
        answer |= {"body": None, "body_text": upstream}
    model = request.get("model") if isinstance(request, Mapping) else None
    case: dict[str, Any] = {
        "id": f"recorded-{exchange}",
        "defect": "",
        "also": [],
        "source": "recorded",
        "level": "must",
        "model": model,
        "client_request": request if request is not None else client_request,
        "upstream": answer,
        "expect": {},
    }
    cleaned: dict[str, Any] = without_credentials(case)
    return cleaned


def without_credentials(value: Any) -> Any:
    """`value` without the values of fields that are named like a credential or an identity, and without
    what looks like a key in any other text. A corpus is public: rather too much goes than too little."""
    match value:
        case str():
            return _SECRETS.sub(REMOVED, value)
        case Mapping():
            return {
                key: REMOVED if isinstance(item, str) and _NAMES.search(key) else without_credentials(item)
                for key, item in value.items()
            }
        case list():
            return [without_credentials(item) for item in value]
        case _:
            return value


def _parsed(text: str) -> Any:
    """The JSON that the text is, None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _events(text: str) -> list[str]:
    """The stream in pieces of an event each, as they were sent; together they are the text."""
    return re.findall(r".+?(?:\r\n\r\n|\n\n|\r\r|\Z)", text, re.DOTALL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
