"""The same arithmetic for the loans of a book at once, equal to the fen."""

from alicredit.loans.book.charges import (
    accrue,
    accrue_between,
    accrue_by_month,
    interest_refund,
    penalty,
    prepay_fee,
    service_fee,
)
from alicredit.loans.book.days import add_months, days_between, months_between
from alicredit.loans.book.schedule import internal_rate, schedule
from alicredit.loans.book.settle import BookSettlement, settle

__all__ = [
    "BookSettlement",
    "accrue",
    "accrue_between",
    "accrue_by_month",
    "add_months",
    "days_between",
    "interest_refund",
    "internal_rate",
    "months_between",
    "penalty",
    "prepay_fee",
    "schedule",
    "service_fee",
    "settle",
]
