"""Speed and size, measured as ratios against a named baseline in one run on this machine.

`python -m benchmarks [SUITE...] [--json]`; a suite is a module with rows().
"""
