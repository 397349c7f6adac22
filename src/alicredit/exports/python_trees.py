"""The code of trees in an exported Python file: scores by walking, reasons as Shapley values."""

from __future__ import annotations

TREES = '''

_WHOLE = 27720  # the least common multiple of 1 ... 12: every share is whole in 27720ths
_ACCOUNTS = {}


def _judge(row, reasons):
    """Give a row's score and its reasons: against all references, else against the best."""
    row = _blanked(row)
    total = _add_up(row)
    if not reasons:
        return total, []
    codes = _ranked(_lost(row, "all"), reasons)
    return total, codes or _ranked(_lost(row, "best"), reasons)


def _add_up(row):
    """Give the score of a row: a leaf of each tree."""
    total = BASE
    for at, nodes, leaves in TREES:
        while at >= 0:
            place, cut, levels, missing_left, left, right = nodes[at]
            value = row[place]
            if value != value:
                at = left if missing_left else right
            elif levels:
                at = left if value in levels else right
            else:
                at = left if value <= cut else right
        total += leaves[-at - 1]
    return total


def _lost(row, name):
    """Sum by reason code what a row loses: exact Shapley values against all references or the best.

    In 27720ths of a unit, over as many as there are references. In the game a coalition's inputs
    have the row's values, the others those of a reference. Which of a leaf's inputs keep to it, for
    a row and for a reference, says what the leaf gives to each; it is worked out once and kept.
    """
    if name not in _ACCOUNTS:
        references = REFERENCES if name == "all" else (max(REFERENCES, key=_add_up),)
        _ACCOUNTS[name] = [leaf for tree in TREES for leaf in _leaves(tree, references)]
    lost = [0] * len(_CODES)
    for units, asked, seen, known in _ACCOUNTS[name]:
        mine = _kept(asked, row)
        costs = known.get(mine)
        if costs is None:
            costs = known[mine] = _costs(units, asked, seen, mine)
        for code, cost in costs:
            lost[code] += cost
    return lost


def _leaves(tree, references):
    """Give a tree's leaves: units, what each input must be, how often references keep to what."""
    root, nodes, leaves = tree
    stack = [(root, {})]
    while stack:
        at, box = stack.pop()
        if at < 0:
            asked = tuple((place, *side) for place, side in box.items())
            seen = {}
            for row in references:
                kept = _kept(asked, row)
                seen[kept] = seen.get(kept, 0) + 1
            yield leaves[-at - 1], asked, tuple(seen.items()), {}
            continue
        place, cut, levels, missing_left, left, right = nodes[at]
        free = frozenset(range(len(INPUTS[place]["levels"]) + 1)) if levels else None
        low, high, known, gone = box.get(place, (-math.inf, math.inf, free, True))
        if levels:
            yes, no = (low, high, known & set(levels)), (low, high, known - set(levels))
        else:
            yes, no = (low, min(high, cut), None), (max(low, cut), high, None)
        stack.append((right, {**box, place: (*no, gone and not missing_left)}))
        stack.append((left, {**box, place: (*yes, gone and missing_left)}))


def _kept(asked, row):
    """Give as bits which of a leaf's inputs a row keeps to."""
    found, bit = 0, 1
    for place, low, high, known, gone in asked:
        value = row[place]
        if value != value:
            found |= bit if gone else 0
        elif (low < value <= high) if known is None else value in known:
            found |= bit
        bit += bit
    return found


def _costs(units, asked, seen, mine):
    """Give by code what a leaf costs a row that keeps to some of its inputs."""
    costs, every = {}, (1 << len(asked)) - 1
    for theirs, count in seen:
        if mine | theirs != every:
            continue
        gains, loses = mine & ~theirs, theirs & ~mine
        u, v = bin(gains).count("1"), bin(loses).count("1")
        gain = _WHOLE // (u * math.comb(u + v, u)) if u else 0
        loss = _WHOLE // (v * math.comb(u + v, v)) if v else 0
        for k, (place, *_) in enumerate(asked):
            share = gain * (gains >> k & 1) - loss * (loses >> k & 1)
            code = _CODE_AT[INPUTS[place]["code"]]
            costs[code] = costs.get(code, 0) - share * units * count
    return tuple((code, cost) for code, cost in costs.items() if cost)
'''
