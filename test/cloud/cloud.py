"""What scripts/setup cloud has installed, and how the tests here use it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "third_party/cloud"
TERRAFORM = ROOT / "deploy/terraform"
HERE = Path(__file__).resolve().parent

# The directories in the order of set-up.
ORDER = [
    "main-storage-s3-tf", "batch-ingestion-tf", "stream-ingestion-tf", "databricks-tf",
    "mwaa-orchestration-tf",
]  # fmt: skip
# The npm package of a provider's bindings, the provider's address, and its version.
PROVIDERS = {
    "aws": ("hashicorp/aws", "6.25.0"),
    "databricks": ("databricks/databricks", "1.99.0"),
}


def do(*command, cwd=None, env=None, status=0, timeout=300):
    """Runs a command, and gives what it printed. `status` None: any will do."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env={**os.environ, **(env or {})}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False,
    )  # fmt: skip
    assert status is None or done.returncode == status, f"{command}: {done.stdout[-6000:]}"
    return done.stdout


class Tofu:
    """OpenTofu in a copy of deploy/terraform, with providers from a mirror alone."""

    def __init__(self, folder, mirror):
        self.folder = folder / "terraform"
        shutil.copytree(TERRAFORM, self.folder)
        rc = folder / "tofurc"
        rc.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
        )
        self.env = {"TF_CLI_CONFIG_FILE": str(rc), "TF_IN_AUTOMATION": "1"}

    def __call__(self, directory, *args, status=0):
        return do(
            TOOLS / "bin/tofu", f"-chdir={self.folder / directory}", *args, "-no-color",
            env=self.env, status=status, timeout=1800,
        )  # fmt: skip

    def outputs(self, directory):
        found = json.loads(self(directory, "output", "-json"))
        return {name: output["value"] for name, output in found.items()}


def types_of(name):
    """The resources ("aws_instance") and data sources ("data.aws_region") that the files use."""
    import re

    found = set()
    for file in TERRAFORM.rglob("*.tf"):
        for kind, used in re.findall(
            rf'^(resource|data) "({name}_[a-z0-9_]+)"', file.read_text(), re.M
        ):
            found.add(used if kind == "resource" else f"data.{used}")
    return sorted(found)


def make_mirror(folder):
    """A mirror with a provider for each of PROVIDERS that knows its schema, and nothing else."""
    for name, (address, version) in PROVIDERS.items():
        # OpenTofu and Terraform each look below the name of their own registry.
        for registry in ("registry.opentofu.org", "registry.terraform.io"):
            place = folder / registry / address / version / "linux_amd64"
            place.mkdir(parents=True)
            do(
                sys.executable, HERE / "schemas.py", TOOLS / name / "package",
                place / "schema.json", f"registry.terraform.io/{address}", *types_of(name),
            )  # fmt: skip
            shutil.copy(TOOLS / "bin/provider", place / f"terraform-provider-{name}_v{version}")
    return folder
