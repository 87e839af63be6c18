"""Reads a compose file on standard input by the Compose specification; by a Python that has it.
Ends with 1 and what is wrong."""

import sys

from compose_spec import PyCompose

try:
    PyCompose.from_yaml(sys.stdin.read()).to_spec()
except ValueError as error:
    sys.exit(str(error))
