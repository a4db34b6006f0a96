"""Markdown for the transcript, incremental and without Qt: text in, leaves out."""
