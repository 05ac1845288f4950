"""Images: files and bytes in, squares of pixels out, in Python and in graphs."""
