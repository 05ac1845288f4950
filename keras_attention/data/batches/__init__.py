"""Batches of about as many tokens each, in a few fixed shapes, in a known order."""
