"""A real process tree (`manage.py up` in a home of its own) and a real browser. No ORM here: browser, API and commands only."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.local.processes import outside
from tests.tiny_model import make_tiny_model

REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUM_FLAGS = [
    "--no-sandbox",  # root has no other way
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "correct horse battery staple"


@dataclass
class Api:
    """/api/v1/ with one person's key."""

    client: httpx.Client

    def get(self, path: str) -> Any:
        return self._read(self.client.get(path))

    def post(self, path: str, body: Any = None) -> Any:
        return self._read(self.client.post(path, json=body))

    def send(self, path: str, *, files: dict[str, Any], data: dict[str, str]) -> Any:
        """A form with a file."""
        return self._read(self.client.post(path, files=files, data=data))

    def job(self, job_id: int, *, within_s: float = 150) -> dict[str, Any]:
        """Waits until the job has succeeded and returns it."""
        deadline = time.monotonic() + within_s
        while True:
            job = self.get(f"jobs/{job_id}/")
            if job["state"] not in ("queued", "running"):
                assert job["state"] == "succeeded", f"{job['title']}: {job['error']}"
                return dict(job)
            assert time.monotonic() < deadline, (
                f"{job['title']} is still {job['state']}: {job['done']} of {job['total']}"
            )
            time.sleep(0.3)

    @staticmethod
    def _read(answer: httpx.Response) -> Any:
        assert answer.is_success, (
            f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:2000]}"
        )
        return answer.json() if answer.content else None


@dataclass
class Site:
    address: str
    folder: Path
    environment: dict[str, str]

    def manage(self, *words: str, stdin: str = "") -> str:
        """Runs `manage.py …` as the operator does beside the running site, and returns what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=REPOSITORY, env=self.environment, input=stdin, capture_output=True, text=True, timeout=90,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create_user(self, name: str, *words: str) -> dict[str, Any]:
        return dict(json.loads(self.manage("create_user", name, "--password-stdin", "--json", *words, stdin=PASSWORD)))

    def api(self, key: str) -> Api:
        headers = {"Authorization": f"Bearer {key}"}
        return Api(httpx.Client(base_url=f"{self.address}/api/v1/", headers=headers, timeout=60, trust_env=False))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`manage.py up`, stopped again by the signal that Ctrl-C sends."""
    folder = tmp_path_factory.mktemp("site")
    make_tiny_model(folder / "models" / "tiny")
    port = _free_port()
    environment = outside() | {
        "FT_HOME": str(folder / "home"),
        "FT_PORT": str(port),
        "FT_MODEL_DIRS": str(folder / "models"),
    }
    log = folder / "up.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"], cwd=REPOSITORY, env=environment, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 90
        while "The site is at" not in log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield Site(f"http://127.0.0.1:{port}", folder, environment)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(40)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    own = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=own, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def sign_in(browser: Browser, site: Site) -> Iterator[Callable[[str], Page]]:
    """Opens a browser of one's own for a person. Anything that a page complains of fails the test in the end."""
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{message.location.get('url')}: {message.text}")

    def open_for(name: str) -> Page:
        page = browser.new_context(base_url=site.address, viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(20_000)
        page.on("console", heard)  # violations of the content policy are errors there too
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("response", lambda one: complaints.append(f"{one.url}: {one.status}") if one.status >= 500 else None)
        page.goto("/accounts/login/")
        page.fill("[name=login]", name)
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/accounts/login/" not in url)
        return page

    yield open_for
    for context in browser.contexts:
        context.close()
    assert not complaints, "\n".join(complaints)
