"""Allocation of a book: which offers, under what they share, and what one more yuan is worth."""

from alicredit.allocation.book import Allocation, allocate
from alicredit.allocation.deciding import build_offers
from alicredit.allocation.offers import OFFER_COLUMNS, UNSTATED
from alicredit.allocation.opening import compare_opening
from alicredit.allocation.prices import Constraint, Prices, load_prices
from alicredit.allocation.rules import BookRules
from alicredit.allocation.single import apply_prices

__all__ = [
    "OFFER_COLUMNS",
    "UNSTATED",
    "Allocation",
    "BookRules",
    "Constraint",
    "Prices",
    "allocate",
    "apply_prices",
    "build_offers",
    "compare_opening",
    "load_prices",
]
