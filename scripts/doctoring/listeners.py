"""What listens where the proxy should, and whether it is well."""

import http.client
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx

from scripts.doctoring.authority import CERTIFICATE
from scripts.doctoring.findings import Finding, Surroundings, ok, problem, warning

PATIENCE = 5.0  # seconds
DECRYPTED = "api.openai.com"  # one that is always decrypted; nothing is sent there
ELSEWHERE = "start scripts/run, or say where it is in {}"


def check_proxy(around: Surroundings) -> Iterator[Finding]:
    """The listener for HTTP_PROXY, and the certificates that it shows."""
    host, port = around.proxy
    place = f"{host}:{port}"
    if not answers(host, port):
        yield problem(
            f"no proxy listens at {place}", ELSEWHERE.format("KIMI_PROXY_PORT (and KIMI_PROXY_HOST, for with-proxy)")
        )
        return
    authority = around.confdir / CERTIFICATE
    try:
        trusted = ssl.create_default_context(cafile=authority)
    except OSError:
        return  # check_authority tells
    try:
        _shake_hands(host, port, trusted)
    except ssl.SSLCertVerificationError as error:
        yield problem(
            f"the proxy at {place} shows certificates that {authority} does not vouch for: {error.verify_message}",
            "name the confdir of the running proxy in MITMPROXY_CONFDIR, or start it anew so that it reads this one",
        )
    except (OSError, http.client.HTTPException):
        yield _stranger("proxy", port, "KIMI_PROXY_PORT")
    else:
        yield ok(f"the proxy at {place} shows certificates of {authority}")


def check_base_url(around: Surroundings) -> Iterator[Finding]:
    """The listener of the base URL."""
    host, port = around.api
    if not answers(host, port):
        if answers(*around.proxy):
            yield warning(
                f"nothing listens at {host}:{port}, where the base URL should be",
                "start the proxy by scripts/run, or say where it is in KIMI_API_PORT",
            )
        return
    said = _get(f"http://{host}:{port}/v1/doctor", "")
    error = said.get("error") if said else None
    message = str(error.get("message")) if isinstance(error, dict) else ""
    if "is not served here" in message or "KIMI_PROXY_API_KEY" in message:
        yield ok(f"the base URL is http://{host}:{port}")
    else:
        yield _stranger("base URL", port, "KIMI_API_PORT")


def check_dashboard(around: Surroundings) -> Iterator[Finding]:
    """The dashboard, and what it says of the log and of the configuration in force."""
    if around.dashboard is None:
        return
    host, port = around.dashboard
    if not answers(host, port):
        if answers(*around.proxy):
            yield problem(f"no dashboard listens at {host}:{port}", "look at what scripts/run says of it as it starts")
        return
    token = around.variables.get("DASHBOARD_TOKEN", "")
    health = _get(f"http://{host}:{port}/healthz", token)
    if health is None or health.get("status") not in ("ok", "degraded"):
        yield _stranger("dashboard", port, "DASHBOARD_ADDRESS")
        return
    log = health.get("log") or {}
    if "log" not in health:
        yield problem(
            f"the dashboard at http://{host}:{port} says nothing without its token",
            "set DASHBOARD_TOKEN here as it is set where the proxy runs",
        )
    elif said := log.get("problem") or log.get("error"):
        yield problem(f"the log: {said}", "make room on its disk, or look at what the proxy's terminal says of the log")
    else:
        yield ok(f"the dashboard is at http://{host}:{port}")
    for writer in log.get("writers") or ():
        if lost := (writer.get("dropped") or 0) + (writer.get("failed") or 0):
            reason = writer.get("last_error") or "they were too many"
            yield warning(
                f"{lost} entries of the log were lost since the proxy started: {reason}",
                "what is shown of that time is not whole; traffic was not harmed",
            )
    about = _get(f"http://{host}:{port}/api/config", token) or {}
    for said in about.get("warnings") or ():
        yield problem(f"the running proxy: {said}", "correct the file; the proxy reads it again by itself")


def answers(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError:
        return False
    return True


def _shake_hands(host: str, port: int, trusted: ssl.SSLContext) -> None:
    """As a client that wants to speak to an API; the proxy answers before it asks anybody."""
    tunnel = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        tunnel.set_tunnel(DECRYPTED, 443)
        tunnel.connect()
        trusted.wrap_socket(tunnel.sock, server_hostname=DECRYPTED).close()
    finally:
        tunnel.close()


def _get(url: str, token: str) -> dict[str, Any] | None:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        said = json.loads(httpx.get(url, headers=headers, timeout=PATIENCE, trust_env=False).content)
    except (httpx.HTTPError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _stranger(wanted: str, port: int, variable: str) -> Finding:
    return problem(
        f"another program listens at port {port}, where the {wanted} should be{_name_of(port)}",
        f"end it, or give the proxy another port by {variable}",
    )


def _name_of(port: int) -> str:
    """Its name, where the system tells it."""
    for command, place in (
        (["ss", "-ltnpH", f"sport = :{port}"], "users:(("),
        (["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fc"], "\nc"),
    ):
        if shutil.which(command[0]):
            try:
                said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False).stdout
            except (OSError, subprocess.TimeoutExpired):
                continue
            if name := said.partition(place)[2].strip('"').partition('"')[0].partition("\n")[0]:
                return f" ({name})"
    return ""
