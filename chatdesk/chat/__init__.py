"""The pure domain: messages, their tree, the context budget, events and the provider seam.

Nothing here does input or output, starts a thread or knows a library.
"""
