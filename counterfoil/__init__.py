"""Counterfoil: joint analyses on data that organisations may not show each other.

This package is the library: it knows nothing of Prefect, so that it can be installed and audited alone.
"""

__version__ = "0.2.0"
