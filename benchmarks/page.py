"""Frames per second of the page in Chromium, by WebAssembly, beside MediaPipe in the same tab, and onnxruntime.

MediaPipe is npm's @mediapipe/hands, whose package holds its models: @mediapipe/tasks-vision's holds none. Both follow
one hand, which is in every frame, so that each runs one network a frame. There is no GPU: MediaPipe's network is
computed by WebAssembly (XNNPACK), its reading of the frame by WebGL, for which Chromium has SwiftShader.
"""

import contextlib
import shutil
import tarfile
import tempfile
import threading
from pathlib import Path

import cv2

from benchmarks import Row, median_rates
from maskpose.errors import InputError
from maskpose.inference.predictor import Predictor
from maskpose.io.files import write_bytes
from maskpose.page import build, server
from maskpose.synth.assets import npm_fetched

MEDIAPIPE = "@mediapipe/hands@0.4.1675469240"  # Apache 2.0
MEDIAPIPE_SHA256 = "bdd5be939c60cbd72a49f4b6141407683cf2a67263598e1a44757d70b3dfcb8a"
FRAMES = 60  # a round
SIZE = 480, 640  # height and width of a frame
HAND = f"{build.EXAMPLES}/hand_2.jpg"  # in every frame, moved by some pixels
SWITCHES = (
    "headless=new", "no-sandbox", "use-angle=swiftshader", "enable-unsafe-swiftshader",
    "disable-background-networking", "disable-component-update",
)  # fmt: skip
OPEN = """const [hand, folders, done] = arguments;
(async () => {
  const image = await createImageBitmap(await (await fetch(hand)).blob());
  const width = (480 * image.width) / image.height;
  window.draw = (canvas, n) => {
    const context = canvas.getContext("2d");
    context.fillStyle = "#888";
    context.fillRect(0, 0, 640, 480);
    context.drawImage(image, 120 + (n % 7), 0, width, 480);
  };
  window.workers = [];
  const engines = [];
  for (const folder of folders) {
    const { NetworkWorker } = await import(`${folder}/client.js`);
    const worker = new NetworkWorker(() => {});
    const { backend, threads, precision } = await worker.start("wasm");
    engines.push(`${backend}, ${threads} ${threads === 1 ? "thread" : "threads"}, ${precision}`);
    workers.push(worker);
  }
  done(engines.join("|"));
})().catch((error) => done(`failed: ${error}`));"""
PASS = """const [number, count, done] = arguments;
(async () => {
  const canvas = new OffscreenCanvas(640, 480);
  let found = 0;
  for (let n = 0; n < count; n++) {
    draw(canvas, n);
    const bitmap = canvas.transferToImageBitmap();
    const options = { seconds: n / 30, follow: true, smooth: false, first: n === 0 };
    const result = await workers[number].frame(bitmap, options);
    result.bitmap.close();
    found += result.hand.present;
  }
  done(`${found}`);
})().catch((error) => done(`failed: ${error}`));"""
OPEN_PEER = """const [done] = arguments;
const script = document.createElement("script");
script.src = "peer/hands.js";
script.onerror = () => done("failed: no hands.js");
script.onload = async () => {
  window.peers = [0, 1].map((modelComplexity) => {
    const hands = new Hands({ locateFile: (name) => new URL(`peer/${name}`, location.href).href });
    hands.setOptions({ maxNumHands: 1, modelComplexity, useCpuInference: true });
    return hands;
  });
  done("");
};
document.head.append(script);"""
PASS_PEER = """const [number, count, done] = arguments;
(async () => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 480];
  let found = 0;
  peers[number].onResults(({ multiHandLandmarks }) => (found += multiHandLandmarks.length));
  for (let n = 0; n < count; n++) {
    draw(canvas, n);
    await peers[number].send({ image: canvas });
  }
  done(`${found}`);
})().catch((error) => done(`failed: ${error}`));"""


def run():
    """Yield Rows of frames per second, with everything about a frame: pixels read, keypoints, and our mask."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        build.write(site)
        build.write(site / "fp32", int8=False)
        _write_peer(site / "peer")
        with server.open_server(site, 0) as serving:
            threading.Thread(target=serving.serve_forever, daemon=True).start()
            with _browser(folder) as browser:
                browser.get(f"http://{server.HOST}:{serving.server_port}/?backend=wasm")
                yield from _rows(browser, site)
            serving.shutdown()


def _rows(browser, site):
    int8, fp32 = _done(browser, OPEN, HAND, [".", "./fp32"]).split("|")
    _done(browser, OPEN_PEER)

    def passes(script, number):
        def run(count=FRAMES):
            found = int(_done(browser, script, number, count))
            if found < 0.9 * count:
                raise InputError(f"the hand was found in {found} of {count} frames")

        run(5)  # the first are slower
        return run

    predictor = Predictor(weights_path=site / build.SMALL_NETWORK, engine="onnxruntime", use_pyramid=False)
    height, width = SIZE
    image = cv2.resize(cv2.imread(str(build.SITE / HAND)), (width, height))

    def outside():
        for _ in range(FRAMES):
            predictor.predict(image)

    lite, full = passes(PASS_PEER, 0), passes(PASS_PEER, 1)
    ours, in_fp32, *peers = median_rates(FRAMES, passes(PASS, 0), passes(PASS, 1), lite, full, outside)
    about = f"{width}x{height}; {int8}; peer:"
    yield Row("page_mediapipe_full", "frames/s", ours, peers[1], f"{about} MediaPipe Hands, full, in the same tab")
    yield Row("page_mediapipe_lite", "frames/s", ours, peers[0], f"{about} MediaPipe Hands, lite, in the same tab")
    yield Row("page_int8", "frames/s", ours, in_fp32, f"{about} {fp32}")
    yield Row("page_pass", "frames/s", ours, peers[2], f"{about} onnxruntime, int8, outside the browser")


def _write_peer(folder):
    """Write the files of MediaPipe's package into ``folder``."""
    package = npm_fetched(MEDIAPIPE, MEDIAPIPE_SHA256)
    with tarfile.open(package) as archive:
        for member in archive.getmembers():
            if file := archive.extractfile(member):
                write_bytes(folder / Path(member.name).name, file.read())


@contextlib.contextmanager
def _browser(folder):
    try:
        from selenium import webdriver
    except ImportError:
        raise InputError("page needs selenium: pip install selenium") from None
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        raise InputError("page needs Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for switch in (*SWITCHES, f"user-data-dir={folder}/profile"):
        options.add_argument(f"--{switch}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    browser.set_script_timeout(600)
    try:
        yield browser
    finally:
        browser.quit()


def _done(browser, script, *arguments):
    said = browser.execute_async_script(script, *arguments)
    if said.startswith("failed"):
        raise InputError(f"the page {said}")
    return said
