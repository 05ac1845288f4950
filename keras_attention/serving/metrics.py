"""Metrics for Prometheus, under TensorFlow Serving's names.

The page is written here rather than by prometheus-client, which insists on `_total`
behind the names of counters: dashboards made for TensorFlow Serving would find nothing.
"""

import bisect
import itertools
import threading

# Ten microseconds to some twenty minutes, as TensorFlow Serving has them.
LATENCY_BUCKETS = tuple(10 * 1.8**i for i in range(33))
SIZE_BUCKETS = tuple(2**i for i in range(15))


class Metric:
    """Values by labels.

    Args:
        kind: "counter" or "gauge".
        name: str, as Prometheus will know it.
        labels: names of labels.
        help: str, one sentence.
    """

    def __init__(self, kind, name, labels, help):
        self.kind, self.name, self.labels, self.help = kind, name, tuple(labels), help
        self._values = {}
        self._lock = threading.Lock()

    def add(self, amount, *labels):
        with self._lock:
            self._values[labels] = self._values.get(labels, 0) + amount

    def set(self, value, *labels):
        with self._lock:
            self._values[labels] = value

    def value(self, *labels):
        with self._lock:
            return self._values.get(labels, 0)

    def lines(self):
        with self._lock:
            values = sorted(self._values.items())
        for labels, value in values:
            yield f"{self.name}{self._braces(labels)} {_number(value)}"

    def _braces(self, values, more=()):
        pairs = [*zip(self.labels, values, strict=True), *more]
        return "{" + ",".join(f'{k}="{_escape(v)}"' for k, v in pairs) + "}"


class Histogram(Metric):
    """Counts of values, by buckets.

    Args:
        name, labels, help: as for `Metric`.
        buckets: upper bounds, rising.
    """

    def __init__(self, name, labels, help, buckets=LATENCY_BUCKETS):
        super().__init__("histogram", name, labels, help)
        self.buckets = buckets

    def observe(self, value, *labels):
        bucket = bisect.bisect_left(self.buckets, value)
        with self._lock:
            if labels not in self._values:
                self._values[labels] = ([0] * (len(self.buckets) + 1), [0.0])
            counts, total = self._values[labels]
            counts[bucket] += 1
            total[0] += value

    def value(self, *labels):
        """How many values were observed."""
        with self._lock:
            counts, _ = self._values.get(labels, ([0], None))
            return sum(counts)

    def lines(self):
        with self._lock:
            values = sorted((k, (list(c), t[0])) for k, (c, t) in self._values.items())
        bounds = [*(f"{bound:g}" for bound in self.buckets), "+Inf"]
        for labels, (counts, total) in values:
            for bound, count in zip(bounds, itertools.accumulate(counts), strict=True):
                braces = self._braces(labels, [("le", bound)])
                yield f"{self.name}_bucket{braces} {count}"
            braces = self._braces(labels)
            yield f"{self.name}_sum{braces} {_number(total)}"
            yield f"{self.name}_count{braces} {sum(counts)}"


class Metrics:
    """The metrics of one server. The same name gives the same metric."""

    def __init__(self):
        self._metrics = {}
        self._lock = threading.Lock()

    def counter(self, name, labels=(), help=""):
        return self._make(name, lambda: Metric("counter", name, labels, help))

    def gauge(self, name, labels=(), help=""):
        return self._make(name, lambda: Metric("gauge", name, labels, help))

    def histogram(self, name, labels=(), help="", buckets=LATENCY_BUCKETS):
        return self._make(name, lambda: Histogram(name, labels, help, buckets))

    def _make(self, name, make):
        with self._lock:
            if name not in self._metrics:
                self._metrics[name] = make()
            return self._metrics[name]

    def page(self):
        """Prometheus' text format, version 0.0.4."""
        with self._lock:
            metrics = [self._metrics[name] for name in sorted(self._metrics)]
        lines = []
        for metric in metrics:
            if metric.help:
                lines.append(f"# HELP {metric.name} {_escape_help(metric.help)}")
            lines.append(f"# TYPE {metric.name} {metric.kind}")
            lines.extend(metric.lines())
        return "\n".join(lines) + "\n"


def _escape(value):
    value = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return value.replace("\n", "\\n")


def _escape_help(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value):
    return str(int(value)) if value == int(value) else repr(float(value))
