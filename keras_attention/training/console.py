"""Where progress is shown."""

from rich.console import Console


def plain_console(stderr=True):
    """A console that prints texts as they are: no markup, no colours, no folding.

    Sentences hold brackets, and logs are read by programs.
    """
    return Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True)
