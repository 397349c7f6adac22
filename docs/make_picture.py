"""Draw way.svg: what the demo did with the sample, from records to decisions.

Run by ``make picture``, which gives it what ``alicredit demo --json`` says.
"""

from __future__ import annotations

import json
import sys
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT, LEFT, BAR = 880, 344, 132, 620
INK, GREY, LINE, PAPER = "#1b2733", "#5b6b7b", "#c9d3dc", "#ffffff"
FONT = "font-family='system-ui, Segoe UI, Helvetica, Arial, Noto Sans CJK SC, sans-serif'"
# Okabe and Ito's colours, told apart by any eye, each with a tone of its own in grey.
PARTS = (
    ("approved", "approved", "#009e73"),
    ("referred", "referred to a person", "#f0e442"),
    ("by_limit", "no limit worth giving", "#56b4e9"),
    ("by_probability", "probability too high", "#e69f00"),
    ("by_rule", "refused by a rule", "#9aa5b1"),
)


def text(x: float, y: float, words: str, *, size: int = 13, ink: str = INK, more: str = "") -> str:
    """Write words."""
    return (
        f"<text x='{x:g}' y='{y:g}' font-size='{size}' fill='{ink}' {more}>{escape(words)}</text>"
    )


def stations(facts: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Say what was read, learned, held and decided."""
    said = {row["metric"]: row for row in facts["validation"]}
    area = said["AUC"]
    claimed, happened = (said[each]["value"] for each in ("mean probability", "default rate"))
    lines = sum(row["merchants"] for row in facts["summary"])
    approved = sum(row["approved"] for row in facts["summary"])
    limits = sum(row["limit"] for row in facts["summary"])
    return [
        ("read", [f"{facts['tables']} tables of events", f"{facts['findings']} findings"]),
        ("known before", [f"{facts['features']} features", f"of {facts['loans']:,} loans"]),
        ("learned", [f"from {facts['train']:,} loans", f"over by {facts['cut']}"]),
        ("held after", [f"claimed {claimed:.1%}", f"happened {happened:.1%}",
                        f"AUC {area['value']:.2f} ({area['low']:.2f}-{area['high']:.2f})"]),
        ("decided", [f"{approved:,.0f} of {lines:,.0f} lines", f"{limits:,.0f} yuan"]),
    ]  # fmt: skip


def draw(facts: dict[str, Any]) -> str:
    """Draw five stations and, below, each product's merchants by what became of them."""
    box = f"viewBox='0 0 {WIDTH} {HEIGHT}' role='img' {FONT}"
    out = [f"<svg xmlns='http://www.w3.org/2000/svg' {box}>",
           "<title>From records to decisions: what the demo did with the sample</title>",
           f"<rect width='{WIDTH}' height='{HEIGHT}' rx='8' fill='{PAPER}'/>"]  # fmt: skip
    step = (WIDTH - 40) / 5
    for at, (name, lines) in enumerate(stations(facts)):
        x = 20 + at * step
        out.append(
            f"<path d='M{x:g} 18h{step - 22:g}l12 44l-12 44h-{step - 22:g}l12 -44z' fill='#eef3f7' "
            f"stroke='{LINE}'/>"
        )
        out.append(text(x + 20, 47, name, size=14, more="font-weight='600'"))
        out += [text(x + 20, 66 + 15 * k, line, size=11, ink=GREY) for k, line in enumerate(lines)]
    asked = f"{facts['summary'][0]['merchants']:,} merchants as of {facts['as_of']}"
    asked += f" under the policy {facts['policy']}"
    out.append(text(20, 138, asked, more="font-weight='600'"))
    for row, product in enumerate(facts["summary"]):
        y = 156 + 44 * row
        out.append(text(20, y + 19, str(product["product_id"]), size=12))
        out += bar(product, y)
    x = LEFT
    for _, name, colour in PARTS:
        out.append(f"<rect x='{x}' y='{HEIGHT - 38}' width='12' height='12' fill='{colour}'/>")
        out.append(text(x + 17, HEIGHT - 28, name, size=11, ink=GREY))
        x += 34 + round(6.1 * len(name))
    out.append("</svg>")
    return "\n".join(out) + "\n"


def bar(product: dict[str, Any], y: float) -> list[str]:
    """Draw a product's merchants; a part that is not empty has at least a thin line."""
    out, x = [], float(LEFT)
    counts = [(product[key], colour) for key, _, colour in PARTS]
    whole = sum(count for count, _ in counts)
    for count, colour in counts:
        if not count:
            continue
        wide = max(BAR * count / whole, 2.0)
        out.append(f"<rect x='{x:.1f}' y='{y}' width='{wide:.1f}' height='28' fill='{colour}' "
                   f"stroke='{PAPER}' stroke-width='0.5'/>")  # fmt: skip
        if wide > 34:
            out.append(
                text(x + wide / 2, y + 18, f"{count:,.0f}", size=11, more="text-anchor='middle'")
            )
        x += wide
    out.append(text(LEFT + BAR + 14, y + 18, f"{product['approved']:,.0f} approved", size=12))
    return out


def main() -> None:
    """Read facts, write the picture."""
    facts = json.load(sys.stdin)
    (HERE / "way.svg").write_text(draw(facts), encoding="utf-8")


if __name__ == "__main__":
    main()
