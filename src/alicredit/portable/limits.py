"""How large a model file may be: what bounds the memory and time of reading, checking, scoring.

All limits are ours (assumed): 3,000 inputs of 8 steps need 4.4 MB and 300,000 parts, 300 trees of
31 leaves over as many inputs with 64 reference rows 5.1 MB and 360,000.
"""

from __future__ import annotations

from alicredit.checks import refusal
from alicredit.errors import ModelFileError
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable

LARGEST_MEGABYTES = 12
MOST_PARTS = 600_000
"""Commas and opening brackets of a file, hence values in it."""
MOST_TEXT = 1_000
MOST_FACTS = 200
MOST_GRADES = 100
MOST_TABLES = 10_000
MOST_STEPS = 10_000
"""Cuts or levels of one input."""
MOST_SPECIALS = 50
"""Special codes of one input."""
MOST_PAIRS = 1_000
MOST_AXIS = 500
"""Steps of one axis of a pair."""
MOST_NODES = 100_000
MOST_LEAVES = 256
"""Of one tree."""
MOST_REFERENCES = 1_000
MOST_SCORES = 50_000
LARGEST_POINTS = 1_000_000
LARGEST_WHOLE = 10**9
LARGEST_FACT = 2**63
MOST_WORK = 80_000_000
"""Leaves of a tree compared in twos, by inputs; some tenths of a second in all."""
_OF_A_NODE, _OF_A_LEVEL = 1_000, 16
"""What a node costs, and each level of the category it parts, in comparisons (measured)."""
MOST_OUTCOMES = 2**22
"""Ways in which the inputs that a leaf asks for can pass, over all leaves."""


def check_work(trees: TreeTable, tables: tuple[PointTable, ...]) -> None:
    """Refuse trees that would take very long to check, before any is.

    Of each tree, leaves are compared in twos for each input that it asks for; and each node of a
    category parts its levels.
    """
    costs = [_OF_A_NODE + _OF_A_LEVEL * len(table.levels) for table in tables]
    work = 0
    for root in trees.roots:
        leaves, asked, stack = 0, set(), [root]
        while stack:
            at = stack.pop()
            if at < 0:
                leaves += 1
                continue
            asked.add(trees.feature[at])
            work += costs[trees.feature[at]]
            stack += (trees.left[at], trees.right[at])
        work += leaves * leaves * len(asked)
        if work > MOST_WORK:
            do = "grow fewer or smaller trees"
            raise ModelFileError(refusal("trees", "must be quick to check", "more", do))
