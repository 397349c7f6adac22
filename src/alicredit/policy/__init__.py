"""What the lender chooses: products, eligibility, limits, prices."""

from alicredit.policy.applicants import build_applicants
from alicredit.policy.contracts import contract_terms
from alicredit.policy.eligibility import check_eligibility, find_rules
from alicredit.policy.facts import completed_months
from alicredit.policy.file.load import BUILT_IN, load_policy, read_policy
from alicredit.policy.lender import Lender, check_lender
from alicredit.policy.limits import grade_of, offer_limits
from alicredit.policy.line import Curve, curve_of, group_outstanding, price_for, sweep_beta
from alicredit.policy.policy import Policy
from alicredit.policy.price import Price, price_loan
from alicredit.policy.related import related_parties
from alicredit.policy.rules import Gates, LimitRules, Referral
from alicredit.policy.terms import Product

__all__ = [
    "BUILT_IN",
    "Curve",
    "Gates",
    "Lender",
    "LimitRules",
    "Policy",
    "Price",
    "Product",
    "Referral",
    "build_applicants",
    "check_eligibility",
    "check_lender",
    "completed_months",
    "contract_terms",
    "curve_of",
    "find_rules",
    "grade_of",
    "group_outstanding",
    "load_policy",
    "offer_limits",
    "price_for",
    "price_loan",
    "read_policy",
    "related_parties",
    "sweep_beta",
]
