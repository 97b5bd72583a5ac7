"""Run every benchmark, one after another."""

from benchmarks import spine


def main() -> None:
    """Print the figures of each."""
    spine.main()


if __name__ == "__main__":
    main()
