"""How an image becomes a square; the command line says so before NumPy is there."""

# All of it, with grey bars; its middle; distorted.
FITS = ("pad", "crop", "stretch")


def check_fit(fit):
    """Raises ValueError for what is no way to make an image a square."""
    if fit not in FITS:
        raise ValueError(f"fit must be one of {', '.join(FITS)}; received {fit!r}")
