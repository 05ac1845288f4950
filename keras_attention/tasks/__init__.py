"""Tasks: where strings and pictures meet models."""
