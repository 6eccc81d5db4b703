"""What the benchmarks need before anything is imported, and the machine in the report's head."""

from __future__ import annotations

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

from benchmarks import machine
from cusnn import driver


def pytest_report_header() -> list[str]:
    reason = driver.unavailable()
    return [f"machine: {machine.title(machine.describe())}"] + (
        [f"cuda left out: {reason}"] if reason else []
    )


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(output_json) -> None:
    output_json["cusnn_machine"] = machine.describe()
