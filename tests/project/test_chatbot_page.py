"""The chatbot's page in a real browser: one types, sees tokens arrive, stops, reloads, and loses the connection."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from declarai_like.testing import FaultProxy
from tests.databases import free_port
from tests.node import cannot
from tests.serve.serving import wait_until

pytestmark = pytest.mark.xdist_group("chatbot")  # one process builds the page

ROOT = Path(__file__).parents[2]
CHATBOT = ROOT / "examples" / "streaming_chatbot"
SCRIPTS = ("streaming_chatbot/server.py", "streaming_chatbot/build.py")  # of the examples, those that run here
POEM = "Two hundred tokens, in a row,\nhow patiently they come and go."
PATIENCE = 15_000  # milliseconds
expect.set_options(timeout=PATIENCE)


class Chatbot:
    """The chatbot's server, in a separate process that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self.start()

    def start(self, **variables: str) -> None:
        arguments = ["--port", str(self.port), "--memory", str(self._folder / "chatbot.db")]
        settings = {**os.environ, "PYTHONPATH": str(ROOT), "DECLARAI_DEMO_DELAY": "0.15", "OPENAI_API_KEY": ""}
        self._process = subprocess.Popen(
            [sys.executable, str(CHATBOT / "server.py"), *arguments],
            env={**settings, **variables},
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
        )
        wait_until(self._is_up, "the chatbot's server is up")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _is_up(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture(scope="session")
def built() -> None:
    """Build the page, as `make web` does."""
    run = subprocess.run([sys.executable, str(CHATBOT / "build.py")], capture_output=True, text=True, check=False)
    if run.returncode:
        cannot(f"the page could not be built: {run.stdout}{run.stderr}")


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Start a browser, for one test: as long as it is driven, the thread's event loop counts as running."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        cannot("there is no Chromium here (on Debian: apt-get install chromium)")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def chatbot(tmp_path: Path, built: None) -> Iterator[Chatbot]:
    chatbot = Chatbot(tmp_path)
    yield chatbot
    chatbot.kill()


@pytest.fixture
def page(browser: Browser, chatbot: Chatbot) -> Iterator[Page]:
    """Open the page. Nothing may go wrong in it that it does not show."""
    context = browser.new_context(viewport={"width": 1000, "height": 700})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    page.on("console", lambda said: mistakes.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(chatbot.address)
    yield page
    context.close()
    assert not mistakes


def send(page: Page, text: str) -> None:
    page.get_by_test_id("input").fill(text)
    expect(page.get_by_test_id("send")).to_be_enabled()  # which it is when the history is there
    page.get_by_test_id("input").press("Enter")


def answer(page: Page, state: str = "") -> Any:
    return page.locator(f"[data-role=assistant]{f'[data-state={state}]' if state else ''}").last


def words(page: Page) -> Any:
    return answer(page).locator(".words")


def begin_poem(page: Page) -> None:
    """Request the poem, and wait until a part of it is shown."""
    send(page, "A poem, please")
    expect(words(page)).to_have_text(re.compile(r"^Two hundred tokens"))
    expect(answer(page)).to_have_attribute("data-state", "streaming")


def test_tokens_arrive_one_by_one(page: Page) -> None:
    send(page, "A poem, please")
    seen: list[str] = []
    while (text := words(page).text_content() or "") != POEM:
        if text and (not seen or text != seen[-1]):
            seen.append(text)
    assert len(seen) > 4
    assert all(POEM.startswith(text) for text in seen)
    expect(answer(page)).to_have_attribute("data-state", "whole")
    expect(page.get_by_test_id("about")).to_contain_text("tokens")
    expect(page.get_by_test_id("input")).to_be_focused()


def test_an_answer_is_stopped_and_what_there_is_stays_also_when_the_page_is_loaded_again(page: Page) -> None:
    begin_poem(page)
    page.get_by_test_id("stop").click()
    expect(answer(page)).to_have_attribute("data-state", "whole")
    text = words(page).text_content()
    assert text
    assert len(text) < len(POEM)
    assert POEM.startswith(text)
    page.reload()
    expect(words(page)).to_have_text(text)
    send(page, "Is it over?")
    expect(words(page)).to_have_text(re.compile("forty-two"))


def test_escape_stops_as_well(page: Page) -> None:
    begin_poem(page)
    page.keyboard.press("Escape")
    expect(answer(page)).to_have_attribute("data-state", "whole")
    assert words(page).text_content() != POEM


def test_the_conversation_is_there_when_the_page_is_loaded_again(page: Page) -> None:
    send(page, "Some code")
    code = page.get_by_test_id("code")
    expect(code).to_contain_text("return 42")
    expect(answer(page)).to_have_attribute("data-state", "whole")
    page.reload()
    expect(code).to_contain_text("return 42")
    expect(page.locator("[data-role=user] p")).to_have_text("Some code")


def test_a_page_that_is_loaded_again_in_the_middle_of_an_answer_gets_all_of_it(page: Page) -> None:
    begin_poem(page)
    page.reload()
    expect(words(page)).to_have_text(POEM)
    expect(answer(page)).to_have_attribute("data-state", "whole")
    expect(page.get_by_test_id("message")).to_have_count(2)


def test_a_lost_connection_is_taken_up_again_with_nothing_lost_or_doubled(browser: Browser, chatbot: Chatbot) -> None:
    with FaultProxy(chatbot.address) as proxy:
        page = browser.new_page()
        page.goto(proxy.address)
        begin_poem(page)
        before = proxy.connections
        proxy.drop()
        expect(words(page)).to_have_text(POEM)
        expect(answer(page)).to_have_attribute("data-state", "whole")
        assert proxy.connections > before
        page.close()


def test_an_answer_is_whole_over_a_connection_that_breaks_again_and_again(browser: Browser, chatbot: Chatbot) -> None:
    with FaultProxy(chatbot.address) as proxy:
        page = browser.new_page()
        page.goto(proxy.address)
        expect(page.get_by_test_id("input")).to_be_visible()
        proxy.cut(after=1500)
        proxy.drop()
        send(page, "A poem, please")
        expect(words(page)).to_have_text(POEM, timeout=2 * PATIENCE)
        expect(answer(page)).to_have_attribute("data-state", "whole")
        page.close()


def test_an_answer_whose_server_was_killed_goes_on_when_that_is_there_again(page: Page, chatbot: Chatbot) -> None:
    begin_poem(page)
    chatbot.kill()
    expect(page.get_by_test_id("connection")).to_be_visible()
    chatbot.start()
    page.get_by_test_id("retry").click(timeout=2 * PATIENCE)
    expect(words(page)).to_have_text(POEM)
    expect(answer(page)).to_have_attribute("data-state", "whole")
    expect(page.get_by_test_id("message")).to_have_count(2)


def test_an_error_can_be_tried_again(page: Page, chatbot: Chatbot) -> None:
    chatbot.kill()
    nowhere = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"http://127.0.0.1:{free_port()}/v1"}
    chatbot.start(**nowhere)
    send(page, "A poem, please")
    expect(page.get_by_test_id("trouble")).to_contain_text("could not be reached", timeout=2 * PATIENCE)
    chatbot.kill()
    chatbot.start()
    page.get_by_test_id("retry").click()
    expect(words(page)).to_have_text(POEM)
    expect(page.locator("[data-role=user]")).to_have_count(1)


def test_what_is_said_is_shown_as_text_and_never_as_html(page: Page) -> None:
    said = "<img src=x onerror=document.title='broken'><b>unsafe</b>"
    send(page, said)
    expect(page.locator("[data-role=user] p")).to_have_text(said)
    expect(answer(page, "whole")).to_be_visible()
    assert page.locator("main img, main b").count() == 0
    assert "broken" not in page.title()


def test_it_can_be_used_with_the_keyboard_and_a_screen_reader(page: Page) -> None:
    page.get_by_role("textbox", name="Message").fill("Some code")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("please")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("Some code\nplease")
    expect(page.get_by_test_id("send")).to_be_enabled()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.get_by_role("log", name="Conversation")).to_have_count(1)
    expect(answer(page, "whole")).to_be_visible()
    expect(page.get_by_test_id("announcer")).to_contain_text("return 42")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1200, 800), (360, 640), (640, 360)])
def test_all_of_it_can_be_reached_on_a_screen_of_any_size(
    browser: Browser, chatbot: Chatbot, scheme: Any, width: int, height: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(chatbot.address)
    expect(page.get_by_test_id("example")).to_have_count(3)
    send(page, "Some code")
    expect(answer(page, "whole")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.get_by_test_id("input")).to_be_in_viewport()
    page.close()


@pytest.mark.parametrize("script", ["test", "check"])
def test_the_pages_own_tests_and_types_are_in_order(built: None, script: str) -> None:
    run = subprocess.run(
        [sys.executable, str(CHATBOT / "build.py"), script], capture_output=True, text=True, check=False
    )
    assert not run.returncode, run.stdout + run.stderr
