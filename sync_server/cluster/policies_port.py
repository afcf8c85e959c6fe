"""What the gateway asks of the policies, as a port: how sensitive words are, and which route a task takes."""

from datetime import datetime
from typing import Protocol

from shared.routing import DataClass, Decision, RouteRequest


class Policies(Protocol):
    """The bundle in force, and the classifier with what it knows of a tenant."""

    def classify(self, tenant: str, text: str) -> DataClass | None:
        """The class of `text`; None if that cannot be told."""

    def choose(self, request: RouteRequest, at: datetime) -> Decision:
        """The route for `request`, decided at `at`."""
