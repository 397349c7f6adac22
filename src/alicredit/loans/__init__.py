"""Arithmetic true of any loan: money, days, interest, schedules, annual rates."""

from alicredit.loans.account import Due, Posting
from alicredit.loans.annual import (
    CONVENTIONS,
    annual_cost,
    annualise,
    dated_internal_rate,
    internal_rate,
)
from alicredit.loans.charges import (
    interest_free_until,
    interest_refund,
    penalty,
    prepay_fee,
    service_fee,
)
from alicredit.loans.contract import (
    Contract,
    EarlyTerms,
    Event,
    FeeTerms,
    PenaltyTerms,
    Terms,
)
from alicredit.loans.days import (
    DAY_COUNTS,
    add_months,
    days_between,
    due_dates,
    months_between,
    year_fraction,
)
from alicredit.loans.interest import accrue, accrue_between, accrue_by_month, accrue_on_balances
from alicredit.loans.money import from_fen, round_half_up, to_fen
from alicredit.loans.rates import (
    Rate,
    interest_share,
    months_charged,
    per_day,
    per_month,
    per_year,
)
from alicredit.loans.schedule import Instalment, schedule
from alicredit.loans.settle import Settlement, payoff, settle

__all__ = [
    "CONVENTIONS",
    "DAY_COUNTS",
    "Contract",
    "Due",
    "EarlyTerms",
    "Event",
    "FeeTerms",
    "Instalment",
    "PenaltyTerms",
    "Posting",
    "Rate",
    "Settlement",
    "Terms",
    "accrue",
    "accrue_between",
    "accrue_by_month",
    "accrue_on_balances",
    "add_months",
    "annual_cost",
    "annualise",
    "dated_internal_rate",
    "days_between",
    "due_dates",
    "from_fen",
    "interest_free_until",
    "interest_refund",
    "interest_share",
    "internal_rate",
    "months_between",
    "months_charged",
    "payoff",
    "penalty",
    "per_day",
    "per_month",
    "per_year",
    "prepay_fee",
    "round_half_up",
    "schedule",
    "service_fee",
    "settle",
    "to_fen",
    "year_fraction",
]
