"""Who can write replies: the local llama.cpp model, remote services, and the tests' double.

Each provider satisfies chatdesk.chat.provider.Provider; nothing above this room knows which one it
talks to.
"""
