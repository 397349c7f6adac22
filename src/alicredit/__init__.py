"""Credit risk on platform data: from raw records to a loan decision one can defend.

The names below are the library's public face; each is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alicredit.allocation import allocate as allocate
    from alicredit.audit import audit_features as audit_features
    from alicredit.cohort import Cohort as Cohort
    from alicredit.decision import Decision as Decision
    from alicredit.errors import AlicreditError as AlicreditError
    from alicredit.errors import FeatureError as FeatureError
    from alicredit.errors import InputError as InputError
    from alicredit.errors import ModelFileError as ModelFileError
    from alicredit.errors import PolicyError as PolicyError
    from alicredit.errors import RecordError as RecordError
    from alicredit.evaluation import ValidationReport as ValidationReport
    from alicredit.evaluation import validate_model as validate_model
    from alicredit.features import CATALOGUE as CATALOGUE
    from alicredit.features import Catalogue as Catalogue
    from alicredit.features import Feature as Feature
    from alicredit.features import build_features as build_features
    from alicredit.labels import DefaultDefinition as DefaultDefinition
    from alicredit.labels import label_defaults as label_defaults
    from alicredit.labels import label_status as label_status
    from alicredit.model import DefaultModel as DefaultModel
    from alicredit.policy import Policy as Policy
    from alicredit.policy import build_applicants as build_applicants
    from alicredit.policy import check_eligibility as check_eligibility
    from alicredit.policy import load_policy as load_policy
    from alicredit.policy import offer_limits as offer_limits
    from alicredit.policy import price_loan as price_loan
    from alicredit.portable import load_model as load_model
    from alicredit.portfolio import score_applicant as score_applicant
    from alicredit.portfolio import score_portfolio as score_portfolio
    from alicredit.records import Records as Records
    from alicredit.records import find_problems as find_problems
    from alicredit.records import read_records as read_records
    from alicredit.records import write_records as write_records
    from alicredit.score import PointScale as PointScale
    from alicredit.simulate import simulate_platform as simulate_platform

__version__ = "0.1.0"

_HOME = {
    "alicredit.errors": (
        "AlicreditError",
        "FeatureError",
        "InputError",
        "ModelFileError",
        "PolicyError",
        "RecordError",
    ),
    "alicredit.records": ("Records", "find_problems", "read_records", "write_records"),
    "alicredit.cohort": ("Cohort",),
    "alicredit.audit": ("audit_features",),
    "alicredit.features": (
        "CATALOGUE",
        "Catalogue",
        "Feature",
        "build_features",
    ),
    "alicredit.labels": ("DefaultDefinition", "label_defaults", "label_status"),
    "alicredit.score": ("PointScale",),
    "alicredit.model": ("DefaultModel",),
    "alicredit.portable": ("load_model",),
    "alicredit.policy": (
        "Policy",
        "build_applicants",
        "check_eligibility",
        "load_policy",
        "offer_limits",
        "price_loan",
    ),
    "alicredit.allocation": ("allocate",),
    "alicredit.decision": ("Decision",),
    "alicredit.portfolio": ("score_applicant", "score_portfolio"),
    "alicredit.evaluation": ("ValidationReport", "validate_model"),
    "alicredit.simulate": ("simulate_platform",),
}
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *sorted(_WHERE)]


def __getattr__(name: str) -> Any:
    """Import a public name from its room when it is first used."""
    if name not in _WHERE:
        message = f"module 'alicredit' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
