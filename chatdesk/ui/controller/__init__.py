"""What connects the session to the window: each controller does one part of it.

Widgets hold no rules and the session knows no widget; here the signals of the one become calls of
the other. All of it lives in the GUI thread.
"""
