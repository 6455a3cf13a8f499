"""The data room: how a table is read, checked, minimised and encoded where it lives. Nothing here sends anything."""
