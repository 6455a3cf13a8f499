"""Rehearse an agreement in one process: every role of its job, on made-up or own tables, before any key or server."""
