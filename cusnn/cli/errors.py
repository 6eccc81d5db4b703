"""Whatever goes wrong is one line on stderr and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback

import typer
from typer.core import TyperGroup

from cusnn.cli.tables import escape, stderr

FAILED, INTERRUPTED = 2, 130


class Group(TyperGroup):
    """Whatever goes wrong, also while help is printed, is one line on stderr and an exit code."""

    def main(self, *args, **kwargs):
        kwargs["standalone_mode"] = False
        try:
            code = super().main(*args, **kwargs)
            if not code:
                sys.stdout.flush()
        except KeyboardInterrupt:
            stderr().print("[yellow]interrupted; nothing was written[/]")
            code = INTERRUPTED
        except Exception as error:
            code = failed(error, debug=bool(os.environ.get("CUSNN_DEBUG")))
        close_stdout()
        sys.exit(code or 0)


@contextlib.contextmanager
def one_line_errors(debug: bool):
    """What the library refuses becomes one line on stderr and exit code 2; Ctrl-C, 130."""
    try:
        yield
    except KeyboardInterrupt:
        stderr().print("[yellow]interrupted; nothing was written[/]")
        raise typer.Exit(INTERRUPTED) from None
    except typer.Exit:
        raise
    except Exception as error:
        raise typer.Exit(failed(error, debug)) from None


def failed(error: Exception, debug: bool) -> int:
    """Say on stderr, in one line, what went wrong; the exit code."""
    from cusnn.driver import DriverError

    expected = (ValueError, TypeError, MemoryError, OSError, ImportError, DriverError)
    if debug:
        traceback.print_exception(error)
    # Errors of the command line itself: typer's own, or those of click, whichever it brings.
    of_usage = hasattr(error, "format_message")
    text = " ".join((error.format_message() if of_usage else str(error)).split())
    if of_usage and not text:
        return FAILED  # no command was given, and help has been printed
    if not (of_usage or isinstance(error, expected)):
        text = f"{type(error).__name__}: {text}"
        text += "" if debug else "; --debug shows where it happened"
    text = text or type(error).__name__
    stderr().print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True, highlight=False)
    return FAILED


def close_stdout() -> None:
    """Where what was printed cannot be written, have Python not try again when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
