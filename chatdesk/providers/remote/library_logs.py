"""What the libraries that talk to servers may log: warnings, whatever the environment says.

OPENAI_LOG, HF_DEBUG and HF_HUB_VERBOSITY turn on logs of every request when these libraries are
imported, and so would a program that wants all logs. Addresses, headers and messages could be in
them.
"""

from __future__ import annotations

import logging

NAMES = ("openai", "httpx2", "httpcore2", "huggingface_hub", "nats")


def keep_quiet() -> None:
    """To be called after such a library was imported, and before requests. Any thread."""
    for name in NAMES:
        logging.getLogger(name).setLevel(logging.WARNING)
