"""Passes per second of the page in Chromium, by WebAssembly, beside onnxruntime outside the browser.

@mediapipe/tasks-vision, the natural peer in the same browser, is not measured: its npm package (1.1.0) holds no model.
Whether another package holds one was not looked up.
"""

import shutil
import tempfile
import threading
from pathlib import Path

import numpy as np

from benchmarks import Row, median_rates
from maskpose.errors import InputError
from maskpose.inference.predictor import Predictor
from maskpose.page import build, server

FRAMES = 100  # a round
SIZE = 480, 640  # height and width of a frame
SWITCHES = "headless=new", "no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update"
OPEN = """const [done] = arguments;
(async () => {
  const { NetworkWorker } = await import("./client.js");
  window.bench = { worker: new NetworkWorker(() => {}), canvas: new OffscreenCanvas(640, 480) };
  bench.context = bench.canvas.getContext("2d");
  const { backend, threads } = await bench.worker.start("wasm");
  done(`${backend}, ${threads} threads`);
})().catch((error) => done(`failed: ${error}`));"""
PASS = """const [count, done] = arguments;
(async () => {
  for (let n = 0; n < count; n++) {
    bench.context.fillRect(n, n, 40, 40);
    const bitmap = bench.canvas.transferToImageBitmap();
    const found = await bench.worker.frame(bitmap, { seconds: n / 30, follow: false, smooth: false, first: n === 0 });
    found.bitmap.close();
  }
  done("");
})().catch((error) => done(`failed: ${error}`));"""


def run():
    """Yield a Row of frames per second, one pass each, with everything about it: pixels read, keypoints, mask."""
    with tempfile.TemporaryDirectory() as folder:
        site = build.built(Path(folder) / "site")
        predictor = Predictor(weights_path=site / build.SMALL_NETWORK, engine="onnxruntime", use_pyramid=False)
        image = np.zeros((*SIZE, 3), np.uint8)
        with server.open_server(site, 0) as serving:
            threading.Thread(target=serving.serve_forever, daemon=True).start()
            browser = _open_browser(folder)
            try:
                browser.get(f"http://{server.HOST}:{serving.server_port}/?backend=wasm")
                engine = _done(browser, OPEN)

                def ours():
                    _done(browser, PASS, FRAMES)

                def peer():
                    for _ in range(FRAMES):
                        predictor.predict(image)

                rates = median_rates(FRAMES, ours, peer)
            finally:
                browser.quit()
                serving.shutdown()
        yield Row("page_pass", "frames/s", *rates, note=f"640x480; {engine}; peer: onnxruntime, outside the browser")


def _open_browser(folder):
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
    return browser


def _done(browser, script, *arguments):
    said = browser.execute_async_script(script, *arguments)
    if said.startswith("failed"):
        raise InputError(f"the page {said}")
    return said
