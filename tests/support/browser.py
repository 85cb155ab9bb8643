"""A headless Chromium, and what a page in it said and fetched."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

# What reaches for the network of its own accord, and what a container does not have.
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--force-device-scale-factor=1", "--hide-scrollbars"),
)
_PATIENCE = 60  # seconds for what takes one or two on a quiet machine; it is no limit that a page is held to


class Browser:
    """One window: pages from files, what they show, and what they did."""

    def __init__(self, driver: WebDriver, pictures: Path) -> None:
        self.driver = driver
        self._pictures = pictures

    def open(self, path: Path, fragment: str = "", *, width: int = 1200, theme: str = "light") -> None:
        """Open a file, of which no storage is left from before."""
        self.resize(width)
        media = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get("about:blank")
        self.driver.get(f"{path.as_uri()}{fragment}")

    def resize(self, width: int, height: int = 1000) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns; it waits for a promise."""
        body = f"(async (...args) => {{ {script} }})(...arguments)"
        return self.driver.execute_async_script(f"{body}.then(arguments[arguments.length - 1])", *arguments)

    def wait(self, condition: str) -> Any:
        """Wait until an expression is true, and return its value."""
        waiting = WebDriverWait(self.driver, _PATIENCE, poll_frequency=0.05)
        return waiting.until(lambda driver: driver.execute_script(f"return {condition}"), condition)

    def wait_for_charts(self) -> None:
        self.wait('document.documentElement.dataset.charts === "drawn"')

    def errors(self) -> list[str]:
        """Return what the console of the page holds."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the page was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [one["params"] for one in messages if one["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]

    def picture(self, name: str) -> Path:
        """Write what the window shows, the whole page, and return the file: the tests' output, to be looked at."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "format": "png"})
        path = self._pictures / f"{name}.png"
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def pdf(self) -> bytes:
        """Print the page."""
        return base64.b64decode(self.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])

    def faults(self, axe: Path) -> list[str]:
        """Return what axe-core calls serious or critical, a line each."""
        self.driver.execute_script(axe.read_text("utf-8"))
        found = self.run("return (await axe.run(document, {resultTypes: ['violations']})).violations")
        return [
            f"{rule['id']}: {rule['help']}: {node['html'][:200]}"
            for rule in found
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]


def start_browser(profile: Path, pictures: Path) -> Browser:
    """Start a browser whose window ``quit`` of its driver closes.

    Args:
        profile: an empty folder for its settings.
        pictures: the folder of the screenshots.

    Raises:
        FileNotFoundError: Chromium or its driver is not installed.
    """
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        raise FileNotFoundError("Chromium: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    driver.set_script_timeout(_PATIENCE)
    return Browser(driver, pictures)
