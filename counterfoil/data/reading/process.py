"""Start the process that reads a file, which gives up what it can before anything large is imported.

Libraries begin threads as they are imported, and a thread keeps what it had when it began.
"""

from __future__ import annotations

from counterfoil.confinement import close_off


def main() -> None:
    """Close this process off, then read. Takes what `reader.main` takes."""
    close_off()
    from counterfoil.data.reading import reader  # noqa: PLC0415 (see above)

    reader.main()


if __name__ == "__main__":
    main()
