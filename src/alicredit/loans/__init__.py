"""Arithmetic true of any loan: money, days, interest, schedules, annual rates."""

from alicredit.loans.annual import CONVENTIONS, annualise, internal_rate
from alicredit.loans.interest import (
    accrue,
    accrue_by_month,
    days_between,
    interest_refund,
    penalty,
)
from alicredit.loans.money import from_fen, round_half_up, to_fen
from alicredit.loans.schedule import Instalment, schedule

__all__ = [
    "CONVENTIONS",
    "Instalment",
    "accrue",
    "accrue_by_month",
    "annualise",
    "days_between",
    "from_fen",
    "interest_refund",
    "internal_rate",
    "penalty",
    "round_half_up",
    "schedule",
    "to_fen",
]
