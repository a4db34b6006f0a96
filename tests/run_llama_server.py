"""Runs llama.cpp's own HTTP server, from the package xllamacpp, until it is killed.

run_llama_server.py MODEL_FILE ALIAS CONTEXT SLOTS PORT, the key in LLAMA_API_KEY. It takes this
port of 127.0.0.1 (0: a free one) and writes its address.
"""

from __future__ import annotations

import os
import signal
import sys

import xllamacpp


def main() -> None:
    path, alias, context, slots, port = sys.argv[1:]
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.model_alias = {alias}
    params.n_ctx = int(context) * int(slots)
    params.n_parallel = int(slots)
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.hostnames = ["127.0.0.1"]
    params.port = int(port)
    key = os.environ.get("LLAMA_API_KEY", "")
    if key:
        params.api_keys = [key]
    server = xllamacpp.Server(params)  # it serves on threads of its own from here on
    print(server.listening_address, flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
