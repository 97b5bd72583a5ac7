"""The service: it wires the parts together and talks to people; nobody imports it."""

import os

# One thread for numeric libraries, set before they load: many turns at once do better than one fast one.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
