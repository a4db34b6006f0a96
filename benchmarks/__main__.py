"""Runs the suites and prints their rows, as a table or as one JSON document."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from typing import Any

import psutil

# A suite may be made of several modules, each with rows().
SUITES = {
    "engine": ("benchmarks.engine", "benchmarks.window", "benchmarks.parallel"),
    "transcript": ("benchmarks.markdown", "benchmarks.transcript"),
    "store": ("benchmarks.store",),
    "startup": ("benchmarks.startup",),
    "providers": ("benchmarks.providers",),
    "cluster": ("benchmarks.cluster",),
    "frozen": ("benchmarks.frozen",),
}


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": psutil.cpu_count(logical=False) or os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def run(suites: list[str]) -> list[dict[str, Any]]:
    """The rows of the suites, in their order."""
    rows: list[dict[str, Any]] = []
    for suite in suites:
        for module in SUITES[suite]:
            print(f"{module} ...", file=sys.stderr, flush=True)
            found = importlib.import_module(module).rows()
            for row in found:  # as they come: a run of everything takes many minutes
                print(f"  {row['name']}: {show(row['value'])} {row['unit']}", file=sys.stderr)
            rows.extend(found)
    return rows


def show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return "" if value is None else str(value)


def main() -> int:
    """Exit status 1 where a row is over its budget."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", nargs="*", choices=[*SUITES, []], help="default: all")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    arguments = parser.parse_args()
    rows = run(arguments.suite or list(SUITES))
    if arguments.json:
        print(json.dumps({"machine": machine(), "rows": rows}, indent=1))
    else:
        for row in rows:
            verdict = {True: "ok", False: "OVER", None: ""}[row.get("within")]
            print(
                f"{row['suite']:<11}{row['name']:<58.58}{show(row['value']):>10} {row['unit']:<9}"
                f"{show(row.get('baseline')):>10}{show(row.get('ratio')):>9}"
                f"  {show(row.get('budget')):<10}{verdict}"
            )
    return 1 if any(row.get("within") is False for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
