"""The report's page in a browser: what the filters show, against the same worked out here from the files alone."""

import json
import shutil

import h5py
import numpy as np
import pytest

from conftest import run_tool
from maskpose.data.database import Reader

selenium = pytest.importorskip("selenium")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium (Debian's chromium, chromium-driver) is not installed"
)
SWITCHES = (
    "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
    "disable-component-update", "disable-sync",
)  # fmt: skip
FINGERS = ("thumb", "index", "middle", "ring", "little")
JOINTS = {"mean": range(21), "index_4": [8], "wrist": [0], "ring": [13, 14, 15, 16], "fingertips": [4, 8, 12, 16, 20]}


@pytest.fixture(scope="module")
def report(report_runs, tmp_path_factory):
    """The page of two runs, two photographs of each kind less than there are."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    result = run_tool("tools/report.py", *report_runs.values(), "--photographs", 5, "--out", path)
    assert result.returncode == 0, result.stderr
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in (*SWITCHES, f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, report):
    """The page as it opens, on a wide screen in light colours; afterwards, nothing was logged or fetched."""
    emulate(browser, 1300, "light")
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(report.as_uri())
    yield browser
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}


def emulate(browser, width, scheme):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def choose(page, name, value):
    Select(page.find_element(By.NAME, name)).select_by_value(value)


def text(page, selector):
    return page.find_element(By.CSS_SELECTOR, selector).text


def shown(page, run):
    """{group: [(name, error)]} of the photographs that are visible."""
    found = page.execute_script(
        """return [...document.querySelectorAll(`.gallery[data-run="${arguments[0]}"] .group`)].map(group => [
        group.dataset.group, [...group.querySelectorAll("li")].filter(item => item.checkVisibility())
        .map(item => [item.dataset.name, item.querySelector(".error").innerText])])""",
        run,
    )
    return {group: [(name, float(error.split()[1])) for name, error in items] for group, items in found}


@pytest.fixture(scope="module")
def errors(report_runs, report_db):
    """{run: {name: (source, [21 errors, None where not visible])}}, from the database and the keypoints found."""
    reader, found = Reader(report_db), {}
    samples = list(reader)
    reader.close()
    for run, folder in enumerate(report_runs.values()):
        with h5py.File(folder / "predictions_single.h5") as file:
            predicted = dict(zip(file["names"].asstr()[:], file["keypoints"][:].astype(float)))
        found[run] = {}
        for sample in samples:
            seen = sample.keypoints[sample.visible].astype(float)
            side = max(seen[:, 0].max() - seen[:, 0].min(), seen[:, 1].max() - seen[:, 1].min())
            distances = np.hypot(*(predicted[sample.name] - sample.keypoints).T) / side
            rows = [min(float(d), 1.0) if v else None for d, v in zip(distances, sample.visible)]
            found[run][sample.name] = sample.origin, rows
    return found


def mean_error(row, joints):
    known = [row[joint] for joint in joints if row[joint] is not None]
    return sum(known) / len(known) if known else None


def expected(errors, source, joints):
    """{group: {name: error}} that should be visible: 5 best, median and worst by the mean of all joints."""
    ranked = sorted(errors, key=lambda name: mean_error(errors[name][1], range(21)))
    groups = {"best": ranked[:5], "worst": ranked[-5:], "median": ranked[6:11]}
    found = {}
    for group, names in groups.items():
        means = {name: mean_error(errors[name][1], joints) for name in names if source in ("all", errors[name][0])}
        found[group] = {name: mean for name, mean in means.items() if mean is not None}
    return found


@pytest.mark.parametrize("selection", JOINTS)
@pytest.mark.parametrize("source", ["all", "a", "b"])
def test_photographs_are_those_of_the_source_in_the_order_of_the_joints_error(page, errors, source, selection):
    choose(page, "part", source)
    choose(page, "joint", selection)
    for run in (0, 1):
        choose(page, "run", str(run))
        visible, right = shown(page, run), expected(errors[run], source, JOINTS[selection])
        assert {group: len(items) for group, items in visible.items()} == {g: len(right[g]) for g in right}
        for group, items in visible.items():
            assert dict(items) == {name: pytest.approx(mean, abs=1e-3) for name, mean in right[group].items()}
            figures = [error for _, error in items]
            assert figures == sorted(figures, reverse=group == "worst")
            count = text(page, f'.gallery[data-run="{run}"] [data-group={group}] h3 small')
            assert count == f"{len(right[group])} of 5"
        total = sum(map(len, right.values()))
        assert text(page, f'.gallery[data-run="{run}"] .count') == f"{total} of 15 images shown."


def test_a_joint_that_is_not_seen_hides_its_photographs(page, errors):
    hidden = [name for name, (_, row) in errors[0].items() if row[8] is None]
    assert len(hidden) >= 6
    before = {name for items in shown(page, 0).values() for name, _ in items}
    choose(page, "joint", "index_4")
    after = {name for items in shown(page, 0).values() for name, _ in items}
    assert before - after == before & set(hidden) and after < before


def test_the_tables_show_the_source(page):
    def rows(selector):
        return [row for row in page.find_elements(By.CSS_SELECTOR, selector) if row.is_displayed()]

    assert len(rows("#scores tbody tr")) == 6 and text(page, "#rows-count") == "6 of 6 rows."
    choose(page, "part", "b")
    assert [row.get_attribute("data-series") for row in rows('#scores tbody[data-part="b"] tr')] == ["0", "1"]
    assert len(rows("#scores tbody tr")) == 2 and text(page, "#rows-count") == "2 of 6 rows."
    assert [table.get_attribute("data-part") for table in rows(".joints")] == ["b"]
    choose(page, "joint", "ring")
    chosen = [row.get_attribute("data-selection") for row in rows(".joints tr.chosen")]
    assert chosen == ["ring", "ring_1", "ring_2", "ring_3", "ring_4"]


def test_curves_are_those_of_scores_json(page, report_runs):
    rows = [json.loads((folder / "scores.json").read_text())["scores"]["single"] for folder in report_runs.values()]
    slider = page.find_element(By.ID, "threshold")
    for part, selection in (("all", "mean"), ("a", "index_4"), ("b", "wrist")):
        choose(page, "part", part)
        choose(page, "joint", selection)
        curves = [row[part]["curve"] for row in rows]
        values = [curve["value"] if selection == "mean" else curve["per_joint"][selection] for curve in curves]
        lines = page.find_elements(By.CSS_SELECTOR, "#plot polyline.curve")
        assert len(page.find_elements(By.CSS_SELECTOR, "#plot polygon.band")) == (2 if selection == "mean" else 0)
        axes = page.execute_script(
            "return [...document.querySelectorAll('#plot .axis')]"
            ".map(line => ['x1', 'x2', 'y1', 'y2'].map(name => +line.getAttribute(name)))"
        )
        (left, right, bottom, _), (_, _, _, top) = axes
        for line, of_run in zip(lines, values, strict=True):
            points = np.array([pair.split(",") for pair in line.get_attribute("points").split()], float)
            assert points[:, 0] == pytest.approx(left + np.arange(51) / 50 * (right - left), abs=0.06)
            assert (bottom - points[:, 1]) / (bottom - top) == pytest.approx(of_run, abs=1e-3)
        readings = page.find_elements(By.CSS_SELECTOR, "#readings tbody td")
        assert [cell.text for cell in readings] == [f"{of_run[20]:.3f}" for of_run in values]
    slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert text(page, "#threshold-value") == "0.22"
    readings = page.find_elements(By.CSS_SELECTOR, "#readings tbody td")
    assert [cell.text for cell in readings] == [f"{of_run[22]:.3f}" for of_run in values]


def test_layers_and_heatmaps(page):
    first = "document.querySelector('.gallery li')"
    layers = {"mask": True, "pose": True, "heat": False, "truth": False}
    for name, checked in layers.items():
        box = page.find_element(By.NAME, name)
        for state in (checked, not checked):
            assert box.is_selected() == state
            display = page.execute_script(f"return getComputedStyle({first}.querySelector('.{name}')).display")
            assert (display != "none") == state
            box.click()
    before = page.execute_script(f"return {first}.querySelector('.heat image').getAttribute('href')")
    choose(page, "joint", "middle_2")
    after = page.execute_script(f"return {first}.querySelector('.heat image').getAttribute('href')")
    assert before.startswith("data:image/png") and after.startswith("data:image/png") and before != after
    assert page.execute_script(f"return {first}.querySelectorAll('.pose path.chosen').length") == 1


def test_the_skeletons_colours_can_be_changed(page):
    stroke = "return getComputedStyle(document.querySelector('.pose line.{}')).stroke"
    for scheme, colours in {
        "safe": ["rgb(0, 114, 178)", "rgb(86, 180, 233)", "rgb(0, 158, 115)", "rgb(213, 94, 0)", "rgb(204, 121, 167)"],
        "paper": ["rgb(0, 60, 255)", "rgb(0, 255, 255)", "rgb(0, 200, 0)", "rgb(150, 80, 30)", "rgb(160, 0, 200)"],
    }.items():
        choose(page, "colours", scheme)
        assert [page.execute_script(stroke.format(finger)) for finger in FINGERS] == colours


def luminance(colour):
    channels = np.array([float(part) for part in colour.strip("rgba()").split(",")[:3]]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_can_be_read(page, scheme):
    """WCAG's contrast: 4.5 for text, 3 for the curves."""
    emulate(page, 1300, scheme)
    style = "const s = getComputedStyle(document.querySelector(arguments[0])); return s[arguments[1]]"
    ground = luminance(page.execute_script(style, "body", "backgroundColor"))
    assert (ground < 0.05) == (scheme == "dark")
    raised = luminance(page.execute_script(style, ".run", "backgroundColor"))
    for selector, kind, behind, least in (
        ("body", "color", ground, 4.5), (".lead", "color", ground, 4.5), ("#scores small", "color", raised, 4.5),
        ("thead th", "color", raised, 4.5), (".curve.series-0", "stroke", ground, 3),
        (".curve.series-1", "stroke", ground, 3),
    ):  # fmt: skip
        front = luminance(page.execute_script(style, selector, kind))
        assert (max(front, behind) + 0.05) / (min(front, behind) + 0.05) >= least, selector


@pytest.mark.parametrize("width", [390, 768])
def test_nothing_is_wider_than_a_small_screen(page, width):
    emulate(page, width, "light")
    choose(page, "joint", "index_4")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    page.find_element(By.CSS_SELECTOR, ".gallery li:not([hidden]) button").click()
    assert page.execute_script("return document.querySelector('dialog').scrollWidth") <= width
    assert page.execute_script("return document.querySelector('#plot svg').getBoundingClientRect().right") <= width


def focused(page):
    return page.switch_to.active_element


def test_everything_can_be_done_by_keyboard(page):
    page.execute_script("document.body.focus()")
    reached, element = [], None
    for _ in range(14):
        page.switch_to.active_element.send_keys(Keys.TAB)
        element = focused(page)
        reached.append(element.get_attribute("name") or element.get_attribute("id") or element.get_attribute("class"))
        outline = page.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline not in ("none", ""), reached
    assert reached[:12] == [
        "part", "joint", "run", "colours", "scroll", "threshold", "scroll joints", "mask", "pose", "heat", "truth", "",
    ]  # fmt: skip
    page.find_element(By.NAME, "part").send_keys("b")
    assert text(page, "#rows-count") == "2 of 6 rows."
    page.find_element(By.NAME, "part").send_keys(Keys.HOME)
    page.find_element(By.NAME, "truth").send_keys(Keys.SPACE)
    assert page.find_element(By.NAME, "truth").is_selected()
    names = [name for items in shown(page, 0).values() for name, _ in items]
    button = page.find_element(By.CSS_SELECTOR, ".gallery li button")
    button.send_keys(Keys.ENTER)
    assert page.find_element(By.ID, "large").is_displayed() and text(page, "#large-name") == names[0]
    assert [one.text for one in page.find_elements(By.TAG_NAME, "figcaption")] == [
        "Mask", "Pose", "Heatmaps", "Ground truth",
    ]  # fmt: skip
    focused(page).send_keys(Keys.ARROW_RIGHT)
    assert text(page, "#large-name") == names[1]
    focused(page).send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert text(page, "#large-name") == names[-1]
    focused(page).send_keys(Keys.ESCAPE)
    assert not page.find_element(By.ID, "large").is_displayed()
    assert focused(page).get_attribute("title").startswith(f"Enlarge {names[-1]}")


def test_controls_and_pictures_have_names(page):
    assert page.execute_script("return document.documentElement.lang") == "en"
    assert page.title == "Hand pose scores: plain, mirrored"
    for picture in page.find_elements(By.TAG_NAME, "img"):
        assert picture.get_attribute("alt").startswith("Image ")
    assert text(page, "h1") and page.find_element(By.CSS_SELECTOR, "#plot svg").accessible_name.startswith("PCK curves")
    assert_named(page, "form select, input, .gallery:not([hidden]) button, .scroll:not([hidden])", 4 + 5 + 15 + 2)
    page.find_element(By.CSS_SELECTOR, ".gallery li button").click()
    assert_named(page, "dialog, dialog button", 4)


def assert_named(page, selector, count):
    controls = page.find_elements(By.CSS_SELECTOR, selector)
    assert len(controls) == count
    for control in controls:
        assert control.accessible_name, control.get_attribute("outerHTML")[:200]
