"""Read, check, minimise and encode a table where it is kept. Nothing here sends anything."""
