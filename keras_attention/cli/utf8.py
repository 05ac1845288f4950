"""Texts and names are UTF-8, whatever a locale says of itself."""

import io
import os
import sys


def in_utf8_mode():
    """Begins the process again in Python's UTF-8 mode, where its locale is C.

    Python takes that for ASCII once its UTF-8 mode is switched off (`PYTHONUTF8=0`):
    names of files that lists of images give could not be opened, and arguments would
    be other texts. Nothing has been read yet, and the process stays the same.
    """
    is_ascii = sys.getfilesystemencoding().lower() in ("ascii", "us-ascii")
    if is_ascii and "utf8" not in sys._xoptions and sys.executable:
        rest = sys.orig_argv[1:]
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *rest])


def write_utf8():
    """Has standard output and error take any text, and the name of any file.

    Files and pipes get UTF-8, as standard input is read; a terminal of another encoding
    gets its own, and question marks for what that lacks.
    """
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):
            continue
        # A name that is not UTF-8 is written as the bytes that it is.
        errors = "surrogateescape" if stream.errors == "strict" else stream.errors
        if _is_utf8(stream.encoding):
            stream.reconfigure(errors=errors)
        elif stream.isatty():
            stream.reconfigure(errors="replace")
        else:
            stream.reconfigure(encoding="utf-8", errors=errors)


def _is_utf8(encoding):
    return encoding.lower().replace("-", "").replace("_", "") == "utf8"
