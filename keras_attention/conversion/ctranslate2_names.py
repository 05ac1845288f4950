"""Names that are looked at before CTranslate2, or anything slow, is imported."""

# What our own engine reads beside CTranslate2's files.
FACTS = "keras_attention.json"
# What weights may be stored as; of these CPUs compute with the first four.
QUANTIZATIONS = (
    "float32",
    "int8",
    "int8_float32",
    "int16",
    "int8_float16",
    "int8_bfloat16",
    "float16",
    "bfloat16",
)


def check_quantization(quantization: str | None) -> None:
    """Raises ValueError unless it is None or one of `QUANTIZATIONS`."""
    if quantization is not None and quantization not in QUANTIZATIONS:
        raise ValueError(
            f"quantization must be one of {', '.join(QUANTIZATIONS)}; received "
            f"{quantization!r:.60}"
        )
