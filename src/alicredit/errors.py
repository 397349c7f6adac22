"""What the library refuses, as a small family of exceptions.

A caller can catch :class:`AlicreditError` for all of them. Bad *data* is listed as findings; these
are for input that cannot be worked with at all.
"""

from __future__ import annotations


class AlicreditError(Exception):
    """Anything this library refuses, with a message that says what to do."""


class RecordError(AlicreditError):
    """Records that cannot be read: a missing table or column, a wrong type, a damaged file."""


class FeatureError(AlicreditError):
    """A feature declaration that has no lawful or computable meaning."""


class ModelFileError(AlicreditError):
    """A model file that is not whole, unaltered and understood."""


class PolicyError(AlicreditError):
    """A policy that contradicts itself, or asks for what its products do not allow."""


class InputError(AlicreditError, ValueError):
    """An argument outside what the function accepts."""


class DatabaseError(AlicreditError):
    """A database that cannot be reached, was lost, or is in use: the same may succeed later."""
