"""Faults that tests order: what goes wrong, where, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Fault:
    """One thing that goes wrong at an endpoint. See `KaggleServer.fault` for what the fields mean."""

    endpoint: str
    times: int | None = 1
    skip: int = 0
    when: Callable[[dict], bool] | None = None
    status: int | None = None
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    cut: str | None = None
    cut_at: int | None = None
    override: dict | None = None
    body: str | bytes | None = None
    content_type: str = "text/html"
    delay: float = 0.0
    used: int = 0

    def __post_init__(self):
        if self.cut not in (None, "before", "after"):
            raise ValueError(f'cut={self.cut!r}: "before" or "after" the thing is done')
        if self.cut_at is not None and self.endpoint not in ("PutBlob", "GetFile"):
            raise ValueError(f"cut_at is for PutBlob and GetFile, not for {self.endpoint}")

    @property
    def performs(self) -> bool:
        """Whether the server does what it was asked before it answers."""
        if self.cut:
            return self.cut == "after"
        return self.done or (self.status is None and self.body is None)


class Faults:
    def __init__(self):
        self.ordered: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        self.ordered.append(fault)
        return fault

    def take(self, endpoint: str, body: dict) -> Fault | None:
        """The fault that hits this request, in the order in which they were asked for."""
        for fault in self.ordered:
            if fault.endpoint not in (endpoint, "*") or (fault.when and not fault.when(body)):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times is not None and fault.used >= fault.times:
                continue
            fault.used += 1
            return fault
        return None

    @property
    def unused(self) -> list[Fault]:
        return [fault for fault in self.ordered if not fault.used]
