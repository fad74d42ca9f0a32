"""cryodata beside its peers: the same job, on the same wire, checked against h5py.

``python -m benchmarks`` (or ``make bench``) runs each workload with each peer on the
sandbox at in-region latency and prints what it cost.

- `workloads/`: one job a file.
- `peers/`: one reader a file, all behind `peers.Peer`.
- `child`: one read, measured in a process of its own.
- `trial`: that process, and what the wire saw of it.
- `session`: the wires, the granules and the order of the runs.
- `report`: the tables.
"""
