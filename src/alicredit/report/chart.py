"""Drawings of a page as SVG; numbers alone go into them."""

from __future__ import annotations

import math

import pandas as pd

_WIDTH, _HEIGHT = 620, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 24, 14, 52
_INK, _GRID, _LINE = "#2f6f9f", "#e3e8ed", "#9aa7b4"


def nice_step(top: float, *, ticks: int = 5) -> float:
    """Give a round step (1, 2 or 5 times a power of ten) that parts a range into some ticks.

    Examples
    --------
    >>> nice_step(0.61), nice_step(0.07), nice_step(1.0)
    (0.2, 0.02, 0.2)
    """
    rough = top / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each for each in (1, 2, 5, 10) if each * power >= rough * (1 - 1e-9))
    return float(f"{step * power:.12g}")


def reliability_chart(table: pd.DataFrame) -> str:
    """Draw claimed against observed default rates with their intervals."""
    most = float(max(table["high"].max(), table["mean_pd"].max(), 1e-6))
    step = nice_step(most)
    ticks = [k * step for k in range(math.ceil(most / step - 1e-9) + 1)]
    top = ticks[-1]
    digits = max(0, -math.floor(math.log10(step)) - 2)

    def x(value: float) -> str:
        return f"{_LEFT + (_WIDTH - _LEFT - _RIGHT) * value / top:.1f}"

    def y(value: float) -> str:
        return f"{_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top:.1f}"

    grid = [
        f'<line x1="{x(0)}" x2="{x(top)}" y1="{y(t)}" y2="{y(t)}" stroke="{_GRID}"/>'
        f'<text x="{_LEFT - 8}" y="{float(y(t)) + 4:.1f}" text-anchor="end">{t:.{digits}%}</text>'
        f'<text x="{x(t)}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{t:.{digits}%}</text>'
        for t in ticks
    ]
    dots = [
        f'<line x1="{x(row.mean_pd)}" x2="{x(row.mean_pd)}" y1="{y(row.low)}" '
        f'y2="{y(row.high)}" stroke="{_INK}" stroke-width="2"/>'
        f'<circle cx="{x(row.mean_pd)}" cy="{y(row.rate)}" r="4" fill="{_INK}"/>'
        for row in table.itertuples()
    ]
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    head = (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" width="100%" '
        f'style="max-width:{_WIDTH}px" aria-label="claimed against observed default rate">'
    )
    even = (
        f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(top)}" y2="{y(top)}" '
        f'stroke="{_LINE}" stroke-dasharray="4 4"/>'
    )
    names = (
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" '
        'text-anchor="middle">claimed probability of default</text>'
        f'<text x="16" y="{middle}" text-anchor="middle" '
        f'transform="rotate(-90 16 {middle})">observed default rate</text>'
    )
    return "".join([head, *grid, even, *dots, names, "</svg>"])
