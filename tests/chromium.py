"""The dashboard in a real browser: the system's Chromium, without a window, driven by Playwright."""

import contextlib
import shutil
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import waitress
from playwright.sync_api import Browser, Page, sync_playwright
from waitress import wasyncore

from webui.app import create_app

WIDE = {"width": 1440, "height": 900}


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The browser. Its own downloads are not used: Debian's package is what people and CI have."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert program, "Chromium is not installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def watched_page(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page in a context of its own. Whatever goes wrong in it, or is forbidden by its policy, fails the test."""
    context = browser.new_context(viewport=WIDE, **options)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: wrong.append(message.text) if is_wrong(message) else None)
    yield page
    context.close()
    assert wrong == []


def is_wrong(message: Any) -> bool:
    """Whether the console tells of a fault. A request that the server refused is the page's to show, and is shown."""
    return message.type == "error" and "Failed to load resource" not in message.text


@contextlib.contextmanager
def served(settings: Mapping[str, Any]) -> Iterator[str]:
    """The app over a log, on a port of its own; gives its address."""
    server = waitress.create_server(create_app(settings), host="127.0.0.1", port=0, threads=6)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    # In the server's own thread: it must not wait for sockets that another one closes.
    server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map, ignore_all=True))
    thread.join(5)
    server.task_dispatcher.shutdown()
