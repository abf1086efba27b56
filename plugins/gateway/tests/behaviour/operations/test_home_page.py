"""The home page in headless Chromium, driven over its debugging pipe: no driver, no further package.

Needs a Chromium: on Debian and Ubuntu `apt-get install chromium`.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.testing import Answer
from tests.support.page_runner import put_curl_on_path

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")

pytestmark = pytest.mark.browser
WAIT_SECONDS = 15
START = (  # it reads commands from descriptor 3 and writes answers to 4
    "import fcntl, os, sys\n"
    "for number, given in ((3, sys.argv[1]), (4, sys.argv[2])):\n"
    "    globals()[f'high{number}'] = fcntl.fcntl(int(given), fcntl.F_DUPFD, 20)\n"
    "os.dup2(high3, 3)\n"
    "os.dup2(high4, 4)\n"
    "os.execvp(sys.argv[3], sys.argv[3:])\n"
)


class Browser:
    """One Chromium with one page."""

    def __init__(self, program: str, profile: Path) -> None:
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        flags += ["--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, str(commands), str(answers), program, *flags],
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._ids = itertools.count(1)
        self._rest = b""
        self.events: list[dict[str, Any]] = []
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session: str | None = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    _session: str | None = None

    def send(self, method: str, **params: Any) -> Any:
        """Send a command and return its result; events meanwhile are kept."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            block = os.read(self._read, 1 << 16)
            assert block, "the browser has ended"
            self._rest += block
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def run(self, script: str) -> Any:
        """Return what a piece of JavaScript gives."""
        result = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait until a piece of JavaScript gives something true, and return it."""
        ends = time.monotonic() + WAIT_SECONDS
        while not (found := self.run(script)):
            assert time.monotonic() < ends, (
                f"never true: {script}; the page says: {self.run('document.body.innerText')}"
            )
            time.sleep(0.02)
        return found

    def open(self, url: str) -> None:
        self.events.clear()
        self.send("Page.navigate", url=url)
        self.until(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    def press(self, key: str, code: str = "", text: str = "", modifiers: int = 0) -> None:
        """Press one key; modifiers: 2 is Ctrl."""
        numbers = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowLeft": 37}
        given = {"key": key, "code": code or key, "windowsVirtualKeyCode": numbers.get(key, 0), "modifiers": modifiers}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **given)
        self.send("Input.dispatchKeyEvent", type="keyUp", **given)

    def type(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def faults(self) -> list[str]:
        """What the browser complained of, but for answers that are errors."""
        self.run("0")
        found: list[str] = []
        for event in self.events:
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(event["params"]["exceptionDetails"]))
            if event["method"] == "Log.entryAdded" and event["params"]["entry"]["source"] != "network":
                found.append(str(event["params"]["entry"]))
        return found

    def asked(self) -> set[str]:
        """The addresses that the page asked for."""
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return {event["params"]["request"]["url"].partition("?")[0] for event in sent}

    def close(self) -> None:
        self._session = None
        os.write(self._write, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)))
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def gateway(shared_gateways: Any, shared_upstream: Any) -> Any:
    shared_gateways.write(shared_upstream)
    text = shared_gateways.config.read_text()
    entry = text.removeprefix("model_list:\n")
    shared_gateways.config.write_text(text + entry.replace("model_name: m", 'model_name: "*"').replace("gpt-4o", "*"))
    return shared_gateways.start()


@pytest.fixture(scope="module")
def locked_gateway(shared_gateways: Any, shared_upstream: Any) -> Any:
    shared_gateways.write(shared_upstream, "master_key: sk-master-of-tests")
    return shared_gateways.start()


@pytest.fixture
def upstream(shared_upstream: Any) -> Any:
    shared_upstream.received.clear()
    return shared_upstream


def piece(text: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None} if text else {"index": 0, "delta": {}, "finish_reason": "stop"}  # fmt: skip  # noqa: E501
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}


def stream(*texts: str, hold: threading.Event | None = None) -> Answer:
    answer = Answer.sse([*map(piece, texts), piece(None)])
    return Answer(200, answer.body, answer.headers, hold=hold, hold_at=1)


def test_a_prompt_is_typed_and_its_answer_is_watched_with_the_keyboard_alone(
    browser: Browser, gateway: Any, upstream: Any
) -> None:
    hold = threading.Event()
    upstream.answers.append(stream("Hello", " there", hold=hold))
    browser.open(f"{gateway.url}/")
    assert browser.until("document.getElementById('model').value") == "m"
    focused = []
    for _ in range(12):
        browser.press("Tab")
        focused.append(browser.run("document.activeElement.id"))
        if focused[-1] == "prompt":
            break
    assert focused[-1] == "prompt", focused
    browser.run("document.activeElement.select()")
    browser.type('Say it\'s "fine"')
    browser.press("Enter", modifiers=2)
    assert browser.until("document.getElementById('answer').textContent") == "Hello"
    hold.set()
    browser.until("document.getElementById('state').textContent.startsWith('Done')")
    assert browser.run("document.getElementById('answer').textContent") == "Hello there"
    sent = upstream.received[-1]["json"]
    assert sent["messages"] == [{"role": "user", "content": 'Say it\'s "fine"'}]
    assert (sent["model"], sent["stream"]) == ("gpt-4o", True)
    assert browser.faults() == []
    assert browser.asked() == {f"{gateway.url}/{path}" for path in ("", "v1/models", "explain", "v1/chat/completions")}


def test_the_wire_request_curl_and_python_are_shown(
    browser: Browser, gateway: Any, upstream: Any, tmp_path: Path
) -> None:
    environment = dict(os.environ)
    put_curl_on_path(tmp_path, environment)
    browser.open(f"{gateway.url}/")
    wire = browser.until(
        "document.getElementById('code').textContent.includes('POST ') && document.getElementById('code').textContent"
    )
    assert f"POST {upstream.base_url}/chat/completions" in wire
    assert "authorization: Bearer $OPENAI_API_KEY" in wire
    assert "sk-upstream" not in wire
    browser.run('document.getElementById(\'prompt\').value = "it\'s \\\\ \\"so\\" $HOME"')
    browser.run("document.getElementById('tab-wire').focus()")
    browser.press("ArrowRight")
    assert browser.run("document.activeElement.id") == "tab-curl"
    curl = browser.until(
        "document.getElementById('code').textContent.startsWith('curl') && document.getElementById('code').textContent"
    )
    upstream.answers += [stream("from curl"), stream("from ", "Python")]
    ran = subprocess.run(["/bin/sh", "-c", curl], capture_output=True, text=True, timeout=20, env=environment)
    assert "from curl" in ran.stdout
    browser.press("ArrowRight")
    python = browser.until(
        "document.getElementById('code').textContent.includes('OpenAI') && document.getElementById('code').textContent"
    )
    ran = subprocess.run([sys.executable, "-c", python], capture_output=True, text=True, timeout=30)
    assert ran.stdout == "from Python", ran.stderr
    said = [received["json"]["messages"][0]["content"] for received in upstream.received]
    assert said == ['it\'s \\ "so" $HOME'] * 2


def test_escape_stops_the_stream_and_the_upstream(browser: Browser, gateway: Any, upstream: Any) -> None:
    hold = threading.Event()
    upstream.answers.append(stream("Hello", " there", hold=hold))
    gone = len(upstream.disconnected)
    browser.open(f"{gateway.url}/")
    browser.until("document.getElementById('model').value")
    browser.run("document.getElementById('send').click()")
    browser.until("document.getElementById('answer').textContent")
    browser.press("Escape")
    browser.until("document.getElementById('state').textContent === 'Stopped'")
    upstream.wait_disconnect(count=gone + 1)
    hold.set()


def test_an_error_is_said_in_the_upstreams_words(browser: Browser, gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json({"error": {"message": "<b>slow</b> down", "code": "rate_limit"}}, 429))
    browser.open(f"{gateway.url}/")
    browser.until("document.getElementById('model').value")
    browser.run("document.getElementById('send').click()")
    said = browser.until("document.getElementById('wrong').textContent")
    assert said == "<b>slow</b> down (HTTP 429, rate_limit)"
    assert browser.run("document.querySelectorAll('#wrong b').length") == 0


def test_a_pattern_asks_for_the_models_name(browser: Browser, gateway: Any, upstream: Any) -> None:
    upstream.answers.append(stream("ok"))
    browser.open(f"{gateway.url}/")
    browser.until("document.getElementById('model').options.length === 2")
    assert browser.run("document.getElementById('name-row').hidden")
    browser.run("model.value = '*'; document.getElementById('model').value = '*'; document.getElementById('model').dispatchEvent(new Event('change'))")  # fmt: skip  # noqa: E501
    assert not browser.run("document.getElementById('name-row').hidden")
    browser.run("document.getElementById('name').focus()")
    browser.type("gpt-9-new")
    browser.run("document.getElementById('send').click()")
    browser.until("document.getElementById('state').textContent.startsWith('Done')")
    assert upstream.received[-1]["json"]["model"] == "gpt-9-new"


def test_a_key_is_asked_for_and_kept_in_the_tab_only(browser: Browser, locked_gateway: Any, upstream: Any) -> None:
    upstream.answers.append(stream("open"))
    browser.open(f"{locked_gateway.url}/")
    browser.until("document.activeElement.id === 'key'")
    assert browser.run("document.getElementById('try').hidden")
    browser.type("sk-wrong")
    browser.press("Enter", text="\r")
    browser.until("document.getElementById('key-wrong').textContent.includes('not known')")
    assert browser.run("sessionStorage.length") == 0
    browser.type("sk-master-of-tests")
    browser.press("Enter", text="\r")
    browser.until("!document.getElementById('try').hidden")
    assert browser.run("[localStorage.length, document.cookie, location.search]") == [0, "", ""]
    browser.run("document.getElementById('send').click()")
    browser.until("document.getElementById('answer').textContent === 'open'")
    browser.run("document.getElementById('tab-curl').click()")
    assert "$LLMGATE_KEY" in browser.until("document.getElementById('code').textContent")
    assert "sk-master" not in browser.run("document.body.innerText")
    browser.run("document.getElementById('to-key').click()")
    browser.until("!document.getElementById('key-form').hidden")
    assert browser.run("sessionStorage.length") == 0
    assert browser.faults() == []


def test_the_routes_are_shown_without_any_other_server(browser: Browser, gateway: Any) -> None:
    for address in ("docs", "#docs"):
        browser.open("about:blank")
        browser.open(f"{gateway.url}/{address}")
        browser.until("document.querySelectorAll('#routes details').length > 20")
        text = browser.run("document.getElementById('routes').textContent")
        assert "/v1/chat/completions" in text
        assert "Answers with application/json or text/event-stream." in text
        assert browser.faults() == []
        assert all(url.startswith(gateway.url) for url in browser.asked())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_light_and_dark(browser: Browser, gateway: Any, scheme: str) -> None:
    browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.open(f"{gateway.url}/")
    browser.until("document.getElementById('model').value")
    colors = browser.run(
        "['--ink', '--soft', '--strong', '--wrong', '--card', '--page', '--code', '--wrong-back', '--on-strong']"
        ".map((name) => { const probe = document.createElement('i'); probe.style.setProperty('color', `var(${name})`);"
        " document.body.append(probe); const found = getComputedStyle(probe).color; probe.remove();"
        " return [name, found]; })"
    )
    found = {name: _luminance(color) for name, color in colors}
    assert (found["--ink"] < found["--page"]) is (scheme == "light")
    pairs = [("--ink", "--card"), ("--ink", "--page"), ("--ink", "--code"), ("--soft", "--card"), ("--soft", "--page")]
    pairs += [("--strong", "--card"), ("--on-strong", "--strong"), ("--wrong", "--wrong-back")]
    for text, back in pairs:
        low, high = sorted((found[text], found[back]))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (scheme, text, back)
    browser.send("Emulation.setEmulatedMedia", features=[])


def test_nothing_is_wider_than_a_phone(browser: Browser, gateway: Any) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    browser.open(f"{gateway.url}/")
    browser.until("document.getElementById('model').value")
    assert browser.run("document.documentElement.scrollWidth") <= 360
    browser.send("Emulation.clearDeviceMetricsOverride")


def test_every_control_has_a_name(browser: Browser, gateway: Any) -> None:
    browser.open(f"{gateway.url}/")
    browser.until("document.getElementById('model').value")
    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    controls = [
        (node["role"]["value"], node.get("name", {}).get("value"))
        for node in nodes
        if node.get("role", {}).get("value") in ("button", "textbox", "combobox", "tab", "link")
    ]
    assert len(controls) >= 8
    assert [role for role, name in controls if not name] == []


def _luminance(color: str) -> float:
    """Source: WCAG 2.2, relative luminance."""
    parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
