"""The window: the only room that knows Qt widgets.

Widgets here get data and emit signals; they know no business logic. The controller connects them.
"""
