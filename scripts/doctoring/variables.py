"""Variables of the environment that lead a client elsewhere, or keep it from trusting the proxy."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from config.addresses import API_HOSTS
from scripts.doctoring.findings import LOCAL, Finding, Surroundings, is_on, place_of, problem, warning
from scripts.doctoring.listeners import answers
from scripts.doctoring.models import hosts_of

_REPLACING = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # the roots that their clients come with
_ADDING = ("NODE_EXTRA_CA_CERTS", "CODEX_CA_CERTIFICATE")
CLOUDS = ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY")
_NODE = 22  # the first whose own fetch heeds the proxy variables


def check_variables(around: Surroundings) -> Iterator[Finding]:
    """Of the shell that the client is started from."""
    yield from _check_proxies(around)
    yield from _check_authorities(around)
    for name in ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        if url := around.environment.get(name):
            yield from check_base_url(around, name, url, f"unset {name}")
    for name in CLOUDS:
        if is_on(around.environment.get(name)):
            yield problem(f"{name} sends Claude Code to that cloud and not to api.anthropic.com", f"unset {name}")
    yield from _check_node(around)


def check_base_url(around: Surroundings, name: str, url: str, otherwise: str) -> Iterator[Finding]:
    """A base URL that a client was given in the setting `name`; `otherwise` is how it is taken away."""
    host, port, path = place_of(url)
    place = f"{host}:{port}" if port else host or "no host"
    ours = around.are_ours(host, port, around.api)
    if not ours and host not in {*API_HOSTS, *hosts_of(around)}:
        yield problem(
            f"{name} leads to {place}, which the proxy does not decrypt",
            f"{otherwise}, or set it to the proxy's base URL ({_base_url(around, name)})",
        )
    elif ours and "ANTHROPIC" in name and path.endswith("/v1"):
        yield warning(
            f"{name} ends in /v1, which its clients add themselves: this proxy takes it, others do not",
            f"set it to {_base_url(around, name)}",
        )
    elif ours and "ANTHROPIC" not in name and not path.endswith("/v1"):
        yield warning(
            f"{name} does not end in /v1, which its clients do not add: this proxy takes it, others do not",
            f"set it to {_base_url(around, name)}",
        )
    if name == "OPENAI_BASE_URL" and (around.home / ".codex").is_dir():
        yield warning(
            "Codex does not read OPENAI_BASE_URL",
            f'start it by scripts/with-proxy, or with -c openai_base_url="{_base_url(around, name)}"',
        )


def _base_url(around: Surroundings, name: str) -> str:
    host, port = around.api
    return f"http://{host}:{port}" + ("" if "ANTHROPIC" in name else "/v1")


def _check_proxies(around: Surroundings) -> Iterator[Finding]:
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        one, other = around.environment.get(upper), around.environment.get(upper.lower())
        if one is not None and other is not None and one != other:
            yield problem(
                f"{upper} and {upper.lower()} differ, and some clients read the one, some the other",
                "unset one of them; scripts/with-proxy sets both",
            )
    for name in ("HTTPS_PROXY", "https_proxy"):
        if url := around.environment.get(name):
            host, port, _ = place_of(url)
            if host and port and not answers(host, port):
                yield problem(f"{name} names {host}:{port}, where nothing listens", f"unset {name}")
                break
    exceptions = f"{around.environment.get('NO_PROXY', '')},{around.environment.get('no_proxy', '')}"
    if passed := sorted(set(goes_past(around, exceptions))):
        yield problem(
            f"NO_PROXY holds {', '.join(passed)}: clients go past the proxy to the APIs",
            "take it out of NO_PROXY and no_proxy",
        )


def goes_past(around: Surroundings, exceptions: str) -> list[str]:
    """What of a NO_PROXY lets clients go past the proxy to an API."""
    hosts = {*API_HOSTS, *hosts_of(around)} - LOCAL
    return [word for word in re.split(r"[\s,]+", exceptions) if any(_covers(word, host) for host in hosts)]


def _covers(word: str, host: str) -> bool:
    domain = word.lower().removeprefix("*").lstrip(".").partition(":")[0]
    return word == "*" or (bool(domain) and (host == domain or host.endswith(f".{domain}")))


def _check_authorities(around: Surroundings) -> Iterator[Finding]:
    for name in (*_REPLACING, *_ADDING):
        path = around.environment.get(name)
        if not path or Path(path).expanduser().is_file():
            continue
        if name in _REPLACING:
            yield problem(f"{name} names {path}, which is not there: clients trust nobody then", f"unset {name}")
        else:
            yield warning(f"{name} names {path}, which is not there: it adds nothing", f"unset {name}")
    if around.environment.get("NODE_TLS_REJECT_UNAUTHORIZED") == "0":
        yield warning(
            "NODE_TLS_REJECT_UNAUTHORIZED=0 has Node programs trust everybody",
            "unset it; scripts/with-proxy has them trust the proxy",
        )


def _check_node(around: Surroundings) -> Iterator[Finding]:
    node = shutil.which("node", path=around.environment.get("PATH"))
    if node is None:
        return
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return
    said = done.stdout.strip()
    match = re.match(r"v(\d+)\.", said)
    if match and int(match[1]) < _NODE:
        yield warning(
            f"Node {said} does not heed HTTPS_PROXY: programs on it that use fetch, as SDKs do, go past the proxy",
            f"give those the base URL, or take Node {_NODE}; Claude Code, Codex and opencode bring their own",
        )
