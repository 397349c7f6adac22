"""The demo's picture: what was read, learned, held and decided, on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

WIDTH = 48
PARTS = (
    ("approved", "approved", "█", "green"),
    ("referred", "referred to a person", "▓", "yellow"),
    ("by_limit", "no limit worth giving", "▒", "cyan"),
    ("by_probability", "probability too high", "░", "red"),
    ("by_rule", "refused by a rule", "·", "bright_black"),
)
"""Key of the count, words, sign and colour: told apart without colour, too."""

_OUT = Console(highlight=False, soft_wrap=True)


def show_picture(facts: Mapping[str, Any]) -> None:
    """Print the picture of a demo's facts."""
    for line in picture(facts):
        _OUT.print(line)


def picture(facts: Mapping[str, Any]) -> Iterator[Text]:
    """Write the picture line by line.

    Parameters
    ----------
    facts : mapping
        As ``alicredit demo --json`` gives them.

    Yields
    ------
    rich.text.Text
        Stations first, then a bar for each product.
    """
    yield Text("From records to decisions", style="bold")
    for name, words in _stations(facts):
        yield Text(f"  {name:<9}", style="bold").append(words, style="not bold")
    yield Text()
    longest = max(len(str(row["product_id"])) for row in facts["summary"])
    for row in facts["summary"]:
        line = Text(f"  {row['product_id']!s:<{longest}}  ")
        for (_, _, sign, colour), cells in zip(PARTS, shares(row), strict=True):
            line.append(sign * cells, style=colour)
        yield line.append(f"  {row['approved']:,.0f} approved, {row['limit']:,.0f} yuan")
    legend = Text(f"  {'':<{longest}}  ")
    for _, words, sign, colour in PARTS:
        legend.append(sign, style=colour).append(f" {words}   ")
    yield legend
    yield Text()


def shares(row: Mapping[str, Any], width: int = WIDTH) -> list[int]:
    """Deal a bar's cells by a product's counts: what is not nothing has at least one cell.

    Examples
    --------
    >>> shares({"approved": 3, "referred": 0, "by_limit": 1, "by_probability": 46, "by_rule": 50},
    ...        width=20)
    [1, 0, 1, 9, 9]
    >>> shares(dict.fromkeys(["approved", "referred", "by_limit", "by_probability", "by_rule"], 0))
    [0, 0, 0, 0, 0]
    """
    counts = [float(row[key]) for key, *_ in PARTS]
    whole = sum(counts)
    if not whole:
        return [0] * len(counts)
    cells = [max(round(width * each / whole), 1) if each else 0 for each in counts]
    cells[cells.index(max(cells))] += width - sum(cells)
    return cells


def _stations(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say in a line each what was read, learned, held and decided."""
    said = {row["metric"]: row for row in facts["validation"]}
    area, rows = said["AUC"], facts["summary"]
    lines, approved, limits, lost, earned = (
        sum(row[key] for row in rows)
        for key in ("merchants", "approved", "limit", "expected_loss", "expected_profit")
    )
    read = f"{facts['tables']} tables of {facts['first']} to {facts['last']}, "
    yield "read", read + f"{facts['findings']} findings"
    if facts["note"]:
        yield "", str(facts["note"])
    learned = f"from {facts['train']:,} loans of {facts['train_merchants']:,} merchants "
    learned += f"whose year was over by {facts['cut']}, {facts['features']} features each"
    yield "learned", learned
    held = f"against {facts['test']:,} loans of {facts['test_merchants']:,} merchants made after: "
    held += f"claimed {said['mean probability']['value']:.1%}, "
    held += f"happened {said['default rate']['value']:.1%}; AUC {_number(area['value'])} "
    yield "held", held + f"({_number(area['low'])} to {_number(area['high'])})"
    asked = max(row["merchants"] for row in rows)
    decided = f"{asked:,} merchants as of {facts['as_of']} under {facts['policy']}: "
    yield "decided", decided + f"{approved:,} of {lines:,} lines approved, {limits:,.0f} yuan"
    yield "", f"a year, {lost:,.0f} yuan are expected to be lost and {earned:,.0f} to be earned"


def _number(value: float | None) -> str:
    """Write an area under the curve; a dash where none could be told."""
    return "-" if value is None else f"{value:.3f}"
