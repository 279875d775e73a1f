"""A real browser for tests: Debian's Chromium, driven by selenium."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--window-size=1400,1000",
)  # fmt: skip
# Chromium in the locale C hangs on a path that is not ASCII, and numbers look otherwise in others.
_ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en"}


@contextmanager
def started() -> Iterator[webdriver.Chrome]:
    """A fresh browser that notes its console and every request."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        options = webdriver.ChromeOptions()
        options.binary_location = str(BROWSER)
        for flag in (*_FLAGS, f"--user-data-dir={home}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER, env=_ENVIRONMENT))
        try:
            yield browser
        finally:
            browser.quit()


def show(browser: webdriver.Chrome, page: Path) -> None:
    """Opens a page and waits until its figures are drawn and its rows are read."""
    browser.get(page.resolve().as_uri())
    wait = WebDriverWait(browser, 60, poll_frequency=0.05)
    wait.until(
        lambda page: page.execute_script("return document.documentElement.dataset.rows") == "read"
    )


def look(browser: webdriver.Chrome, *, theme: str = "light", width: int = 1400) -> None:
    """As someone who prefers that theme sees it on a screen of that width."""
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": theme}]},
    )
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def logged(browser: webdriver.Chrome, kind: str) -> list[dict[str, Any]]:
    return list(browser.get_log(kind))  # type: ignore[no-untyped-call]  # selenium's


def requested(browser: webdriver.Chrome) -> list[str]:
    """The addresses that files asked for since the last call, without the browser's own pages."""
    events = [json.loads(entry["message"])["message"] for entry in logged(browser, "performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [each["request"]["url"] for each in sent if each["documentURL"].startswith("file:")]
