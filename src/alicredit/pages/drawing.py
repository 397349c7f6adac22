"""Drawings of a page: matplotlib's, as shapes and texts of the page itself.

Texts stay texts, in the page's own fonts, so that Chinese names show wherever the reader has a font
for them. Only shapes, texts and references within the drawing are taken over.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from html import escape
from typing import Any
from xml.etree import ElementTree as ET

from alicredit.checks import refusal
from alicredit.errors import AlicreditError
from alicredit.plots.stage import narrow_figures

_TAGS = ("svg", "g", "defs", "path", "use", "rect", "line", "circle", "text", "tspan", "clipPath",
         "pattern")  # fmt: skip
_ATTRIBUTES = {
    "d", "x", "y", "width", "height", "viewBox", "transform", "style", "clip-path", "points",
    "patternUnits", "cx", "cy", "r", "x1", "x2", "y1", "y2",
    "fill", "stroke", "opacity",
}  # fmt: skip
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_FONT = re.compile(r"font:\s*(?:(\d+) )?([\d.]+)px[^;]*")
_FAMILY = re.compile(r"font-family:[^;]*;?\s*")


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing with what stands under it, in both languages.

    Parameters
    ----------
    svg : str
        From :func:`draw`.
    caption : str
        In English.
    caption_zh : str, default ""
        In Chinese.
    """

    svg: str
    caption: str
    caption_zh: str = ""


def draw(
    plot: Callable[..., Any],
    frame: Any,
    caption: str,
    caption_zh: str = "",
    *,
    is_half: bool = False,
    **options: Any,
) -> Chart:
    """Draw a frame by one of the plots, as a chart of a page, or one of two side by side.

    Parameters
    ----------
    plot : callable
        One of ``alicredit.plots``.
    frame : object
        What it draws.
    caption : str
        In English.
    caption_zh : str, default ""
        In Chinese.
    is_half : bool, default False
        Whether two stand side by side.
    **options : Any
        Handed on to ``plot``.

    Returns
    -------
    Chart
        The same bytes for the same frame.

    Raises
    ------
    AlicreditError
        Where the extra ``[report]`` lacks.

    Examples
    --------
    >>> import pandas as pd
    >>> from alicredit.plots import plot_stability
    >>> found = pd.DataFrame({"period": ["<b>"], "psi": [0.2], "critical": [0.03],
    ...                       "is_shifted": [True]})
    >>> chart = draw(plot_stability, found, "by period")
    >>> chart.svg.startswith("<svg"), "&lt;b&gt;" in chart.svg, "<b>" in chart.svg
    (True, True, False)
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        do = "pip install 'alicredit[report]'"
        text = refusal("pages", "need the extra [report]", "no matplotlib", do)
        raise AlicreditError(text) from error
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "alicredit", "text.parse_math": False}
    width = narrow_figures() if is_half else nullcontext()
    with mpl.rc_context(settings), warnings.catch_warnings(), width:
        for message in ("Glyph", "constrained_layout not applied"):
            warnings.filterwarnings("ignore", message=message, category=UserWarning)
        ax = plot(frame, **options)
        buffer = io.StringIO()
        ax.figure.savefig(buffer, format="svg", metadata={"Date": None})
        title = ax.get_title(loc="left").replace("\n", " ")
    return Chart(inline(buffer.getvalue(), title), caption, caption_zh)


def inline(drawing: str, title: str) -> str:
    """Take a drawing over into a page: shapes, texts and references within it, nothing else."""
    root = ET.fromstring(_UNFIT.sub("", drawing))  # noqa: S314  # our own drawing
    names: dict[str, str] = {}
    prefix = re.sub(r"\W", "", title)[:24] + f"{abs(hash_of(drawing)):x}"
    for at, each in enumerate(root.iter()):
        if "id" in each.attrib:
            names[each.attrib["id"]] = f"{prefix}-{at}"
    used = {
        found
        for each in root.iter()
        for value in each.attrib.values()
        for found in re.findall(r"#([\w.-]+)", value)
    }
    kept = {name: new for name, new in names.items() if name in used}
    head = (
        f'<svg viewBox="{escape(root.attrib["viewBox"])}" role="img" '
        f'aria-label="{escape(title)}" stroke-linejoin="round" stroke-linecap="butt">'
    )
    return head + "".join(_write(each, kept) for each in root) + "</svg>"


def hash_of(text: str) -> int:
    """Number a text, the same on any machine."""
    import zlib

    return zlib.crc32(text.encode("utf-8", "replace"))


def _write(element: ET.Element, names: Mapping[str, str]) -> str:
    """Write one element with all it holds; what is no shape is left out."""
    tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
    if tag not in _TAGS:
        return ""
    parts = [tag]
    for name, value in element.attrib.items():
        short = name.rpartition("}")[2]
        if short == "id" and value in names:
            parts.append(f'id="{names[value]}"')
        elif short == "href" and value.startswith("#"):
            parts.append(f'href="#{names[value[1:]]}"')
        elif short in _ATTRIBUTES:
            parts.append(f'{short}="{escape(_restyle(value, names))}"')
    inside = escape(element.text or "", quote=False) if tag in ("text", "tspan") else ""
    return (
        f"<{' '.join(parts)}>" + inside + "".join(_write(e, names) for e in element) + f"</{tag}>"
    )


def _restyle(value: str, names: Mapping[str, str]) -> str:
    """Name references anew, and leave the choice of a font to the page."""
    value = _FAMILY.sub("", value)
    value = re.sub(r"url\(#([\w.-]+)\)", lambda m: f"url(#{names.get(m[1], '')})", value)
    return _FONT.sub(lambda m: f"font-size: {m[2]}px" + (f"; font-weight: {m[1]}" if m[1] else ""),
                     value)  # fmt: skip
