"""Version 2: which provider wrote a reply, and whether its counts are estimates.

The triggers of version 1 hold for the new columns as for all others: a finished row never changes.
"""

SQL = """
-- The name of the provider that the reply came from; NULL: it was written in Chatdesk itself.
ALTER TABLE messages ADD COLUMN provider TEXT;

-- The reply's counts of tokens are estimates.
ALTER TABLE messages ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0 CHECK (estimated IN (0, 1));
"""
