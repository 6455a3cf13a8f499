"""How Counterfoil is run: the deployments of its flows, and the demo."""

from counterfoil_prefect import (
    flows as flows,
)  # before Prefect is imported: it looks at the server's address, and has Prefect told nothing
