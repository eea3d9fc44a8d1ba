"""The Demonstrations panel as a person uses it: looking, filtering, scrubbing, editing, replaying, in and out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from demos.frames import Outcome
from demos.store.store import DemonstrationStore
from tests.browser.operator_page import SCREEN, THEMES, ConsolePage
from tests.browser.served_console import serving
from tests.browser.test_feel import UNDER_STOP
from tests.browser.visitors import TABLET, Visit, violations, visitors

pytestmark = pytest.mark.browser

SHOWN = "() => window.__clap.review && window.__clap.review.shown === window.__clap.review.frame"
STRIPS = "() => [...document.querySelectorAll('.r-strip img')].every((image) => image.complete && image.naturalWidth)"
CARDS = "count => document.querySelectorAll('.r-card').length === count"
DRAWN = "() => window.__clap.reviewScene.isDrawn"
OTHER = "than => !than.includes(document.querySelector('#r-replay-note').dataset.state ?? '')"
ENDED = "state => document.querySelector('#r-replay-note').dataset.state === state"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("review") / "recordings"


@pytest.fixture(scope="module")
def visit(chromium: Browser, folder: Path) -> Iterator[Visit]:
    with serving("expert", recordings=str(folder)) as (_, url), visitors(chromium, url) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(visit: Visit) -> ConsolePage:
    return visit()


def gallery(console: ConsolePage, cards: int | None = None) -> None:
    """Show the gallery, as it is once the list has come."""
    page = console.page
    page.click("#c-tab-demonstrations")
    page.evaluate("document.querySelector('#r-back')?.click()")  # it goes by itself once what it shows is deleted
    page.wait_for_selector("#c-demonstrations-body[aria-busy=false]")
    if cards is not None:
        page.wait_for_function(CARDS, arg=cards)


@pytest.fixture
def console(shared: ConsolePage, folder: Path) -> Iterator[ConsolePage]:
    """A page that operates, with the six takes of the sample as its recordings."""
    page = shared.page
    shared.operate()
    gallery(shared)
    if page.locator("#r-copy-sample").is_visible():
        page.wait_for_function("() => !document.querySelector('#r-copy-sample').disabled")
        page.click("#r-copy-sample")
        page.wait_for_function("() => !document.querySelector('#r-sample')")
    gallery(shared, 6)
    yield shared
    while page.locator("#r-undo").is_visible():
        before = page.locator("#r-undo").get_attribute("title")
        gallery(shared)
        page.click("#r-undo")
        page.wait_for_function("title => document.querySelector('#r-undo').title !== title", arg=before)
    shared.errors.clear()


def open_one(console: ConsolePage, text: str) -> None:
    page = console.page
    page.locator(".r-card", has_text=text).first.locator(".r-open").click()
    page.wait_for_selector(".r-episode[aria-busy=false]")
    page.wait_for_function(SHOWN)


def replay(console: ConsolePage) -> None:
    """Replay the keyframes until the world judges a success. On a busy machine that takes what an operator would do
    too: to approve what was seen more than two seconds ago, and to begin again after a page that froze was lost."""
    page = console.page
    page.click("#r-replay")
    while True:
        page.wait_for_function(OTHER, arg=["", "running"])
        state = str(page.evaluate("document.querySelector('#r-replay-note').dataset.state"))
        assert state in ("success", "waiting", "stopped"), page.locator("#r-replay-note").inner_text()
        if state == "success":
            return
        if state == "waiting":
            page.click("#c-tab-operate")
            console.press("approve")
            page.click("#c-tab-demonstrations")
        else:
            assert "page was lost" in str(console.status("failure"))
            page.click("#r-replay")
        page.wait_for_function(OTHER, arg=[state])


def frame(console: ConsolePage) -> int:
    return int(console.page.evaluate("window.__clap.review.frame"))


def test_without_recordings_the_panel_says_how_to_begin_and_offers_the_sample(shared: ConsolePage) -> None:
    page = shared.page
    gallery(shared, 6)
    assert "press Record" in page.locator("#r-empty").inner_text()
    assert "cannot be changed" in page.locator("#r-sample").inner_text()
    open_one(shared, "mixed")
    assert page.locator(".r-head").inner_text().count("sample, read only") == 1
    assert page.locator("#r-delete").is_disabled() and page.locator("#r-label-notes").is_disabled()
    assert page.locator("#r-replay").is_enabled()
    assert page.locator(".r-line-tools").count() == 0
    page.click("#r-back")
    page.get_by_role("button", name="Go to Operate").click()
    assert page.evaluate("document.body.dataset.panel") == "operate"


@pytest.mark.parametrize("size", [SCREEN, TABLET], ids=["1440x900", "1024x768"])
def test_gallery_and_episode_fit_show_stop_and_have_no_grave_fault(visit: Visit, size: dict[str, int]) -> None:
    console = visit(size=size, touch=size is TABLET)
    page = console.page
    found: list[str] = []
    for theme, name in product(THEMES, ("gallery", "episode")):
        console.paint(theme)
        gallery(console, 6)
        if name == "episode":
            open_one(console, "mixed")
            page.keyboard.press("ArrowDown")
            page.wait_for_function(SHOWN)
            page.wait_for_function(DRAWN)
            page.wait_for_selector(".r-chart .main-svg")
        else:
            page.wait_for_function(STRIPS)
        inside = (
            "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('#c-demonstrations'))"
        )
        wide, _ = console.extent()
        assert (wide, page.evaluate(inside)) == (size["width"], 0), (name, theme)
        assert page.evaluate(UNDER_STOP), f"Stop is covered: {name}, {theme}"
        for part, top in enumerate((0, size["height"] - 80)):
            page.evaluate(f"document.querySelector('#c-demonstrations').scrollTop = {top}")
            console.screenshot(f"review-{name}-{size['width']}-{theme}-{part}")
        found += [f"{name}, {theme}: {fault}" for fault in violations(console)]
    assert not found, "\n".join(found)
    page.context.close()


def test_the_gallery_is_filtered_by_words_task_success_and_source(console: ConsolePage) -> None:
    page = console.page
    assert page.locator("#r-counts").inner_text() == "6 demonstrations of 6 tasks, 5 succeeded"
    page.fill("#r-search", "drawer")
    assert page.locator(".r-card").count() == 2
    assert page.locator("#r-counts").inner_text().startswith("2 shown of 6")
    page.fill("#r-search", "")
    page.select_option("#r-outcome", "failure")
    assert page.locator(".r-card").count() == 1
    page.select_option("#r-source", "mixed")
    page.get_by_text("No demonstration fits this filter").wait_for()
    page.get_by_role("button", name="Show all").click()
    assert page.locator(".r-card").count() == 6
    page.select_option("#r-task", "open the drawer")
    assert page.locator(".r-card b").all_inner_texts() == ["open the drawer"]
    page.select_option("#r-task", "")


def test_a_demonstration_is_scrubbed_by_keys_slider_and_charts_and_played(console: ConsolePage) -> None:
    page = console.page
    open_one(console, "mixed")
    assert frame(console) == 0
    page.keyboard.press("ArrowRight")
    assert frame(console) == 1
    page.keyboard.press("ArrowDown")
    assert frame(console) == 5 and "keyframe 1" in page.locator(".r-place").inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert frame(console) == 5
    assert "moves above" in page.locator(".r-keyframes .r-here").inner_text()
    page.keyboard.press("End")
    assert frame(console) == 23
    page.locator("#r-slider").fill("10")
    page.wait_for_function(SHOWN)
    first = page.locator(".r-views img").first.get_attribute("src")
    page.select_option(".r-camera select", "wrist")
    page.locator(".r-keyframe").last.click()
    page.wait_for_function(SHOWN)
    assert page.locator(".r-views img").first.get_attribute("src") != first
    box = page.locator(".r-chart .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function("() => Math.abs(window.__clap.review.frame - 11) < 3")
    page.keyboard.press("Home")
    page.keyboard.press("p")
    assert page.locator(".r-play").get_attribute("aria-pressed") == "true"
    page.wait_for_function("() => window.__clap.review.frame >= 3")
    page.keyboard.press("p")
    paused = frame(console)
    console.draw(30)
    assert frame(console) == paused
    assert "nothing to remark" in page.locator("[aria-label=Checks]").inner_text()
    assert page.locator(".r-mark").count() == 6


def test_labels_keyframes_and_steps_are_edited_and_seen_on_other_pages_and_undone(
    visit: Visit, console: ConsolePage, folder: Path
) -> None:
    page = console.page
    watcher = visit()
    gallery(watcher, 6)
    assert watcher.page.locator("#r-import").is_disabled()
    open_one(console, "open the drawer")
    page.fill("#r-label-notes", "the handle slips <b>once</b>")
    page.select_option("#r-label-outcome", "partial")
    with console.toasting("The labels were changed."):
        page.click("#r-save-labels")
    watcher.page.locator(".r-card", has_text="slips <b>once</b>").get_by_text("partly").wait_for()
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.click("#r-toggle-keyframe")
    page.wait_for_function("() => document.querySelectorAll('.r-keyframes li').length === 5")
    assert frame(console) == 2
    page.get_by_role("button", name="Edit the step of keyframe 1").click()
    page.fill(".r-step-box", "reach for the handle")
    page.keyboard.press("Enter")
    page.locator(".r-keyframes li").first.get_by_text("reach for the handle").wait_for()
    assert frame(console) == 2
    with DemonstrationStore.open(folder, read_only=True) as store:
        (one,) = (record for record in store.episodes() if record.task == "open the drawer")
        assert (one.labels.outcome, 2 in one.labels.keyframes) == (Outcome.PARTIAL, True)
        assert set(store.read(one.id).steps[:3]) == {"reach for the handle"}
    console.screenshot("review-edited")
    page.click("#r-back")
    for sentence in ("The step's text was changed.", "A keyframe was added.", "The labels were changed."):
        page.wait_for_function("text => document.querySelector('#r-undo').title.includes(text)", arg=sentence)
        page.click("#r-undo")
    watcher.page.locator(".r-card", has_text="open the drawer").first.get_by_text("succeeded").wait_for()
    watcher.page.context.close()


def test_trim_split_and_delete_can_all_be_undone(console: ConsolePage) -> None:
    page = console.page
    open_one(console, "open the drawer")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    with console.toasting("were kept"):
        page.click("#r-trim-start")
    page.wait_for_function("() => document.querySelector('#r-slider').max === '11'")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    with console.toasting("split before frame"):
        page.click("#r-split")
    page.click("#r-back")
    gallery(console, 7)
    trash = page.locator(".r-trash-list").text_content() or ""
    assert "It was trimmed to the frames 4 to 15." in trash and "It was split before frame 2." in trash
    page.click("#r-undo")
    gallery(console, 6)
    page.wait_for_function("() => document.querySelector('#r-undo').title.includes('were kept')")
    page.click("#r-undo")
    page.locator(".r-card", has_text="16 frames").wait_for()
    page.locator(".r-tick input").nth(0).check()
    page.locator(".r-tick input").nth(1).check()
    page.click("#r-delete-chosen")
    gallery(console, 4)
    page.locator(".c-toast", has_text="moved to the trash").get_by_role("button", name="Undo").click()
    gallery(console, 6)
    page.locator(".r-card .r-open").first.click()
    page.wait_for_selector(".r-episode[aria-busy=false]")
    page.click("#r-delete")
    gallery(console, 5)
    page.click("#r-trash summary")
    console.screenshot("review-trash")
    page.get_by_role("button", name="Restore").first.click()
    gallery(console, 6)


def test_a_demonstration_is_replayed_in_the_simulation_and_stop_halts_it(console: ConsolePage) -> None:
    page = console.page
    page.evaluate("document.querySelector('#c-speed').value = 4")
    open_one(console, "mixed")
    replay(console)
    assert "judges it a success" in page.locator("#r-replay-note").inner_text()
    console.screenshot("review-replayed")
    page.click("#c-tab-operate")
    console.at_speed(0)
    page.click("#c-tab-demonstrations")
    page.click("#r-replay-all")
    page.wait_for_function("() => window.__clap.status.state === 'driving'")
    before = page.evaluate("window.__clap.status.gripper.position")
    page.wait_for_function(
        "from => Math.hypot(...window.__clap.status.gripper.position.map((value, k) => value - from[k])) > 0.05",
        arg=before,
    )
    assert page.locator("#c-drive").is_hidden(), "the page takes no part in it"
    page.keyboard.press("Escape")
    page.wait_for_function(ENDED, arg="stopped")
    page.click("#r-replay")
    page.wait_for_function("() => window.__clap.status.state === 'moving'")
    assert page.locator("#r-trim-stop").is_disabled() and page.locator("#r-replay").is_disabled()
    page.keyboard.press("Escape")
    page.wait_for_function(ENDED, arg="stopped")
    page.click("#c-tab-operate")
    console.at_speed(4)
    page.click("#c-tab-demonstrations")


def test_demonstrations_are_exported_and_imported_and_bad_files_refused(console: ConsolePage, tmp_path: Path) -> None:
    page = console.page
    page.locator(".r-card", has_text="open the drawer").first.locator(".r-tick input").check()
    page.click("#r-export")
    with page.expect_download() as download:
        page.locator("[data-format=lerobot]").click()
    download.value.save_as(tmp_path / "set.zip")
    shutil.unpack_archive(tmp_path / "set.zip", tmp_path / "out")
    with DemonstrationStore.open(next((tmp_path / "out").iterdir()), read_only=True) as store:
        assert [record.task for record in store.episodes()] == ["open the drawer"]
    console.screenshot("review-export")
    page.locator("#r-export-dialog").get_by_role("button", name="Close").click()
    page.click("#r-import")
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    page.set_input_files("#r-file", tmp_path / "bad.zip")
    page.click("#r-import-send")
    page.get_by_text("The file is no zip file, or it is damaged.").wait_for()
    assert violations(console, "#r-import-dialog") == []
    console.screenshot("review-import")
    page.set_input_files("#r-file", tmp_path / "set.zip")
    page.click("#r-import-send")
    page.get_by_text("in the recordings already").wait_for()
    page.locator("#r-import-dialog").get_by_role("button", name="Close").click()
    assert console.errors and all("Failed to load resource" in error for error in console.errors)
    console.errors.clear()


def test_the_sample_can_be_looked_at_beside_the_recordings(console: ConsolePage) -> None:
    page = console.page
    page.click("#r-show-sample")
    assert "Sample set" in page.locator("#r-sample").inner_text()
    page.get_by_role("button", name="Back to the recordings").click()
    assert page.locator("#r-sample").count() == 0
