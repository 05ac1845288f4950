"""Sentence pairs: files and toy tasks in, readers of every format, word alignments."""
