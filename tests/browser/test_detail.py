"""The page of one exchange: what was asked, answered, wrong, and changed."""

import itertools
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.exchanges import ASKED, BODIES, CALLED, LEAKED, MARKUP, REASONS, UPSTREAM, LogBook, chunk
from tests.chromium import served, watched_page

TABS = ("conversation", "changes", "attempts", "stream", "headers", "raw")
PWNED = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"
MOST = 20_000  # elements of a page, whatever the bodies hold
HOSTILE = {
    "markup": PWNED,
    "huge": "<b>word</b> " * 450_000,  # 5 MB
    "not UTF-8": b"\xff\xfe\x80 <script>window.pwned = 1</script>",
    "control characters": "".join(map(chr, range(32))) + "\x7f\u202e\u2028\ufeff" + PWNED,
    "deep": "[" * 50_000,
    "wide": json.dumps([PWNED] * 50_000),
    "empty": "",
}


def open_tab(page: Page, identity: str, tab: str) -> None:
    page.goto(f"/exchanges/{identity}?tab={tab}")
    expect(page.get_by_role("tab", selected=True)).to_be_visible()
    expect(page.get_by_test_id("loading")).to_have_count(0)


def test_the_conversation(page: Page, log: LogBook) -> None:
    identity = log.write()
    log.wait()
    open_tab(page, identity, "conversation")
    panel = page.get_by_role("tabpanel")
    expect(panel).to_contain_text("What is express?")
    expect(panel).to_contain_text("Let me look.")
    expect(panel).to_contain_text("lookup")
    expect(panel).to_contain_text('"term": "express"')


def test_before_and_after(page: Page, log: LogBook) -> None:
    identity = log.write()
    log.wait()
    open_tab(page, identity, "changes")
    panel = page.get_by_role("tabpanel")
    for kind, reason in REASONS.items():
        expect(panel.get_by_text(kind, exact=True).first).to_be_visible()
        expect(panel.get_by_text(reason).first).to_be_visible()
    marked = panel.locator("mark").filter(has_text="<|tool_call_begin|>").first
    expect(marked).to_be_visible()  # in place, in upstream's text
    assert marked.inner_text().strip() in MARKUP or MARKUP in marked.inner_text()


def test_tabs_by_keyboard_and_in_the_address(page: Page, log: LogBook) -> None:
    identity = log.write()
    log.wait()
    page.goto(f"/exchanges/{identity}")
    expect(page.get_by_role("tab", selected=True)).to_have_id("tab-changes")  # something was repaired
    page.get_by_role("tab").first.click()
    for tab in TABS[1:]:
        page.keyboard.press("ArrowRight")
        expect(page).to_have_url(re.compile(f"tab={tab}"))
        expect(page.get_by_role("tab", selected=True)).to_have_id(f"tab-{tab}")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", selected=True)).to_have_text(re.compile("Headers"))
    page.reload()
    expect(page.get_by_role("tab", selected=True)).to_have_text(re.compile("Headers"))
    expect(page.get_by_role("tabpanel")).to_contain_text("[hidden]")


def test_the_stream_has_the_times_of_its_events(page: Page, log: LogBook) -> None:
    identity = log.write()
    log.wait()
    open_tab(page, identity, "stream")
    panel = page.get_by_role("tabpanel")
    events = panel.get_by_role("row").filter(has_text="Event").or_(panel.get_by_role("row", name=re.compile("Event")))
    expect(events).to_have_count(4)
    expect(events.first).to_contain_text("0.120")
    expect(events.last).to_contain_text("0.450")
    expect(events.last).to_contain_text("[DONE]")


def test_attempts_and_why_they_were_made(page: Page, log: LogBook) -> None:
    identity = log.write()
    log.wait()
    open_tab(page, identity, "attempts")
    expect(page.get_by_role("tabpanel")).to_contain_text("api.moonshot.ai")
    expect(page.get_by_role("tabpanel")).to_contain_text("120 ms")


def test_a_running_exchange_is_followed(page: Page, log: LogBook) -> None:
    identity = log.begin("running")
    log.wait()
    page.goto(f"/exchanges/{identity}")
    expect(page.get_by_text("running", exact=True).first).to_be_visible()
    log.end(identity)
    expect(page.get_by_text("complete", exact=True).first).to_be_visible()


def test_an_exchange_that_is_not_there(page: Page) -> None:
    page.goto(f"/exchanges/{'0' * 26}")
    expect(page.get_by_test_id("problem")).to_contain_text("not in the log")


@pytest.mark.parametrize("turn", range(3))
def test_hostile_bodies_are_text(page: Page, log: LogBook, turn: int) -> None:
    """Whatever a body holds, in whichever place."""
    hostile = itertools.cycle([*HOSTILE.values()][turn:])
    bodies, upstream = ({kind: next(hostile) for kind in kinds} for kinds in (BODIES, UPSTREAM))
    identity = log.write(bodies=bodies, upstream=upstream)
    log.wait()
    look_at_all_tabs(page, identity)


def look_at_all_tabs(page: Page, identity: str) -> None:
    page.goto(f"/exchanges/{identity}")
    for tab in page.get_by_role("tab").all():
        tab.click()
        expect(page.get_by_role("tabpanel")).not_to_be_empty()
        expect(page.get_by_test_id("loading")).to_have_count(0)
        for summary in page.locator("details.raw-body summary").all():
            summary.click()
        expect(page.get_by_test_id("loading")).to_have_count(0)
        assert page.evaluate("window.pwned") is None
        assert page.locator("img[src=x]").count() == 0
        assert page.evaluate("document.getElementsByTagName('*').length") < MOST


@pytest.mark.parametrize("text", [PWNED, "word " * 1_000_000, "\x00\x1b[31m\u202e" + PWNED])
def test_hostile_words_in_a_good_answer_are_text(page: Page, log: LogBook, text: str) -> None:
    answer = chunk(content=text) + chunk(finish="stop") + "data: [DONE]\n\n"
    asked = json.dumps({**ASKED, "messages": [{"role": "user", "content": text}]})
    identity = log.write(
        bodies={"client_request": asked, "client_response": answer},
        upstream={"upstream_request": asked, "upstream_response": answer},
    )
    log.wait()
    look_at_all_tabs(page, identity)


def test_a_cut_body_is_said_to_be_one(page: Page, log: LogBook) -> None:
    identity = log.write(bodies={"client_request": BODIES["client_request"]})
    log.wait()
    part = next(Path(log.locations["blob_url"]).rglob("attempt-0.client_request.zst"))
    part.rename(f"{part}.part")  # as a crash leaves it
    open_tab(page, identity, "raw")
    page.locator("details.raw-body summary").first.click()
    expect(page.get_by_role("tabpanel")).to_contain_text("incomplete")


def test_a_damaged_body_is_said_to_be_one(page: Page, log: LogBook) -> None:
    identity = log.write()
    log.wait()
    path = next(Path(log.locations["blob_url"]).rglob("attempt-1.upstream_response.zst"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(data)
    for tab in TABS:
        open_tab(page, identity, tab)  # what goes wrong in the page fails the test
    page.locator("details.raw-body summary").filter(has_text="answer of upstream").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("The stored file is damaged")


def copied(page: Page, name: str) -> list[str]:
    """The words of a command that a button has copied, as a shell reads them."""
    page.evaluate("navigator.clipboard.writeText('')")
    page.get_by_role("button", name=name).click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text !== '')")
    return shlex.split(page.evaluate("navigator.clipboard.readText()").replace("\\\n", " "))


def test_an_exchange_as_a_command_and_as_har(browser: Browser, log: LogBook, tmp_path: Path) -> None:
    quoted = {**ASKED, "messages": [{"role": "user", "content": 'It\'s $HOME, `id` and \\n "this"\n<&>'}]}
    bodies = {"client_request": json.dumps(quoted), "client_response": CALLED}
    identity = log.write(bodies=bodies)
    log.wait()
    permissions = ["clipboard-read", "clipboard-write"]
    with served(log.locations) as address, watched_page(browser, base_url=address, permissions=permissions) as page:
        open_tab(page, identity, "conversation")
        words = copied(page, "Copy as curl")
        assert words[0] == "curl"
        assert json.loads(words[words.index("--data-binary") + 1]) == quoted
        words = copied(page, "Copy upstream curl")
        assert "https://api.moonshot.ai/v1/chat/completions" in words
        assert [word for word in words if "$" in word and "uthorization" in word]  # a variable, never a key
        with page.expect_download() as download:
            page.get_by_role("button", name="Export HAR").click()
        download.value.save_as(tmp_path / "exchange.har")
    har: Any = json.loads((tmp_path / "exchange.har").read_text())
    assert har["log"]["version"] == "1.2" and len(har["log"]["entries"]) == 2
    client, upstream = har["log"]["entries"]
    assert json.loads(client["request"]["postData"]["text"]) == quoted
    assert upstream["response"]["content"]["text"] == LEAKED
    assert upstream["timings"]["wait"] == pytest.approx(120, abs=1)
