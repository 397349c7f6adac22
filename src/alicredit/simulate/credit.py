"""The lender: an old approval rule, draws on orders under way, term loans, what became of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from alicredit.simulate.risk import (
    HORIZON_DAYS,
    TERM_DAYS,
    TO_DEFAULT_DAYS,
    Floats,
    Whole,
    borrower_pd,
    survival,
)
from alicredit.simulate.trade import NEVER, Orders, finish_orders
from alicredit.simulate.world import DAY_US, World, hours_us, numbered, times, words, yuan

PRODUCTS = ["taobao_order", "taobao_credit", "ali_credit"]
CHANNELS = ["auto_order", "manual", "auto_debit", "collection"]
MEAN_ORDER_LOAN = 5762.0
RATE_PER_DAY = 0.0005
RATE_PER_MONTH = 0.015
_INSTALMENTS = 12
_CREDIT_SHARE = 0.08
_BEFORE_LENDING = 365


@dataclass(frozen=True, eq=False)
class Approval:
    """Who applied when, and whom the old rule approved."""

    applied_us: Whole
    has_applied: npt.NDArray[np.bool_]
    is_approved: npt.NDArray[np.bool_]

    def borrowing_from(self, world: World) -> Whole:
        """Give the day from which each merchant may draw; beyond the stage for the others."""
        day = self.applied_us // DAY_US - world.first_day + 1
        return np.where(self.is_approved, day, world.days)


@dataclass(frozen=True, eq=False)
class Draws:
    """Order loans: one row a draw, in order of merchant and time."""

    merchant: Whole
    day: Whole
    moment: Whole
    state: npt.NDArray[np.int8]
    is_fatal: npt.NDArray[np.bool_]
    principal_fen: Whole
    repaid: Whole
    is_late: npt.NDArray[np.bool_]


def decide(world: World, rng: np.random.Generator) -> Approval:
    """Let merchants apply, and approve by a cut-off on a noisy view of quality and buffer."""
    traits, n = world.traits, len(world.traits)
    opening = min(_BEFORE_LENDING, world.days // 4)
    open_day = np.maximum(world.registered - world.first_day + 75, opening)
    latest = np.maximum(open_day + 1, int(world.days * 0.33))
    day = np.floor(open_day + rng.random(n) ** 1.5 * (latest - open_day)).astype(np.int64)
    seen = traits.quality + 0.6 * np.log(traits.buffer) + 0.9 * rng.normal(size=n)
    seen += 0.5 * traits.is_wash
    applied = (world.first_day + day) * DAY_US + hours_us(n, rng)
    has_applied = (rng.random(n) < 0.62) & (day < world.days)
    return Approval(applied, has_applied, has_applied & (seen > np.quantile(seen, 0.45)))


def make_draws(world: World, approval: Approval, chance: Floats, rng: np.random.Generator) -> Draws:
    """Draw order loans day by day until one is fatal or the stage ends."""
    start = approval.borrowing_from(world)
    borrowers = np.flatnonzero(approval.is_approved & ~world.traits.is_b2b)
    found = []
    for today in range(world.days):
        hit = rng.random(len(borrowers)) < world.traits.draws_a_day[borrowers]
        who = borrowers[hit & (start[borrowers] <= today)]
        found.append((np.full(len(who), today), who))
    day, merchant = (np.concatenate([part[k] for part in found]) for k in (0, 1))
    order = np.lexsort((day, merchant))
    day, merchant = day[order], merchant[order]
    state = world.state(merchant, day)
    is_fatal = rng.random(len(day)) < chance[merchant, state]
    before = pd.Series(is_fatal.astype(np.int64)).groupby(merchant).cumsum().to_numpy() - is_fatal
    alive = before == 0
    day, merchant, state, is_fatal = day[alive], merchant[alive], state[alive], is_fatal[alive]
    return _with_terms(world, day, merchant, state, is_fatal, rng)


def _with_terms(
    world: World,
    day: Whole,
    merchant: Whole,
    state: npt.NDArray[np.int8],
    is_fatal: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> Draws:
    """Give each draw its time, amount and day of repayment."""
    size = len(day)
    at = (world.first_day + day) * DAY_US + hours_us(size, rng)
    shape = (world.traits.monthly_sales[merchant] / 15_000) ** 0.35 * np.exp(
        0.7 * rng.normal(size=size)
    )
    principal = MEAN_ORDER_LOAN * shape / shape.mean() if size else shape
    fen = np.clip(np.floor(principal), 1, 1_000_000).astype(np.int64) * 100
    hold = np.clip(rng.gamma(2.0, 2.5, size), 0.4, 28)
    is_late = rng.random(size) < np.array([0.002, 0.012, 0.05])[state]
    hold = np.where(is_late, TERM_DAYS + rng.uniform(1, 20, size), hold)
    repaid = np.where(is_fatal, NEVER, at + (hold * DAY_US).astype(np.int64))
    return Draws(merchant, day, at, state, is_fatal, fen, repaid, is_late & ~is_fatal)


def promised_orders(world: World, draws: Draws, rng: np.random.Generator) -> Orders:
    """Make the order behind each draw: shipped before it, confirmed when it repays the loan."""
    size = len(draws.moment)
    created = draws.moment - (rng.uniform(0.6, 3.0, size) * DAY_US).astype(np.int64)
    amount = np.ceil(draws.principal_fen / 80.0) / 1.0
    base = finish_orders(world, draws.merchant, created, np.maximum(amount, 1.0), rng)
    gap = draws.moment - created
    paid = created + gap // 8
    shipped = created + gap // 2
    confirmed = np.where(draws.is_late, NEVER, draws.repaid)
    return Orders(
        draws.merchant, created, paid, shipped, confirmed, base.amount, base.buyer,
        np.ones(size, dtype=bool),
    )  # fmt: skip


def true_probabilities(
    world: World, draws: Draws, transition: Floats, chance: Floats
) -> tuple[Floats, Floats]:
    """Give each draw's exact borrower probability (365 days) and its own chance to be fatal."""
    table = borrower_pd(world.traits, transition, chance)
    return table[draws.merchant, draws.state], chance[draws.merchant, draws.state]


@dataclass(frozen=True, eq=False)
class TermLoans:
    """Credit loans of twelve months, interest monthly, principal at the end."""

    merchant: Whole
    product: Whole
    moment: Whole
    principal_fen: Whole
    paid_instalments: Whole
    true_pd: Floats


def make_term_loans(
    world: World,
    approval: Approval,
    draws: Draws,
    transition: Floats,
    chance: Floats,
    rng: np.random.Generator,
) -> TermLoans:
    """Give wholesale merchants an Ali credit loan each, and some borrowing shops a Taobao one."""
    b2b = np.flatnonzero(approval.is_approved & world.traits.is_b2b)
    retail = np.unique(draws.merchant)
    retail = retail[rng.random(len(retail)) < _CREDIT_SHARE]
    merchant = np.concatenate([b2b, retail])
    product = np.where(world.traits.is_b2b[merchant], 2, 1)
    start = approval.borrowing_from(world)[merchant]
    day = start + (rng.random(len(merchant)) * 0.5 * (world.days - start)).astype(np.int64)
    fatal_day = np.full(len(world.traits), world.days * 2)
    fatal_day[draws.merchant[draws.is_fatal]] = draws.day[draws.is_fatal]
    keep = (day < world.days - 1) & (fatal_day[merchant] > day)
    merchant, product, day = merchant[keep], product[keep], day[keep]
    at = (world.first_day + day) * DAY_US + hours_us(len(day), rng)
    sales = world.traits.monthly_sales[merchant]
    asked = sales * world.traits.leverage[merchant] * np.where(product == 2, 6, 2)
    low = np.where(product == 2, 50_000, 1_000)
    high = np.where(product == 2, 3_000_000, 1_000_000)
    fen = (np.clip(asked, low, high) // 100 * 100).astype(np.int64) * 100
    due = instalment_days()
    shocks = np.clip(chance * 28 / 12, 0, 0.5)
    failed = np.full(len(merchant), _INSTALMENTS)
    for k in range(_INSTALMENTS - 1, -1, -1):
        state = world.state(merchant, day + due[k])
        hit = rng.random(len(merchant)) < shocks[merchant, state]
        hit = np.where(product == 2, hit, fatal_day[merchant] <= day + due[k])
        failed = np.where(hit, k, failed)
    pd_ = _term_pd(world, merchant, product, day, transition, chance, shocks)
    return TermLoans(merchant, product, at, fen, failed, pd_)


def instalment_days() -> Whole:
    """Give the days after disbursement on which the twelve instalments fall due."""
    return np.round(HORIZON_DAYS * np.arange(1, _INSTALMENTS + 1) / _INSTALMENTS).astype(np.int64)


def _term_pd(
    world: World,
    merchant: Whole,
    product: Whole,
    day: Whole,
    transition: Floats,
    chance: Floats,
    shocks: Floats,
) -> Floats:
    """Give the exact probability of default within 365 days of a term loan's start."""
    state = world.state(merchant, day)
    alive = np.ones((len(merchant), transition.shape[1]))
    counted = instalment_days()[instalment_days() + TO_DEFAULT_DAYS <= HORIZON_DAYS]
    gaps = np.diff(np.concatenate([[0], counted]))
    power = {g: np.linalg.matrix_power(transition[merchant], int(g)) for g in np.unique(gaps)}
    for gap in gaps[::-1]:
        alive = (power[gap] @ (alive * (1 - shocks[merchant]))[:, :, None])[:, :, 0]
    later = HORIZON_DAYS - TERM_DAYS - TO_DEFAULT_DAYS
    retail = survival(transition, chance * world.traits.draws_a_day[:, None], later)[merchant]
    rows = np.arange(len(merchant))
    return 1 - np.where(product == 2, alive[rows, state], retail[rows, state])


def interest_fen(principal_fen: Whole, days: Whole) -> Whole:
    """Accrue five ten-thousandths a day, rounded half-up once."""
    return (principal_fen * 5 * days * 2 + 10_000) // 20_000


def loan_tables(
    world: World, draws: Draws, terms: TermLoans, order_at: dict[str, pa.Array], end: int
) -> dict[str, pa.Table]:
    """Lay out loans, instalments, pledged orders and repayments as they stand at the end."""
    n_draws, n_terms = len(draws.moment), len(terms.moment)
    ids = numbered("l", np.arange(n_draws + n_terms), 7)
    merchants = world.merchant_ids()
    who = np.concatenate([draws.merchant, terms.merchant])
    principal = np.concatenate([draws.principal_fen, terms.principal_fen])
    at = np.concatenate([draws.moment, terms.moment])
    length = np.where(np.arange(len(at)) < n_draws, TERM_DAYS, HORIZON_DAYS)
    product = np.concatenate([np.zeros(n_draws, dtype=np.int64), terms.product])
    loans = pa.table(
        {
            "loan_id": ids,
            "merchant_id": merchants.take(pa.array(who)),
            "product_id": words(product, PRODUCTS),
            "principal": yuan(principal / 100),
            "rate": pa.array(np.where(product == 2, RATE_PER_MONTH, RATE_PER_DAY)),
            "rate_unit": words((product == 2).astype(np.int64), ["day", "month"]),
            "fee": yuan(np.where(product == 2, principal / 100 * 0.01, 0.0)),
            "disbursed_at": times(at),
            "due_at": times(at + length * DAY_US),
        }
    )
    pledged = pa.table(
        {
            "loan_id": ids.slice(0, n_draws),
            "order_id": order_at["order_id"],
            "pledged_amount": yuan(draws.principal_fen / 100),
        }
    )
    due, back = _term_rows(terms, n_draws, end)
    return {
        "loans": loans,
        "instalments": _instalments(ids, draws, due),
        "loan_orders": pledged,
        "repayments": _repayments(ids, draws, back, end),
    }


def _term_rows(terms: TermLoans, first: int, end: int) -> tuple[dict[str, Whole], dict[str, Whole]]:
    """Give the dues and the payments of term loans, one row an instalment."""
    days = instalment_days()
    loan = np.repeat(np.arange(len(terms.moment)), _INSTALMENTS)
    k = np.tile(np.arange(_INSTALMENTS), len(terms.moment))
    principal = terms.principal_fen[loan]
    gap = np.diff(np.concatenate([[0], days]))[k]
    by_month = (principal * 15 * 2 + 1000) // 2000
    interest = np.where(terms.product[loan] == 2, by_month, interest_fen(principal, gap))
    last = np.where(k == _INSTALMENTS - 1, principal, 0)
    due = {"loan": loan + first, "at": terms.moment[loan] + days[k] * DAY_US, "principal": last,
           "interest": interest}  # fmt: skip
    is_paid = (k < terms.paid_instalments[loan]) & (due["at"] < end)
    return due, {name: values[is_paid] for name, values in due.items()}


def _instalments(ids: pa.Array, draws: Draws, due: dict[str, Whole]) -> pa.Table:
    """Lay out what falls due: a draw once, with interest of the whole term."""
    size = len(draws.moment)
    loan = np.concatenate([np.arange(size), due["loan"]])
    interest = interest_fen(draws.principal_fen, np.full(size, TERM_DAYS))
    return pa.table(
        {
            "loan_id": ids.take(pa.array(loan)),
            "due_at": times(np.concatenate([draws.moment + TERM_DAYS * DAY_US, due["at"]])),
            "principal": pa.array(np.concatenate([draws.principal_fen, due["principal"]])),
            "interest": pa.array(np.concatenate([interest, due["interest"]])),
        }
    )


def _repayments(ids: pa.Array, draws: Draws, back: dict[str, Whole], end: int) -> pa.Table:
    """Lay out what came back: by confirmed orders, late by hand, a part by collection."""
    done = np.flatnonzero(draws.repaid < end)
    principal = draws.principal_fen[done]
    held = draws.repaid[done] // DAY_US - draws.moment[done] // DAY_US
    within = np.minimum(held, TERM_DAYS)
    interest = interest_fen(principal, within)
    over = (principal * 15 * (held - within) * 2 + 20_000) // 40_000
    bad = np.flatnonzero(draws.is_fatal)
    bad = bad[bad % 2 == 0]
    collected_at = draws.moment[bad] + (TERM_DAYS + 100 + bad % 60) * DAY_US
    bad, collected_at = bad[collected_at < end], collected_at[collected_at < end]
    part = draws.principal_fen[bad] // 400 * 100
    zeros = np.zeros(len(bad), dtype=np.int64)
    columns = {
        "loan": [done, back["loan"], bad],
        "at": [draws.repaid[done], back["at"], collected_at],
        "principal": [principal, back["principal"], part],
        "interest": [interest, back["interest"], zeros],
        "penalty": [over, np.zeros_like(back["loan"]), zeros],
        "channel": [
            np.where(draws.is_late[done], 1, 0),
            np.full_like(back["loan"], 2),
            np.full(len(bad), 3),
        ],
    }
    row = {name: np.concatenate(parts) for name, parts in columns.items()}
    amount = row["principal"] + row["interest"] + row["penalty"]
    return pa.table(
        {
            "loan_id": ids.take(pa.array(row["loan"])),
            "at": times(row["at"]),
            "amount": yuan(amount / 100),
            "principal": yuan(row["principal"] / 100),
            "interest": yuan(row["interest"] / 100),
            "penalty": yuan(row["penalty"] / 100),
            "channel": words(row["channel"], CHANNELS),
        }
    )


def consequence_tables(
    world: World, approval: Approval, draws: Draws, end: int
) -> dict[str, pa.Table]:
    """Lay out applications, limits, and sealing and blacklisting after a default."""
    merchants = world.merchant_ids()
    rows = np.flatnonzero(approval.has_applied)
    opens = (approval.applied_us // DAY_US + 1) * DAY_US
    decided = np.minimum(approval.applied_us + DAY_US // 2, opens)[rows]
    is_open = decided >= end
    b2b = world.traits.is_b2b[rows]
    applications = pa.table(
        {
            "application_id": numbered("a", np.arange(len(rows)), 6),
            "merchant_id": merchants.take(pa.array(rows)),
            "product_id": words(np.where(b2b, 2, 0), PRODUCTS),
            "applied_at": times(approval.applied_us[rows]),
            "decided_at": times(np.minimum(decided, end), is_open),
            "outcome": pc.if_else(
                pa.array(is_open),
                None,
                words((~approval.is_approved[rows]).astype(int), ["approved", "declined"]),
            ),
            "decided_by": pa.array(np.full(len(rows), "system"), pa.string(), mask=is_open),
        }
    )
    given = np.flatnonzero(approval.is_approved & (opens < end))
    limit = world.traits.monthly_sales[given] * world.traits.leverage[given]
    limits = pa.table(
        {
            "merchant_id": merchants.take(pa.array(given)),
            "product_id": words(np.where(world.traits.is_b2b[given], 2, 0), PRODUCTS),
            "limit": yuan(np.clip(np.floor(limit / 100) * 100, 100, 3_000_000)),
            "valid_from": times(opens[given]),
        }
    )
    bad = np.flatnonzero(draws.is_fatal)
    at = draws.moment[bad] + (TERM_DAYS + TO_DEFAULT_DAYS + 4) * DAY_US
    bad, at = bad[at < end], at[at < end]
    who = merchants.take(pa.array(draws.merchant[bad]))
    events = {"merchant_id": who, "at": times(at),
              "kind": words(np.zeros(len(bad), dtype=np.int64), ["sealed"])}  # fmt: skip
    black = {"merchant_id": who, "from": times(at),
             "reason": words(np.zeros(len(bad), dtype=np.int64), ["default"])}  # fmt: skip
    return {
        "applications": applications,
        "limit_history": limits,
        "account_events": pa.table(events),
        "blacklist": pa.table(black),
    }
