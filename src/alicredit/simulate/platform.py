"""One simulated platform and lender, whose true risk is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from alicredit.checks import refuse, require_between, require_whole
from alicredit.cohort import as_moment
from alicredit.records import DataUse, Records
from alicredit.records.opening import find_sources
from alicredit.records.records import TIMEZONE
from alicredit.simulate.credit import (
    PRODUCTS,
    Approval,
    Draws,
    TermLoans,
    consequence_tables,
    decide,
    loan_tables,
    make_draws,
    make_term_loans,
    promised_orders,
    true_probabilities,
)
from alicredit.simulate.dealings import (
    merchant_tables,
    money_tables,
    outside_tables,
    presence_tables,
)
from alicredit.simulate.risk import (
    CONDITIONS,
    Floats,
    Whole,
    calibrated_chance,
    daily_transitions,
    make_traits,
    walk_conditions,
)
from alicredit.simulate.trade import Orders, join_orders, make_orders, order_tables
from alicredit.simulate.world import DAY_US, World, make_season, numbered, times, walk_levels

_USE = DataUse("credit decision", "consent of the simulated merchant", "simulated")


def simulate_platform(
    n_merchants: int,
    *,
    seed: int,
    start: str = "2009-07-01",
    months: int = 60,
    orders_per_month: float = 10,
    default_rate: float = 0.008,
) -> tuple[Records, pd.DataFrame]:
    """Simulate a platform, its merchants' records and a lender, with each loan's true risk.

    Merchants have lasting traits and a condition that moves by days; both drive what they do
    (sales, refunds, shipping, presence, bank) and whether a shock at a draw exceeds their buffer.
    An old rule approves on a noisy view, so that borrowers are a selection. The number of orders is
    thinned: order values are raised so that sales keep their level.

    Parameters
    ----------
    n_merchants : int
        Merchants on the platform, at least 50.
    seed : int
        Same seed, same records.
    start : str, default "2009-07-01"
        First day of the records; lending opens a year later.
    months : int, default 60
        Length, at least 6.
    orders_per_month : float, default 10
        Mean orders a merchant and month.
    default_rate : float, default 0.008
        Mean probability that a borrower defaults within a year, over borrowers' days.

    Returns
    -------
    tuple of Records and pandas.DataFrame
        The records, and one row per loan: ``loan_id, merchant_id, product_id, as_of``, ``true_pd``
        (borrower, more than 90 days past due within 365 days), ``true_pd_draw`` (this draw never
        repaid; NaN for term loans), ``condition``, ``quality``, ``buffer``.

    Raises
    ------
    InputError
        For numbers out of range, or a rate that cannot be reached.

    Examples
    --------
    >>> records, truth = simulate_platform(60, seed=1, months=12, orders_per_month=2)
    >>> len(records["merchants"]), bool(truth["true_pd"].between(0, 1).all())
    (60, True)
    >>> simulate_platform(60, seed=1, default_rate=1.5)
    Traceback (most recent call last):
    alicredit.errors.InputError: default_rate must be a number from 0.0001 to 0.5; found 1.5.
    """
    require_whole("n_merchants", n_merchants, 50, high=2_000_000)
    require_whole("seed", seed, 0)
    require_whole("months", months, 6, high=240)
    require_between("orders_per_month", orders_per_month, 0.1, 1000)
    require_between("default_rate", default_rate, 0.0001, 0.5)
    rng = np.random.default_rng(seed)
    world, transitions = make_world(n_merchants, as_moment("start", start), months, rng)
    approval = decide(world, rng)
    mix = days_by_condition(world, approval)
    if mix.sum() == 0:
        refuse("months", "must leave time for somebody to borrow", months)
    chance = calibrated_chance(world.traits, transitions, mix, default_rate)
    draws = make_draws(world, approval, chance, rng)
    terms = make_term_loans(world, approval, draws, transitions, chance, rng)
    end = (world.first_day + world.days) * DAY_US
    tables = _tables(world, approval, draws, terms, orders_per_month, end, rng)
    truth = _truth(world, draws, terms, transitions, chance)
    notes = {
        "seed": seed,
        "merchants": n_merchants,
        "observed_until": str(np.datetime64(end, "us").astype("datetime64[s]")),
        "orders_per_month": float(orders_per_month),
        "thinning": "orders are fewer and larger than real ones; monthly sales keep their level",
        "default_rate": float(default_rate),
        "made_up": "simulated; no real merchant is in these records",
    }
    sources = find_sources(tables, TIMEZONE)
    return Records(sources, notes=notes, data_use={"bank_txns": _USE}), truth


def make_world(
    n: int, start: pd.Timestamp, months: int, rng: np.random.Generator
) -> tuple[World, Floats]:
    """Set the stage: who, when, in which condition, selling how much."""
    first = int(np.datetime64(start, "D").astype(np.int64))
    last = (start + pd.DateOffset(months=months)).normalize()
    days = int(np.datetime64(last, "D").astype(np.int64)) - first
    traits = make_traits(n, rng)
    transitions = daily_transitions(traits)
    condition = walk_conditions(transitions, days, rng)
    before = first - rng.integers(30, 2200, n)
    during = first + rng.integers(0, max(days - 60, 1), n)
    registered = np.where(rng.random(n) < 0.75, before, during)
    season = make_season(first, days)
    levels = walk_levels(condition, rng)
    return World(traits, condition, first, registered, season, levels), transitions


def days_by_condition(world: World, approval: Approval) -> Floats:
    """Count the days each retail borrower spends in each condition once it may borrow."""
    start = approval.borrowing_from(world)
    active = np.arange(world.days)[:, None] >= start[None, :]
    active &= ~world.traits.is_b2b[None, :]
    return np.stack([((world.condition == k) & active).sum(axis=0) for k in range(CONDITIONS)], 1)


def _tables(
    world: World,
    approval: Approval,
    draws: Draws,
    terms: TermLoans,
    orders_per_month: float,
    end: int,
    rng: np.random.Generator,
) -> dict[str, pa.Table]:
    """Lay out all tables as they stand at the end."""
    promised = promised_orders(world, draws, rng)
    orders = join_orders([make_orders(world, orders_per_month, rng), promised])
    tables = merchant_tables(world, rng)
    tables |= order_tables(world, orders, end, rng)
    tables |= presence_tables(world, rng)
    tables |= money_tables(world, rng)
    tables |= outside_tables(world, rng)
    pledged = {"order_id": numbered("o", _pledged_positions(orders, draws, promised), 8)}
    tables |= loan_tables(world, draws, terms, pledged, end)
    return tables | consequence_tables(world, approval, draws, end)


def _pledged_positions(orders: Orders, draws: Draws, promised: Orders) -> Whole:
    """Find where the order behind each draw stands among all orders."""
    everything = pd.DataFrame({"m": orders.merchant, "t": orders.created})
    everything = everything[orders.is_promised]
    wanted = pd.DataFrame({"m": promised.merchant, "t": promised.created})
    ranked = wanted.sort_values(["m", "t"], kind="stable").index
    found = everything.sort_values(["m", "t"], kind="stable").index.to_numpy()
    position = np.empty(len(draws.moment), dtype=np.int64)
    position[ranked.to_numpy()] = found
    return position


def _truth(
    world: World, draws: Draws, terms: TermLoans, transitions: Floats, chance: Floats
) -> pd.DataFrame:
    """Lay out each loan's true risk and what drove it."""
    pd_, own = true_probabilities(world, draws, transitions, chance)
    merchant = np.concatenate([draws.merchant, terms.merchant])
    at = np.concatenate([draws.moment, terms.moment])
    product = np.concatenate([np.zeros(len(draws.moment), dtype=np.int64), terms.product])
    state = world.state(merchant, at // DAY_US - world.first_day)
    ids = numbered("l", np.arange(len(merchant)), 7)
    return pd.DataFrame(
        {
            "loan_id": ids.to_pandas(),
            "merchant_id": world.merchant_ids().take(pa.array(merchant)).to_pandas(),
            "product_id": np.array(PRODUCTS, dtype=object)[product],
            "as_of": times(at).to_pandas(),
            "true_pd": np.concatenate([pd_, terms.true_pd]),
            "true_pd_draw": np.concatenate([own, np.full(len(terms.moment), np.nan)]),
            "condition": np.array(["healthy", "strained", "distressed"], dtype=object)[state],
            "quality": world.traits.quality[merchant],
            "buffer": world.traits.buffer[merchant],
        }
    )
