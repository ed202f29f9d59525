"""The page of requests, as a person uses it."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.exchanges import LogBook, write_many
from tests.chromium import served, watched_page

HOSTILE = "<img src=x onerror=alert(1)>"
MANY = 100_000
TRIES = 3  # of what depends on what else the machine does


def rows(page: Page, text: str | None = None) -> Locator:
    return page.get_by_test_id("row").filter(has_text=text) if text else page.get_by_test_id("row")


def apply_filter(page: Page, text: str) -> None:
    page.get_by_test_id("filter").fill(text)
    page.get_by_test_id("filter").press("Enter")


def test_rows_appear_and_change_while_one_looks(page: Page, log: LogBook) -> None:
    page.goto("/")
    expect(page.get_by_test_id("empty")).to_be_visible()
    waited = []
    for number in range(TRIES):
        began = time.monotonic()
        identity = log.begin(f"live-{number}")
        expect(rows(page, f"live-{number}")).to_be_visible()
        waited.append(time.monotonic() - began)
        log.end(identity, preview=f"said {number}")
        expect(rows(page, f"live-{number}")).to_contain_text("200")
    assert min(waited) < 1.0
    expect(rows(page)).to_have_count(TRIES)
    order = [re.findall(r"live-\d", text)[0] for text in page.get_by_test_id("row").all_inner_texts()]
    assert order == [f"live-{number}" for number in reversed(range(TRIES))]


def test_new_rows_do_not_move_what_one_reads(page: Page, log: LogBook) -> None:
    write_many(log.locations, 300)
    page.goto("/")
    expect(rows(page, "model-299")).to_be_visible()
    scroller = page.get_by_test_id("scroller")
    scroller.evaluate("(element) => element.scrollTo(0, 3000)")
    expect(rows(page, "model-299")).to_have_count(0)
    read = rows(page, "model-190")
    expect(read).to_be_visible()
    before = read.bounding_box()
    log.write("the-new-one")
    expect(page.get_by_test_id("new-rows")).to_contain_text("1 new")
    assert read.bounding_box() == before
    page.get_by_test_id("new-rows").click()
    expect(rows(page, "the-new-one")).to_be_visible()


def test_filters_their_faults_and_the_way_back(page: Page, log: LogBook) -> None:
    log.write("good", said="a haystack with a needle in it")
    log.write("bad", state="failed", status=502, error_type="upstream_error", repair_counts={})
    log.wait()
    page.goto("/")
    expect(rows(page)).to_have_count(2)
    apply_filter(page, "state:failed")
    expect(rows(page)).to_have_count(1)
    expect(rows(page, "bad")).to_be_visible()
    assert "q=state%3Afailed" in page.url
    apply_filter(page, "needle repair:leaked-call")
    expect(rows(page, "good")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    page.go_back()
    expect(rows(page, "bad")).to_be_visible()
    expect(page.get_by_test_id("filter")).to_have_value("state:failed")
    apply_filter(page, "nothing:here")
    expect(page.get_by_test_id("filter-problem")).to_contain_text("nothing: is no field")  # as it was written
    apply_filter(page, "provider:nobody")
    expect(page.get_by_test_id("empty")).to_be_visible()
    page.get_by_test_id("filter-clear").click()
    expect(rows(page)).to_have_count(2)
    # An address with a filter is one that can be sent to others.
    page.goto("/?q=status:502")
    expect(rows(page, "bad")).to_be_visible()
    expect(rows(page)).to_have_count(1)


def test_a_filter_stays_live(page: Page, log: LogBook) -> None:
    page.goto("/?q=state:failed")
    log.write("fine")
    log.write("wrong", state="failed", status=500)
    expect(rows(page, "wrong")).to_be_visible()
    expect(rows(page)).to_have_count(1)


def test_the_filter_box_proposes(page: Page, log: LogBook) -> None:
    log.write("good")
    log.wait()
    page.goto("/")
    box = page.get_by_test_id("filter")
    box.click()
    box.press_sequentially("prov")
    expect(page.get_by_role("option", name=re.compile("provider:"))).to_be_visible()
    box.press("Tab")
    expect(box).to_have_value("provider:")
    expect(page.get_by_role("option", name=re.compile("openai"))).to_be_visible()
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value(re.compile(r"^provider:openai ?$"))


def test_by_keyboard(page: Page, log: LogBook) -> None:
    first, second = log.write("first"), log.write("second")
    log.wait()
    page.goto("/")
    expect(rows(page)).to_have_count(2)
    selected = page.locator("[data-testid=row][aria-current=true]")
    page.wait_for_timeout(500)  # keys are heard once the page has been painted
    page.keyboard.press("j")
    expect(selected).to_contain_text("second")
    page.keyboard.press("j")
    expect(selected).to_contain_text("first")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/exchanges/{first}"))
    page.go_back()
    expect(selected).to_contain_text("first")  # as it was left
    page.wait_for_timeout(500)
    page.keyboard.press("k")
    expect(selected).to_contain_text("second")
    page.keyboard.press("d")
    expect(page).to_have_url(re.compile(f"/exchanges/{second}.*tab=changes"))
    page.go_back()
    page.keyboard.press("?")
    expect(page.get_by_test_id("help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("help")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.get_by_test_id("filter")).to_be_focused()
    page.keyboard.type("dj?")
    expect(page.get_by_test_id("filter")).to_have_value("dj?")  # keys are letters there
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("filter")).not_to_be_focused()


def test_a_row_is_copied_as_a_command(browser: Browser, log: LogBook) -> None:
    log.write("good")
    log.wait()
    with (
        served(log.locations) as address,
        watched_page(browser, base_url=address, permissions=["clipboard-read", "clipboard-write"]) as page,
    ):
        page.goto("/")
        expect(rows(page)).to_have_count(1)
        page.keyboard.press("j")
        page.keyboard.press("c")
        expect(page.get_by_test_id("notice")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl ") and "What is express?" in copied


def test_the_theme_is_kept(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(ground)
    assert dark != light
    seen = set()
    for _ in range(3):
        page.get_by_test_id("theme").click()
        seen.add(page.evaluate("document.documentElement.dataset.theme ?? 'system'"))
    assert seen >= {"light", "dark"}
    while page.evaluate("document.documentElement.dataset.theme") != "dark":
        page.get_by_test_id("theme").click()
    page.reload()
    assert page.evaluate(ground) == dark


def test_traffic_is_text(page: Page, log: LogBook) -> None:
    log.write(HOSTILE, said=f"{HOSTILE}\u202e\x00\x1b[31m", error_type=HOSTILE, finish_reason=HOSTILE)
    page.goto("/")
    expect(rows(page, HOSTILE)).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_characters_that_rearrange_text_are_shown_as_signs(page: Page, log: LogBook) -> None:
    log.write("a\u202eb", said="c\u2066d\x9be\x7ff", upstream_host="g\u202dh", finish_reason="i\u2069j")
    log.wait()
    page.goto("/")
    for shown in ("a‹U+202E›b", "c‹U+2066›d‹U+009B›e\u2421f", "g‹U+202D›h", "i‹U+2069›j"):
        expect(rows(page)).to_contain_text(shown)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x7f-\x9f]", rows(page).evaluate("(row) => row.outerHTML"))


def test_what_was_done_is_told_most_telling_first(page: Page, log: LogBook) -> None:
    many = {"finish-reason": 9, "id-normalized": 9, "request-field-dropped": 9, "leaked-call": 1}
    log.write("several", repair_counts=many)
    log.write("over", attempt_count=3, reprompts=["no call"], repair_counts={})
    log.write("tired", attempt_count=2, reprompts=["no call"], enforcement="exhausted", repair_counts={})
    log.wait()
    page.goto("/")
    expect(rows(page, "several").locator(".chip").first).to_have_text("leaked-call")
    expect(rows(page, "over").locator(".chip")).to_have_text(["asked again", "failover"])
    expect(rows(page, "tired").locator(".chip")).to_have_text(["gave up", "asked again"])


def test_who_answered_and_with_what_model(page: Page, log: LogBook) -> None:
    log.write("kimi", upstream_host="api.moonshot.ai")
    log.write("openai/moonshotai/kimi-k2", upstream_host="api.moonshot.ai")
    log.wait()
    page.goto("/")
    expect(rows(page).locator(".cell-provider").first).to_contain_text("api.moonshot.ai")
    expect(rows(page).locator(".arrow")).to_have_count(1)  # the other got what it asked for


def test_what_is_wrong_is_said(page: Page, log: LogBook) -> None:
    log.write("good")
    log.wait()
    page.goto("/")
    expect(rows(page)).to_have_count(1)
    path = Path(log.locations["database_url"])
    for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        name.unlink(missing_ok=True)
    expect(page.get_by_test_id("live-problem").or_(page.get_by_test_id("banner")).first).to_be_visible(timeout=15_000)
    expect(rows(page)).to_have_count(1)  # what one has seen stays


@pytest.mark.parametrize("width", [1000, 1440])
def test_nothing_is_cut_off(page: Page, log: LogBook, width: int) -> None:
    log.write("moonshotai/a-model-with-a-very-long-name-that-goes-on-and-on-and-on-and-on")
    log.wait()
    page.set_viewport_size({"width": width, "height": 700})
    for path in ("/", "/providers", "/overview", "/config"):
        page.goto(path)
        expect(page.get_by_test_id("loading")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


# ---------------------------------------------------------------------- a large log

# Scrolls for some seconds as a wheel does, and notes the time from each frame to the next.
SCROLL = """async ([element, seconds]) => {
    const gaps = [];
    let most = 0;
    let before = performance.now();
    const end = before + 1000 * seconds;
    while (performance.now() < end) {
        element.scrollTop += 240;
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        gaps.push(now - before);
        before = now;
        most = Math.max(most, document.getElementsByTagName("*").length);
    }
    gaps.sort((one, other) => one - other);
    return {frames: gaps.length, late: gaps[Math.floor(gaps.length * 0.95)], most, reached: element.scrollTop};
}"""
# A page that only has rows, all of them, and no script: what this machine can do just now.
PLAIN = (
    '<div data-testid="scroller" style="height: 800px; overflow: auto">'
    + "".join(f"<p>{number} {'word ' * 20}</p>" for number in range(2000))
    + "</div>"
)
SMOOTH = 50  # milliseconds from frame to frame


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("large")
    locations = {"database_url": str(folder / "logs.db"), "blob_url": str(folder / "blobs")}
    write_many(locations, MANY)
    return locations


def scroll(page: Page, seconds: float) -> Any:
    element = page.get_by_test_id("scroller").element_handle()
    return page.evaluate(SCROLL, [element, seconds])


def test_a_large_log_scrolls_smoothly(browser: Browser, large: dict[str, str]) -> None:
    with (
        served({**large, "livestore_batch": 200}) as address,
        watched_page(browser, base_url=address) as page,
        watched_page(browser) as plain,
    ):
        plain.set_content(PLAIN)
        page.goto("/")
        expect(rows(page, f"model-{MANY - 1}")).to_be_visible()
        found = []
        for _ in range(TRIES):  # one of them smooth, or as smooth as the machine is
            found.append((scroll(plain, 1)["late"], scroll(page, 3)))
        assert [late for idle, late in ((idle, one["late"]) for idle, one in found) if late < max(SMOOTH, 2 * idle)], (
            found
        )
        assert max(one["most"] for _, one in found) < 2500  # elements, whatever the log holds
        page.keyboard.press("Home")
        expect(rows(page, f"model-{MANY - 1}")).to_be_visible()


def test_both_ends_of_a_large_log_can_be_reached(browser: Browser, large: dict[str, str]) -> None:
    """The memory window is smaller than what one scrolls through: rows leave it, and come again."""
    settings = {**large, "livestore_batch": 500, "livestore_max_records": 1000}
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - MANY + 3000))
    with served(settings) as address, watched_page(browser, base_url=address) as page:
        page.goto(f"/?q=before:{moment}")
        expect(page.get_by_test_id("row").first).to_be_visible()
        newest = page.get_by_test_id("row").first.inner_text()
        scroll_until(page, "element.scrollHeight", rows(page, "the exchange 0."))
        scroll_until(page, "0", page.get_by_text(newest.split("\n")[-1]))


def scroll_until(page: Page, where: str, row: Locator) -> None:
    end = time.monotonic() + 60
    while not row.count():
        assert time.monotonic() < end, "it was not reached"
        page.get_by_test_id("scroller").evaluate(f"(element) => element.scrollTo(0, {where})")
        page.wait_for_timeout(50)
