"""The model on paper: one page from which a person adds a score up by hand."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alicredit.checks import refuse, require_one_of, write_whole
from alicredit.exports.paper_words import STYLE, WORDS
from alicredit.portable.contract import MOST_MISSING
from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import PointTable

if TYPE_CHECKING:
    from alicredit.portable.model import ScoreModel

_MOST_LINES = 60
"""Of the table of probabilities (assumed: what a page has room for)."""


def to_paper(model: ScoreModel, path: str | Path | None = None, *, language: str = "en") -> str:
    """Write a model as a page to print; see ``ScoreModel.to_paper``."""
    require_one_of("language", language, tuple(WORDS))
    if model.trees is not None:
        do = "fit shape 'points' or 'pairs' for a score that can be added up by hand"
        refuse("model", "must be of points or pairs to be put on paper", "trees", do)
    page = _Page(model, language)
    text = f'<!DOCTYPE html>\n<html lang="{language}">\n{"".join(page.parts())}</html>\n'
    if path is not None:
        write_whole("path", path, text.encode())
    return text


def shown(text: str) -> str:
    """Escape a text for the page; what cannot be printed is written as its escape.

    Examples
    --------
    >>> shown("a <b> & c")
    'a &lt;b&gt; &amp; c'
    >>> shown("turned" + chr(0x202E)) == "turned" + chr(92) + "u202e"
    True
    """
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return html.escape(plain)


def points_text(units: int, unit: int) -> str:
    """Write units as points, exactly.

    Examples
    --------
    >>> points_text(-12, 1), points_text(-12, 1000), points_text(600_000, 1000)
    ('-12', '-0.012', '600.000')
    """
    if unit == 1:
        return str(units)
    whole, rest = divmod(abs(units), unit)
    return f"{'-' if units < 0 else ''}{whole}.{rest:03d}"


def number_text(value: float) -> str:
    """Write a double in the fewest digits that say which it is."""
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def share_text(share: float) -> str:
    """Write a probability in per cent, to four digits."""
    text = np.format_float_positional(100 * share, precision=4, fractional=False, min_digits=4)
    return f"{text.removesuffix('.')} %"


def seen_text(value: float) -> str:
    """Write a number in six digits, as a person does.

    Examples
    --------
    >>> seen_text(9211650.0), seen_text(0.3225806451612903), seen_text(-879998.79)
    ('9211650', '0.322581', '-879999')
    """
    return np.format_float_positional(value, precision=6, fractional=False, trim="-")


class _Page:
    """The parts of one page."""

    def __init__(self, model: ScoreModel, language: str) -> None:
        self.model, self.words = model, WORDS[language]
        self.is_chinese = language == "zh"
        self.named = {table.name: table for table in model.tables}
        self.used = [table for table in model.tables if not table.is_flat]
        self.start = model.base + sum(t.points[0] for t in model.tables if t.is_flat)

    def parts(self) -> Iterator[str]:
        """Give the page from top to bottom."""
        words = self.words
        yield f'<head>\n<meta charset="utf-8">\n<title>{words["title"]}</title>\n'
        yield f"<style>{STYLE}</style>\n</head>\n<body>\n"
        yield f"<h1>{words['title']}</h1>\n"
        claim = shown(str(self.model.claim))
        yield f"<p>{words['claim']}: {claim}. {words['model']}: {shown(self.model.model_id)}</p>\n"
        share = f"{MOST_MISSING:.0%}"
        also = f" {words['special_rule']}" if self.model.codes else ""
        yield f"<p>{words['how'].format(share=share)}{also}</p>\n"
        yield f'<p class="start">{words["start"]}: <b>{self._points(self.start)}</b></p>\n'
        yield '<div class="tables">\n'
        yield from map(self._input, self.used)
        yield "</div>\n"
        if self.model.pairs:
            also = f" {words['special_how']}" if self.model.codes else ""
            yield f"<h2>{words['pairs']}</h2>\n<p>{words['pairs_how']}{also}</p>\n"
            yield from map(self._pair, self.model.pairs)
        flat = [table for table in self.model.tables if table.is_flat]
        if flat:
            names = "; ".join(self._name(table) for table in flat)
            yield f'<p class="flat">{words["flat"]}: {names}</p>\n'
        yield from self._probabilities()
        yield from self._example()
        yield "</body>\n"

    def _points(self, units: int) -> str:
        """Write units as points."""
        return points_text(units, self.model.unit)

    def _name(self, table: PointTable) -> str:
        """Write an input's name with its title and unit."""
        title = (table.title_zh if self.is_chinese else table.title) or table.title
        unit = f", {shown(table.unit)}" if table.unit else ""
        return f"<b><bdi>{shown(table.name)}</bdi></b> <bdi>{shown(title)}{unit}</bdi>"

    def _input(self, table: PointTable) -> str:
        """Lay out one input."""
        labels = self._labels(table, table.cuts, tuple(range(len(table.levels) + 1)))
        special = self.words["special"]
        labels[-1:-1] = [f"<i>{special} {number_text(code)}</i>" for code in table.specials]
        points = [self._points(each) for each in table.every]
        rows = _rows(zip(labels, points, strict=True))
        seen = ""
        if table.kind == "numeric":
            ends = f"{seen_text(table.low)} … {seen_text(table.high)}"
            seen = f'<tr><td colspan="2" class="seen">{self.words["seen"]} {ends}</td></tr>'
        caption = f"<caption>{self._name(table)}</caption>"
        return f'<table class="input">{caption}\n{rows}{seen}</table>\n'

    def _pair(self, pair: PairTable) -> str:
        """Lay out one pair: its first input down, its second across."""
        first, second = self.named[pair.first], self.named[pair.second]
        down = self._labels(first, pair.first_cuts, pair.first_groups)
        across = self._labels(second, pair.second_cuts, pair.second_groups)
        cells = [[self._points(each) for each in row] for row in pair.values]
        head = "".join(f"<th>{label}</th>" for label in across)
        rows = _rows((label, *row) for label, row in zip(down, cells, strict=True))
        caption = f"<caption>{self._name(first)} ↓ × {self._name(second)} →</caption>"
        return f'<table class="pair">{caption}\n<tr><th></th>{head}</tr>\n{rows}</table>\n'

    def _labels(self, table: PointTable, cuts: Sequence[float], groups: Sequence[int]) -> list[str]:
        """Name the steps of an axis, its missing last."""
        missing = f"<i>{self.words['missing']}</i>"
        if table.kind == "flag" and len(cuts) == 1 and 0 <= cuts[0] < 1:
            return [self.words["no"], self.words["yes"], missing]
        if table.kind != "category":
            texts = [number_text(cut) for cut in cuts]
            lows = ["", *(f"{text} &lt; " for text in texts)]
            highs = [*(f" ≤ {text}" for text in texts), ""]
            return [*(f"{a}…{b}" for a, b in zip(lows, highs, strict=True)), missing]
        names = [f"<q>{shown(level)}</q>" for level in table.levels]
        names.append(f"<i>{self.words['other']}</i>")
        together: list[list[str]] = [[] for _ in range(max(groups) + 1)]
        for name, group in zip(names, groups, strict=True):
            together[group].append(name)
        return [*(", ".join(each) for each in together), missing]

    def _probabilities(self) -> Iterator[str]:
        """Lay out probabilities at round scores."""
        model, words = self.model, self.words
        first, last = model.first_score, model.first_score + len(model.pds) - 1
        step = next(
            size
            for size in (k * 10**power for power in range(9) for k in (1, 2, 5))
            if (last - first) // size <= _MOST_LINES
        )
        scores = sorted({first, last, *range(-(-first // step) * step, last + 1, step)})
        lines = [
            (str(score), share_text(pd_), f"{share_text(lower)} – {share_text(upper)}")
            for score in scores
            for lower, pd_, upper in [model.probability(score * model.unit)]
        ]
        head = "".join(f"<th>{words[each]}</th>" for each in ("score", "pd", "interval"))
        yield f"<h2>{words['pds']}</h2>\n<p>{words['pds_how']}</p>\n"
        yield f'<table class="pds">\n<tr>{head}</tr>\n{_rows(lines)}</table>\n'

    def _example(self) -> Iterator[str]:
        """Add one row up: every number at its median of training, every category at a level."""
        model, words = self.model, self.words
        row: dict[str, Any] = {table.name: _typical(table) for table in model.tables}
        answer = model.score_one(row, reasons=0)
        place, encoded = model.places, model.read_one(row)[0]
        lines = [(words["start"], "", self._points(self.start))]
        for table in self.used:
            units = table.point_at(encoded[place[table.name]])
            lines.append((self._name(table), _value_text(row[table.name]), self._points(units)))
        for pair in model.pairs:
            units = pair.look_up_one(encoded[place[pair.first]], encoded[place[pair.second]])
            name = f"<bdi>{shown(pair.first)}</bdi> × <bdi>{shown(pair.second)}</bdi>"
            lines.append((name, "", self._points(units)))
        lines.append((f"<b>{words['score']}</b>", "", f"<b>{self._points(answer['score'])}</b>"))
        yield f"<h2>{words['example']}</h2>\n"
        yield f'<table class="example">\n{_rows(lines)}</table>\n'
        yield f"<p>{words['pd']}: {share_text(answer['pd'])}</p>\n"


def _rows(rows: Iterable[Sequence[str]]) -> str:
    """Lay out lines of a table; cells are already escaped."""
    return "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n" for cells in rows)


def _typical(table: PointTable) -> float | str:
    """Give an ordinary value of an input."""
    if table.kind == "category":
        return table.levels[0] if table.levels else ""
    return float(table.median > 0.5) if table.kind == "flag" else float(table.median)


def _value_text(value: float | str) -> str:
    """Write one value of the example."""
    return f"<q>{shown(value)}</q>" if isinstance(value, str) else number_text(value)
