"""A learner's first minutes: JupyterLab in a real browser, lesson 00, the first exercise."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from utils.progress import tally

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROOT = Path(__file__).parents[1]
LESSON = "00_start_here.ipynb"
PATIENCE = 120  # seconds: other tests may hold every core while a kernel starts
SETTINGS = {
    # No question about news, and no request to a server elsewhere.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # Every cell is in the page, also one that is scrolled out of sight.
    "notebook-extension/tracker": {"windowingMode": "none"},
}


def test_a_learner_runs_lesson_00_and_solves_its_first_exercise(tmp_path, chromium):
    notebook = tmp_path / "lessons" / LESSON
    notebook.parent.mkdir()
    shutil.copy(ROOT / "lessons" / LESSON, notebook)
    lesson = nbformat.read(notebook, as_version=4).cells
    ids = [cell.id for cell in lesson]
    # A blank lesson stops at the first cell that needs an answer: here the one after the check of exercise 0.2.
    stop = next(i for i in range(ids.index("check-0-2") + 1, len(ids)) if lesson[i].cell_type == "code")

    with jupyter_lab(notebook.parent, tmp_path) as address, browser_page(chromium) as page:
        open_notebook(page, address, LESSON)
        cells = page.locator(".jp-Notebook .jp-Cell")
        expect(cells).to_have_count(len(ids))
        setup, answer, check = (cells.nth(ids.index(name)) for name in ("setup-00", "answer-0-1", "check-0-1"))

        run_all(page)
        expect(outputs(setup)).to_contain_text("Lesson 00 ·")
        expect(outputs(check)).to_contain_text("Exercise 0.1 · A first answer: not solved yet")
        expect(outputs(cells.nth(stop))).to_contain_text("NotImplementedError: Exercise 0.2 is not solved yet")
        wait_until_idle(page)
        expect(page.locator(".jp-OutputArea-output", has_text="Traceback")).to_have_count(1)
        expect(outputs(cells.last)).to_have_count(0)

        replace_line(page, answer, "raise NotImplementedError", "return 2 * x")
        page.keyboard.press("Shift+Enter")  # runs the answer, and goes on to its check
        page.keyboard.press("Shift+Enter")
        expect(outputs(check)).to_contain_text("✓ Exercise 0.1 · A first answer: 3 of 3 points")
        expect(outputs(check)).to_be_visible()
        expect(outputs(answer)).to_have_count(0)

        page.keyboard.press("Control+s")
        expect(page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
        assert tally(notebook).solved == 1


@pytest.fixture
def chromium() -> str:
    """The system's Chromium; without one the test is skipped, or fails where COURSE_REQUIRE has `browser`."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        required = "browser" in os.environ.get("COURSE_REQUIRE", "").split(",")
        (pytest.fail if required else pytest.skip)("there is no Chromium: apt-get install chromium")
    return found


@contextmanager
def jupyter_lab(folder: Path, private: Path) -> Iterator[str]:
    """A JupyterLab of its own for the notebooks in `folder`: yields its address, with the token.

    Its settings, its log and everything else that Jupyter keeps for a user go to `private`. At the end it and its
    kernels are gone.
    """
    places = {name: private / name.lower() for name in ("CONFIG", "DATA", "RUNTIME", "SETTINGS", "WORKSPACES")}
    for plugin, values in SETTINGS.items():
        file = places["SETTINGS"] / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    for name, place in places.items():
        program = "JUPYTERLAB" if name in ("SETTINGS", "WORKSPACES") else "JUPYTER"
        environment[f"{program}_{name}_DIR"] = str(place)
    environment["IPYTHONDIR"] = str(private / "ipython")
    # The server takes a free port and a fresh token, and writes both into a file.
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0"]
    log = private / "jupyter.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:

        def started() -> dict | None:
            assert server.poll() is None, f"JupyterLab ended at once:\n{log.read_text()}"
            return server_facts(places["RUNTIME"])

        facts = wait_for(started, "JupyterLab to start")
        yield f"{facts['url']}lab/tree/{{}}?token={facts['token']}"
    finally:
        server.terminate()  # it ends its kernels, which are process groups of their own
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=20)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def server_facts(runtime: Path) -> dict | None:
    """What a running server writes about itself; `None` as long as it has not."""
    try:
        return json.loads(next(runtime.glob("jpserver-*.json")).read_text())
    except (StopIteration, json.JSONDecodeError):
        return None


@contextmanager
def browser_page(executable: str) -> Iterator[Page]:
    """An empty page, closed with its browser; what it showed when a test failed goes to COURSE_ARTIFACTS, if set."""
    # Playwright turns Chromium's sandbox off by default, so this works as root: the page is our own.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable)
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.set_default_timeout(1000 * PATIENCE)
            expect.set_options(timeout=1000 * PATIENCE)
            try:
                yield page
            except BaseException:
                if folder := os.environ.get("COURSE_ARTIFACTS"):
                    page.screenshot(path=Path(folder, "browser.png"), timeout=10_000)
                raise
        finally:
            browser.close()


def open_notebook(page: Page, address: str, name: str) -> None:
    page.goto(address.format(name))
    # JupyterLab says "idle" before there is a kernel: only the kernel's name tells that there is one.
    expect(page.locator(".jp-KernelName")).to_contain_text("Python 3")
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    expect(page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", "idle")


def run_all(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def replace_line(page: Page, cell: Locator, old: str, new: str) -> None:
    """Types over a line of a cell, from its indentation to its end, as a person does."""
    cell.locator(".cm-line", has_text=old).click()
    page.keyboard.press("End")
    page.keyboard.press("Shift+Home")
    page.keyboard.type(new, delay=20)
    expect(cell.locator(".cm-line").last).to_have_text(f"    {new}")


def outputs(cell: Locator) -> Locator:
    return cell.locator(".jp-OutputArea-output")


def wait_for(attempt: Callable[[], Any], what: str) -> Any:
    """What `attempt` returns as soon as that is true."""
    end = time.monotonic() + PATIENCE
    while not (value := attempt()):
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.1)
    return value
