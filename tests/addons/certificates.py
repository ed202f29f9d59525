"""Certificates for servers of tests: right ones, and such that no client should take."""

import datetime
import ipaddress
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


def server_contexts(authority: Path, hosts: Sequence[str]) -> Mapping[str, ssl.SSLContext]:
    """How a server of these host names and addresses proves who it is: `right`, with a `wrong` host's certificate,
    and with an `expired` one. Writes the certificate of the authority that issued them all, which clients have to
    trust, to the path `authority`, and the others beside it."""
    now = datetime.datetime.now(datetime.UTC)
    issuer = ec.generate_private_key(ec.SECP256R1())
    authority.write_bytes(_certificate(issuer, issuer, (), now + 9 * _DAY).public_bytes(Encoding.PEM))

    def context(name: str, names: Sequence[str], until: datetime.datetime) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = authority.with_name(f"{authority.stem}-{name}.pem")
        path.write_bytes(secret + _certificate(issuer, key, names, until).public_bytes(Encoding.PEM))
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(path)
        return made

    return {
        "right": context("right", hosts, now + _DAY),
        "wrong": context("wrong", ("wrong.invalid",), now + _DAY),
        "expired": context("expired", hosts, now - _DAY),
    }


def _certificate(
    issuer: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    until: datetime.datetime,
) -> x509.Certificate:
    """A certificate for these names; the authority's own where there are none."""
    subject = _name(names[0] if names else "authority")
    serial = x509.random_serial_number()
    builder = x509.CertificateBuilder(_name("authority"), subject, key.public_key(), serial, until - 99 * _DAY, until)
    own = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    builder = builder.add_extension(own, critical=False).add_extension(identifier, critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_place, names))), critical=False)
    return builder.sign(issuer, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _place(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
