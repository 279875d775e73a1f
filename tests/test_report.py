"""The report, read as a file and driven in a real browser.

Everything that a page shows is hostile here.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import invoke

from selfinstruct.runs.view import load_run

# Texts that end a script or a comment, that run without a script, and that break JSON, CSS,
# templates, Plotly's own markup and formats.
HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'> @@rows@@ "
    '<!-- --><svg onload=window.hacked=3> \u2028\u2029\x00\x85 "},]\\u003c\\ '
    "javascript:window.hacked=4 <a href='javascript:window.hacked=5'>x</a> ${window.hacked=6} "
    "{{constructor.constructor('window.hacked=7')()}} </style><style>*{display:none}</style> "
    "%{label} </textarea></title>&lt;b&gt;"
)
NAME = "<img src=x onerror=window.hacked=8>'\"&{}"  # of a directory
NASTY = "javascript:window.hacked=9//<svg onload=window.hacked=9>"  # of a model
FOREIGN = [
    ("اكتب قصيدة قصيرة عن البحر", "البحر أزرق", "يا بحر يا أزرق"),
    ("将下面的句子翻译成英文 🦙", "画蛇添足", "To draw a snake and add feet."),
    ("W" * 300, "x" * 500, "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 60),
]

needs_browser = pytest.mark.skipif(
    not (
        shutil.which("chromium")
        and shutil.which("chromedriver")
        and importlib.util.find_spec("selenium")
    ),
    reason="no chromium, chromium-driver or selenium here",
)
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("plotly") is None, reason="no plotly (extra: report)"
)


@pytest.fixture(scope="module")
def directory(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judged run of a hostile model in a hostile directory.

    Its examples and rejections are foreign and hostile.
    """
    out = tmp_path_factory.mktemp("report") / NAME
    shutil.copytree(finished, out)
    record = json.loads((out / "run.json").read_text("utf-8"))
    record["config"]["model"] = NASTY
    (out / "run.json").write_text(json.dumps(record))
    provenance = {
        "instruction_id": HOSTILE,
        "turn": 0,
        "model": HOSTILE,
        "source": HOSTILE,
        "findings": [HOSTILE, "refusal"],
    }
    append(out / "examples.jsonl", example(HOSTILE, HOSTILE, HOSTILE, provenance))
    append(out / "examples.jsonl", *(example(*texts, {"turn": 0}) for texts in FOREIGN))
    turns = [{"role": role, "content": HOSTILE} for role in ("user", "assistant")]
    chat = {**example("And then?", "", "The end.", {"turn": 0}), "system": HOSTILE}
    append(out / "examples.jsonl", {**chat, "history": turns})
    dropped = {
        "stage": HOSTILE,
        "what": "instance",
        "reason": HOSTILE,
        "turn": 0,
        "text": HOSTILE,
        "instruction_id": HOSTILE,
    }
    append(
        out / "rejected.jsonl",
        {**dropped, "input": HOSTILE, "output": HOSTILE, "similar_to": HOSTILE, "similarity": 0.5},
    )
    append(out / "rejected.jsonl", {**dropped, "what": "instruction"}, {**dropped, "what": "reply"})
    said = {
        "score": 2,
        "is_valid": True,
        "input_fits": False,
        "output_right": None,
        "reason": HOSTILE,
    }
    ids = [one.id for one in load_run(finished).examples()][:20]
    append(
        out / "judgements.jsonl",
        {"id": HOSTILE, **said},
        *({"id": id, "score": 4, "is_valid": True} for id in ids),
    )
    append(
        out / "judgements.jsonl",
        {"id": ids[0], "score": float("nan"), "is_valid": "perhaps", "reason": 7},
    )
    return out


def example(
    instruction: str, input: str, output: str, provenance: dict[str, Any]
) -> dict[str, Any]:
    texts = {"id": instruction, "instruction": instruction, "input": input, "output": output}
    return {**texts, "is_classification": True, "provenance": provenance}


def append(path: Path, *records: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


@pytest.fixture(scope="module")
def page(directory: Path) -> Path:
    out = directory / "report.html"
    invoke("report", directory).done()
    return out


@pytest.fixture(scope="module")
def both(directory: Path, finished: Path) -> Path:
    """Two runs on one page."""
    out = directory / "both.html"
    invoke("report", finished, directory, "--out", out).done()
    return out


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from browser import started

    with started() as found:
        yield found


@pytest.fixture
def browser(chromium: Any, page: Path) -> Any:
    """The page with every filter as it is at first."""
    from browser import show

    if chromium.current_url != page.resolve().as_uri():
        show(chromium, page)
    chromium.execute_script("narrow({})")
    return chromium


def shown(browser: Any, selector: str) -> str:
    return str(browser.find_element("css selector", selector).text)


def settled(browser: Any, wanted: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 20, poll_frequency=0.05).until(
        lambda one: re.fullmatch(wanted, shown(one, "#count"))
    )


def test_the_file_holds_no_place_and_forbids_every_address(page: Path) -> None:
    text = page.read_text("utf-8")
    assert "default-src 'none'" in text
    assert str(page.parent.parent) not in text


def test_two_runs_stand_side_by_side(both: Path) -> None:
    text = both.read_text("utf-8")
    assert text.count('<div class="funnel">') == text.count('<div class="sunburst">') == 2
    assert "<bdi>the paper</bdi></th><th><bdi>plain</bdi></th><th><bdi>&lt;img src=x" in text
    assert text.count(">proposed instructions<") == 1  # what a single run has cards for


def test_what_is_no_run_and_no_place_is_the_user_s_to_mend(finished: Path, tmp_path: Path) -> None:
    assert "no run here" in invoke("report", tmp_path).error
    assert "--out" in invoke("report", finished, "--out", tmp_path / "absent" / "x.html").error


def test_plotly_takes_every_figure_and_what_is_missing_has_a_reason(directory: Path) -> None:
    from plotly.graph_objects import Figure

    from selfinstruct.report.figures import figures
    from selfinstruct.stats import measure

    found, why_not = figures([measure(load_run(directory))])
    every = {
        "verbs-0",
        "seeds",
        "rate",
        "tokens",
        "scores",
        "length-instruction",
        "length-input",
        "length-output",
    }
    assert found.keys() - {"cost"} | why_not.keys() == every and not found.keys() & why_not.keys()
    assert all(why_not.values())
    for figure in found.values():
        Figure(figure)
    assert found["rate"]["data"][0]["name"] == NAME.replace("&", "&amp;").replace(
        "<", "&lt;"
    ).replace(">", "&gt;")


def test_a_run_without_an_example_says_so_in_every_figure(finished: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    shutil.copytree(finished, empty)
    for name in ("examples", "instructions", "rejected", "completions"):
        (empty / f"{name}.jsonl").write_text("")
    invoke("report", empty).done()
    text = (empty / "report.html").read_text("utf-8")
    assert text.count("There is no example yet.") == 3 and "No example has an input." in text
    assert "The checks find nothing" in text and "There are not two replies yet." in text


def test_a_run_without_seeds_has_a_page_that_says_so(finished: Path, tmp_path: Path) -> None:
    seedless = tmp_path / "seedless"
    shutil.copytree(finished, seedless)
    (seedless / "inputs" / "seed_tasks.jsonl").unlink()
    invoke("report", seedless).done()
    page = (seedless / "report.html").read_text("utf-8")
    assert "There are no seed tasks to compare with." in page
    invoke("report", finished, seedless, "--out", tmp_path / "both.html").done()
    assert "There are no seed tasks" not in (tmp_path / "both.html").read_text("utf-8")


def test_rejections_beyond_a_limit_are_drawn_from_and_the_page_says_so(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selfinstruct.report import rows

    view = load_run(directory)
    everything = rows.packed([view], [{}])
    assert (everything.shown, everything.said) == (everything.total, "")
    monkeypatch.setattr(rows, "_MOST_REJECTED", 5)
    few = rows.packed([view], [{}])
    examples = view.funnel().examples
    assert examples < few.shown <= examples + 5 < few.total == everything.total
    assert few.said.startswith(f"{few.shown} of {few.total} candidates")


@needs_browser
def test_the_page_asks_for_nothing_and_the_console_stays_silent(browser: Any, page: Path) -> None:
    from browser import logged, requested

    urls = requested(browser)  # first of the browser's tests: what opening the page has asked for
    assert {url for url in urls if url.split(":")[0] not in ("data", "blob")} == {
        page.resolve().as_uri()
    }
    assert (
        browser.execute_script(
            "return performance.getEntriesByType('resource').map(one => one.name)"
        )
        == []
    )
    assert logged(browser, "browser") == []


@needs_browser
def test_planted_markup_does_not_run(browser: Any) -> None:
    untouched = (
        "return window.hacked === undefined && !document.querySelector("
        "'img, iframe, #one script, #one svg, a[href^=java]')"
    )
    assert browser.execute_script(untouched)
    for words, count in (("onerror", 5), ("hacked=7", 5)):
        browser.find_element("id", "search").clear()
        browser.find_element("id", "search").send_keys(words)
        settled(browser, rf"{count} of \d+")
        for number in range(count):
            browser.execute_script("choose(arguments[0])", number)
            seen = browser.execute_script("return document.getElementById('one').textContent")
            assert (
                HOSTILE.replace("\x00", "") in seen.replace("\x00", "")
                and "window.hacked=5" in seen
            )
            assert browser.execute_script(untouched)
    assert NASTY in shown(browser, "header p") and NAME in shown(browser, "h1")
    assert browser.execute_script("return getComputedStyle(document.body).display") == "block"


@needs_browser
def test_a_chat_shows_the_turns_before_its_instruction(browser: Any) -> None:
    browser.find_element("id", "search").clear()
    browser.find_element("id", "search").send_keys("and then?")
    settled(browser, r"1 of \d+")
    seen = browser.execute_script("return document.getElementById('one').textContent")
    assert "system: </script>" in seen and "assistant: </script>" in seen
    assert seen.index("user: </script>") < seen.index("And then?") < seen.index("The end.")
    browser.find_element("id", "search").clear()


@needs_browser
def test_a_filter_narrows_the_list(browser: Any) -> None:
    from selenium.webdriver.support.ui import Select

    Select(browser.find_element("id", "kind")).select_by_value("rejected instruction")
    assert "rejected instruction" in shown(browser, ".row.on .what")
    browser.execute_script("narrow({score: '2'})")
    settled(browser, r"1 of \d+")
    assert "no: the input fits it" in shown(browser, "#one") and "Judged 2 of 5" in shown(
        browser, "#one"
    )


@needs_browser
def test_a_defect_and_a_reason_lead_to_their_candidates(browser: Any) -> None:
    defect = browser.find_element("css selector", ".defect[data-reason=refusal]")
    browser.execute_script("arguments[0].click()", defect)
    settled(browser, r"1 of \d+")
    assert (
        "refusal" in shown(browser, "#one")
        and browser.switch_to.active_element.get_attribute("id") == "list"
    )
    reason = browser.find_element("css selector", ".bar .link[data-reason=near_duplicate]")
    count = browser.execute_script(
        "return arguments[0].parentElement.querySelector('b').textContent", reason
    )
    browser.execute_script("arguments[0].click()", reason)
    settled(browser, rf"{count} of \d+")
    assert "Resembles, ROUGE-L" in shown(browser, "#one")


@needs_browser
def test_keys_walk_the_list_and_tab_reaches_everything(browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    where = browser.find_element("id", "list")
    where.send_keys(Keys.END)
    last = browser.execute_script("return hits.length - 1")
    assert where.get_attribute("aria-activedescendant") == f"row-{last}" and shown(
        browser, ".row.on"
    )
    where.send_keys(Keys.HOME, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.PAGE_DOWN)
    assert int(where.get_attribute("aria-activedescendant").removeprefix("row-")) > 4
    browser.execute_script("document.getElementById('search').focus()")
    reached = []
    for _ in range(6):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(browser.switch_to.active_element.get_attribute("id"))
    assert reached == ["kind", "source", "reason", "score", "list", "one"]
    assert (
        browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
        == "solid"
    )


@needs_browser
def test_a_figure_answers_the_mouse(browser: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.support.ui import WebDriverWait

    browser.execute_script(
        "document.getElementById('seeds').scrollIntoView({block: 'center', behavior: 'instant'})"
    )
    bar = max(
        browser.find_elements("css selector", "#seeds .point path"),
        key=lambda one: one.size["height"],
    )
    ActionChains(browser).move_to_element(bar).perform()
    WebDriverWait(browser, 20).until(lambda one: "%" in shown(one, "#seeds .hoverlayer"))


# The contrast of each text with its ground (WCAG 2.1, 1.4.3), for texts of a single colour on
# opaque ground.
CONTRAST = """
const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = ([r, g, b]) =>
  .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number), faint = [];
const ground = one => {
  for (; one; one = one.parentElement) {
    const c = rgb(getComputedStyle(one).backgroundColor);
    if (c.length === 3) return c;
  }
  return [255, 255, 255];
};
const judge = (text, front, back) => {
  const [a, b] = [light(front), light(back)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
  if (ratio < 4.5) faint.push(`${text.slice(0, 40)} ${ratio.toFixed(2)}`);
};
for (const one of document.querySelectorAll("body *")) {
  const own = [...one.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join("");
  const unseen = one.closest("script, style, noscript, svg, option") || !one.checkVisibility();
  if (!own || unseen) continue;
  judge(own, rgb(getComputedStyle(one).color), ground(one));
}
for (const slice of document.querySelectorAll("g.slice")) {
  const words = slice.querySelector("text"), wedge = slice.querySelector("path");
  const fill = one => rgb(getComputedStyle(one).fill);
  if (words && words.textContent) judge(words.textContent, fill(words), fill(wedge));
}
return faint;
"""


@needs_browser
@pytest.mark.parametrize(
    ("theme", "width"),
    [("light", 1280), ("dark", 390), pytest.param("dark", 768, marks=pytest.mark.slow)],
)
def test_nothing_is_wider_than_the_screen_or_too_faint_to_read(
    browser: Any, theme: str, width: int
) -> None:
    from browser import look

    look(browser, theme=theme, width=width)
    try:
        assert browser.execute_script(
            "return [document.documentElement.scrollWidth, innerWidth]"
        ) == [width, width]
        assert browser.execute_script(CONTRAST) == []
    finally:
        look(browser)


@needs_browser
def test_light_and_dark_change_places(browser: Any) -> None:
    from browser import logged

    script = "return getComputedStyle(document.body).backgroundColor"
    before = browser.execute_script(script)
    browser.find_element("id", "theme").click()
    assert browser.execute_script(script) != before
    assert logged(browser, "browser") == []


@needs_browser
@pytest.mark.slow  # a second page to open
def test_planted_names_do_not_run_in_a_legend_of_two_runs(chromium: Any, both: Path) -> None:
    from browser import logged, show

    show(chromium, both)
    assert NAME in chromium.execute_script(
        "return [...document.querySelectorAll('.legendtext')].map(e => e.textContent).join()"
    )
    assert chromium.execute_script(
        "return window.hacked === undefined && !document.querySelector('img')"
    )
    assert logged(chromium, "browser") == []


@needs_browser
@pytest.mark.slow  # a page of 82,000 examples: half a minute
def test_82_000_examples_make_a_page_that_opens_at_once(
    finished: Path, tmp_path: Path, chromium: Any
) -> None:
    from browser import show

    from selfinstruct.report import page as written
    from selfinstruct.report.rows import packed
    from selfinstruct.stats import measure

    big = tmp_path / "big"
    shutil.copytree(finished, big)
    lines = (finished / "examples.jsonl").read_text("utf-8").splitlines(keepends=True)
    with (big / "examples.jsonl").open("w", encoding="utf-8") as file:
        for number in range(82_000):  # other words each, or all would be compressed away
            file.write(
                lines[number % 150]
                .replace(" the ", f" the {number * 2654435761 % 2**32:x} ")
                .replace('-1"', f'-{number}"')
            )
    out = tmp_path / "big.html"
    out.write_text(written([measure(load_run(finished))], packed([load_run(big)], [{}])), "utf-8")
    assert out.stat().st_size < 30_000_000
    show(chromium, out)
    assert chromium.execute_script("return all.length") > 82_000
    assert (
        chromium.execute_script(
            "return performance.getEntriesByType('navigation')[0].domInteractive"
        )
        < 3000
    )
    chromium.execute_script(
        "const list = document.getElementById('list'); list.scrollTop = list.scrollHeight; roll()"
    )
    assert chromium.execute_script("return document.querySelectorAll('.row').length") < 40
    assert (
        chromium.execute_script(
            "const begun = performance.now(); narrow({kind: 'classification'});"
            "return performance.now() - begun"
        )
        < 1000
    )
