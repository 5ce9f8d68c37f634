"""A browser with the page in it, as a person uses it: for test_page.py."""

import contextlib
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

SWITCHES = (
    "headless=new", "no-sandbox", "disable-quic", "no-first-run", "disable-background-networking",
    "disable-component-update", "disable-sync",
)  # fmt: skip
PATIENCE = 120  # seconds that a slow machine may need


def start(chromium, driver, profile, downloads, switches):
    """Chromium by selenium: profile and downloads are folders, switches more than SWITCHES, without their dashes."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for switch in (*SWITCHES, f"user-data-dir={profile}", *switches):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    behaviour = {"behavior": "allow", "downloadPath": str(downloads)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    browser.set_script_timeout(PATIENCE)
    return browser


@contextlib.contextmanager
def opened(browser, address):
    """The Page, as it opens. It stays open; a browser that has it already gets it as at the beginning.

    Afterwards no error was logged, and all that the browser asked for is of the page's own server.
    """
    page = Page(browser)
    address = f"{address}?backend=wasm"
    browser.get_log("browser"), browser.get_log("performance")
    if browser.current_url == address:
        page.reset()
    else:
        browser.get(address)
        page.wait_for("document.documentElement.dataset.state === 'ready'")
    yield page
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    foreign = {url for url in requests(browser) if not is_own(url, address.partition("?")[0])}
    assert foreign == set()


def requests(browser):
    """The URLs that the browser has asked for since its log was last read, those of workers too."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [params["request"]["url"] for params in sent]


def is_own(url, address):
    """Whether a URL is of the server at ``address``, or of nothing outside the browser."""
    return urlsplit(url).scheme in ("blob", "data", "about") or url.startswith(address)


def memory(browser):
    """Bytes of memory that a browser's processes have to themselves, and their share of what several use."""
    children = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    pending, total = [browser.service.process.pid], 0
    while pending:
        pending += children.get(pid := pending.pop(), [])
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return total


class Page:
    """The page, by what a person does with it."""

    def __init__(self, browser):
        self.browser = browser

    def run(self, script, *arguments):
        """What a script's ``return`` gives."""
        return self.browser.execute_script(script, *arguments)

    def wait_for(self, condition, patience=PATIENCE):
        """Wait until an expression is true; AssertionError with what the page shows where it never is."""
        end = time.monotonic() + patience
        while not self.run(f"return Boolean({condition})"):
            if time.monotonic() > end:
                raise AssertionError(f"{condition} is never true of the page {self.text('body')!r}")
            time.sleep(0.05)

    def reset(self):
        """Remove all images, stop the camera, close what is said, and set every switch as at the beginning."""
        self.run("""document.querySelector("#stop").click();
        document.querySelector("#clear").click();
        document.querySelectorAll("#notices button").forEach((button) => button.click());
        if (!document.querySelector("#no-heat").hidden) document.querySelector("#no-heat").click();
        for (const one of document.querySelectorAll("input:is([type=checkbox], [type=radio])"))
            if (one.defaultChecked && !one.checked) one.click();
        const range = document.querySelector("#opacity");
        range.value = 45;
        range.dispatchEvent(new Event("input", { bubbles: true }));""")
        assert self.element("#start").is_displayed() and self.notices() == []

    def element(self, selector):
        """The first element of a CSS selector."""
        return self.browser.find_element("css selector", selector)

    def click(self, selector):
        """Click an element."""
        self.element(selector).click()

    def text(self, selector):
        """What an element shows."""
        return self.run("return document.querySelector(arguments[0]).innerText", selector)

    def facts(self):
        """{term: value} of what the page states of the image that it shows."""
        rows = "[...document.querySelectorAll('#facts div')].map(row => [...row.children].map(one => one.textContent))"
        return dict(self.run(f"return {rows}"))

    def choose(self, *paths):
        """Choose images, and wait until all are done."""
        self.element("#files").send_keys("\n".join(map(str, paths)))
        done = "document.querySelector('#film li') && !document.querySelector('#film .waiting')"
        self.wait_for(done, PATIENCE * (1 + len(paths) // 4))

    def show(self, name):
        """Show one of the chosen images."""
        buttons = self.browser.find_elements("css selector", "#film li button")
        next(button for button in buttons if button.get_attribute("title") == name).click()
        self.wait_for(f"document.querySelector('#subject').textContent === {json.dumps(name)}")

    def download(self, selector, path):
        """The bytes that a button downloads to a path."""
        path = Path(path)
        path.unlink(missing_ok=True)
        self.click(selector)
        end = time.monotonic() + PATIENCE
        while not path.exists():
            assert time.monotonic() < end, f"nothing was downloaded to {path}"
            time.sleep(0.02)
        return path.read_bytes()

    def notices(self):
        """The sentences of what went wrong."""
        return self.run("return [...document.querySelectorAll('#notices span')].map(one => one.textContent)")
