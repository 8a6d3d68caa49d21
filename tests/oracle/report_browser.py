#!/usr/bin/env python3
"""Opens report pages in headless Chromium from file:// and fails when one asks for anything, breaks its policy, runs a log's text or misbehaves.

Usage: report_browser.py [--browser PATH] [--axe axe.min.js] [--screenshots DIR] PAGE.html...
       report_browser.py --images DIR PAGE.html

Speaks the DevTools protocol over a pipe, so it needs Chromium and Python's standard library only. It judges no beauty: the screenshots are for people.
With --images it checks nothing and takes the pictures that the documents show.
"""

import argparse
import atexit
import base64
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

BROWSERS = ["chromium", "chromium-browser", "google-chrome"]
WAIT = 120
# Far above what is measured (under 2 s of one core for 10,000 findings): machines differ, and only a page that does not scale reaches it.
SLOWEST = 30
# Sheets of A4: paper has to end, however many findings there are.
SHEETS = 60


class Browser:
    """A Chromium process and its pipe."""

    def __init__(self, path):
        self.profile = tempfile.TemporaryDirectory(prefix="report-browser-")
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
        # A tab that is not in front would be slowed down, and could draw nothing at all.
        flags += ["--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding"]

        def wire():
            os.dup2(to_browser, 63), os.dup2(from_browser, 64)
            os.dup2(63, 3), os.dup2(64, 4)

        command = [path, *flags, f"--user-data-dir={self.profile.name}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, preexec_fn=wire, close_fds=False, **quiet)
        atexit.register(self.process.kill)
        os.close(to_browser), os.close(from_browser)
        self.buffer, self.number, self.events, self.asked = b"", 0, [], "its start"

    def message(self):
        while b"\0" not in self.buffer:
            check(select.select([self.read_end], [], [], WAIT)[0], f"no word from the browser for {WAIT} s, after {self.asked}")
            piece = os.read(self.read_end, 1 << 20)
            if not piece:
                sys.exit("FAILED: the browser went away")
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **params):
        self.number, self.asked = self.number + 1, method
        request = {"id": self.number, "method": method, "params": params}
        if session:
            request["sessionId"] = session
        os.write(self.write_end, json.dumps(request).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"FAILED: {method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def close(self):
        self.call("Browser.close")
        self.process.wait(30)
        self.profile.cleanup()


class Page:
    """One page in its own tab."""

    def __init__(self, browser, url, scripts=True):
        self.browser, self.url = browser, url
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.target, self.session = target, browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Network", "Log", "Runtime"]:
            self.call(f"{domain}.enable")
        if not scripts:
            self.call("Emulation.setScriptExecutionDisabled", value=True)
        browser.events.clear()
        began = time.monotonic()
        self.call("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")
        self.seconds = time.monotonic() - began

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)

    def wait_for(self, method):
        deadline = time.monotonic() + WAIT
        while not any(event.get("method") == method for event in self.browser.events):
            if time.monotonic() > deadline:
                sys.exit(f"FAILED: no {method} within {WAIT} s")
            self.browser.events.append(self.browser.message())

    def show(self, scheme, width, height=1600, forced=False):
        features = {"prefers-color-scheme": scheme, "forced-colors": "active" if forced else "none"}
        self.call("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in features.items()])
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def print(self):
        # With tags, as a browser's "Save as PDF" does: it describes every element that is on the page then, printed or not.
        options = {"preferCSSPageSize": True, "printBackground": True, "generateTaggedPDF": True}
        return base64.b64decode(self.call("Page.printToPDF", **options)["data"])

    def evaluate(self, expression):
        options = {"returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", expression=expression, **options)
        if "exceptionDetails" in answer:
            sys.exit(f"FAILED: {expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def complaints(self):
        """Requests other than the page itself, policy violations, script errors, in the events so far."""
        found = []
        for event in self.browser.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Network.requestWillBeSent" and params["request"]["url"] != self.url:
                found.append(f"request {params['request']['url']}")
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(f"log {params['entry']['text']}")
            elif method == "Runtime.exceptionThrown":
                found.append(f"exception {params['exceptionDetails']['text']}")
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                found.append(f"console {params['args']}")
            elif method in ("Page.javascriptDialogOpening", "Page.downloadWillBegin", "Page.windowOpen"):
                found.append(method)
        return found


def check(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")


# Asking every row of a long list whether it is visible takes minutes; the first three sections answer for all.
ROWS = "[...document.querySelectorAll('.list tbody tr')].slice(0, 750)"
VISIBLE_ROWS = f"{ROWS}.filter(row => row.checkVisibility()).length"


def check_common(page, name):
    check(page.evaluate("document.title").endswith("· evql report"), f"{name}: the title was changed")
    check(page.evaluate("document.querySelectorAll('script').length") == 1, f"{name}: one script")
    check(page.evaluate("document.querySelectorAll('iframe,object,embed,img,link,base,form').length") == 0, f"{name}: foreign elements")
    handlers = "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => /^on|^style$/.test(a.name)).length"
    check(page.evaluate(handlers) == 0, f"{name}: inline handlers or styles")
    check(page.evaluate("[...document.links].every(a => a.getAttribute('href').startsWith('#'))"), f"{name}: links leave the page")
    check(page.evaluate("[...document.querySelectorAll('table')].every(t => t.caption)"), f"{name}: a table without caption")
    check(page.evaluate("[...document.querySelectorAll('th')].every(t => t.scope)"), f"{name}: a heading without scope")
    for width in [400, 1280]:
        page.show("light", width)
        check(page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name}: the page itself scrolls sideways at {width}")
    marks = "[...document.querySelectorAll('svg a')].every(a => document.querySelector(`article[id='${a.getAttribute('href').slice(1)}']`))"
    check(page.evaluate(marks), f"{name}: a mark that leads to no finding")
    targets = "[...document.links].every(a => document.getElementById(a.getAttribute('href').slice(1)))"
    check(page.evaluate(targets), f"{name}: a link without target")


def check_filters(page, name):
    """The radio buttons are plain CSS, so this runs with scripts on and off."""
    total = page.evaluate("document.querySelectorAll('.list tbody tr').length")
    for severity in ["critical", "high", "medium", "low"]:
        expected = page.evaluate(f"{ROWS}.filter(row => row.dataset.severity === '{severity}').length")
        if expected:
            page.evaluate(f"document.getElementById('show-{severity}').checked = true")
            check(page.evaluate(VISIBLE_ROWS) == expected, f"{name}: filter {severity}")
    if total:
        page.evaluate("document.getElementById('show-all').checked = true")
        check(page.evaluate(VISIBLE_ROWS) == min(total, 750), f"{name}: filter all")
        check_choice(page, name, "host")
        check_choice(page, name, "rule")
    return total


def check_choice(page, name, kind):
    """A list of hosts or rules, each of which shows its own rows and details alone."""
    if not page.evaluate(f"document.getElementById('only-{kind}') !== null"):
        return
    choose = f"(value) => document.getElementById('only-{kind}').value = value"
    for value in page.evaluate(f"[...document.getElementById('only-{kind}').options].slice(1, 4).map(o => o.value)"):
        page.evaluate(f"({choose})('{value}')")
        expected = page.evaluate(f"{ROWS}.filter(row => row.dataset.{kind} === '{value}').length")
        check(page.evaluate(VISIBLE_ROWS) == expected, f"{name}: {kind} {value}")
        cards = "[...document.querySelectorAll('article.finding')].slice(0, 250)"
        check(page.evaluate(f"{cards}.every(card => card.checkVisibility() === (card.dataset.{kind} === '{value}'))"), f"{name}: details of {kind} {value}")
    page.evaluate(f"({choose})('')")


def check_script(page, name, total):
    if not total:
        return
    page.evaluate("needle.value = document.querySelector('.list tbody tr td:nth-child(5)').textContent")
    page.evaluate("needle.dispatchEvent(new Event('input')), new Promise(done => setTimeout(done, 1500))")
    check(0 < page.evaluate(VISIBLE_ROWS) <= total, f"{name}: text filter")
    check("contain it" in page.evaluate("shown.textContent"), f"{name}: text filter's count")
    page.evaluate("needle.value = ''; needle.dispatchEvent(new Event('input')), new Promise(done => setTimeout(done, 1500))")
    page.evaluate("document.querySelector('.list thead th:nth-child(2) button').click()")
    times = page.evaluate("[...document.querySelectorAll('.list tbody tr')].map(row => row.cells[1].textContent)")
    check(times == sorted(times) and len(times) == total, f"{name}: sorting by time")
    check(page.evaluate("document.querySelector('.list thead th:nth-child(2)').getAttribute('aria-sort')") == "ascending", f"{name}: aria-sort")


def check_axe(page, name, source):
    page.evaluate("document.querySelectorAll('details').forEach((part, at) => { part.open = at < 40; })")
    page.evaluate(source)
    run = "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => [v.impact, v.id, v.nodes[0].html.slice(0, 200)]))"
    for scheme in ["light", "dark"]:
        page.show(scheme, 1280)
        serious = [violation for violation in page.evaluate(run) if violation[0] in ("serious", "critical")]
        check(not serious, f"{name}, {scheme}: accessibility: {serious}")


def check_forced_colours(page, name):
    """Where a reader's system forces its colours, the drawings follow: a browser leaves those of SVG alone."""
    page.show("light", 1280, forced=True)
    own = "[...document.querySelectorAll('svg text, svg .records')].filter(part => getComputedStyle(part).fill !== getComputedStyle(document.body).color).length"
    check(page.evaluate(own) == 0, f"{name}: drawings with colours of their own where colours are forced")
    page.show("light", 1280)


def check_print(page, name):
    elements = page.evaluate("document.querySelectorAll('*').length")
    sheets = len(re.findall(rb"/Type\s*/Page\b(?!s)", page.print()))
    check(page.evaluate("document.querySelectorAll('*').length") == elements, f"{name}: printing changed the page")
    check(0 < sheets <= SHEETS, f"{name}: {sheets} printed pages")
    return sheets


def screenshots(browser, path, name, folder):
    page = Page(browser, path.as_uri())
    for scheme, width in [("light", 1280), ("dark", 1280), ("light", 500), ("dark", 500)]:
        page.show(scheme, width)
        page.picture(folder / f"{name}-{scheme}-{width}.png")
    for part in ["summary", "coverage", "timeline", "hosts", "findings", "details"]:
        page.show("dark", 1280, 1000, forced=True)
        page.evaluate(f"document.getElementById('{part}')?.scrollIntoView(), new Promise(done => setTimeout(done, 300))")
        page.picture(folder / f"{name}-forced-{part}.png")
    (folder / f"{name}.pdf").write_bytes(page.print())


# Name, colours, width, height, what stands at the top, what is done before.
IMAGES = [
    ("report-summary", "light", 1180, 860, "#summary", ""),
    ("report-timeline", "dark", 1180, 860, "#timeline", ""),
    ("report-story", "light", 1180, 760, ".finding", "document.querySelector('.story').open = true"),
]


def images(browser, path, folder):
    page = Page(browser, path.as_uri())
    for name, scheme, width, height, top, script in IMAGES:
        page.show(scheme, width, height)
        page.evaluate(f"{script}; document.querySelector('{top}').scrollIntoView(), new Promise(done => setTimeout(done, 500))")
        page.picture(folder / f"{name}.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--browser", default=next(filter(shutil.which, BROWSERS), None))
    parser.add_argument("--axe", type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path)
    parser.add_argument("--images", type=pathlib.Path)
    parser.add_argument("pages", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    check(arguments.browser, "no Chromium found; name one with --browser")
    browser = Browser(arguments.browser)
    if arguments.images:
        arguments.images.mkdir(parents=True, exist_ok=True)
        images(browser, arguments.pages[0].resolve(), arguments.images)
        browser.close()
        return
    for path in arguments.pages:
        path, name = path.resolve(), path.parent.name
        page = Page(browser, path.as_uri())
        check_common(page, name)
        total = check_filters(page, name)
        check_script(page, name, total)
        if arguments.axe and total < 1000:
            check_axe(page, name, arguments.axe.read_text())
        check(not page.complaints(), f"{name}: {page.complaints()}")
        check_forced_colours(page, name)
        seconds = page.seconds
        check(seconds < SLOWEST, f"{name}: {seconds:.0f} s to load")
        sheets = check_print(page, name)
        page.close()
        page = Page(browser, path.as_uri(), scripts=False)
        check_common(page, name)
        check_filters(page, name)
        check(page.evaluate("[...document.querySelectorAll('.scripted')].every(part => part.hidden)"), f"{name}: controls without script")
        check(not page.complaints(), f"{name}, scripts off: {page.complaints()}")
        page.close()
        if arguments.screenshots:
            arguments.screenshots.mkdir(parents=True, exist_ok=True)
            screenshots(browser, path, name, arguments.screenshots)
        print(f"{path}: {total} findings, no request, no violation; loaded in {seconds:.1f} s, {sheets} printed pages", flush=True)
    browser.close()


if __name__ == "__main__":
    main()
