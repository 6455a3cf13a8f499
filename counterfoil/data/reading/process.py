"""Start the process that reads a file, which gives up what it can before anything large is imported.

Libraries begin threads as they are imported, and a thread keeps what it had when it began.
"""

from __future__ import annotations

import sys

from counterfoil.confinement import close_off


class _WithoutPandas:
    """Refuse to import pandas, which Arrow would load to see whether a value is of it; the reader has no such values.

    Loading it takes longer than most files do, and gives a crafted file more code to reach.
    """

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("the reader has no pandas", name=name)


def refuse_pandas() -> None:
    """Load no pandas in this process, whatever asks for it."""
    sys.meta_path.insert(0, _WithoutPandas)


def main() -> None:
    """Close this process off, then read. Takes what `reader.main` takes."""
    close_off()
    refuse_pandas()
    from counterfoil.data.reading import reader  # noqa: PLC0415 (see above)

    reader.main()


if __name__ == "__main__":
    main()
