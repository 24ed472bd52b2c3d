"""The one stylesheet of pages that show words, and its digest, by which a browser is told to take no other."""

from __future__ import annotations

import base64
import hashlib

LEVELS = 20
"""Shades on either side of zero."""
_FOR, _NONE, _AGAINST = (178, 24, 43), (255, 255, 255), (33, 102, 172)


def shade(level: int) -> str:
    """Return the colour of a level from -LEVELS (against) through 0 (white) to LEVELS (for)."""
    end = _FOR if level > 0 else _AGAINST
    share = abs(level) / LEVELS
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(_NONE, end, strict=True))


def name(level: int) -> str:
    """Return the class of a level."""
    return f"{'f' if level >= 0 else 'a'}{abs(level)}"


def ink(level: int) -> str:
    """Return the colour of words on a shade: black or white, whichever is told from it better."""
    red, green, blue = (int(shade(level)[i : i + 2], 16) / 255 for i in (1, 3, 5))
    # the relative luminance of WCAG 2, by a gamma of 2.2
    light = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return "#000000" if light > 0.18 else "#ffffff"


def _rules() -> str:
    plain = (
        "body{font:16px/2 system-ui,sans-serif;color:#1f2328;background:#fff;margin:1.5rem;max-width:46rem}"
        "h1{font-size:1.1rem;margin:0}.note{color:#59636e;font-size:.85rem;line-height:1.4;margin:.3rem 0 1rem}"
        ".w{padding:.15em .25em;border-radius:.25em;unicode-bidi:isolate;overflow-wrap:anywhere}"
        ".n{text-decoration:underline dotted}.s span{display:inline-block;width:.6rem;height:.8rem}"
        ".s{line-height:1;margin-top:1.2rem;font-size:.85rem;color:#59636e}"
    )
    shades = (f".{name(v)}{{background:{shade(v)};color:{ink(v)}}}" for v in range(-LEVELS, LEVELS + 1))
    return plain + "".join(shades)


STYLE = _rules()
SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
"""The stylesheet as a content security policy names it."""
