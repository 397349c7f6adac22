"""What was known before: features declared as data, built as of each question's moment."""

from alicredit.catalogue import CATALOGUE, PSYCHOMETRIC
from alicredit.declarations import MEASURES, Catalogue, Feature, Measure
from alicredit.features.build import build_features, build_frame
from alicredit.features.daily import update_features
from alicredit.features.daily_file import (
    DailyFeatures,
    read_daily_features,
    write_daily_features,
)
from alicredit.features.definitions import (
    are_defined_alike,
    digest_of_definitions,
    note_of_definitions,
)
from alicredit.features.lacking import find_lacking
from alicredit.features.peers import digest_of_peers
from alicredit.features.spark import SparkRecords, read_spark_records

__all__ = [
    "CATALOGUE",
    "MEASURES",
    "PSYCHOMETRIC",
    "Catalogue",
    "DailyFeatures",
    "Feature",
    "Measure",
    "SparkRecords",
    "are_defined_alike",
    "build_features",
    "build_frame",
    "digest_of_definitions",
    "digest_of_peers",
    "find_lacking",
    "note_of_definitions",
    "read_daily_features",
    "read_spark_records",
    "update_features",
    "write_daily_features",
]
