"""The number of devices and machines that share a step. No TensorFlow here."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from common.options import Common


@dataclass(frozen=True)
class Scale:
    """How the batch of a step is split: over workers (one process per machine) and their devices."""

    devices: int = 1  # of each worker
    workers: int = 1
    worker: int = 0   # the number of this process; 0 is the chief

    @property
    def replicas(self) -> int:
        """Devices of all workers."""
        return self.devices * self.workers

    @property
    def chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.worker == 0

    def settings(self) -> dict[str, Any]:
        """The values that a run keeps: other numbers change the last bits of its results."""
        return {"devices": self.devices, "workers": self.workers}


ONE = Scale()


def of(config: Common) -> Scale:
    """The scale given by the options and TF_CONFIG.

    Raises:
        UserError: they do not fit each other or the batch.
    """
    worker, workers = cluster()
    scale = Scale(config.devices, workers, worker)
    if config.batch_size % scale.replicas:
        raise UserError(f"--batch-size {config.batch_size}: cannot be split into {scale.replicas} equal parts "
                        f"({workers} workers, --devices {scale.devices}); give a multiple of it")
    if scale.replicas > 1 and config.jit:
        raise UserError("--jit: compiles for one device only; leave out --jit, or --devices and TF_CONFIG")
    return scale


def cluster() -> tuple[int, int]:
    """The number of this process among the workers of TF_CONFIG, and their count; (0, 1) if it is not set.

    Raises:
        UserError: TF_CONFIG is damaged, or names others than a chief and workers.
    """
    try:
        described = json.loads(os.environ.get("TF_CONFIG") or "{}")
        members = {role: len(hosts) for role, hosts in described.get("cluster", {}).items()}
        task = described.get("task", {"type": "worker", "index": 0})
        number = int(task["index"]) + (members.get("chief", 0) if task["type"] == "worker" else 0)
        fits = not members or (members.keys() <= {"chief", "worker"} and 0 <= task["index"] < members[task["type"]])
    except (ValueError, TypeError, KeyError, AttributeError):
        fits = False
    if not fits:
        raise UserError('TF_CONFIG: must be like {"cluster": {"worker": ["host:port", ...]}, "task": {"type": '
                        '"worker", "index": 0}}; correct it, or run `unset TF_CONFIG`')
    return (number, sum(members.values())) if members else (0, 1)
