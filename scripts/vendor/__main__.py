"""The command `scripts/simulator`."""

import argparse
import asyncio
import os
import signal
import sys

from scripts.vendor.behaviour import ALIASES, FAMILIES, WORDS
from scripts.vendor.server import Simulator


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/simulator",
        description="A vendor on loopback that answers as Kimi's vendors do, mistakes included.",
        epilog="Ask for a behaviour in the model's name (kimi-k2-thinking+orphan-think+cut=1) or in the "
        "header x-simulator (orphan-think, cut=1). --list shows them all.",
    )
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free one (default: 8090)")
    parser.add_argument("--tls-cert", metavar="FILE", help="speak TLS with this certificate")
    parser.add_argument("--tls-key", metavar="FILE")
    needed = "refuse requests without it as their bearer token, or as x-api-key on /v1/messages"
    parser.add_argument("--require-key", metavar="KEY", help=needed)
    parser.add_argument("--list", action="store_true", help="show what can be asked for, and stop")
    options = parser.parse_args(arguments)
    if options.list:
        try:
            print(listing(), flush=True)
        except BrokenPipeError:  # `| head`; else Python would try again at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if bool(options.tls_cert) != bool(options.tls_key):
        parser.error("--tls-cert and --tls-key need each other")
    tls = (options.tls_cert, options.tls_key) if options.tls_cert else None
    try:
        asyncio.run(serve(Simulator(options.require_key, tls), options.port))
    except OSError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 1
    return 0


def listing() -> str:
    aliases = [f"  {name:30} {meaning}" for name, meaning in ALIASES.items()]
    words = [f"  {word:30} {meaning}" for word, meaning in WORDS.items()]
    families = [f"  {family}" for family in FAMILIES]
    return "\n".join(["What is said:", *families, "How it is sent:", *words, "Other names:", *aliases])


async def serve(simulator: Simulator, port: int) -> None:
    """Serves until SIGINT or SIGTERM."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Also where the shell that started us in the background made SIGINT ignored.
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await simulator.start(port)
    print(f"simulator listening on {simulator.url}", flush=True)
    await ended.wait()
    await simulator.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
