"""The order of the joint job: one Prefect flow a stage, and the worker that runs them.

Importing this package sets the environment by which Prefect's client tells its makers nothing, and reports an invalid
address of the server in one line, where importing Prefect would end in a traceback.
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
