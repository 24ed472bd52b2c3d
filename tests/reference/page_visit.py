"""A reader of the page in a browser: goes to views, waits until they are drawn, and notes what went wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images" / "page"
AXE = ROOT / "tests" / "page" / "vendor" / "axe.min.js"


class Visit:
    """One tab; `errors` and `elsewhere` are what the console and the network showed."""

    def __init__(self, browser: Any, url: str, width: int = 1280, scheme: str = "light") -> None:
        self.url = url
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        self.expected: tuple[str, ...] = ()
        self._context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        self._context.set_default_timeout(20_000)
        self.page = self._context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda e: self.errors.append(f"page: {e}"))
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning") and not any(e in message.text for e in self.expected):
            self.errors.append(f"{message.type}: {message.text}")

    def _request(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != urlsplit(self.url).netloc:
            self.elsewhere.append(request.url)

    def to(self, view: str) -> Any:
        """Go to a view and wait until it is drawn."""
        if not self.page.url.startswith(self.url):
            self.page.goto(f"{self.url}/#/{view}")
        else:
            self.page.evaluate("(to) => { location.hash = to; }", f"#/{view}")
        self.drawn()
        return self.page

    def drawn(self) -> None:
        """Wait until the view that the address names is drawn."""
        self.page.wait_for_function(
            "() => document.getElementById('main').dataset.drawn?.split('?')[0] === (location.hash || '#/').split('?')[0]"
        )

    def result(self) -> None:
        """Wait until the result of the job is shown."""
        self.page.wait_for_selector("h2:has-text('Take away')", timeout=60_000)

    def shot(self, name: str) -> None:
        """Take a picture for the docs, where ONNXPLAIN_SCREENSHOTS=1 asks for them."""
        if not os.environ.get("ONNXPLAIN_SCREENSHOTS"):
            return
        IMAGES.mkdir(parents=True, exist_ok=True)
        path = IMAGES / f"{name}.png"
        self.page.wait_for_timeout(700)  # charts and pictures that come into sight
        self.page.screenshot(path=path, full_page=True)
        _small(Image.open(path).convert("RGB")).save(path, optimize=True)

    def barriers(self) -> list[str]:
        """Return what axe-core calls serious or critical, with where it is."""
        # by the debugging protocol, not by a script element, which the page's own policy forbids
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
        serious = [v for v in found if v["impact"] in ("serious", "critical")]
        return [f"{v['id']}: {n['target']} {n['failureSummary']}" for v in serious for n in v["nodes"][:3]]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(self.page.evaluate("() => document.documentElement.scrollWidth - innerWidth"))

    def close(self) -> None:
        """Close the tab."""
        self._context.close()


def _small(image: Image.Image) -> Image.Image:
    """Return the picture in 256 colours: the most frequent as they are, the rest so that rare ones, as of a bar, are kept."""
    colours = sorted(image.getcolors(1 << 24), reverse=True)
    common, rare = [c for _, c in colours[:96]], [c for _, c in colours[96:]]
    if not rare:
        return image.quantize(len(common))
    each_once = Image.fromarray(np.array([rare], np.uint8)).quantize(160)
    palette = Image.new("P", (1, 1))
    palette.putpalette([v for colour in common for v in colour] + each_once.getpalette()[: 3 * 160])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)
