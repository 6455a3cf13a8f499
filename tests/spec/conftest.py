"""Lets the test modules of this folder import `circuit_spec`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
