"""``python -m cusnn`` is ``cusnn``; Ctrl-C ends it while it is still being imported, too."""

import sys


def main() -> None:
    """Entry point of the command ``cusnn``."""
    try:
        from cusnn import cli

        cli.main()
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
