"""Tokenised corpora on disk: written, mapped into memory, reopened."""
