"""The operator's Prometheus metrics: where they are counted and how they are shown. The only import of its client.

This module defines the process's own metrics, `core/metrics.py` those of a DataReplication. An object's metrics vanish
with the object, and with the lease: only the leader shows them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family

from datareplication.controller.queue import WorkQueue
from datareplication.core import metrics as deciding
from datareplication.core.metrics import COUNTERS, GAUGES, PREFIX, Metric, Sample
from datareplication.core.names import Key
from datareplication.core.run import Run
from datareplication.core.state import ReplicationStatus, RunStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

RECONCILE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SKEW_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600)
STEP_BUCKETS = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800)


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        # Otherwise each counter has a second series (_created), which nobody reads in the text format.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._objects = _Objects()
        self._registry.register(self._objects)
        ProcessCollector(registry=self._registry)
        self.leading = self._gauge("leader", "Whether this process holds the lease (1) or not (0).")
        self.resynced = self._gauge(
            "last_resync_timestamp_seconds", "When everything was last looked at; its age is time() minus this."
        )
        self._depth = self._gauge("workqueue_depth", "DataReplications that wait to be worked on.")
        self._oldest = self._gauge("workqueue_oldest_seconds", "How long the first of them has waited.")
        self._namespaces = Gauge(
            "namespace_watched",
            "Whether a namespace of watchNamespaces can be looked at (1) or not (0).",
            ("namespace",),
            namespace=PREFIX,
            registry=self._registry,
        )
        self._reconciles = self._histogram(
            "reconcile_duration_seconds", "How long one reconcile took.", RECONCILE_BUCKETS, "result"
        )
        self._requests = Counter(
            "api_requests_total",
            "Requests to the Kubernetes API by the answer's code; none: no answer, fenced: not sent without the lease.",
            ("verb", "kind", "code"),
            namespace=PREFIX,
            registry=self._registry,
        )
        self._notifications = Counter(
            "notifications_total",
            "Notifications that were Delivered, Refused or GivenUp, and attempts that Failed and are repeated.",
            ("sink", "event", "result"),
            namespace=PREFIX,
            registry=self._registry,
        )
        self._skew = self._histogram(
            "creation_skew_seconds", "From a slot to the creation of its first Job.", SKEW_BUCKETS
        )
        self._steps = self._histogram(
            "step_duration_seconds", "How long a step's successful attempt took.", STEP_BUCKETS, "step"
        )

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def watch(self, queue: WorkQueue) -> None:
        """Show this queue's depth and age from now on."""
        self._depth.set_function(lambda: len(queue))
        self._oldest.set_function(lambda: queue.oldest_seconds)

    def show(self, key: Key, status: ReplicationStatus) -> None:
        """Show a DataReplication's gauges."""
        self._objects.gauges[key] = deciding.of_replication(status)

    def show_namespace(self, namespace: str, *, is_watched: bool) -> None:
        """Show whether a namespace can be looked at; nothing if the operator watches all namespaces together."""
        if namespace:
            self._namespaces.labels(namespace).set(is_watched)

    def count_run(self, run: Run, old: RunStatus, new: RunStatus) -> None:
        """Count a change of a run's status that was written."""
        key = Key(run.namespace, run.request.replication_name)
        for sample in deciding.counts(run, old, new):
            self._objects.counters[key][sample.metric, sample.labels] += sample.value
        for taken in deciding.durations(run, old, new):
            self._steps.labels(taken.step).observe(taken.seconds)

    def count_request(self, verb: str, kind: str, code: str) -> None:
        """Count a request to the API."""
        self._requests.labels(verb, kind, code).inc()

    def count_notification(self, sink: str, event: str, result: str) -> None:
        """Count a notification that is not tried any more, or an attempt that failed."""
        self._notifications.labels(sink, event, result).inc()

    def watch_notifications(self, oldest_seconds: Callable[[], Mapping[str, float]]) -> None:
        """Show from now on for each sink how long its oldest notification has waited."""
        self._objects.oldest_seconds = oldest_seconds

    def count_reconcile(self, result: str, seconds: float) -> None:
        """Count a reconcile that ended with `result`."""
        self._reconciles.labels(result).observe(seconds)

    def count_skew(self, slot: datetime, created: datetime) -> None:
        """Count how late a slot's first Job was made."""
        self._skew.observe(max(0.0, (created - slot).total_seconds()))

    def forget(self, key: Key) -> None:
        """Forget the metrics of a DataReplication that is gone."""
        self._objects.gauges.pop(key, None)
        self._objects.counters.pop(key, None)

    def forget_all(self) -> None:
        """Forget the metrics of all DataReplications and of the queue: this process no longer leads."""
        self._objects.gauges.clear()
        self._objects.counters.clear()
        self._objects.oldest_seconds = dict
        self._namespaces.clear()
        self._depth.set_function(lambda: 0)
        self._oldest.set_function(lambda: 0)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, namespace=PREFIX, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, namespace=PREFIX, registry=self._registry)


class _Objects:
    """What belongs to DataReplications, kept as small as it can be: there may be thousands."""

    def __init__(self) -> None:
        self.gauges: dict[Key, tuple[Sample, ...]] = {}
        self.counters: dict[Key, dict[tuple[Metric, tuple[str, ...]], float]]
        self.counters = defaultdict(lambda: defaultdict(float))
        self.oldest_seconds: Callable[[], Mapping[str, float]] = dict

    def collect(self) -> Iterator[Family]:
        """Yield every metric with the values of all objects."""
        families: dict[Metric, GaugeMetricFamily | CounterMetricFamily] = {}
        for metric in GAUGES:
            families[metric] = GaugeMetricFamily(f"{PREFIX}_{metric.name}", metric.help, labels=_labels(metric))
        for metric in COUNTERS:
            families[metric] = CounterMetricFamily(f"{PREFIX}_{metric.name}", metric.help, labels=_labels(metric))
        for key, metric, labels, value in self._values():
            families[metric].add_metric((key.namespace, key.name, *labels), value)
        yield from families.values()
        oldest = GaugeMetricFamily(
            f"{PREFIX}_notification_oldest_pending_seconds",
            "For how long the oldest notification that waits for a sink has waited.",
            labels=("sink",),
        )
        for sink, seconds in self.oldest_seconds().items():
            oldest.add_metric((sink,), seconds)
        yield oldest

    def _values(self) -> Iterable[tuple[Key, Metric, tuple[str, ...], float]]:
        for key, samples in self.gauges.items():
            for sample in samples:
                yield key, sample.metric, sample.labels, sample.value
        for key, counted in self.counters.items():
            for (metric, labels), value in counted.items():
                yield key, metric, labels, value


def _labels(metric: Metric) -> tuple[str, ...]:
    return ("namespace", "name", *metric.labels)
