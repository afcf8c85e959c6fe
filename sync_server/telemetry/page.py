"""The page that a monitoring system reads, in Prometheus' text form; `prometheus-client` writes it.

The library is imported when a page is asked for: nobody else pays for it.

Source: Prometheus exposition format 0.0.4.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from shared.metrics import METRICS, Key, Labels, Metric

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def page(readings: Mapping[Key, float]) -> bytes:
    """The page with everything that was read."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read(readings))
    return generate_latest(registry)


class _Read:
    """What the library collects from: readings, in the order of the table."""

    def __init__(self, readings: Mapping[Key, float]) -> None:
        self._readings = readings

    def collect(self) -> "Iterator[Family]":
        """A family for each row of the table that has a value."""
        by_name: dict[str, dict[Labels, float]] = {}
        for (name, labels), value in self._readings.items():
            by_name.setdefault(name, {})[labels] = value
        for metric in METRICS:
            if metric.kind == "histogram" and (sums := by_name.get(f"{metric.name}_sum_us")):
                yield _histogram(metric, by_name[f"{metric.name}_bucket"], sums)
            elif metric.name in by_name:
                yield _plain(metric, by_name[metric.name])


def labels_of(metric: Metric) -> Labels:
    """The names of its labels on the server."""
    return metric.labels if metric.source == "process" else ("tenant", *metric.labels)


def _plain(metric: Metric, values: Mapping[Labels, float]) -> "Family":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

    family_of = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family: Family = family_of(metric.name, metric.help, labels=labels_of(metric))
    for labels, value in sorted(values.items()):
        family.add_metric(labels, value)  # type: ignore[attr-defined]
    return family


def _histogram(metric: Metric, buckets: Mapping[Labels, float], sums: Mapping[Labels, float]) -> "Family":
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415

    family = HistogramMetricFamily(metric.name, metric.help, labels=labels_of(metric))
    bounds = [*map(repr, metric.bounds), "+Inf"]
    for labels, total_us in sorted(sums.items()):
        told = [(bound, buckets.get((*labels, bound), 0.0)) for bound in bounds]
        family.add_metric(labels, buckets=told, sum_value=total_us / 1e6)
    return family
