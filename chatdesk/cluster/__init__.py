"""Beyond one machine: workers that answer over NATS, and a dataflow with one conversation per user.

The other side of providers/nats. Nothing of the window or of a single computer needs this room.
"""
