"""What annotations say of things that backends have no common type for."""

from typing import Any, TypeAlias

Tensor: TypeAlias = Any
"""Of the backend, of Keras in a functional model, or an array of NumPy's."""

Shape: TypeAlias = tuple[int | None, ...]
"""None where an axis is of any length."""
