"""Folders that look like models, and a loader that needs no TensorFlow for them."""

import contextlib
import threading
import time

from keras_attention.serving.options import ServerOptions
from keras_attention.serving.versions.repository import Repository
from keras_attention.serving.wire.errors import ServingError


def write_version(base_path, number, content="fine"):
    """Writes what looks like an export; only content that is "fine…" can be loaded."""
    folder = base_path / str(number)
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "variables.index").write_text("index")
    (folder / "variables" / "variables.data-00000-of-00001").write_text("data")
    (folder / "saved_model.pb").write_text(content)
    return folder


class Model:
    def __init__(self, content):
        self.content = content
        self.closed = 0

    def close(self):
        self.closed += 1


class Loader:
    """Loads such folders, notes what it did, and can be held up.

    Attributes:
        calls: list of `(name, number)`, in order of their beginning.
        models: list of `Model`, all that were ever loaded.
        gates: dict of `(name, number)` to `threading.Event` that a load waits for.
        most_at_once: int. How many loads ran at the same time.
        mended: bool. What is broken can be loaded all the same.
    """

    def __init__(self):
        self.calls, self.models, self.gates = [], [], {}
        self.running = self.most_at_once = 0
        self.mended = False
        self._lock = threading.Lock()

    def gate(self, name, number):
        return self.gates.setdefault((name, number), threading.Event())

    def __call__(self, folder, options, metrics, name):
        call = (name, int(folder.name))
        with self._lock:
            self.calls.append(call)
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
        try:
            if call in self.gates:
                assert self.gates[call].wait(20), "nobody opened the gate"
            content = (folder / "saved_model.pb").read_text()
            if not (self.mended or content.startswith("fine")):
                raise ValueError(f"it is {content}")
            self.models.append(Model(content))
            return self.models[-1]
        finally:
            with self._lock:
                self.running -= 1


@contextlib.contextmanager
def serving(models, loader=None, **options):
    """A repository that looks often and tries again seldom."""
    options = {"poll_seconds": 0.05, "max_load_retries": 0, **options}
    repository = Repository(models, ServerOptions(**options), load=loader or Loader())
    repository.start()
    try:
        yield repository
    finally:
        repository.stop()


def states_of(repository, name="m"):
    """Returns a dict of number to the state's name."""
    return {number: state.name for number, state, _ in repository.status(name)}


def latest(repository, name="m", **choice):
    with repository.use(name, **choice) as version:
        return version.number


def content(repository, name="m", **choice):
    with repository.use(name, **choice) as version:
        return version.model.content


def replace_version(base_path, number, content):
    """Puts another folder in the place of a version."""
    new = write_version(base_path / f"new{number}", number, content)
    if (base_path / str(number)).exists():
        (base_path / str(number)).rename(base_path / f"old{time.monotonic_ns()}")
    new.rename(base_path / str(number))


@contextlib.contextmanager
def requesting(repository, *choices, name="m"):
    """Sends requests all the while, none of which may be rejected.

    Args:
        choices: dicts of arguments of `Repository.use`.
    """
    stop = threading.Event()
    wrong = []

    def send():
        while not stop.is_set():
            for choice in choices:
                try:
                    with repository.use(name, **choice) as version:
                        if version.model is None or version.model.closed:
                            wrong.append(f"{choice} is closed")
                except ServingError as error:
                    wrong.append(f"{choice}: {error}")
            time.sleep(0.001)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not wrong, wrong[:3]


def looks(repository, count=4):
    """Lets the repository look a few times."""
    time.sleep(count * repository.options.poll_seconds)
