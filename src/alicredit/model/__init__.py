"""Ranking, calibration, reasons, and the portable model file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alicredit.model.file import load_model
from alicredit.model.portable import ScoreModel
from alicredit.model.tables import Claim, PointTable

if TYPE_CHECKING:
    from alicredit.model.classifier import DefaultModel

__all__ = ["Claim", "DefaultModel", "PointTable", "ScoreModel", "load_model"]


def __getattr__(name: str) -> Any:
    """Import the learner when it is first asked for; scoring needs NumPy alone."""
    if name == "DefaultModel":
        from alicredit.model.classifier import DefaultModel

        return DefaultModel
    message = f"module 'alicredit.model' has no attribute {name!r}"
    raise AttributeError(message)
