"""For tests that need a proxy as users start it, by `scripts/run` or what stands behind it."""

import contextlib
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

PATIENCE = 120.0  # seconds; a first start sets up the environment


@contextlib.contextmanager
def answering(api: int, *command: Any, **options: Any) -> Iterator[None]:
    """Runs it until its base-URL port answers, and ends it at the end, as a user does."""
    process = subprocess.Popen(command, **options)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                # Through the listener to the dashboard: when that answers, everything is up.
                urllib.request.urlopen(f"http://127.0.0.1:{api}/healthz", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, "it has ended"
                assert time.monotonic() < deadline, "it did not come up"
                time.sleep(0.1)
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
