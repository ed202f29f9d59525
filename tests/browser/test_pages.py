"""Providers, overview and configuration."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.exchanges import LogBook
from tests.chromium import served, watched_page


def test_the_scorecard(page: Page, log: LogBook) -> None:
    for _ in range(3):
        log.write(upstream_host="api.moonshot.ai")
    log.wait()
    page.goto("/providers?window=1h")
    row = page.get_by_test_id("provider-row")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("api.moonshot.ai")  # the vendor: many speak the format `openai`
    expect(row).to_contain_text("moonshotai/kimi-k2")
    page.get_by_test_id("window-7d").click()
    expect(page).to_have_url(re.compile("window=7d"))
    expect(row).to_contain_text("openai")
    page.get_by_test_id("provider-open").first.click()
    expect(page.get_by_text("leaked-call").first).to_be_visible()
    page.get_by_role("link", name=re.compile("leaked-call")).first.click()
    expect(page).to_have_url(re.compile(r"/\?q=.*repair"))
    expect(page.get_by_test_id("row")).to_have_count(3)


def test_the_overview(page: Page, log: LogBook) -> None:
    page.goto("/overview")
    expect(page.get_by_test_id("overview")).to_be_visible()
    log.write()
    log.write(state="failed", status=502, error_type="upstream_error")
    log.wait()
    page.goto("/overview?window=1h")
    expect(page.get_by_test_id("card-requests")).to_contain_text("2")
    expect(page.get_by_test_id("card-errors")).to_contain_text("1")
    expect(page.locator("canvas").first).to_be_visible()
    # What the charts show can be read as well.
    page.get_by_text(re.compile("as a table|table", re.I)).first.click()
    expect(page.get_by_role("table").first).to_be_visible()


def test_the_configuration(page: Page, log: LogBook) -> None:
    page.goto("/config")
    expect(page.get_by_test_id("routes")).to_contain_text("api.moonshot.ai")
    expect(page.get_by_test_id("health")).to_contain_text("ok")
    expect(page.get_by_test_id("log-state")).to_be_visible()
    expect(page.get_by_test_id("running")).to_be_visible()


def test_what_the_log_has_lost_is_said_on_every_page(page: Page, log: LogBook) -> None:
    blobs = Path(log.locations["blob_url"])
    blobs.write_text("a file where the folder should be")
    log.write()
    log.wait()
    for path in ("/", "/overview"):
        page.goto(path)
        expect(page.get_by_test_id("banner")).to_contain_text(re.compile("could not be written|lost", re.I))


def test_a_theme_reaches_other_tabs(page: Page) -> None:
    page.goto("/")
    other = page.context.new_page()
    other.goto(page.url)
    theme = page.get_by_test_id("theme").get_attribute("data-theme-choice") or ""
    other.get_by_test_id("theme").click()
    expect(page.get_by_test_id("theme")).not_to_have_attribute("data-theme-choice", theme)
    chosen = other.get_by_test_id("theme").get_attribute("data-theme-choice") or ""
    expect(page.get_by_test_id("theme")).to_have_attribute("data-theme-choice", chosen)


def test_a_page_that_is_none(page: Page) -> None:
    page.goto("/")
    page.evaluate("history.pushState(null, '', '/nope'); dispatchEvent(new Event('popstate'))")
    expect(page.get_by_test_id("empty")).to_contain_text("There is no such page")
    page.get_by_role("link", name="Go to the requests").click()
    expect(page).to_have_title(re.compile("requests", re.I))


@pytest.mark.parametrize("path", ["/", "/providers", "/overview"])
def test_a_log_that_is_switched_off_is_no_trouble(browser: Browser, tmp_path: Path, path: str) -> None:
    nowhere = {"database_url": str(tmp_path / "none.db"), "blob_url": str(tmp_path / "none"), "log_mode": "off"}
    with served(nowhere) as address, watched_page(browser, base_url=address) as page:
        page.goto(path)
        expect(page.get_by_test_id("empty")).to_contain_text("Nothing is logged (LOG_MODE=off)")
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_log_that_cannot_be_read_is_not_empty(browser: Browser, tmp_path: Path) -> None:
    nowhere = {"database_url": str(tmp_path / "none.db"), "blob_url": str(tmp_path / "none")}
    with served(nowhere) as address, watched_page(browser, base_url=address) as page:
        page.goto("/")
        expect(page.get_by_test_id("banner")).to_contain_text("The log cannot be read")
        expect(page.get_by_test_id("problem")).to_be_visible()
        expect(page.get_by_text("No request has come yet")).to_have_count(0)


def test_pages_by_their_links(page: Page) -> None:
    page.goto("/")
    for name in ("providers", "overview", "config", "requests"):
        page.get_by_test_id(f"nav-{name}").click()
        expect(page).to_have_title(re.compile(name, re.I))
    page.go_back()
    expect(page).to_have_title(re.compile("config", re.I))
