"""The model that is deployed: contract, tables, their sum, reasons, and its file of plain data."""

from alicredit.portable.counterfactuals import what_would_change
from alicredit.portable.file import load_model
from alicredit.portable.model import ScoreModel
from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import Claim, PointTable
from alicredit.portable.trees import TreeTable

__all__ = [
    "Claim",
    "PairTable",
    "PointTable",
    "ScoreModel",
    "TreeTable",
    "load_model",
    "what_would_change",
]
