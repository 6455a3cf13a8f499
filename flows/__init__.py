"""What follows what, and nothing else: one Prefect flow a stage, and the worker that runs them.

Whoever starts them: nothing is told to Prefect's makers, which its client decides by the environment; and a server's
address that is none is a line, which Prefect would end in a traceback while it is imported.
"""

import os
import sys
from urllib.parse import urlsplit

from counterfoil.errors import UnreachableError
from counterfoil.terminal import complain

os.environ.setdefault("DO_NOT_TRACK", "1")
try:
    _ = urlsplit(os.environ.get("PREFECT_API_URL", "")).port
except ValueError:
    complain("PREFECT_API_URL is no address; give one like http://127.0.0.1:4200/api")
    sys.exit(UnreachableError.exit_code)
