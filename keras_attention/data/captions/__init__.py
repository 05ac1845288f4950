"""Captioned images: every published format in, arrays and features on disk out."""
