"""A command line whose input and output are strings."""

import io

from keras_attention.cli import main


def type_in(monkeypatch, data, is_terminal=False):
    class Input(io.BytesIO):
        def isatty(self):
            return is_terminal

    buffer = io.BufferedReader(Input(data))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(buffer, encoding="utf-8"))


def run(argv, capsys):
    code = main(argv)
    printed = capsys.readouterr()
    return code, printed.out, printed.err
