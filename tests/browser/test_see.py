"""See: views with coordinates, the fine stage, cameras with their ages, and the scene from where one wants."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest

from tests.browser.operator_page import OTHERS, SMALL, ConsolePage, looks

pytestmark = pytest.mark.browser

INSTRUCTION = "put the red block in the red cup"
CAMERA = "window.__clap.scene.camera.position.toArray()"
VIEWS = ("front", "left", "top")
BASELINE = "RVT-2 (baseline)"


@pytest.fixture
def clap_console(console: ConsolePage) -> Iterator[ConsolePage]:
    """The console with CLAP, which has a fine stage, in place of the expert."""
    names = console.page.locator("#c-policy option:enabled").evaluate_all("nodes => nodes.map(node => node.value)")
    learned = [name for name in names if name.startswith("CLAP")]
    if not learned:
        pytest.skip("clap/pretrained/clap-mini is not there: run `make train-mini`")
    expert = console.status("policy")
    choose(console, learned[0])
    yield console
    console.wait_until_possible("policy")
    choose(console, str(expert))


def choose(console: ConsolePage, policy: str) -> None:
    console.page.select_option("#c-policy", policy)
    console.page.wait_for_function("name => window.__clap.status.policy === name", arg=policy)


def tell(console: ConsolePage, **changes: object) -> None:
    """Show the page its present state with some of it changed, as the server would send it."""
    console.page.evaluate(
        "changes => window.__clap.console.tell('status', { ...structuredClone(window.__clap.status), ...changes })",
        changes,
    )


def predict(console: ConsolePage) -> dict:
    console.type(INSTRUCTION)
    assert console.press_and_wait("plan", "planned", "failed") == "planned", console.banner()
    assert console.press_and_wait("predict", "awaiting approval", "failed") == "awaiting approval", console.banner()
    found = console.status("prediction")
    assert isinstance(found, dict)
    console.page.wait_for_function("() => document.querySelectorAll('.c-crosshair').length === 3")
    return found


def box(console: ConsolePage, selector: str) -> dict[str, float]:
    found = console.page.locator(selector).bounding_box()
    assert found is not None
    return dict(found)


def apart(a: dict[str, float], b: dict[str, float], slack: float = 1.0) -> bool:
    return (
        a["x"] + a["width"] <= b["x"] + slack
        or b["x"] + b["width"] <= a["x"] + slack
        or a["y"] + a["height"] <= b["y"] + slack
        or b["y"] + b["height"] <= a["y"] + slack
    )


def coordinates(text: str) -> list[float | None]:
    found = re.fullmatch(r"x (\S+) +y (\S+) +z (\S+) m", text.lstrip("◇ "))
    assert found, text
    return [None if value == "–" else float(value.replace("−", "-")) for value in found.groups()]


@pytest.mark.parametrize("seed", [1, 4])
def test_labels_cover_neither_each_other_nor_the_crosshair(console: ConsolePage, seed: int) -> None:
    console.reset(task="shape_in_sorter", seed=seed, variation="")
    console.page.locator(".c-own").click()
    console.press_and_wait("plan", "planned")
    console.press_and_wait("predict", "awaiting approval")
    console.screenshot(f"see-labels-{seed}")
    for view in VIEWS:
        labels = [
            dict(node.bounding_box() or {})
            for node in console.page.locator(f"#c-main [data-view={view}] .c-object rect").all()
        ]
        assert labels
        for a, b in itertools.combinations(labels, 2):
            assert apart(a, b)
        for label in labels:
            assert apart(label, box(console, f"#c-main [data-view={view}] .c-crosshair"))


def test_what_the_task_is_about_is_bright_and_the_rest_dim(console: ConsolePage) -> None:
    found = predict(console)
    other = {"name": "blue cylinder", "pixels": [[30, 100]] * 3, "position": [0.1, 0.2, 0.8]}
    changed = {**found, "objects": [*found["objects"], other]}
    tell(console, prediction=changed, detected_objects="red block, red cup, blue cylinder")
    for view in VIEWS:
        bright = console.page.locator(
            f"#c-main [data-view={view}] .c-object:not(.c-dim-object) text"
        ).all_text_contents()
        assert sorted(bright) == sorted(item["name"] for item in found["objects"])
        assert console.page.locator(f"#c-main [data-view={view}] .c-dim-object text").all_text_contents() == [
            "blue cylinder"
        ]
    assert console.page.locator("#c-scene .c-label-dim").all_inner_texts() == ["blue cylinder"]
    assert console.page.locator("#c-seen .c-seen-task").all_inner_texts() == ["red block", "red cup"]
    console.screenshot("see-dim-object")


@looks((SMALL, "light"))
def test_hovering_shows_the_place_in_all_views(console: ConsolePage) -> None:
    block = next(item for item in predict(console)["objects"] if item["name"] == "red block")
    picture = box(console, "#c-main [data-view=top] .c-picture")
    u, v = ((pixel + 0.5) / 224 for pixel in block["pixels"][2])
    console.page.mouse.move(picture["x"] + u * picture["width"], picture["y"] + v * picture["height"])
    shown = console.page.locator(".c-place").all_text_contents()
    assert len(set(shown)) == 1
    assert coordinates(shown[0]) == pytest.approx(block["position"], abs=0.03)
    assert [console.page.locator(f"#c-main [data-view={view}] .c-hover-line").count() for view in VIEWS] == [2, 2, 2]
    console.screenshot("see-hover-view")
    black = box(console, "#c-main [data-view=front] .c-picture")
    console.page.mouse.move(black["x"] + 6, black["y"] + 6)
    x, y, z = coordinates(console.page.locator("#c-main [data-view=front] .c-place").inner_text())
    assert x is None  # nothing is seen there, so its depth is not known
    assert y is not None
    assert z is not None
    assert [console.page.locator(f"#c-main [data-view={view}] .c-hover-line").count() for view in VIEWS] == [2, 1, 1]
    console.page.mouse.move(700, 30)
    assert console.page.locator(".c-place:visible").count() == 0


@looks(*OTHERS)
def test_views_and_scene_grow_and_shrink_with_stop_in_reach(console: ConsolePage) -> None:
    predict(console)
    wide = console.page.evaluate("innerWidth")
    for selector in (*(f"#c-main [data-view={view}]" for view in VIEWS), "#c-main .c-scene"):
        small = box(console, selector)
        console.page.click(f"{selector} .c-enlarge")
        large = box(console, selector)
        assert large["width"] > 0.9 * wide
        assert large["height"] > 2 * small["height"] or selector.endswith("scene")
        bar = box(console, "#c-stop")
        assert bar["y"] + bar["height"] <= large["y"]
        console.screenshot(f"see-large-{selector.split()[-1].strip('.[]').replace('data-view=', '')}")
        console.page.click(f"{selector} .c-enlarge")
        assert box(console, selector) == small
    assert console.page.evaluate("window.__clap.canvasMounts") == 1


def test_the_camera_has_presets_and_keeps_what_the_operator_chose(console: ConsolePage) -> None:
    page = console.page
    page.click("[data-preset=home]")  # an earlier test may have turned it
    home = page.evaluate(CAMERA)
    for key, name in enumerate(VIEWS, 1):
        page.click(f"[data-preset={name}]")
        by_button = page.evaluate(CAMERA)
        assert by_button != home
        page.click("[data-preset=home]")
        assert page.evaluate(CAMERA) == pytest.approx(home)
        page.locator("body").press(str(key))
        assert page.evaluate(CAMERA) == pytest.approx(by_button)
        console.screenshot(f"see-camera-{name}")
    page.click("#c-tab-evaluation")
    page.locator("body").press("4")  # the scene is not seen there
    page.click("#c-tab-operate")
    assert page.evaluate(CAMERA) == pytest.approx(by_button)
    predict(console)
    assert page.evaluate(CAMERA) == pytest.approx(by_button)
    page.click("[data-preset=follow]")
    before = page.evaluate(CAMERA)
    console.press_and_wait("approve", "planned", "done")
    page.wait_for_function(f"before => {CAMERA}.some((value, k) => Math.abs(value - before[k]) > 0.05)", arg=before)
    console.screenshot("see-camera-follow")
    page.locator("body").press("4")
    assert page.evaluate(CAMERA) == pytest.approx(home)
    assert page.get_attribute("[data-preset=follow]", "aria-pressed") == "false"


def test_a_point_of_the_scene_says_where_it_is(console: ConsolePage) -> None:
    scene = box(console, "#c-main .c-scene")
    at = (int(scene["x"] + 0.5 * scene["width"]), int(scene["y"] + 0.72 * scene["height"]))
    console.page.mouse.move(*at)
    hovered = coordinates(console.page.locator(".c-probe").inner_text())
    assert hovered[2] == pytest.approx(0.752, abs=0.02)  # the table top
    console.page.mouse.click(*at)
    assert coordinates(console.page.locator(".c-kept").inner_text()) == hovered
    console.screenshot("see-point")
    console.page.mouse.click(scene["x"] + 30, scene["y"] + 60)
    assert not console.page.locator(".c-kept").is_visible()


@looks((SMALL, "light"))
def test_the_baseline_shows_where_it_looks_and_plans_nothing(console: ConsolePage) -> None:
    expert = str(console.status("policy"))
    choose(console, BASELINE)
    found = predict(console)
    assert found["objects"] == []
    assert found["step"] == INSTRUCTION
    steps = console.page.locator("#c-plan-steps .c-step").all_inner_texts()
    assert len(steps) == 1 and INSTRUCTION in steps[0].lower()
    assert console.page.locator("#c-fine img").count() == 3
    console.screenshot("see-baseline")
    console.wait_until_possible("policy")
    choose(console, expert)


def test_heatmaps_are_shown_on_demand_and_a_picture_grows(clap_console: ConsolePage) -> None:
    console, page = clap_console, clap_console.page
    predict(console)
    page.locator("#c-details [role=tab]", has_text="Zoomed views").click()
    assert page.locator("#c-fine img").count() == 3
    pixels = (
        "async () => { const image = document.querySelector('#c-fine img'); await image.decode(); return image.src }"
    )
    with_heat = page.evaluate(pixels)
    assert "heatmap" in page.locator("#c-fine figcaption").first.inner_text()
    console.screenshot("see-fine-heatmaps")
    page.locator("#c-heat").uncheck()
    assert page.evaluate(pixels) != with_heat
    assert "heatmap" not in page.locator("#c-fine figcaption").first.inner_text()
    console.screenshot("see-fine-plain")
    page.locator("#c-heat").check()
    page.locator("#c-fine .c-tile-button").nth(2).click()
    assert box(console, "#c-fine .c-enlarged img")["height"] > 600
    console.screenshot("see-fine-large")
    page.locator("#c-fine .c-enlarged .c-tile-button").click()
    page.locator("#c-details [role=tab]", has_text="Planner text").click()
    assert not page.locator("#c-heat").is_visible()


@looks((SMALL, "light"))
def test_cameras_show_the_age_of_their_frames(console: ConsolePage) -> None:
    page = console.page
    page.locator("#c-details [role=tab]", has_text="Cameras").click()
    ages = page.locator("#c-cameras .c-age")
    assert all("old" in text for text in ages.all_inner_texts())
    console.screenshot("see-cameras")
    frames = console.status("frames")
    assert isinstance(frames, list)
    told = [{**frame, "age": age} for frame, age in zip(frames, (0.1, 4, 30, 0.2), strict=True)]
    tell(console, busy=True, frames=told)
    levels = page.locator("#c-cameras figure").evaluate_all("nodes => nodes.map(node => node.dataset.age)")
    assert levels == ["fresh", "old", "too-old", "fresh"]
    assert ages.nth(2).inner_text() == "⚠ 30 s old"
    assert "grayscale" in page.locator("#c-cameras img").nth(2).evaluate("node => getComputedStyle(node).filter")
    console.screenshot("see-cameras-old")
    page.locator("#c-cameras .c-tile-button").first.click()
    assert box(console, "#c-cameras .c-enlarged img")["height"] > 600
    page.locator("#c-cameras .c-enlarged .c-tile-button").click()
    page.locator("#c-details [role=tab]", has_text="Planner text").click()
