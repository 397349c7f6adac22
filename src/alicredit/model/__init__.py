"""Learning: ranking, and the model that is deployed put together of what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alicredit.portable import Claim, PointTable, ScoreModel, load_model

if TYPE_CHECKING:
    from alicredit.model.classifier import DefaultModel
    from alicredit.model.relevelling import relevel

__all__ = ["Claim", "DefaultModel", "PointTable", "ScoreModel", "load_model", "relevel"]


def __getattr__(name: str) -> Any:
    """Import the learner when it is first asked for; scoring needs NumPy alone."""
    if name == "DefaultModel":
        from alicredit.model.classifier import DefaultModel

        return DefaultModel
    if name == "relevel":
        from alicredit.model.relevelling import relevel

        return relevel
    message = f"module 'alicredit.model' has no attribute {name!r}"
    raise AttributeError(message)
