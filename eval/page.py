#!/usr/bin/env python3
"""How soon the web page can be used, what it weighs, and how a grid of 1 000 results scrolls, in headless Chromium.

`first` loads the first page again and again with an empty cache: bytes over the wire, requests, and the time until its
choices are there. `grid` looks for what is like a photo, asks for more until 1 000 results are there, and scrolls over
them: layout shifts, the longest pause between two frames, bytes of the thumbnails, and whether a second visit makes or
fetches any of them again. Needs chromium and chromedriver. Exit codes: 0 done; 1 a number is not reached; 2 something is
missing.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from server import BINARY, SHARED, Missing, Server

RESULTS = 1000
MOST_BYTES, MOST_REQUESTS, MOST_SECONDS = 150_000, 15, 1.0
MOST_THUMBNAIL = 20 * 1024

# Layout shifts, the longest pause between two frames, and when the screen was there, all from the page's beginning on.
WATCH = """
    window.seen = { shift: 0, pause: 0, usable: null };
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) seen.shift += entry.value; })
        .observe({ type: "layout-shift", buffered: true });
    let before = null;
    const frame = (now) => {
        if (before !== null) seen.pause = Math.max(seen.pause, now - before);
        before = now;
        const there = document.querySelector("#screen[data-screen] :is(h1, h2)") && !document.querySelector(".waiting");
        if (there && seen.usable === null) seen.usable = performance.now();
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
"""

LOADED = """
    const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return { ...seen, bytes: entries.reduce((sum, entry) => sum + entry.transferSize, 0), requests: entries.length };
"""

# Down the page, a screen's half at a time, and only on when what is in view has come.
SCROLL = """
    const done = arguments[0];
    const rest = (ms) => new Promise((after) => setTimeout(after, ms));
    performance.clearResourceTimings();
    performance.setResourceTimingBufferSize(5000);
    await rest(1000);
    Object.assign(seen, { shift: 0, pause: 0 });
    for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
        scrollTo(0, y);
        await rest(50);
        const inView = [...document.querySelectorAll(".results img")].filter((image) => {
            const { top, bottom } = image.getBoundingClientRect();
            return bottom > 0 && top < innerHeight;
        });
        while (!inView.every((image) => image.complete)) await rest(10);
    }
    await rest(500);
    const images = [...document.querySelectorAll(".results img")];
    const fetched = performance.getEntriesByType("resource").filter((entry) => entry.name.includes("/thumbnail"));
    done({
        ...seen, shown: images.filter((image) => image.naturalWidth > 0).length,
        fetched: fetched.filter((entry) => entry.transferSize > 0).length,
        largest: Math.max(0, ...fetched.map((entry) => entry.encodedBodySize)),
    });
"""


class Browser:
    """Chromium, driven through chromedriver."""

    def __init__(self, profile: Path) -> None:
        try:
            self.process = subprocess.Popen(
                ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        except FileNotFoundError as error:
            raise Missing("install chromium and chromedriver (Debian: chromium chromium-driver)") from error
        said = next(line for line in self.process.stdout if "successfully on port " in line)
        self.url = f"http://127.0.0.1:{said.split('on port ')[1].strip().rstrip('.')}"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900"]
        arguments.append(f"--user-data-dir={profile}")
        wanted = {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}, "timeouts": {"script": 300_000}}}
        session = self._ask("POST", "/session", {"capabilities": wanted})
        self.url += f"/session/{session['sessionId']}"
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=WATCH)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=310) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Missing(f"chromedriver: {json.load(error)['value']['message'].splitlines()[0]}") from error

    def cdp(self, command: str, **parameters: Any) -> Any:
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def goto(self, url: str) -> None:
        self._ask("POST", "/url", {"url": "about:blank"})
        self._ask("POST", "/url", {"url": url})

    def script(self, script: str) -> Any:
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def work(self, script: str) -> Any:
        """A script that calls its last argument when it is done."""
        return self._ask("POST", "/execute/async", {"script": f"(async function () {{{script}}}).apply(null, arguments)", "args": []})

    def until(self, expression: str) -> None:
        end = time.monotonic() + 60
        while not self.script(f"return Boolean({expression})"):
            if time.monotonic() > end:
                raise Missing(f"the page never came to: {expression}")
            time.sleep(0.01)

    def end(self) -> None:
        try:
            self._ask("DELETE", "")
        finally:
            self.process.kill()
            self.process.wait()


def _first(browser: Browser, server: Server, rounds: int) -> bool:
    loads = []
    for _ in range(rounds):
        browser.cdp("Network.clearBrowserCache")
        browser.goto(f"{server.url}/")
        browser.until("seen.usable !== null")
        time.sleep(0.5)
        loads.append(browser.script(LOADED))
    usable = sorted(load["usable"] / 1000 for load in loads)
    most = {key: max(load[key] for load in loads) for key in ("bytes", "requests", "shift")}
    print(f"first page, {rounds} loads with an empty cache: {most['bytes']} bytes in {most['requests']} requests; usable after")
    print(f"  {statistics.median(usable):.3f} s (median; longest {usable[-1]:.3f} s); layout shift {most['shift']:.4f}")
    return most["bytes"] <= MOST_BYTES and most["requests"] <= MOST_REQUESTS and statistics.median(usable) <= MOST_SECONDS


def _thumbnails(server: Server) -> dict[str, int]:
    files = (server.home / "thumbnails").rglob("*.jpg")
    return {file.name: file.stat().st_mtime_ns for file in files}


def _ask_for_all(browser: Browser, server: Server, image: int) -> float:
    browser.goto(f"{server.url}/#/find/page/{image}")
    asked = 0.0
    while True:
        browser.until("document.querySelector('.results .photo') && !document.querySelector('.waiting')")
        shown = browser.script("return document.querySelectorAll('.results .photo').length")
        if shown >= RESULTS:
            return asked
        begun = time.monotonic()
        browser.script("document.querySelector('.found > .buttons button').click()")
        browser.until(f"document.querySelectorAll('.results .photo').length > {shown}")
        asked = time.monotonic() - begun


def _grid(browser: Browser, server: Server) -> bool:
    command = [BINARY, "--home", server.home, "add", "page", SHARED / "data" / "parts", SHARED / "data" / "coco", "--quiet"]
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
        raise Missing("no photos in data/parts and data/coco of $NITERU_TEST_SHARED")
    image = server.ask("GET", "/api/collections/page/images?limit=1")["images"][0]["id"]
    asked = _ask_for_all(browser, server, image)
    first = browser.work(SCROLL)
    made = _thumbnails(server)
    _ask_for_all(browser, server, image)
    second = browser.work(SCROLL)
    browser.cdp("Network.clearBrowserCache")
    _ask_for_all(browser, server, image)
    third = browser.work(SCROLL)
    once = made == _thumbnails(server)
    print(f"grid of {RESULTS} results, there {asked:.2f} s after the press for the last ones; scrolled from top to bottom:")
    for visit, seen in (("first visit", first), ("second visit", second), ("with an emptied cache", third)):
        print(
            f"  {visit}: {seen['shown']} pictures, {seen['fetched']} fetched, largest {seen['largest']} bytes; "
            f"layout shift {seen['shift']:.4f}; longest pause between frames {seen['pause']:.0f} ms"
        )
    print(f"  thumbnails made: {len(made)}; made again later: {'none' if once else 'SOME'}")
    visits = (first, second, third)
    return (
        once
        and second["fetched"] == 0
        and all(seen["shown"] == RESULTS and seen["shift"] == 0 and seen["largest"] <= MOST_THUMBNAIL for seen in visits)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home that has the default model; it is not changed")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="loads of the first page (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="niteru-eval-", ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder), options.home / "models")
        try:
            browser = Browser(Path(folder) / "profile")
            try:
                reached = [_first(browser, server, options.rounds), _grid(browser, server)]
            finally:
                browser.end()
        finally:
            server.end(by_force=False)
    return 0 if all(reached) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Missing as missing:
        print(f"page: {missing}", file=sys.stderr)
        sys.exit(2)
