"""How Counterfoil is run: the deployments of its flows, and the demo."""

import flows as flows  # before Prefect is imported: it looks at the server's address, and has Prefect told nothing
