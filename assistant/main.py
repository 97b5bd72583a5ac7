"""The ``gtm`` command."""

import sys

from assistant.channels.cli import cli
from assistant.settings import ConfigurationError


def run() -> None:
    """Run the command line; a wrong setting ends it with its cure and status 2."""
    try:
        cli()
    except ConfigurationError as error:
        print(f"gtm: {error}", file=sys.stderr)  # noqa: T201 - the terminal is the channel here
        sys.exit(2)


if __name__ == "__main__":
    run()
