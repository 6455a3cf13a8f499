"""Run the same workloads on Counterfoil and on its peers, on one machine in one run. See README.md in this folder."""
