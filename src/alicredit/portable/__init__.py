"""The model that is deployed: contract, tables, their sum, reasons, and its file of plain data."""

from alicredit.portable.file import load_model
from alicredit.portable.model import ScoreModel
from alicredit.portable.tables import Claim, PointTable

__all__ = ["Claim", "PointTable", "ScoreModel", "load_model"]
