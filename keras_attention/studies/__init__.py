"""Studies: claims of the literature, redrawn, and the demo."""
