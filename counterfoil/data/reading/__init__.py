"""Read files as people have them, in a process that has nothing but the file."""
