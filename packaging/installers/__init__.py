"""Builds the installers: the frozen application and what each system makes of it.

Standard library only, run by packaging/build.py with the Python that the installers will carry.
Nothing here is part of Chatdesk.
"""
