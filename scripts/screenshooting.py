"""Draws the dashboard for the README: a real proxy before simulated vendors, sample traffic, and a browser that looks.

Needs Chromium: the system's, or the one that `playwright install chromium` fetches.
"""

import argparse
import contextlib
import importlib
import io
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, sync_playwright

from scripts.ports import free_port
from scripts.sample_traffic import configuration, samples, send
from scripts.start import CHECKOUT, mitmproxy_command
from scripts.vendor.server import Simulator, running_simulator

SIZE = (1440, 900)
SPAN = 300  # seconds that a row of the log's statistics is about
DAY = 24 * 3600
PATIENCE = 30.0  # seconds
DARK = {"overview", "attempts"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# What of the user's own settings must not be in the pictures.
_FOREIGN = (
    "MODEL_CONFIG",
    "LOG_",
    "DASHBOARD_",
    "KIMI_",
    "LIVESTORE_",
    "ENSURE_TOOL_CALL",
    "OPEN",
    "VERTEX_",
    "GOOGLE_",
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=CHECKOUT / "docs")
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as work,
        running_simulator() as simulator,
        proxy(Path(work), simulator) as (base_url, dashboard),
    ):
        send(base_url, samples())
        wait_for(lambda: not running(dashboard))
        give_past(Path(work) / "logs.db")
        photograph(dashboard, folder)
    return 0


@contextlib.contextmanager
def proxy(work: Path, simulator: Simulator) -> Iterator[tuple[str, str]]:
    """A proxy and its dashboard, with all that they keep in the folder `work`. Gives the URLs of both."""
    ports = {name: free_port() for name in ("KIMI_PROXY_PORT", "KIMI_API_PORT", "DASHBOARD")}
    address = f"127.0.0.1:{ports['DASHBOARD']}"
    settings = {name: str(port) for name, port in ports.items()} | {"DASHBOARD_ADDRESS": address}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)} | {
        "MODEL_CONFIG": json.dumps(configuration(simulator)),
        "LOG_DB_PATH": "logs.db",
        "LOG_BLOB_ROOT": "blobs",
        "DASHBOARD_ADDRESS": address,
    }
    command = mitmproxy_command(["--set", f"confdir={work / 'mitmproxy'}"], settings)
    base_url, dashboard = f"http://127.0.0.1:{ports['KIMI_API_PORT']}", f"http://{address}"
    with (work / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, cwd=work, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: answers(f"{dashboard}/healthz") and answers(f"{base_url}/healthz"))
        yield base_url, dashboard
    except TimeoutError:
        print((work / "output.txt").read_text(errors="replace"), file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(condition: Any) -> None:
    """Raises TimeoutError when it does not come true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the proxy did not do what was waited for")
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def rows(dashboard: str, query: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{dashboard}/api/logs", params={"q": query, "limit": 200}, trust_env=False)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
    return found


def running(dashboard: str) -> bool:
    return bool(rows(dashboard, "state:running"))


def give_past(database: Path, seed: int = 4) -> None:
    """Copies what was counted into the last day, so that the charts over time have a day to show: each copy is a
    multiple, which leaves the rates what they are."""
    draw = random.Random(seed)
    with contextlib.closing(sqlite3.connect(database, timeout=PATIENCE)) as connection, connection:
        counted = connection.execute("SELECT span, time, provider, host, model, counts FROM statistics").fetchall()
        latest = max(row[1] for row in counted)
        for span, when, *group, counts in counted:
            if when < latest - SPAN:
                continue
            for back in range(2 * SPAN, DAY, 6 * SPAN):
                busy = 0.75 if 8 < time.localtime(when - back).tm_hour < 19 else 0.2
                times = (draw.random() < busy) + (draw.random() < busy / 3)
                copied = json.dumps({name: count * times for name, count in json.loads(counts).items()})
                if times:
                    row = (span, (when - back) // span * span, f"sample-{when}-{back}", *group, copied)
                    connection.execute("INSERT OR IGNORE INTO statistics VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def pages(dashboard: str) -> dict[str, str]:
    """The picture's name and the path of the page."""

    def exchange(query: str, tab: str) -> str:
        found = rows(dashboard, query) or rows(dashboard, "")
        richest = max(found, key=lambda row: ((row["attempt_count"] or 0), sum(row["repair_counts"].values())))
        return f"/exchanges/{richest['id']}?tab={tab}"

    return {
        "config": "/config",  # first, while routes that failed are still left alone
        "requests": "/",
        "changes": exchange("repair:leaked-call state:complete", "changes"),
        "conversation": exchange("repair:leaked-call format:anthropic_messages state:complete", "conversation"),
        "attempts": exchange("enforcement:called state:complete", "attempts"),
        "providers": "/providers",
        "overview": "/overview",
    }


def photograph(dashboard: str, folder: Path) -> None:
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, BROWSERS)), None)
        # Chromium refuses its sandbox to root, as whom containers run.
        rootless = [] if os.geteuid() else ["--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=found, args=rootless)
        for name, path in pages(dashboard).items():
            picture = look(browser, dashboard + path, dark=name in DARK)
            (folder / f"{name}.png").write_bytes(smaller(picture))
            print(folder / f"{name}.png")
        browser.close()


def look(browser: Browser, url: str, *, dark: bool) -> bytes:
    """The page as PNG, once nothing loads any more."""
    width, height = SIZE
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("main [data-testid]")
    page.wait_for_selector("[aria-busy=true]", state="detached")
    if opened := page.query_selector("[data-testid=provider-open]"):
        opened.click()
    page.wait_for_timeout(1000)  # what is drawn on a canvas says nowhere that it is drawn
    picture = page.screenshot()
    context.close()
    return picture


def smaller(picture: bytes) -> bytes:
    """The same with a palette of 256 colours, where Pillow is installed."""
    try:
        image = importlib.import_module("PIL.Image")
    except ImportError:
        return picture
    kept = io.BytesIO()
    image.open(io.BytesIO(picture)).convert("RGB").quantize(256, dither=0).save(kept, "PNG", optimize=True)
    return min(kept.getvalue(), picture, key=len)


if __name__ == "__main__":
    sys.exit(main())
