"""How Counterfoil is run: the deployments of its flows, and the demo."""
