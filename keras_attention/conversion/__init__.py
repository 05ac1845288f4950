"""Models of other libraries become bundles, and bundles become theirs."""
