"""Run the benchmarks of docs/benchmarks.md one after another; `benchmarks.large`, an hour, apart."""

import subprocess
import sys

PARTS = (
    ("spine",),
    ("imports",),
    ("attribution",),
    ("turns", "--turns", "100000"),
    ("kills",),
    ("understanding",),
    ("held_out",),
    ("hostile_text",),
    ("allocation", "--lines", "200"),
    ("curves",),
    ("bandit",),
)


def main() -> None:
    """Each in a process of its own; the first that fails ends it."""
    for name, *options in PARTS:
        print(f"· {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], check=True)


if __name__ == "__main__":
    main()
