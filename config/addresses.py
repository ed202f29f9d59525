"""Judges URLs and addresses: what is usable, and what does not leave the user's own network."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

BASE_URL = "an http(s) URL without user, query and fragment"

# The APIs' own hosts. Every other TLS connection passes unopened.
API_HOSTS = (
    "api.openai.com",
    "api.anthropic.com",
    "openrouter.ai",
    "api.moonshot.ai",
    "api.moonshot.cn",
    "aiplatform.googleapis.com",
    "aiplatform.us.rep.googleapis.com",
    "aiplatform.eu.rep.googleapis.com",
)

_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def host_of(url: str) -> str:
    """The host of a URL in lower case; empty where there is none or the URL cannot be read."""
    parts = _split(url)
    return (parts.hostname or "").rstrip(".") if parts else ""


def is_base_url(text: str) -> bool:
    """Whether paths can be put behind it. A user in it would be a credential that every log shows."""
    return is_url(text) and not any(sign in text for sign in "?#")


def is_url(text: str) -> bool:
    """Whether it is an http(s) URL that requests can be sent to."""
    parts = _split(text)
    return (
        parts is not None
        and text.isprintable()
        and " " not in text
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and parts.port != 0
    )


def is_local_host(host: str) -> bool:
    """Whether a host is this machine or in a private network, by its name or address alone: servers there
    often ask for no key. A name without a dot is one of such a network (Docker, Kubernetes)."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return bool(host) and ("." not in host or host.endswith(_LOCAL_SUFFIXES))
    return address.is_private or address.is_loopback


def is_address(text: str) -> bool:
    """Whether it is HOST:PORT; IPv6 hosts stand in brackets."""
    host, colon, port = text.rpartition(":")
    plain = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not (colon and plain and plain.isprintable() and not any(sign in plain for sign in " /@[]")):
        return False
    if ":" in plain and plain == host:
        return False
    return port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read here because only then its range is checked
    except ValueError:
        return None
    return parts
