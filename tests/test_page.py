"""The page in Chromium: as it looks, and the explorer by mouse and by keyboard."""

import functools
import io
import json
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from test_gallery import Page, make_run

from common import gallery
from common.explorer import Explorer

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
HAIR = [["red", "#c02020"], ["blonde", "#f0d080"], ["black", "#202020"]]
EYES = [["blue", "#2040c0"], ["green", "#20a040"]]
OBJECTS = [["red cube", "#c02828"], ["blue sphere", "#2a4bd7"], ["gray cylinder", "#808080"], ["cyan cube", "#29b8b8"]]
# of all texts: the smallest contrast between a text and what lies behind it, and that text (WCAG 2.2, 1.4.3)
CONTRAST = """() => {
  const parse = colour => colour.match(/[0-9.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055)
    ** 2.4).reduce((sum, c, k) => sum + c * [.2126, .7152, .0722][k], 0);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    const text = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data.trim()).join("");
    if (!text || !element.checkVisibility() || element.tagName === "SCRIPT") continue;
    const [a, b] = [parse(getComputedStyle(element).color), behind(element)].map(luminance);
    found.push([(Math.max(a, b) + .05) / (Math.min(a, b) + .05), text]);
  }
  return found.sort((a, b) => a[0] - b[0])[0].concat(found.length);
}"""


def tiles(number: int) -> np.ndarray:
    """Tiles of one colour each, which differ."""
    colours = np.array([[(37 * k) % 256, (91 * k) % 256, (160 + 53 * k) % 256] for k in range(number)], np.uint8)
    return np.broadcast_to(colours[:, None, None], (number, 32, 32, 3))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    Explorer(tiles(3 * 2 * 5), {"kind": "choices", "choices": [["hair", HAIR], ["eyes", EYES]], "faces": 3,
                                "between": 2}).write(make_run(folder / "hw4_acgan" / "a'b (1)"))
    Explorer(tiles(4 * 2 + 6), {"kind": "sets", "objects": OBJECTS, "scenes": [2, 1]}).write(
        make_run(folder / "lab5_cgan" / "cgan"))
    Explorer(tiles(2 * (2 + 1)), {"kind": "pairs", "ways": [["red", "blonde", 2], ["blonde", "red", 1]]}).write(
        make_run(folder / "cyclegan_style" / "red_to_blonde"))
    broken = make_run(folder / "hw4_acgan" / "a_variant_with_a_long_name_without_a_space_that_is_hard_to_break")
    (broken / "metrics.json").write_text("{")
    gallery.write(folder, pending=["lab5_cgan/train.py --model acgan"], minutes=7)
    return folder


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        refuse = pytest.fail if os.environ.get("GAN_REPORTS_BROWSER") == "required" else pytest.skip
        refuse("no chromium, chromium-browser or google-chrome here: the page is not looked at")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, runs):
    """Opens the page; whatever the console says or the page asks of the network fails the test."""
    said, asked = [], []

    def opened(width=1280, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme,
                                reduced_motion="reduce")
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((runs / "index.html").as_uri())
        return page

    yield opened
    for context in browser.contexts:
        context.close()
    assert said == [] and [url for url in asked if not url.startswith(runs.as_uri())] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_all_pictures_are_shown_and_every_text_can_be_read(visit, width, scheme):
    page = visit(width, scheme)
    page.eval_on_selector_all("details", "all => all.forEach(element => element.open = true)")
    page.eval_on_selector_all("img", "all => Promise.all(all.map(image => { image.loading = 'eager';"
                              " return image.decode(); }))")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.eval_on_selector_all("img", "all => all.filter(image => !image.naturalWidth || !image.alt)") == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall("[0-9]+", paper))) > 600) == (scheme == "light")
    contrast, text, texts = page.evaluate(CONTRAST)
    assert texts > 100 and contrast >= 4.5, text


def test_pictures_come_first_and_what_is_to_come_is_said(visit):
    page = visit(390)
    cards = page.locator(".card")
    assert cards.count() == 4 and cards.first.locator("img").bounding_box()["y"] < 900, "on the first screen"
    assert not page.locator("table").first.is_visible(), "settings are folded"
    assert page.get_by_role("status").inner_text().startswith(
        "Still to come: lab5_cgan/train.py --model acgan; about 7 more minutes.")


def shown(page, run: str, selector: str) -> list[int]:
    """The tiles that elements of a run's explorer say they show."""
    return explorer(page, run).locator(selector).evaluate_all("all => all.map(one => Number(one.dataset.tile))")


def explorer(page, run: str):
    return page.locator("h3", has_text=run).locator("xpath=following-sibling::*[contains(@class, 'explorer')]").first


def demand_colour(element, tile: int) -> None:
    """What the screen has in the middle of an element is the colour of this tile, up to WebP's errors."""
    element.scroll_into_view_if_needed()
    picture = Image.open(io.BytesIO(element.screenshot())).convert("RGB")
    seen = np.array(picture.getpixel((picture.width // 2, picture.height // 2)), int)
    assert abs(seen - tiles(tile + 1)[tile, 0, 0]).max() <= 6, (seen, tile)


def test_a_colour_chosen_with_the_mouse_shows_its_faces(visit):
    page = visit()
    of = functools.partial(shown, page, "a'b (1)")
    own = explorer(page, "a'b (1)")
    assert of(".faces .tile") == [0, 1, 2]
    own.get_by_role("radio", name="blonde").check()
    own.get_by_role("radio", name="green").check()
    assert of(".faces .tile") == [15, 16, 17], "(1 * 2 + 1) * 5 and the next"
    assert own.locator(".asked").inner_text() == "blonde hair, green eyes"
    demand_colour(own.locator(".faces .tile").nth(2), 17)
    assert own.locator(".map [aria-pressed=true]").get_attribute("aria-label") == "blonde hair, green eyes"
    own.get_by_role("button", name="black hair, blue eyes").click()
    assert of(".faces .tile") == [20, 21, 22] and own.get_by_role("radio", name="black").is_checked()
    demand_colour(own.get_by_role("button", name="red hair, green eyes"), 5)
    assert explorer(page, "lab5_cgan/cgan").locator(".asked").inner_text().startswith("red cube"), "others stay"


def test_the_slider_goes_from_the_first_face_to_the_second(visit):
    page = visit()
    slider = explorer(page, "a'b (1)").get_by_role("slider")
    slider.focus()
    seen = [shown(page, "a'b (1)", ".morph .tile")]
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        seen += [shown(page, "a'b (1)", ".morph .tile")]
    assert seen == [[0], [3], [4], [1]]


def test_the_keyboard_alone_is_enough(visit):
    page = visit()
    own = explorer(page, "a'b (1)")
    own.get_by_role("radio", name="red").focus()
    page.keyboard.press("ArrowDown")
    assert shown(page, "a'b (1)", ".faces .tile") == [10, 11, 12], "blonde"
    own.locator(".map [tabindex='0']").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp"):  # the second leads nowhere
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.ariaLabel") == "black hair, blue eyes"
    assert shown(page, "a'b (1)", ".faces .tile") == [20, 21, 22]
    own = explorer(page, "red_to_blonde")
    own.locator(".hold").nth(2).focus()
    page.keyboard.down("Space")
    assert shown(page, "red_to_blonde", ".hold") == [0, 2, 5]
    page.keyboard.up("Space")
    assert shown(page, "red_to_blonde", ".hold") == [0, 2, 4]


def test_ticked_objects_show_their_scenes(visit):
    page = visit()
    own = explorer(page, "lab5_cgan/cgan")
    of = functools.partial(shown, page, "lab5_cgan/cgan", ".faces .tile:not([hidden])")
    assert of() == [0, 1]
    own.get_by_role("checkbox", name="cyan cube").check()
    assert of() == [8 + 2], "the third of the pairs"
    assert own.get_by_role("checkbox", name="blue sphere").is_disabled(), "two is the most"
    demand_colour(own.locator(".faces .tile").first, 10)
    own.get_by_role("checkbox", name="red cube").uncheck()
    assert of() == [6, 7]
    own.get_by_role("checkbox", name="cyan cube").uncheck()
    assert of() == [] and own.locator(".asked").inner_text() == "Tick an object."


def test_where_one_object_is_the_most_another_takes_its_place(browser, tmp_path):
    about = {"kind": "sets", "objects": OBJECTS, "scenes": [1]}
    Explorer(tiles(4), about).write(make_run(tmp_path / "lab5_cgan" / "a"))
    page = browser.new_page()
    page.goto(gallery.write(tmp_path).as_uri())
    page.get_by_role("checkbox", name="cyan cube").check()
    assert shown(page, "lab5_cgan/a", ".faces .tile") == [3]
    assert not page.get_by_role("checkbox", name="red cube").is_checked()
    page.context.close()


def test_a_click_without_a_pointer_shows_the_translation_and_another_one_the_image(visit):
    button = explorer(visit(), "red_to_blonde").locator(".hold").first
    for tile in ("1", "0"):
        button.evaluate("one => one.click()")  # as a screen reader does
        assert button.get_attribute("data-tile") == tile


def test_a_card_leads_to_what_can_be_tried(visit):
    page = visit(390)
    page.get_by_role("link", name="Try lab5_cgan/cgan").click()
    assert -1 <= explorer(page, "lab5_cgan/cgan").bounding_box()["y"] < 100


def test_a_held_picture_shows_its_translation(visit):
    page = visit(390)
    button = explorer(page, "red_to_blonde").locator(".hold").nth(1)
    button.hover()
    page.mouse.down()
    assert shown(page, "red_to_blonde", ".hold") == [0, 3, 4]
    demand_colour(button, 3)
    page.mouse.up()
    assert shown(page, "red_to_blonde", ".hold") == [0, 2, 4]


def test_hostile_names_of_an_explorer_stay_text(tmp_path):
    evil = "'\"><img src=x onerror=alert(1)></script>{{ 7 * 7 }}"
    for name, count, about in (
            ("a", 2, {"kind": "choices", "choices": [[evil, [[evil, "#000000"]]]] * 2, "faces": 2, "between": 0}),
            ("b", 1, {"kind": "sets", "objects": [[evil, "#000000"]], "scenes": [1]}),
            ("c", 2, {"kind": "pairs", "ways": [[evil, evil, 1]]})):
        Explorer(tiles(count), about).write(make_run(tmp_path / "hw4_acgan" / name))
    built = Page(gallery.write(tmp_path))
    assert len(gallery.collect(tmp_path)) == 3 and all(run.explorer for run in gallery.collect(tmp_path))
    assert not built.every("onerror") and [tag for tag, _ in built.tags].count("script") == 1
    assert json.loads([*built.every("data-about")][2])["ways"] == [[evil, evil, 1]]


@pytest.mark.parametrize(("name", "content"), [
    ("explorer.webp", None), ("explorer.webp", b"RIFF"), ("explorer.json", None), ("explorer.json", b"[]"),
    ("explorer.json", b"{"), ("explorer.json", {"tiles": 7}), ("explorer.json", {"size": 16}),
    ("explorer.json", {"kind": "songs"}), ("explorer.json", {"choices": [["hair", [["red", "url(x)"]]]]}),
    ("explorer.json", {"columns": 0}), ("explorer.json", {"faces": 1.0}),
    ("explorer.json", {"faces": 2, "between": -1}), ("explorer.json", {"more": float("inf")}),
    ("explorer.json", {"choices": [[["hair"], HAIR], ["eyes", EYES]]})])
def test_a_damaged_explorer_is_a_message_and_the_rest_is_shown(tmp_path, name, content):
    run = make_run(tmp_path / "hw4_acgan" / "acgan")
    about = {"kind": "choices", "choices": [["hair", HAIR], ["eyes", EYES]], "faces": 1, "between": 0}
    Explorer(tiles(6), about).write(run)
    (summary,) = gallery.collect(tmp_path)
    assert summary.explorer["tiles"] == 6 and summary.problems == []
    if content is None:
        (run / name).unlink()
    else:
        told = json.loads((run / "explorer.json").read_text())
        (run / name).write_bytes(json.dumps({**told, **content}).encode() if isinstance(content, dict) else content)
    (summary,) = gallery.collect(tmp_path)
    assert summary.explorer == {} and len(summary.problems) == 1
    assert summary.problems[0].startswith(("explorer.webp is ", "explorer.json is "))
    assert "hair follows" in gallery.write(tmp_path).read_text()
