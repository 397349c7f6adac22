"""Guards, refusals and whole files: what every room stands on."""

from alicredit.checks.files import (
    whole_file,
    write_whole,
    writing,
)
from alicredit.checks.guards import (
    given_or,
    is_number,
    require_between,
    require_columns,
    require_kind,
    require_mapping,
    require_numbers,
    require_one_of,
    require_one_order,
    require_path,
    require_whole,
)
from alicredit.checks.messages import (
    lacking_columns,
    near,
    nearest,
    refusal,
    refuse,
)

__all__ = [
    "given_or",
    "is_number",
    "lacking_columns",
    "near",
    "nearest",
    "refusal",
    "refuse",
    "require_between",
    "require_columns",
    "require_kind",
    "require_mapping",
    "require_numbers",
    "require_one_of",
    "require_one_order",
    "require_path",
    "require_whole",
    "whole_file",
    "write_whole",
    "writing",
]
