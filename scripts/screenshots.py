"""Makes docs/screenshots/ from a running demo:  .venv/bin/python scripts/screenshots.py [http://127.0.0.1:8000] [FT_HOME]

Signs in as the demo's people with the passwords that the demo keeps in FT_HOME.
"""

import json
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars"]  # fmt: skip
PROJECT = "/projects/building-questions"
PAGES = {
    "ada": {
        "home": f"{PROJECT}/",
        "scorecard": f"{PROJECT}/scorecards/2/",
        "run": f"{PROJECT}/runs/1/",
        "compare": f"{PROJECT}/compare/",
        "tickets": f"{PROJECT}/tickets/",
    },
    "lea": {"label": f"{PROJECT}/label/1/"},
    "eve": {"rate": f"{PROJECT}/rate/1/"},
}


def main(base: str, home: Path) -> None:
    passwords = json.loads((home / "demo_passwords.json").read_text(encoding="utf-8"))
    folder = ROOT / "docs" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        path = str(CHROMIUM) if CHROMIUM.exists() else None
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        for who, pages in PAGES.items():
            shoot(browser, base, who, passwords[who], pages, folder)
        browser.close()


def shoot(browser: Browser, base: str, who: str, password: str, pages: dict[str, str], folder: Path) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, color_scheme="light")
    page = context.new_page()
    page.goto(f"{base}/accounts/login/")
    page.fill("[name=login]", who)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    page.wait_for_load_state("load")
    for name, path in pages.items():
        answer = page.goto(base + path)
        if answer is None or answer.status != 200:
            sys.exit(f"{path} answered {answer.status if answer else 'nothing'}")
        page.wait_for_timeout(400)
        page.screenshot(path=folder / f"{name}.png")
    context.close()


if __name__ == "__main__":
    main(
        sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000",
        Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / ".ft",
    )
