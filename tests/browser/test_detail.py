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
    for _ in range(100):  # `wait_for_function` takes the promise itself for an answer
        if text := page.evaluate("navigator.clipboard.readText()"):
            return shlex.split(text.replace("\\\n", " "))
        page.wait_for_timeout(50)
    raise AssertionError("nothing was copied")


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
        assert [word for word in words if "$UPSTREAM_API_KEY" in word and "uthorization" in word]  # never a key
        with page.expect_download() as download:
            page.get_by_role("button", name="Export HAR").click()
        download.value.save_as(tmp_path / "exchange.har")
    har: Any = json.loads((tmp_path / "exchange.har").read_text())
    assert har["log"]["version"] == "1.2" and len(har["log"]["entries"]) == 2
    client, upstream = har["log"]["entries"]
    assert json.loads(client["request"]["postData"]["text"]) == quoted
    assert upstream["response"]["content"]["text"] == LEAKED
    assert upstream["timings"]["wait"] == pytest.approx(120, abs=1)


def test_control_characters_are_seen_and_cannot_rearrange(page: Page, log: LogBook) -> None:
    answer = chunk(content="pay \u202e001 to\x1b[2K me") + chunk(finish="stop") + "data: [DONE]\n\n"
    identity = log.write(bodies={**BODIES, "client_response": answer})
    log.wait()
    open_tab(page, identity, "conversation")
    controls = page.locator("#answer .control")
    expect(controls).to_have_count(2)
    assert [control.get_attribute("data-symbol") for control in controls.all()] == ["\u27e8U+202E\u27e9", "\u241b"]
    assert "pay \u202e001 to\x1b[2K me" in (page.locator("#answer").text_content() or "")  # as it is copied


def test_keys_choose_a_tab(page: Page, log: LogBook) -> None:
    identity = log.write()
    log.wait()
    open_tab(page, identity, "changes")
    for key, tab in enumerate(TABS, 1):
        page.keyboard.press(str(key))
        expect(page.get_by_role("tab", selected=True)).to_have_id(f"tab-{tab}")


def test_a_finish_reason_is_marked_at_the_end(page: Page, log: LogBook) -> None:
    identity = log.write()
    log.wait()
    open_tab(page, identity, "changes")
    end = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="End"))
    expect(end.locator("mark")).to_have_count(2)
    expect(page.get_by_role("tabpanel")).not_to_contain_text("no place in the text")
    expect(page.locator(".story")).to_contain_text("2 repairs of the answer.")


def test_repairs_of_the_request_have_a_list_and_a_place_of_their_own(page: Page, log: LogBook) -> None:
    kinds = ("request-field-dropped", "leaked-call")
    repairs = [
        {"kind": "request-field-dropped", "before": 'verbosity="low"', "after": ""},
        {"kind": "leaked-call", "before": MARKUP, "after": ""},
    ]
    asked = json.dumps({**ASKED, "verbosity": "low"})
    identity = log.write(
        bodies={**BODIES, "client_request": asked}, repairs=repairs, repair_counts=dict.fromkeys(kinds, 1)
    )
    log.wait()
    open_tab(page, identity, "changes")
    expect(page.get_by_role("region", name="In the answer").get_by_role("listitem")).to_have_count(1)
    listed = page.get_by_role("region", name="In the request").get_by_role("listitem")
    expect(listed).to_have_count(1)
    listed.get_by_role("button").click()
    place = page.get_by_role("table", name="Lines of the two requests").locator("tr").filter(has=page.locator("mark"))
    expect(place).to_contain_text('"verbosity": "low"')
    expect(listed).to_contain_text("of the client's request")


@pytest.mark.parametrize(
    ("state", "words"),
    [("cancelled", "The client left before the answer was complete"), ("failed", "No text of")],
)
def test_what_is_not_there_has_one_reason(page: Page, log: LogBook, state: str, words: str) -> None:
    identity = log.write(state=state, bodies={"client_request": BODIES["client_request"]}, status=None)
    log.wait()
    open_tab(page, identity, "conversation")
    expect(page.locator(".detail")).to_contain_text(words)
    expect(page.get_by_test_id("empty")).to_contain_text(
        {"cancelled": "The client left before anything was sent to it.", "failed": "Nothing was sent to the client."}[
            state
        ]
    )
