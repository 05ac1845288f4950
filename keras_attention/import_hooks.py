"""Modules that are imported with something done around it; anybody may import this."""

import sys
from importlib.abc import MetaPathFinder


class ImportHook(MetaPathFinder):
    """Finds one module where others do, and runs its code as a subclass says.

    Args:
        name: str. The module's.
    """

    def __init__(self, name):
        self.name = name

    def run(self, execute):
        """Calls `execute()`, which runs the module's code."""
        raise NotImplementedError

    def remove(self):
        """The next import of the module is left alone."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        spec = self._find(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module
        # A loader belongs to one spec, and may be more than one function to others.
        spec.loader.exec_module = lambda module: self.run(lambda: execute(module))
        return spec

    def _find(self, fullname, path, target):
        for finder in [*sys.meta_path]:
            if finder is not self:
                spec = finder.find_spec(fullname, path, target)
                if spec is not None:
                    return spec
        return None
