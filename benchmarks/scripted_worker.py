"""A worker of the pool whose model says nothing at a given pace: a process of the benchmark.

python -m benchmarks.scripted_worker URL PACE TOKENS
"""

from __future__ import annotations

import asyncio
import signal
import sys

from chatdesk.cluster.worker.admission import Limits
from chatdesk.cluster.worker.generation import Generation
from chatdesk.cluster.worker.life import PoolWorker, Settings
from chatdesk.providers.scripted import ScriptedProvider


async def _work(url: str, pace: float, tokens: int) -> None:
    provider = ScriptedProvider(["word "] * tokens, pace=pace)
    unlimited = Limits(requests=0, tokens=0, runs=0)
    worker = PoolWorker(
        Settings(url, limits=unlimited),
        Generation(lambda on_state: provider, "scripted", None),
        lambda line: print(line, flush=True),
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    await worker.run()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
