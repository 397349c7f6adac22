"""What the lender chooses: products, eligibility, limits, prices."""

from alicredit.policy.applicants import build_applicants
from alicredit.policy.contracts import contract_terms
from alicredit.policy.eligibility import check_eligibility, find_rules
from alicredit.policy.facts import completed_months
from alicredit.policy.file.load import BUILT_IN, load_policy, read_policy
from alicredit.policy.lender import check_lender
from alicredit.policy.limits import Price, grade_of, offer_limits, price_loan
from alicredit.policy.related import related_parties
from alicredit.policy.terms import Gates, Lender, Product, Referral
from alicredit.policy.whole import Policy

__all__ = [
    "BUILT_IN",
    "Gates",
    "Lender",
    "Policy",
    "Price",
    "Product",
    "Referral",
    "build_applicants",
    "check_eligibility",
    "check_lender",
    "completed_months",
    "contract_terms",
    "find_rules",
    "grade_of",
    "load_policy",
    "offer_limits",
    "price_loan",
    "read_policy",
    "related_parties",
]
