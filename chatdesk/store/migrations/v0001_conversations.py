"""Version 1: conversations, their messages as a tree, replies being written, and window state.

Integer keys link rows inside the file; the text ids are what the rest of Chatdesk knows. A
message's key is larger than its parent's, so links can form no ring and parents are read first.
"""

SQL = """
CREATE TABLE conversations (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    titled INTEGER NOT NULL DEFAULT 0 CHECK (titled IN (0, 1)),
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    deleted_at REAL,
    active_leaf TEXT,
    model TEXT,
    parameters TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(parameters)),
    system_prompt TEXT,
    draft TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX conversations_deleted ON conversations (deleted_at) WHERE deleted_at IS NOT NULL;

-- content and reasoning of a reply being written hold what it began with (a continued reply);
-- the rest is in chunks until it is finished. owner is the process that writes it.
-- measured: the reply has a Usage, even where none of its figures is known.
CREATE TABLE messages (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    parent INTEGER CHECK (parent < key),
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    status TEXT NOT NULL
        CHECK (status IN ('complete', 'streaming', 'stopped', 'interrupted', 'failed')),
    created_at REAL NOT NULL,
    owner TEXT,
    model TEXT,
    measured INTEGER NOT NULL DEFAULT 0 CHECK (measured IN (0, 1)),
    prompt_tokens INTEGER,
    cached_tokens INTEGER,
    completion_tokens INTEGER,
    first_token_ms REAL,
    tokens_per_second REAL,
    error TEXT,
    finish_reason TEXT NOT NULL DEFAULT '',
    content TEXT NOT NULL,
    reasoning TEXT NOT NULL DEFAULT '',
    UNIQUE (conversation, key),
    FOREIGN KEY (conversation, parent) REFERENCES messages (conversation, key),
    CHECK ((status = 'streaming') = (owner IS NOT NULL)),
    CHECK (status <> 'streaming' OR role = 'assistant')
) STRICT;

CREATE INDEX messages_children ON messages (conversation, parent);
CREATE INDEX messages_streaming ON messages (owner) WHERE owner IS NOT NULL;

CREATE TABLE chunks (
    key INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages (key),
    kind TEXT NOT NULL CHECK (kind IN ('text', 'reasoning')),
    text TEXT NOT NULL
) STRICT;

CREATE INDEX chunks_message ON chunks (message);

-- A message in this table is hidden with all below it.
CREATE TABLE removed_branches (
    conversation INTEGER NOT NULL,
    message INTEGER NOT NULL,
    removed_at REAL NOT NULL,
    PRIMARY KEY (conversation, message),
    FOREIGN KEY (conversation, message) REFERENCES messages (conversation, key)
) STRICT, WITHOUT ROWID;

-- Conversations whose messages may be deleted now; empty outside of a purge.
CREATE TABLE purging (
    conversation INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE state (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL CHECK (json_valid(value))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER messages_finished_never_change BEFORE UPDATE ON messages
WHEN OLD.status <> 'streaming'
BEGIN
    SELECT RAISE(ABORT, 'a finished message never changes');
END;

CREATE TRIGGER messages_keep_their_place
BEFORE UPDATE OF key, id, conversation, parent, role, created_at ON messages
WHEN NEW.key <> OLD.key OR NEW.id <> OLD.id OR NEW.conversation <> OLD.conversation
    OR NEW.parent IS NOT OLD.parent OR NEW.role <> OLD.role OR NEW.created_at <> OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'a message never changes its place');
END;

CREATE TRIGGER messages_deleted_by_purge_only BEFORE DELETE ON messages
WHEN NOT EXISTS (SELECT 1 FROM purging WHERE conversation = OLD.conversation)
BEGIN
    SELECT RAISE(ABORT, 'a message is deleted only with its conversation');
END;

CREATE TRIGGER chunks_only_while_streaming BEFORE INSERT ON chunks
WHEN (SELECT status FROM messages WHERE key = NEW.message) IS NOT 'streaming'
BEGIN
    SELECT RAISE(ABORT, 'a finished message does not grow');
END;

CREATE TRIGGER chunks_never_change BEFORE UPDATE ON chunks
BEGIN
    SELECT RAISE(ABORT, 'saved text never changes');
END;

CREATE TRIGGER active_leaf_is_a_message_of_it
BEFORE UPDATE OF active_leaf ON conversations
WHEN NEW.active_leaf IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM messages WHERE id = NEW.active_leaf AND conversation = NEW.key
)
BEGIN
    SELECT RAISE(ABORT, 'the active leaf is a message of its conversation');
END;
"""
