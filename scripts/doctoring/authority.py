"""The certificate authority: whether clients can trust it, and nobody else can use it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cryptography import x509

from scripts.doctoring.findings import Finding, Surroundings, ok, problem, warning

CERTIFICATE, KEY, BUNDLE = "mitmproxy-ca-cert.pem", "mitmproxy-ca.pem", "kimi-proxy-ca-bundle.pem"
SOON = timedelta(days=30)


def check_authority(around: Surroundings) -> Iterator[Finding]:
    """Of the files in mitmproxy's folder."""
    path = around.confdir / CERTIFICATE
    anew = f"remove mitmproxy-ca* from {around.confdir} and start scripts/run anew"
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        yield problem(
            f"there is no certificate authority at {path}",
            "start scripts/run once, which makes it; if it has another confdir, name that in MITMPROXY_CONFDIR",
        )
        return
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no certificate"
        yield problem(f"the certificate authority at {path} cannot be read: {said}", anew)
        return
    now, end = datetime.now(UTC), certificate.not_valid_after_utc
    if end <= now:
        yield problem(f"the certificate authority at {path} ended on {end:%Y-%m-%d}", anew)
    elif certificate.not_valid_before_utc > now:
        yield problem(
            f"the certificate authority at {path} begins only on {certificate.not_valid_before_utc:%Y-%m-%d}",
            "set this machine's clock",
        )
    elif end - now < SOON:
        yield warning(f"the certificate authority at {path} ends on {end:%Y-%m-%d}", anew)
    else:
        yield ok(f"the certificate authority at {path} is good until {end:%Y-%m-%d}")
    yield from _check_key(around)


def _check_key(around: Surroundings) -> Iterator[Finding]:
    path = around.confdir / KEY
    if path.is_file() and path.stat().st_mode & 0o077:
        yield problem(
            f"others on this machine can read the authority's key, and with it forge any site for you: {path}",
            f"chmod 600 {path}",
        )
