"""Drawings of frames: each takes a frame and gives axes; they need the extra ``[report]``.

Without ``ax=`` the axes have a figure of their own, which a notebook shows where the call ends a
cell (elsewhere by ``display(plot_...(frame))``) and ``ax.figure.savefig(path)`` writes. No state of
``matplotlib.pyplot`` is touched; with axes of ``plt.subplots()`` given, ``plt.show()`` shows them.
"""

from alicredit.plots.book import plot_funnel, plot_limits, plot_profit
from alicredit.plots.card import plot_pairs, plot_points
from alicredit.plots.outcomes import plot_realised, plot_realised_over_time, plot_reliability
from alicredit.plots.seasoning import plot_roll_rates, plot_vintages
from alicredit.plots.shifts import plot_drift, plot_stability

__all__ = [
    "plot_drift",
    "plot_funnel",
    "plot_limits",
    "plot_pairs",
    "plot_points",
    "plot_profit",
    "plot_realised",
    "plot_realised_over_time",
    "plot_reliability",
    "plot_roll_rates",
    "plot_stability",
    "plot_vintages",
]
