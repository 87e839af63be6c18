"""A connection of Ansible to a folder that has a Debian in it, by chroot. /proc is mounted while a
command runs. ansible-core has none; it is used by test_ansible.py alone."""

import shutil
import subprocess
from pathlib import Path

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: rootdir
short_description: Runs tasks in a folder by chroot
description: The host's name is not used; remote_addr is the folder.
author: the pinion authors
options:
  remote_addr:
    description: The folder.
    vars: [{name: rootdir_path}]
"""

# The mount is gone with the command: it has a mount namespace of its own.
INSIDE = 'mount -t proc proc "$0/proc" && exec chroot "$0" /bin/sh -c "$1"'


class Connection(ConnectionBase):
    transport = "rootdir"
    has_pipelining = True

    def _connect(self):
        self.root = Path(self.get_option("remote_addr"))
        self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", INSIDE, str(self.root), cmd],
            input=in_data, capture_output=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def _inside(self, path):
        return self.root / str(path).lstrip("/")

    def put_file(self, in_path, out_path):
        shutil.copy(in_path, self._inside(out_path))

    def fetch_file(self, in_path, out_path):
        shutil.copy(self._inside(in_path), out_path)

    def close(self):
        self._connected = False
