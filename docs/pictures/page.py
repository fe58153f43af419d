"""Take screenshots of the chatbot's page, in a browser. Run: python docs/pictures/page.py (needs Chromium; builds the page first)"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
CHATBOT = HERE.parents[1] / "examples" / "streaming_chatbot"
ADDRESS, PORT = "http://127.0.0.1:8089", "8089"


def photograph(browser: Browser, name: str, scheme: str, width: int, height: int) -> None:
    """Request code and a poem, and take the screenshot while the poem is being written."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1.5)
    page.goto(ADDRESS)
    for text in ("Write code that gives the answer", "Write a poem about tokens that arrive one by one"):
        page.get_by_test_id("input").fill(text)
        page.wait_for_selector("[data-testid=send]:not([disabled])")
        page.get_by_test_id("input").press("Enter")
        if "code" in text:
            page.wait_for_selector("[data-role=assistant][data-state=whole]")
    page.get_by_text("how patiently").wait_for()
    page.screenshot(path=HERE / name)
    page.close()


def main() -> None:
    subprocess.run([sys.executable, str(CHATBOT / "build.py")], check=True)
    settings = {**os.environ, "DECLARAI_DEMO_DELAY": "0.15", "OPENAI_API_KEY": ""}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(CHATBOT / "server.py"), "--port", PORT, "--memory", f"{folder}/chatbot.db"]
        with subprocess.Popen(command, env=settings, cwd=folder) as server, sync_playwright() as playwright:
            while True:
                try:
                    urllib.request.urlopen(ADDRESS)
                    break
                except urllib.error.URLError:
                    time.sleep(0.1)
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            photograph(browser, "page.png", "light", 1000, 640)
            photograph(browser, "page-phone.png", "dark", 390, 700)
            browser.close()
            server.terminate()


if __name__ == "__main__":
    main()
