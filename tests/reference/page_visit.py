"""A reader of the page in a browser: goes to views, waits until they are drawn, and notes what went wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from reference.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images" / "page"
AXE = ROOT / "tests" / "page" / "vendor" / "axe.min.js"


class Visit:
    """One tab; `errors` and `elsewhere` are what the console and the network showed."""

    def __init__(
        self, browser: Any, url: str, width: int = 1280, scheme: str = "light", height: int = 900
    ) -> None:
        self.url = url
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        self.expected: tuple[str, ...] = ()
        self._context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
        )
        self._context.set_default_timeout(1000 * PATIENCE)
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
        self.page.wait_for_selector("h2:has-text('Take away')", timeout=1000 * PATIENCE)

    def shot(self, name: str, *, whole: bool = True) -> None:
        """Take a picture for the docs, where ONNXPLAIN_SCREENSHOTS=1 asks for them; not whole: what the window shows."""
        if not os.environ.get("ONNXPLAIN_SCREENSHOTS"):
            return
        IMAGES.mkdir(parents=True, exist_ok=True)
        path = IMAGES / f"{name}.png"
        self.page.wait_for_timeout(700)  # charts and pictures that come into sight
        self.page.screenshot(path=path, full_page=whole)
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
    pixels = np.asarray(image).astype(np.uint32)
    packed, at, counts = np.unique(pixels @ [1 << 16, 1 << 8, 1], return_inverse=True, return_counts=True)
    colours = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1).astype(np.uint8)
    order = np.argsort(-counts)
    common, rare = colours[order[:96]], colours[order[96:]]
    palette = common
    if len(rare):
        each_once = Image.fromarray(rare[None]).quantize(160).getpalette()[: 3 * 160]
        palette = np.concatenate([common, np.reshape(each_once, (-1, 3))])
    distances = ((colours[:, None].astype(int) - palette.astype(int)) ** 2).sum(axis=2)
    found = Image.fromarray(distances.argmin(axis=1)[at].reshape(pixels.shape[:2]).astype(np.uint8), "P")
    found.putpalette(palette.astype(np.uint8).ravel().tolist())
    return found
