"""`tagline adopt [PATH]`: the objects and markers that a repository needs for image automation.

Finds the images that files name, proposes a policy for each with the reason, and shows or writes the result. Decides
nothing itself: `controllers.adoption` does, from the bytes of files and the tags of images.
"""

import argparse
import sys

from cli.adoption_run import DEFAULT_NAMESPACE, OBJECTS_FILE, OUTPUTS, run_adoption
from cli.checkout import BadFolder
from cli.file_writing import NotWritten
from cli.output import write_error
from cli.tags import BadTagFile
from controllers.adoption.instructions import BadInstruction
from controllers.adoption.origins.tools import TOOLS
from controllers.adoption.schemes import Level
from controllers.net.foreign_text import escape


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the grammar of the verb."""
    parser.description = (
        "Finds the images that files name and prints the objects and markers that let tagline update them. Changes "
        "nothing without --write. Exit status 0: done, or nothing to do; 1: a file or a registry could not be read, "
        "all else was done; 2: the request itself is wrong."
    )
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help="folder or file (the current folder)")
    parser.add_argument("--write", action="store_true", help="write objects and markers, all or none")
    parser.add_argument("-i", "--interactive", action="store_true", help="ask for each image")
    parser.add_argument(
        "--only", action="append", default=[], metavar="GLOB", help="only these images; may be repeated"
    )
    parser.add_argument("--skip", action="append", default=[], metavar="GLOB", help="not these images")
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="IMAGE=POLICY",
        help="how to choose: a semver range, numerical, alphabetical, newest, digest or skip; IMAGE may be a glob",
    )
    parser.add_argument(
        "--level", choices=[*Level], default=Level.MINOR, help="how far semantic versions go by themselves (minor)"
    )
    parser.add_argument(
        "--from", dest="origin", choices=[*TOOLS], default="", help="read what this tool was told about the images"
    )
    parser.add_argument("--offline", action="store_true", help="ask no registry")
    parser.add_argument(
        "--tags", action="append", default=[], metavar="IMAGE=FILE", help="tags of an image, one a line"
    )
    parser.add_argument(
        "--targets",
        action="append",
        default=[],
        metavar="GLOB",
        help="files that lose comments: name their values in the automation, as those of JSON; may be repeated",
    )
    parser.add_argument("--objects", default="", metavar="FILE", help=f"where objects go (PATH/{OBJECTS_FILE})")
    parser.add_argument(
        "--namespace", default="", help=f"of the objects (that of those there are, or {DEFAULT_NAMESPACE})"
    )
    parser.add_argument("--source", default="", metavar="[NS/]NAME", help="the GitRepository of the automation")
    parser.add_argument("--branch", default="", help="that the automation commits to (the one checked out)")
    parser.add_argument("--author-email", default="tagline@example.com", metavar="EMAIL", help="of the commits")
    parser.add_argument("--hidden", action="store_true", help="also files and folders that begin with a dot")
    parser.add_argument("-o", "--output", choices=[*OUTPUTS], default="text", help="what to print")
    parser.set_defaults(command=adopt)


def adopt(options: argparse.Namespace) -> int:
    """Print and perhaps write the adoption of a folder; the exit status is that of the description."""
    try:
        if options.interactive and not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise BadFolder("--interactive needs a terminal to ask on")
        return run_adoption(options)
    except (BadFolder, BadInstruction, BadTagFile) as error:
        write_error(error)
        return 2
    except NotWritten as error:
        write_error(error)
        return 1
    except OSError as error:
        write_error(f"nothing was written: {escape(str(error.filename))}: {error.strerror or type(error).__name__}")
        return 1
    except KeyboardInterrupt:
        write_error("interrupted")
        return 130
