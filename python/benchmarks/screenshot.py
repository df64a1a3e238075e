"""The report's picture in the docs: `likely-buyers report`, then `python python/benchmarks/screenshot.py [PAGE]`.

Opens the page of the state folder in headless Chromium (Debian: chromium) and writes the upper part of it.
"""

import argparse
import os
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from likely_buyers.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Take the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "page", nargs="?", type=Path, default=Settings.of(PROJECT).state / "report.html"
    )
    parser.add_argument("--out", type=Path, default=PROJECT / "docs" / "pictures" / "report.png")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1880)
    parser.add_argument("--scale", type=float, default=0.75)
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        page = browser.new_page(
            viewport={"width": options.width, "height": options.height},
            device_scale_factor=options.scale,
            color_scheme=options.theme,
        )
        page.goto(options.page.resolve().as_uri())
        options.out.parent.mkdir(exist_ok=True)
        page.screenshot(path=options.out)
        browser.close()


if __name__ == "__main__":
    main()
