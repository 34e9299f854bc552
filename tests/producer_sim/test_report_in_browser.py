"""The report in headless Chromium: its charts are drawn, nothing fails, and no request leaves the page."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from producer_sim.report.report import render_report
from producer_sim.report.summary import read_outcome
from producer_sim.run_folder import RunFolder
from tests.producer_sim.run_folders import MadeUp, make_run_folder

CHROMIUM = next(
    (path for path in ("/usr/bin/chromium", shutil.which("chromium")) if path and Path(path).exists()), None
)
SCREENSHOTS = Path(__file__).parents[2] / "build" / "report"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: apt-get install chromium, and the report is opened in it"
)


class Opened:
    """A report as the browser saw it."""

    def __init__(self, page):
        self.page = page
        self.requests, self.errors, self.dialogs = [], [], []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console", lambda message: self.errors.append(message.text) if message.type == "error" else None
        )
        page.on("dialog", self._dismiss)

    def _dismiss(self, dialog):
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def open(self, path):
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-drawn]", state="attached", timeout=60_000)
        return self


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield Opened(page)
    page.close()


def written(folder: RunFolder) -> Path:
    path = folder.path / "report.html"
    path.write_text(render_report(read_outcome(folder)))
    return path


def test_all_charts_are_drawn_and_nothing_leaves_the_page(tmp_path, opened):
    path = written(make_run_folder(tmp_path, MadeUp()))
    opened.open(path)
    marks = opened.page.eval_on_selector_all(
        "[data-chart]", "nodes => nodes.map(node => node.querySelectorAll('svg path, svg rect').length)"
    )
    heights = opened.page.eval_on_selector_all(
        "[data-chart] svg.main-svg", "nodes => nodes.map(node => node.getBoundingClientRect().height)"
    )
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    opened.page.screenshot(path=SCREENSHOTS / "report.png", full_page=True)
    assert len(marks) == 2 + 24
    assert min(marks) > 5
    assert min(heights) > 100
    assert opened.errors == []
    assert opened.requests == [path.as_uri()]


def test_the_curves_have_the_points_of_the_run(tmp_path, opened):
    opened.open(written(make_run_folder(tmp_path, MadeUp())))
    traces = opened.page.evaluate(
        "document.querySelector('[data-chart=throughput]').data.map(trace => [trace.name, trace.x.length])"
    )
    assert [name for name, _ in traces] == ["due", "learned, skipped or quarantined", "acknowledged", "lag"]
    assert all(points > 100 for _, points in traces)


def test_the_verdict_is_seen_without_scrolling(tmp_path, opened):
    opened.open(written(make_run_folder(tmp_path, MadeUp())))
    box = opened.page.locator(".verdict").bounding_box()
    assert box["y"] + box["height"] < 450
    assert opened.page.locator(".verdict > p").inner_text().startswith("Held 5,000 observations a second")


def test_a_signal_that_is_named_like_a_script_does_not_run(tmp_path, opened):
    evil = "</script><script>alert(1)</script>"
    opened.open(written(make_run_folder(tmp_path, replace(MadeUp(), evil_name=evil))))
    assert opened.page.get_by_text(evil).count() > 0
    assert (opened.dialogs, opened.errors) == ([], [])


def test_a_report_of_nearly_nothing_opens_too(tmp_path, opened):
    folder = make_run_folder(tmp_path, MadeUp(signals=4, seconds=100))
    for name in ("truth.json", "series.json", "events.jsonl", "alerts.jsonl", "samples.jsonl"):
        (tmp_path / name).unlink()
    opened.open(written(folder))
    assert opened.page.locator("[data-chart]").count() == 0
    assert opened.errors == []


def test_nothing_is_wider_than_a_small_screen(tmp_path, opened):
    opened.page.set_viewport_size({"width": 800, "height": 900})
    opened.open(written(make_run_folder(tmp_path, MadeUp())))
    widths = opened.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
