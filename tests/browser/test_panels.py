"""The panels beside Operate: how one gets to them, what they show; Stop and the state stay with the operator."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from clap.policies.checkpoint import default_checkpoint
from tests.browser.by_hand import moved, position, rests, switch_on
from tests.browser.operator_page import SCREEN, THEMES, ConsolePage
from tests.browser.served_console import serving
from tests.browser.test_feel import UNDER_STOP
from tests.browser.visitors import TABLET, Visit, violations, visitors
from tests.support.evaluation_files import write_evaluation
from tests.support.logged_run import write_run
from training.experiments.mini import assemble

pytestmark = pytest.mark.browser

CHARTS = {"evaluation": 4, "training": 7}
SHOWN = """() => [document.body.dataset.panel, document.querySelector("#c-panels [aria-selected=true]").innerText,
  ...["c-main", "c-evaluation", "c-training"].filter((id) => document.getElementById(id).offsetParent !== null
    || getComputedStyle(document.getElementById(id)).position === "fixed" && !document.getElementById(id).hidden)]"""
FITTED = """() => [...document.querySelectorAll("#c-training .c-chart")].every((host) =>
  Math.abs(host.querySelector(".main-svg").getBoundingClientRect().width - host.clientWidth) < 2)"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that was put together from a logged run, with three evaluations."""
    if not default_checkpoint().exists():
        pytest.skip("clap/pretrained/clap-mini is not there: run `make train-mini`")
    folder = tmp_path_factory.mktemp("panels")
    write_run(folder / "run", default_checkpoint())
    target = folder / "clap-test"
    assemble(folder / "run", target, [["python", "-m", "training.planner.train", "--minutes", "60"]])
    write_evaluation(target / "evaluation.json", faults=[None, "grasp", "wrong plan", "keypoint off"])
    write_evaluation(target / "no-correction.json", faults=["grasp"], correction="off")
    write_evaluation(target / "rvt2.json", "rvt2", faults=["wrong object"], correction="off")
    return target


@pytest.fixture(scope="module")
def visit(chromium: Browser, checkpoint: Path) -> Iterator[Visit]:
    with serving("expert", "--checkpoint", str(checkpoint)) as (_, url), visitors(chromium, url) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(visit: Visit) -> ConsolePage:
    return visit()


@pytest.fixture
def console(shared: ConsolePage) -> Iterator[ConsolePage]:
    """A page that operates, with Operate shown, on a fresh scene."""
    shared.page.click("#c-tab-operate")
    shared.operate()
    shared.reset()
    yield shared


def open_panel(console: ConsolePage, name: str, charts: int | None = None) -> None:
    page = console.page
    page.click(f"#c-tab-{name}")
    page.wait_for_selector(f"#c-{name}-body[aria-busy=false]", timeout=60_000)
    assert page.locator(f"#c-{name} .main-svg:first-child").count() >= (CHARTS[name] if charts is None else charts)


@pytest.mark.parametrize("size", [SCREEN, TABLET], ids=["1440x900", "1024x768"])
def test_every_panel_fits_shows_stop_and_has_no_grave_fault(visit: Visit, size: dict[str, int]) -> None:
    console = visit(size=size, touch=size is TABLET)
    page = console.page
    found: dict[str, list[str]] = {}
    for theme, name in product(THEMES, CHARTS):
        console.paint(theme)
        open_panel(console, name)
        for k, summary in enumerate(page.locator(f"#c-{name} summary").all()):
            if k in (0, 4):
                summary.evaluate("node => node.parentElement.open = true")
        wide, tall = console.extent()
        inside = page.evaluate(
            f"(({{ scrollWidth, clientWidth }}) => scrollWidth - clientWidth)(document.querySelector('#c-{name}'))"
        )
        assert (wide, tall, inside) == (size["width"], size["height"], 0), (name, theme)
        assert page.evaluate(UNDER_STOP), f"Stop is covered: {name}, {theme}"
        for part, top in enumerate(range(0, 3 * size["height"], size["height"] - 80)):
            page.evaluate(f"document.querySelector('#c-{name}').scrollTop = {top}")
            console.screenshot(f"panel-{name}-{size['width']}-{theme}-{part}")
        if faults := violations(console):
            found[f"{name}, {theme}"] = faults
    assert not found, "\n".join(f"{name}: {fault}" for name, faults in found.items() for fault in faults)
    page.context.close()


def test_panels_are_chosen_by_click_arrow_keys_and_address(console: ConsolePage) -> None:
    page = console.page
    assert page.evaluate(SHOWN) == ["operate", "Operate", "c-main"]
    page.click("#c-tab-evaluation")
    assert page.evaluate(SHOWN) == ["evaluation", "Evaluation", "c-evaluation"]
    assert page.url.endswith("#evaluation")
    for key, name in (
        ("ArrowRight", "training"),
        ("ArrowRight", "operate"),
        ("End", "training"),
        ("ArrowLeft", "evaluation"),
        ("Home", "operate"),
    ):
        page.keyboard.press(key)
        assert page.evaluate(SHOWN)[0] == name
        assert page.evaluate("document.activeElement.id") == f"c-tab-{name}"
    page.go_back()
    page.wait_for_function("() => document.body.dataset.panel === 'evaluation'")
    page.evaluate("location.hash = 'no-such-panel'")
    page.wait_for_function("() => document.body.dataset.panel === 'operate'")
    tabs = page.locator("#c-panels [role=tab]:visible")
    assert [tab.get_attribute("tabindex") for tab in tabs.all()] == ["0", "-1", "-1", "-1"]


def test_calibration_is_not_offered_where_no_camera_is_the_worlds_own(console: ConsolePage) -> None:
    page = console.page
    page.evaluate(
        "() => new Promise((done) => {"
        " addEventListener('hashchange', () => setTimeout(done), { once: true }); location.hash = 'calibration'; })"
    )
    assert page.evaluate(SHOWN)[0] == "operate"
    assert not page.locator("#c-tab-calibration").is_visible()
    console.tell("calibrate-sample", camera="d435i")
    page.get_by_text("no cameras of its own to calibrate").first.wait_for()


def test_an_address_with_a_panels_name_opens_it_and_plotly_is_fetched_only_then(visit: Visit) -> None:
    console = visit()
    page = console.page
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    assert page.evaluate("window.Plotly === undefined")
    page.goto(page.url.split("#")[0] + "?again#training")
    page.wait_for_selector("#c-training-body[aria-busy=false]", timeout=120_000)
    assert page.evaluate(SHOWN)[0] == "training"
    assert [address for address in fetched if "/clap/plotly.js" in address]
    assert not [address for address in fetched if "/clap/evaluation" in address]
    page.context.close()


def test_the_scene_is_kept_and_not_drawn_while_another_panel_is_shown(console: ConsolePage) -> None:
    page = console.page
    page.evaluate("document.querySelector('#c-scene canvas').dataset.mark = 'kept'")
    page.click("#c-tab-training")
    assert page.evaluate("document.querySelector('#c-scene section').clientWidth") == 0
    page.click("#c-tab-operate")
    assert page.evaluate("document.querySelector('#c-scene canvas').dataset.mark") == "kept"
    assert page.evaluate("window.__clap.canvasMounts") == 1
    assert page.evaluate("document.querySelector('#c-scene canvas').clientWidth") > 400


@pytest.mark.parametrize("key", ["Escape", " "])
@pytest.mark.parametrize("name", ["evaluation", "training"])
def test_a_motion_is_seen_and_stopped_from_every_panel(console: ConsolePage, name: str, key: str) -> None:
    page = console.page
    console.at_speed(0)
    console.type("put the red block in the red cup")
    console.press_and_wait("plan", "planned", "failed")
    console.press("run")
    page.click(f"#c-tab-{name}")
    page.wait_for_function("() => window.__clap.status.state === 'moving'", timeout=60_000)
    assert page.locator("#c-state").inner_text() == "moving"
    assert page.locator("#c-tab-operate").get_attribute("data-tone") == "move"
    if name == "evaluation" and key == " ":
        console.screenshot("panel-evaluation-while-moving")
    page.keyboard.press(key)
    page.wait_for_function("() => window.__clap.status.state === 'stopped'")
    assert page.locator("#c-state").inner_text() == "stopped"


def test_leaving_operate_lets_go_of_the_arm_and_no_key_drives_it_from_another_panel(console: ConsolePage) -> None:
    page = console.page
    switch_on(console)
    before = position(console)
    page.keyboard.down("f")
    moved(console, 2, before, -0.02)
    page.evaluate("location.hash = 'training'")
    rests(console)
    page.keyboard.up("f")
    still = position(console)
    page.keyboard.down("r")
    applied = page.evaluate("window.__clap.drive.applied")
    page.wait_for_function("before => window.__clap.drive.applied > before + 10", arg=applied)
    page.keyboard.up("r")
    assert position(console) == pytest.approx(still, abs=0.002)
    assert page.locator("#c-state").inner_text() == "driving"
    page.click("#c-tab-operate")
    page.locator("#c-drive h2").click()
    page.keyboard.down("r")
    moved(console, 2, still, 0.02)
    page.keyboard.up("r")
    page.keyboard.press("Escape")
    page.wait_for_function("() => !window.__clap.status.driving")
    page.click("#c-drive-close")


def test_shortcuts_of_operate_do_nothing_in_another_panel(console: ConsolePage) -> None:
    page = console.page
    console.type("put the red block in the red cup")
    console.press_and_wait("plan", "planned", "failed")
    page.click("#c-tab-training")
    for key in ("p", "A", "R", "H"):
        page.keyboard.press(key)
    console.obeyed()
    assert console.status("state") == "planned"
    page.keyboard.press("?")
    assert "the next panel" in page.locator("#c-help").inner_text()
    page.locator(".c-dialog").get_by_role("button", name="Take the tour").click()
    assert page.evaluate(SHOWN)[0] == "operate"
    page.get_by_role("button", name="Leave the tour").click()


def test_evaluations_are_compared_side_by_side(console: ConsolePage) -> None:
    page = console.page
    open_panel(console, "evaluation")
    panel = page.locator("#c-evaluation")
    titles = panel.locator("h3").all_inner_texts()
    assert titles[:3] == ["Averages", "Success by task and condition", "Failures by cause"]
    panel.locator("input[value=checkpoint-rvt2]").check()
    page.wait_for_function("() => document.querySelectorAll('#c-evaluation .heatmaplayer .hm').length === 2")
    page.wait_for_selector("#c-evaluation-body[aria-busy=false]")
    assert page.evaluate("document.activeElement.value") == "checkpoint-rvt2"
    console.screenshot("panel-evaluation-compared")
    panel.locator("summary").first.click()
    text = panel.locator("details[open] table").first.inner_text()  # made as the details open, which takes a moment
    for part in ("CLAP, the paper", "a real robot, one camera", "simulated table, four cameras", "never-trained tasks"):
        assert part in text
    assert "put <it> there & then" in panel.locator(".c-film").first.inner_text()
    image = panel.locator(".c-film img").first
    image.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.c-film img').naturalWidth === 480")
    panel.locator("input[value=checkpoint-rvt2]").uncheck()
    page.wait_for_function("() => document.querySelectorAll('#c-evaluation .heatmaplayer .hm').length === 1")


def test_curves_are_drawn_over_time_or_samples_and_told_as_a_table(console: ConsolePage) -> None:
    page = console.page
    open_panel(console, "training")
    panel = page.locator("#c-training-body")
    first = panel.locator("> .c-section", has=page.locator(".c-chart")).first  # below the retraining card
    assert "CPU minutes" in first.locator(".c-chart").first.inner_text()
    panel.get_by_label("samples seen").check()
    first.locator(".c-chart", has_text="scenes seen").first.wait_for()
    first.locator("summary").first.click()
    first.locator("details[open] table").first.wait_for()
    assert first.locator("details[open] table").first.locator("tbody tr").count() == 200
    assert "python -m training.planner.train --minutes 60" in panel.inner_text()
    panel.get_by_label("CPU time").check()
    page.wait_for_selector("#c-training-body[aria-busy=false]")


def test_charts_follow_the_theme_and_the_windows_size(shared: ConsolePage) -> None:
    console, page = shared, shared.page
    open_panel(console, "training")
    ink = "getComputedStyle(document.querySelector('#c-training .xtick text')).fill"
    dark = page.evaluate(ink)
    page.click("#c-theme")
    page.wait_for_function(f"dark => {ink} !== dark", arg=dark)
    page.set_viewport_size({"width": 1200, "height": 900})
    page.wait_for_function(FITTED)
    page.click("#c-tab-operate")
    page.set_viewport_size(TABLET)
    page.click("#c-tab-training")
    page.wait_for_function(FITTED)
    page.set_viewport_size(SCREEN)
    page.click("#c-theme")


def test_without_figures_the_panels_say_which_command_makes_them(shared: ConsolePage, checkpoint: Path) -> None:
    console, page = shared, shared.page
    page.click("#c-tab-operate")
    hidden = [*checkpoint.glob("*.json")]
    for path in hidden:
        path.rename(path.with_suffix(".away"))
    try:
        for name, command in (("evaluation", "python -m training.evaluate"), ("training", "python -m training.mini")):
            open_panel(console, name, charts=0)
            assert command in page.locator(f"#c-{name} .c-empty-state pre").inner_text()
            assert violations(console, f"#c-{name}") == []
            console.screenshot(f"panel-{name}-empty")
    finally:
        for path in hidden:
            path.with_suffix(".away").rename(path)
    page.click("#c-tab-evaluation")
    page.wait_for_selector("#c-evaluation .main-svg")
    (checkpoint / "training_curves.json").rename(checkpoint / "kept.away")
    try:
        (checkpoint / "training_curves.json").write_text("[1, 2", "utf-8")
        page.click("#c-tab-training")
        page.wait_for_selector("#c-training-body > .c-problem")
        console.screenshot("panel-training-malformed")
    finally:
        (checkpoint / "kept.away").rename(checkpoint / "training_curves.json")


def test_a_panel_that_cannot_be_loaded_says_so_and_can_be_tried_again(shared: ConsolePage) -> None:
    console, page = shared, shared.page
    assert console.errors == []
    page.click("#c-tab-operate")
    page.route("**/clap/training*", lambda route: route.abort())
    page.click("#c-tab-training")
    page.get_by_text("This panel could not be loaded").wait_for()
    assert console.errors and all("Failed to load resource" in error for error in console.errors)
    console.errors.clear()
    page.unroute("**/clap/training*")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("#c-training .main-svg")
