"""Attention to image regions: what is said, and where the model attends."""
