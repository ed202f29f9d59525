"""Ports for servers that are started for a moment: of tests, measurements, and screenshots."""

import contextlib
import random
import socket

# Below those which systems give to clients, lest one takes it meanwhile. None is given twice.
_untried = iter(random.Random().sample(range(12_000, 32_000), 20_000))


def free_port() -> int:
    """A port of 127.0.0.1 where nobody listens."""
    for port in _untried:
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("every port was tried")
