"""Ids that mean the same in every vocabulary of this package."""

__all__ = ["END_ID", "PAD_ID", "START_ID", "UNKNOWN_ID"]

PAD_ID = 0
UNKNOWN_ID = 1
START_ID = 2
END_ID = 3
