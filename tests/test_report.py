"""The report, read as a file and driven in a real browser."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import invoke, run

HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'> @@rows@@"

needs_plotly = pytest.mark.skipif(importlib.util.find_spec("plotly") is None, reason="no plotly (extra: report)")
needs_browser = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver") and importlib.util.find_spec("selenium")),
    reason="no chromium, chromium-driver or selenium here",
)
pytestmark = needs_plotly


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a hostile example at its end."""
    out = tmp_path_factory.mktemp("report") / "run"
    run("generate", "--model", "scripted", "--n", "60", "--out", out).done()
    with (out / "examples.jsonl").open("a") as file:
        record = {"id": HOSTILE, "instruction": HOSTILE, "input": HOSTILE, "output": HOSTILE, "is_classification": True}
        provenance = {"instruction_id": HOSTILE, "turn": 0, "model": HOSTILE, "findings": [HOSTILE]}
        file.write(json.dumps({**record, "provenance": provenance}) + "\n")
    return out


@pytest.fixture(scope="module")
def page(directory: Path) -> Path:
    out = directory / "report.html"
    invoke("report", directory).done()
    return out


@pytest.fixture(scope="module")
def browser(page: Path) -> Iterator[Any]:
    from browser import opened

    with opened(page) as found:
        yield found


def shown(browser: Any, selector: str) -> str:
    return str(browser.find_element("css selector", selector).text)


def settled(browser: Any, wanted: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 20).until(lambda one: re.fullmatch(wanted, shown(one, "#count")))


def test_the_page_asks_for_nothing_from_outside(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not re.search(
        r"<(link|iframe|object)\b|\ssrc=[\"'](?!x)", text.split('<script type="text/plain"')[0].replace(HOSTILE, "")
    )
    assert "default-src 'none'" in text
    assert str(page.parent.parent) not in text


def test_two_runs_stand_side_by_side(directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "both.html"
    invoke("report", directory, directory, "--out", out).done()
    text = out.read_text("utf-8")
    assert text.count('<div class="funnel">') == 2
    assert "<th>the paper</th><th>run</th><th>run</th>" in text


def test_what_is_no_run_and_no_place_is_the_user_s_to_mend(directory: Path, tmp_path: Path) -> None:
    assert "no run here" in invoke("report", tmp_path).error
    assert "--out" in invoke("report", directory, "--out", tmp_path / "absent" / "x.html").error


def test_plotly_takes_every_figure(directory: Path) -> None:
    from plotly.graph_objects import Figure

    from selfinstruct.report.figures import figures
    from selfinstruct.stats import measure
    from selfinstruct.view import load_run

    found, _ = figures([measure(load_run(directory))])
    assert {"seeds", "rate", "tokens", "length-instruction", "length-input", "length-output"} <= set(found)
    for figure in found.values():
        Figure(figure)


@needs_browser
def test_planted_markup_does_not_run(browser: Any) -> None:
    assert browser.execute_script("return window.hacked === undefined")
    browser.find_element("id", "search").send_keys("onerror")
    settled(browser, r"1 of \d+")
    assert HOSTILE in shown(browser, "#one")
    assert browser.execute_script("return window.hacked === undefined && !document.querySelector('img, #one script')")
    browser.find_element("id", "search").clear()
    browser.execute_script("document.getElementById('search').oninput()")
    settled(browser, r"(\d+) of \1")


@needs_browser
def test_a_filter_narrows_the_list(browser: Any) -> None:
    from selenium.webdriver.support.ui import Select

    kind = Select(browser.find_element("id", "kind"))
    kind.select_by_value("rejected instruction")
    assert "rejected instruction" in shown(browser, ".row.on .what")
    kind.select_by_value("")
    settled(browser, r"(\d+) of \1")


@needs_browser
def test_a_figure_answers_the_mouse(browser: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    bar = max(browser.find_elements("css selector", "#seeds .point path"), key=lambda one: one.size["height"])
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", bar)
    ActionChains(browser).move_to_element(bar).perform()
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 20).until(lambda one: "%" in shown(one, "#seeds .hoverlayer"))


@needs_browser
def test_light_and_dark_change_places_and_the_console_stays_silent(browser: Any) -> None:
    script = "return getComputedStyle(document.body).backgroundColor"
    before = browser.execute_script(script)
    browser.find_element("id", "theme").click()
    assert browser.execute_script(script) != before
    assert browser.get_log("browser") == []
