"""Attention layers: tensors in, tensors out."""
