"""What follows what, and nothing else: one Prefect flow a stage, and the worker that runs them.

Whoever starts them: nothing is told to Prefect's makers, which its client decides by the environment.
"""

import os

os.environ.setdefault("DO_NOT_TRACK", "1")
