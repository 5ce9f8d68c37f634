"""The page in Chromium, as a person uses it, and what it finds beside what ``maskpose predict`` finds.

Most tests share a browser and the page that is open in it. ``found`` and ``predicted`` take more than 5 seconds, since
20 images go through each: hands, scenes and images without a hand, of many sizes.
"""

import base64
import functools
import itertools
import json
import os
import re
import shutil
import threading

import cv2
import driving
import film
import numpy as np
import pytest

import maskpose
from conftest import ROOT, exif_rotated
from maskpose import geometry
from maskpose.cli import predict
from maskpose.errors import InputError
from maskpose.page import build, server
from maskpose.page.webgpu import fit_to_webgpu

onnx = pytest.importorskip("onnx")
helper = onnx.helper
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
EXAMPLES = ROOT / "examples"
OVERLAID = 4  # every so-manieth image's overlay is looked at
FILM_FRAMES, FOLLOWED = 60, 12
DROPPED = 3  # frames, for each that is shown, in the test of following
CAMERA_FRAMES = int(os.environ.get("MASKPOSE_CAMERA_FRAMES", 25))
NUMBER = re.compile(r"-?\d+\.\d+")
DOWNLOADS = {"json": ("#save-json", "{}.json"), "mask": ("#save-mask", "{}_mask.png"),
             "overlay": ("#save-overlay", "{}_overlay.png")}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The page's folder."""
    folder = tmp_path_factory.mktemp("page") / "site"
    try:
        build.write(folder)
    except InputError as error:
        if "npm" in str(error):
            pytest.skip(f"no onnxruntime-web: {error}")
        raise
    return folder


def network(site):
    """What settings.json says of the network that WebAssembly runs."""
    return json.loads((site / build.SETTINGS).read_text())["networks"]["wasm"]


@pytest.fixture(scope="module")
def address(site):
    """Of the page, served."""
    with server.open_server(site, 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://{server.HOST}:{serving.server_port}/"
        serving.shutdown()


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    """The folder that the browsers download to."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def open_browser(tmp_path_factory, downloads):
    """A function that starts Chromium with more switches."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("Chromium (Debian's chromium, chromium-driver) is not installed")
    pytest.importorskip("selenium")
    started = []

    def start(*switches, gpu=False):
        switches = (*switches, *(() if gpu else ("disable-gpu",)))
        started.append(driving.start(CHROMIUM, DRIVER, tmp_path_factory.mktemp("chromium"), downloads, switches))
        return started[-1]

    yield start
    for browser in started:
        browser.quit()


@pytest.fixture(scope="module")
def browser(open_browser):
    """Chromium without a camera."""
    return open_browser()


@pytest.fixture(scope="module")
def gpu_browser(open_browser, address):
    """Chromium with a GPU in software, and the page's start in it."""
    switches = "enable-unsafe-webgpu", "use-webgpu-adapter=swiftshader", "enable-features=Vulkan"
    browser = open_browser(*switches, gpu=True)
    browser.get(f"{address}?backend=wasm")
    return browser


@pytest.fixture
def page(browser, address):
    """The page as at the beginning."""
    with driving.opened(browser, address) as page:
        yield page


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """20 images as PNG, which is decoded to the same pixels everywhere: 14 rendered hands, 4 scenes, 2 without any."""
    folder = tmp_path_factory.mktemp("images")
    sources = sorted((EXAMPLES / "rendered_hands/Test/source").iterdir())[::4][:14]
    sources += sorted(EXAMPLES.glob("rendered_scenes/*/source/*.jpg"))[1:5]
    for number, source in enumerate(sources):
        pixels = cv2.imread(str(source))
        if number % 4 == 3:  # larger than the network's input by different factors, and of odd sizes
            width, height = (round(side * (1 + number / 9)) for side in pixels.shape[1::-1])
            pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number:02}.png"), pixels)
    cv2.imwrite(str(folder / "black.png"), np.zeros((333, 501, 3), np.uint8))
    cv2.imwrite(str(folder / "small.png"), np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8))
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def predicted(images, site, tmp_path_factory):
    """The folder of what ``maskpose predict`` writes of the images, by the page's network and onnxruntime."""
    out = tmp_path_factory.mktemp("predicted")
    given = [
        "--weights",
        site / network(site)["file"],
        "--engine",
        "onnxruntime",
        "--formats",
        "json",
        "mask",
        "overlay",
    ]
    predict.main([*map(str, [*images, "--out", out, *given])])
    return out


@pytest.fixture(scope="module")
def found(browser, address, images, downloads):
    """{name: {kind of DOWNLOADS: bytes}} of what the page finds in the images; overlays of some."""
    with driving.opened(browser, address) as page:
        page.choose(*images)
        results = {}
        for path in images:
            page.show(path.name)
            results[path.stem] = {
                kind: page.download(button, downloads / name.format(path.stem))
                for kind, (button, name) in DOWNLOADS.items()
                if kind != "overlay" or path in images[::OVERLAID]
            }
    return results


def decoded(data, flags=cv2.IMREAD_UNCHANGED):
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)


def test_the_page_finds_what_predict_finds(images, predicted, found):
    assert len(images) == 20
    hands = 0
    for path in images:
        right, ours = json.loads((predicted / f"{path.stem}.json").read_text()), json.loads(found[path.stem]["json"])
        offsets = np.array(ours["keypoints"]) - right["keypoints"]
        assert np.hypot(*offsets.T[:2]).max() <= 0.5, path.stem
        assert np.abs(offsets[:, 2]).max() <= 0.01 and abs(ours["score"] - right["score"]) <= 0.005
        mask = decoded((predicted / f"{path.stem}_mask.png").read_bytes()) > 127
        shown = decoded(found[path.stem]["mask"])
        assert (
            shown.shape[:2] == mask.shape and (shown[..., :3] == shown[..., :1]).all() and (shown[..., 3:] == 255).all()
        )
        union = np.count_nonzero((shown[..., 0] > 127) | mask)
        assert np.count_nonzero((shown[..., 0] > 127) & mask) >= 0.99 * union
        hands += right["hand"]
    assert 12 <= hands < 20


def test_the_json_is_to_the_letter_that_of_predict_but_for_decimals(images, predicted, found):
    for path in images:
        right, ours = (predicted / f"{path.stem}.json").read_text(), found[path.stem]["json"].decode()
        assert NUMBER.sub("#", ours) == NUMBER.sub("#", right)
        assert json.loads(ours)["fingerprint"] == json.loads(right)["fingerprint"]


def test_the_overlay_shows_what_predicts_overlay_shows(images, predicted, found):
    for path in images[::OVERLAID]:  # none is as small as its lines, whose edges are softer
        right = decoded((predicted / f"{path.stem}_overlay.png").read_bytes(), cv2.IMREAD_COLOR)
        ours = decoded(found[path.stem]["overlay"], cv2.IMREAD_COLOR)
        assert ours.shape == right.shape
        assert np.abs(ours.astype(int) - right).mean() < 6, path.stem


def test_one_image_after_the_other(page, images):
    page.choose(images[3], images[5])
    assert page.text("#subject") == images[3].name
    page.show(images[5].name)
    facts = page.facts()
    height, width = cv2.imread(str(images[5])).shape[:2]
    assert facts["Image"].startswith(f"{width} × {height} pixels")
    assert facts["Time"].endswith("3 runs of the network") and re.fullmatch(
        r"WebAssembly, \d threads?, int8", facts["Computed by"]
    )
    page.choose(images[7])
    assert page.text("#subject") == images[7].name
    page.click("#clear")
    assert page.element("#start").is_displayed() and not page.element("#panel").is_displayed()


def test_an_image_without_a_hand_shows_none(page, images, tmp_path):
    page.choose(next(path for path in images if path.stem == "black"))
    assert page.text("#headline") == "No hand found" and "no hand found" in page.text("#status")
    assert np.count_nonzero(stage(page) > 2) == 0


def test_a_photograph_is_turned_upright(page, downloads, tmp_path):
    hand = cv2.imread(str(build.SITE / build.EXAMPLES / "hand_1.jpg"))
    lying = cv2.imencode(".jpg", cv2.rotate(hand, cv2.ROTATE_90_COUNTERCLOCKWISE))[1].tobytes()
    (tmp_path / "lying.jpg").write_bytes(exif_rotated(lying))
    page.choose(tmp_path / "lying.jpg")
    document = json.loads(page.download("#save-json", downloads / "lying.json"))
    assert (document["width"], document["height"]) == (640, 800) and document["hand"]
    assert document["keypoints"][0][1] > document["keypoints"][12][1] + 100  # the wrist below the middle finger's tip


def stage(page):
    """(h, w, 3) uint8 RGB of what the stage shows."""
    script = """const canvas = document.querySelector("#picture");
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let text = ""; for (const byte of data) text += String.fromCharCode(byte);
    return [canvas.width, canvas.height, btoa(text)];"""
    width, height, text = page.run(script)
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[..., :3].astype(int)


def colour(text):
    """RGB of a colour as settings.json has it."""
    return np.array([int(text[start : start + 2], 16) for start in (1, 3, 5)])


def has(image, text):
    """Whether an image has pixels of just that colour."""
    return bool((image == colour(text)).all(axis=2).any())


def test_switches_change_what_is_drawn(page, site):
    settings = json.loads((site / build.SETTINGS).read_text())
    page.choose(build.SITE / build.EXAMPLES / "hand_1.jpg")
    paper, safe = (settings["palettes"][name]["middle"] for name in ("paper", "safe"))
    both = stage(page)
    assert has(both, paper) and has(both, settings["maskColour"]) and not has(both, safe)
    page.click("input[value=safe]")
    assert has(stage(page), safe) and not has(stage(page), paper)
    page.click("#show-skeleton")
    assert not has(stage(page), safe) and has(stage(page), settings["maskColour"])
    page.run("opacity.value = 100; opacity.dispatchEvent(new Event('input', {bubbles: true}))")
    full = (stage(page) == colour(settings["maskColour"])).all(axis=2).mean()
    assert abs(full - float(page.facts()["Hand mask"].split()[0]) / 100) < 0.02  # and its outline
    page.click("#show-mask")
    plain = stage(page)
    assert not has(plain, settings["maskColour"])
    page.click("#tiles li:nth-child(13) button")
    assert page.element("#tiles li:nth-child(13) button").get_attribute("aria-pressed") == "true"
    assert stage(page).mean() < 0.8 * plain.mean()  # dark where there is no keypoint
    page.click("#tiles li:nth-child(13) button")
    assert (stage(page) == plain).all()


def test_heatmaps_are_named_and_have_confidences(page, downloads, site):
    page.choose(build.SITE / build.EXAMPLES / "hand_2.jpg")
    document = json.loads(page.download("#save-json", downloads / "hand_2.json"))
    tiles = page.run("return [...document.querySelectorAll('#tiles button')].map(one => one.textContent)")
    assert len(tiles) == 22 and tiles[21] == "background"
    names = json.loads((site / build.SETTINGS).read_text())["names"]
    right = [f"{name.replace('_', ' ')}{point[2]:.2f}" for name, point in zip(names, document["keypoints"])]
    assert sum(shown == one for shown, one in zip(tiles, right)) >= 20  # roundings of roundings


def test_what_is_no_image_is_said(page, images, tmp_path):
    (tmp_path / "letter.png").write_text("no image")
    page.choose(tmp_path / "letter.png", images[2])
    assert page.notices() == ["letter.png is not an image that this browser can read."]
    assert not page.element("#downloads").is_displayed()
    page.show(images[2].name)
    assert page.element("#downloads").is_displayed()
    page.click("#notices button")
    assert page.notices() == []


def test_what_is_no_image_shows_nothing_of_the_image_before(page, images, tmp_path):
    (tmp_path / "letter.png").write_text("no image")
    page.choose(images[2], tmp_path / "letter.png")
    assert np.ptp(stage(page)) > 0
    page.show("letter.png")
    page.wait_for("document.querySelector('#waiting').textContent.includes('not an image')")
    assert np.ptp(stage(page)) == 0


def test_the_focus_is_not_lost_with_the_example_that_was_pressed(page):
    page.run("document.querySelector('#examples button').focus()")
    page.browser.switch_to.active_element.send_keys("\ue007")  # Enter
    page.wait_for("document.querySelector('#film .done')")
    assert page.run("return document.activeElement === document.querySelector('#film button')")


def test_a_camera_that_is_not_there_is_said(page):
    page.click("#use-camera")
    page.wait_for("document.querySelector('#notices span')")
    assert page.notices() == ["This device has no camera."]
    assert page.element("#start").is_displayed()


def test_images_are_dropped_and_pasted(page):
    script = """const data = new DataTransfer();
    data.items.add(new File([await (await fetch("examples/hand_4.jpg")).blob()], "dropped.jpg", {type: "image/jpeg"}));
    window.dispatchEvent(new DragEvent("dragenter", {dataTransfer: data, bubbles: true}));
    const over = !document.querySelector("#dropping").hidden;
    window.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
    return over && document.querySelector("#dropping").hidden;"""
    assert page.run(f"return (async () => {{ {script} }})()")
    page.wait_for("document.querySelector('#film .done')")
    assert page.text("#subject") == "dropped.jpg"
    script = """const data = new DataTransfer();
    data.items.add(new File([await (await fetch("examples/hand_1.jpg")).blob()], "image.png", {type: "image/jpeg"}));
    window.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data}));"""
    page.run(f"return (async () => {{ {script} }})()")
    page.wait_for("document.querySelectorAll('#film .done').length === 2")
    assert page.text("#subject") == "image.png"


def test_the_keyboard_reaches_everything(page, images):
    page.choose(images[2], images[4])
    reached = page.run("""const all = [...document.querySelectorAll("button, input, select")];
    return all.filter(one => one.checkVisibility() && one.type !== "file" && (one.tabIndex < 0 || one.disabled))
    .map(one => one.id)""")
    assert reached == []
    unnamed = page.run("""return [...document.querySelectorAll("button, input, select, canvas[role]")]
    .filter(one => one.checkVisibility() && !(one.ariaLabel || one.innerText || one.labels?.length))
    .map(one => one.outerHTML)""")
    assert unnamed == []
    page.run("document.querySelector('#film button').focus()")
    page.browser.switch_to.active_element.send_keys("\ue014")  # the arrow to the right
    page.wait_for(f"document.querySelector('#subject').textContent === {json.dumps(images[4].name)}")
    assert images[4].name in page.element("#picture").get_attribute("aria-label")


def test_nothing_is_wider_than_the_screen(page, images, tmp_path):
    (tmp_path / "a_letter_with_a_long_name.png").write_text("no image")
    page.choose(images[2], tmp_path / "a_letter_with_a_long_name.png")
    try:
        for width, scheme in itertools.product((360, 1300), ("light", "dark")):
            size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
            page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            assert page.run("return document.documentElement.scrollWidth") <= width
            lines = "one.getClientRects().length === 1 && one.clientHeight < 60"
            assert page.run(f"return [...document.querySelectorAll('#notices button')].every((one) => {lines})")
            ground = page.run("return getComputedStyle(document.body).backgroundColor")
            assert (int(re.findall(r"\d+", ground)[0]) < 128) == (scheme == "dark")
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_page_without_its_network_says_so(browser, site, tmp_path):
    shutil.copytree(site, tmp_path / "site")
    (tmp_path / "site" / network(site)["file"]).write_bytes(b"half")
    with server.open_server(tmp_path / "site", 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        page = driving.Page(browser)
        browser.get(f"http://{server.HOST}:{serving.server_port}/?backend=wasm")
        page.wait_for("document.documentElement.dataset.state === 'failed'")
        assert page.notices() == ["The file network_int8.onnx did not arrive whole. Load the page again."]
        serving.shutdown()


BY_GPU = """const [model, values, shape, done] = arguments;
(async () => {
  if (!(await navigator.gpu?.requestAdapter())) return done("no GPU");
  const ort = await import("./ort/ort.webgpu.min.mjs");
  const file = (kind) => new URL(`ort/ort-wasm-simd-threaded.asyncify.${kind}`, location.href).href;
  ort.env.wasm.wasmPaths = { mjs: file("mjs"), wasm: file("wasm") };
  const bytes = Uint8Array.from(atob(model), (sign) => sign.charCodeAt(0));
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["webgpu"] });
  const { y } = await session.run({ x: new ort.Tensor("float32", Float32Array.from(values), shape) });
  done([...y.data]);
})().catch((error) => done(String(error.stack)));"""


@pytest.mark.parametrize("channels", [3, 66, 88])
def test_a_gpu_computes_convolutions_of_any_number_of_channels(gpu_browser, tmp_path, channels):
    """By SwiftShader, a GPU in software, as the page's network is written for WebGPU."""
    rng = np.random.default_rng(channels)
    x = rng.normal(size=(1, channels, 8, 8)).astype(np.float32)
    weight = rng.normal(size=(4, channels, 7, 7)).astype(np.float32)
    value = functools.partial(helper.make_tensor_value_info, elem_type=onnx.TensorProto.FLOAT)
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="conv", kernel_shape=[7, 7], pads=[3] * 4)
    shapes = [value("x", shape=x.shape)], [value("y", shape=[1, 4, 8, 8])]
    graph = helper.make_graph([node], "one", *shapes, [onnx.numpy_helper.from_array(weight, "w")])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "one.onnx"
    )
    fit_to_webgpu(tmp_path / "one.onnx")
    model = base64.b64encode((tmp_path / "one.onnx").read_bytes()).decode()
    found = gpu_browser.execute_async_script(BY_GPU, model, x.ravel().tolist(), list(x.shape))
    if found == "no GPU":
        pytest.skip("Chromium has no SwiftShader here")
    padded = np.pad(x[0], ((0, 0), (3, 3), (3, 3)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7), axis=(1, 2))
    assert isinstance(found, list), found
    assert np.allclose(np.reshape(found, (4, 8, 8)), np.einsum("cyxij,ocij->oyx", windows, weight), atol=1e-3)


@pytest.mark.skipif("MASKPOSE_PAGE_BY_GPU" not in os.environ, reason="a minute in software: set MASKPOSE_PAGE_BY_GPU=1")
def test_a_gpu_finds_what_predict_finds(gpu_browser, address, site, downloads, tmp_path):
    gpu_browser.get(f"{address}?backend=webgpu")
    page = driving.Page(gpu_browser)
    page.wait_for("document.documentElement.dataset.state === 'ready'")
    image = cv2.imread(str(build.SITE / build.EXAMPLES / "hand_4.jpg"))
    cv2.imwrite(str(tmp_path / "by_gpu.png"), image)
    page.choose(tmp_path / "by_gpu.png")
    assert page.facts()["Computed by"] == "WebGPU, fp32"
    found = json.loads(page.download("#save-json", downloads / "by_gpu.json"))["keypoints"]
    right = maskpose.Predictor(weights_path=site / build.NETWORK, engine="onnxruntime").predict(image)
    apart = np.linalg.norm(np.array(found)[:, :2] - right.keypoints, axis=1).max()
    print(f"keypoints up to {apart:.4f} pixels apart; {page.facts()['Time']}")
    assert apart <= 0.5


def test_the_page_states_the_policy_that_the_server_sends(site):
    assert f'content="{server.POLICY}"' in " ".join((site / "index.html").read_text().split())


@pytest.fixture(scope="module")
def film_file(tmp_path_factory):
    """A film of FILM_FRAMES frames of a hand that moves."""
    path = tmp_path_factory.mktemp("film") / "hand.y4m"
    film.write(path, FILM_FRAMES)
    return path


@pytest.fixture(scope="module")
def filming_browser(open_browser, film_file):
    """Chromium with a camera that plays the film."""
    fake = "use-fake-device-for-media-stream", "use-fake-ui-for-media-stream"
    return open_browser(*fake, f"use-file-for-fake-video-capture={film_file}")


@pytest.fixture
def filming_page(filming_browser, address):
    """The page in a browser with a camera."""
    with driving.opened(filming_browser, address) as page:
        yield page


SHOWN = "Number(facts.children[2]?.children[1].textContent.split(' ')[0])"  # frames, as the page states them


def frames_shown(page):
    return int(page.facts().get("Frames", "0").split()[0])


def test_the_camera_is_shown_and_a_frame_kept(filming_page):
    page = filming_page
    page.click("#use-camera")
    page.wait_for(f"{SHOWN} >= 3")
    assert page.text("#headline").endswith("of 21 keypoints") and "frames per second" in page.facts()["Rate"]
    before = stage(page)
    number = frames_shown(page)
    page.wait_for(f"{SHOWN} > {number + 2}")
    assert (stage(page) != before).mean() > 0.02
    page.click("#keep")
    page.wait_for("document.querySelector('#film .done')")
    assert page.text("#subject") == "frame_1.png" and page.element("#downloads").is_displayed()
    assert not page.element("#camera-bar").is_displayed()
    assert page.run("return document.querySelector('#video').srcObject === null")


FOLLOW = """const [count, dropped, done] = arguments;
(async () => {
  const [{ Camera }, { NetworkWorker }] = await Promise.all([import("./camera.js"), import("./client.js")]);
  const worker = new NetworkWorker(() => {});
  await worker.start("wasm");
  const canvas = new OffscreenCanvas(640, 480), context = canvas.getContext("2d", { willReadFrequently: true });
  const frames = [];
  let [busy, most] = [0, 0];
  const find = async (bitmap, seconds, first) => {
    most = Math.max(most, ++busy);
    const enough = camera.dropped + dropped;  // the network is as slow as this many frames, on any machine
    while (camera.dropped < enough) await new Promise((resolve) => setTimeout(resolve, 5));
    const found = await worker.frame(bitmap, { seconds, first, follow: true, smooth: false });
    busy--;
    return found;
  };
  const numberOf = (bitmap) => {
    context.drawImage(bitmap, 0, 0);
    return [0, 1, 2, 3, 4, 5, 6, 7].reduce((sum, bit) =>
      sum + (context.getImageData(16 * bit + 8, 8, 1, 1).data[0] > 127 ? 1 << bit : 0), 0);
  };
  const onFrame = (found) => {
    const { hand, runs, bitmap } = found;
    frames.push({ number: numberOf(bitmap), points: [...hand.keypoints], present: hand.present, runs });
    bitmap.close();
    if (frames.length === count) finish();
  };
  const camera = new Camera(document.querySelector("#video"), { find, onFrame, onEnd: done });
  const finish = () => {
    camera.stop();
    worker.worker.terminate();
    done({ frames, most, shown: camera.shown, dropped: camera.dropped });
  };
  await camera.start();
})().catch((error) => done(String(error.stack)));"""


def test_the_hand_is_followed_and_frames_are_dropped_not_queued(filming_page, site):
    result = filming_page.browser.execute_async_script(FOLLOW, FOLLOWED, DROPPED)
    assert isinstance(result, dict), result
    assert result["most"] == 1 and result["shown"] == FOLLOWED and result["dropped"] >= FOLLOWED * DROPPED
    predictor = maskpose.Predictor(weights_path=site / network(site)["file"], engine="onnxruntime")
    hand = predictor.predict(film.picture())
    size = film.affine(0, FILM_FRAMES)[0, 0] * np.ptp(hand.keypoints, axis=0).max()
    frames = result["frames"]
    for frame in frames:
        right = geometry.apply(film.affine(frame["number"], FILM_FRAMES), hand.keypoints)
        errors = np.linalg.norm(np.reshape(frame["points"], (21, 2)) - right, axis=1)
        assert frame["present"] and np.median(errors) < 0.1 * size
    assert all(frame["runs"] == 1 for frame in frames[1:])  # only where the hand was
    assert len({frame["number"] for frame in frames}) > 2  # the film went on


def test_memory_does_not_grow_with_the_frames(filming_page):
    """MASKPOSE_CAMERA_FRAMES=2000 makes it long."""
    page = filming_page
    page.run("""window.closes = 0;
    const close = ImageBitmap.prototype.close;
    ImageBitmap.prototype.close = function () { window.closes++; close.call(this); };""")
    page.click("#use-camera")

    def memory_at(count):
        page.wait_for(f"{SHOWN} >= {count}", patience=60 + 5 * count)
        page.browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        return driving.memory(page.browser)

    first = memory_at(CAMERA_FRAMES // 5)
    last = memory_at(CAMERA_FRAMES)
    closed, shown = page.run("return window.closes"), frames_shown(page)
    page.click("#stop")
    print(f"{first / 2**20:.0f} MiB at frame {CAMERA_FRAMES // 5}, {last / 2**20:.0f} MiB at frame {CAMERA_FRAMES}")
    assert closed >= shown - 3
    assert last - first < 64 * 2**20  # a frame's pixels are 1.2 MiB
    assert page.element("#start").is_displayed()
