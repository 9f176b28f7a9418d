"""What a small server costs, and how soon it answers."""

FIGURES = []
WORKLOADS = {}
