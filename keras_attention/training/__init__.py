"""Training: what `compile` and `fit` are given, and the recipes that say so."""
