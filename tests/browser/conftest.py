"""Chromium, pages of it, and a log that the dashboard shows. The log is written by the tests themselves, as a proxy
would; what a real one writes is looked at in `test_traffic.py`.

browser   one for each module: Playwright's loop runs as long as it, and other tests want loops of their own
page      a page of the dashboard over `log`; what goes wrong in it fails the test
log       writes exchanges, and waits until they can be read
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.exchanges import LogBook
from tests.chromium import chromium, served, watched_page


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A page that is left drops requests for scripts, whose files the server closes only when it thinks of them."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogBook]:
    with LogBook(tmp_path) as book:
        yield book


@pytest.fixture
def settings() -> dict[str, Any]:
    """Of the app, besides where the log is."""
    return {}


@pytest.fixture
def page(browser: Browser, log: LogBook, settings: dict[str, Any]) -> Iterator[Page]:
    with served({**log.locations, **settings}) as address, watched_page(browser, base_url=address) as page:
        yield page
