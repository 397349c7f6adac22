"""What a feature is: a table, a measure, an aggregate, a window, declared as data."""

from alicredit.declarations.declaration import Catalogue, Feature
from alicredit.declarations.measures import MEASURES, Measure

__all__ = ["MEASURES", "Catalogue", "Feature", "Measure"]
