"""The built-in features, family by family."""

from alicredit.catalogue.psychometric import PSYCHOMETRIC
from alicredit.catalogue.whole import CATALOGUE

__all__ = ["CATALOGUE", "PSYCHOMETRIC"]
