"""Replies from workers over NATS: the protocol, the connection, and who asks.

The only room below cluster/ that knows nats-py. cluster/ has the other side: the workers that
answer, and the dataflow for thin clients.
"""
