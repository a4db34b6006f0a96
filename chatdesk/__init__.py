"""Private, offline AI chat on your own computer."""
