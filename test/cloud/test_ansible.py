"""deploy/ansible: by ansible-lint, and run twice for real on a Debian in a folder (mmdebstrap),
with pinion's own package. What comes from the network in an account, Kafka's tools and its IAM
login, comes from a server here; the tools are a script that remembers topics. The IAM login is the
jar of Maven Central."""

import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import tarfile
import threading
import time

import pytest
import requests

from cloud import HERE, ROOT, TOOLS, do
from pinion import PINION

ANSIBLE = ROOT / "deploy/ansible"
VENV = TOOLS / "venv-ansible/bin"
PATH = {"PATH": f"{VENV}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
KEY = "a-key-of-the-test-0123456789"
# Runs a command in a folder. The mount is gone with the command: its mount namespace is its own.
INSIDE = 'mount -t proc proc "$0/proc" && exec chroot "$0" /bin/sh -c "$1"'
TOPICS_TOOL = """\
#!/bin/sh
# As kafka-topics.sh --create --if-not-exists does, with a file as the cluster.
while [ $# -gt 0 ]; do
    case $1 in --topic) topic=$2 ;; --command-config) config=$2 ;; esac
    shift
done
grep -q AWS_MSK_IAM "$config" || exit 1
grep -qx "$topic" /var/tmp/topics 2>/dev/null && exit 0
echo "$topic" >>/var/tmp/topics
echo "Created topic $topic."
"""


def in_folder(root, command):
    return ["unshare", "--mount", "sh", "-c", INSIDE, str(root), command]


def test_yaml():
    wide = "{extends: default, rules: {line-length: {max: 150}, document-start: disable}}"
    do(VENV / "yamllint", "--strict", "-d", wide, ROOT / "deploy")


def test_lint():
    """The strictest profile, without findings."""
    do(VENV / "ansible-lint", "--offline", "--profile", "production", "site.yml",
       cwd=ANSIBLE, env=PATH)  # fmt: skip


def test_lint_finds_a_mistake(tmp_path):
    (tmp_path / "site.yml").write_text("---\n- hosts: all\n  tasks:\n    - shell: ls\n")
    text = do(VENV / "ansible-lint", "--offline", "--profile", "production", "site.yml",
              cwd=tmp_path, env=PATH, status=2)  # fmt: skip
    assert "no-changed-when" in text


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """The folder of the host, and the variables that name what it fetches."""
    base = tmp_path_factory.mktemp("host")
    release = dict(
        line.split("=", 1) for line in open("/etc/os-release", encoding="utf-8") if "=" in line
    )
    if release["ID"].strip() != "debian":
        pytest.skip("the host is made of this machine's Debian")
    do(
        "mmdebstrap", "--variant=minbase", "--quiet",
        "--include=python3,python3-apt,systemd,procps,ca-certificates",
        "--aptopt=Acquire::Languages \"none\"", "--skip=cleanup/apt/lists",
        release["VERSION_CODENAME"].strip(), base / "root",
        timeout=900,
    )  # fmt: skip
    root = base / "root"
    for name in ("resolv.conf", "hosts"):
        (root / "etc" / name).write_bytes(open(f"/etc/{name}", "rb").read())
    policy = root / "usr/sbin/policy-rc.d"  # nothing is started in a folder
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)

    files = base / "files"
    tools = files / "kafka_2.13-3.9.1/bin/kafka-topics.sh"
    tools.parent.mkdir(parents=True)
    tools.write_text(TOPICS_TOOL)
    tools.chmod(0o755)
    (files / "kafka_2.13-3.9.1/libs").mkdir()
    with tarfile.open(files / "kafka.tgz", "w:gz") as archive:
        archive.add(files / "kafka_2.13-3.9.1", "kafka_2.13-3.9.1")
    digest = hashlib.sha512((files / "kafka.tgz").read_bytes()).hexdigest()
    (jar,) = (TOOLS / "iam-jars").glob("aws-msk-iam-auth-*-all.jar")
    shutil.copy(jar, files / "iam.jar")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(files))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    (base / "inventory.ini").write_text("[kafka_client]\nclient\n")
    (package,) = (ROOT / "build-package").glob("pinion_*.deb")
    yield root, {
        "rootdir_path": str(root), "ansible_connection": "rootdir",
        "ansible_python_interpreter": "/usr/bin/python3", "ansible_become": False,
        "kafka_client_bootstrap": "b-1:9098", "kafka_client_url": f"{url}/kafka.tgz",
        "kafka_client_checksum": f"sha512:{digest}",
        "kafka_client_iam_url": f"{url}/iam.jar",
        "pinion_package": str(package), "pinion_listen": "127.0.0.1:0", "pinion_bootstrap": "",
    }  # fmt: skip
    server.shutdown()
    server.server_close()


def play(host, status=0, key=KEY, **more):
    root, variables = host
    return do(
        VENV / "ansible-playbook", "-i", root.parent / "inventory.ini", "--diff",
        "-e", json.dumps({**variables, **more}), ANSIBLE / "site.yml",
        env={**PATH, "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "ansible/connection_plugins"),
             "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1", "PINION_API_KEY": key},
        timeout=900, status=status,
    )  # fmt: skip


def recap(text):
    return {
        name: int(count)
        for name, count in re.findall(r"(\w+)=(\d+)", text[text.index("PLAY RECAP") :])
    }


def changes(text):
    """The tasks that changed something."""
    return [
        part.partition("]")[0]
        for part in re.split(r"^(?:TASK|RUNNING HANDLER) \[", text, flags=re.M)[1:]
        if re.search(r"^changed: ", part, re.M)
    ]


@pytest.fixture(scope="module")
def played(host):
    """What the first run printed."""
    return play(host)


def test_again_changes_nothing(host, played):
    root, _ = host
    assert recap(played)["failed"] == 0 and recap(played)["changed"] > 5
    again = play(host)
    assert recap(again)["failed"] == 0 and changes(again) == []
    assert KEY not in played + again

    assert (root / "var/tmp/topics").read_text().split() == [
        "0e3bbd435bfb.pin", "0e3bbd435bfb.geo", "0e3bbd435bfb.user",
    ]  # fmt: skip
    assert (root / "etc/systemd/system/multi-user.target.wants/pinion.service").is_symlink()


def test_the_service_starts_and_asks_for_the_key(host, played):
    """As the unit says, with the file that the playbook wrote: systemd itself cannot run here."""
    root, _ = host
    options = root / "etc/default/pinion"
    assert options.stat().st_mode & 0o777 == 0o600
    unit = (root / "usr/lib/systemd/system/pinion.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.M)
    inside = f"set -a; . /etc/default/pinion; exec {command}"
    announced = root / "var/lib/pinion/server.json"
    with open(root.parent / "service.txt", "wb") as output:
        service = subprocess.Popen(in_folder(root, inside), stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 60
            while not announced.exists():
                said = (root.parent / "service.txt").read_text()
                assert service.poll() is None and time.monotonic() < deadline, said
                time.sleep(0.05)
            url = json.loads(announced.read_text())["url"]
            assert requests.get(f"{url}/topics", timeout=30).status_code == 401
            given = requests.get(f"{url}/topics", headers={"x-api-key": KEY}, timeout=30)
            assert given.status_code == 200
            # What the load balancer of batch-ingestion-tf asks.
            variables = (ROOT / "deploy/terraform/batch-ingestion-tf/variables.tf").read_text()
            (path,) = re.findall(r'"rest_health_path" \{[^}]*default\s*=\s*"(.*)"', variables)
            assert requests.get(url + path, timeout=30).status_code == 200
        finally:
            service.terminate()
            service.wait(60)
    assert service.returncode == 0


def test_a_changed_setting_changes_its_file_and_nothing_else(host, played):
    root, _ = host
    text = play(host, pinion_listen="127.0.0.1:9999", pinion_options=["--workers-are-wrong"])
    assert changes(text)[0] == "pinion : Write pinion's options"
    assert set(changes(text)[1:]) <= {"pinion : Restart pinion"}
    options = (root / "etc/default/pinion").read_text()
    assert "--listen 127.0.0.1:9999 --set gateway.auth=api-key --workers-are-wrong" in options


def test_the_gateway_writes_to_msk(host, played):
    """With the brokers of the role: what pinion is started with reaches for them, by IAM."""
    root, _ = host
    brokers = "b-1.demo.abc123.c2.kafka.eu-west-2.amazonaws.com:9098"
    play(host, pinion_bootstrap=brokers, pinion_store="s3://my-pipeline-data")
    text = (root / "etc/default/pinion").read_text()
    words = re.search('^PINION_OPTIONS="(.*)"$', text, re.M)[1].split()
    assert words[words.index("--roles") + 1] == "gateway,sink"
    assert {f"log.url=kafka://{brokers}", "store.url=s3://my-pipeline-data"} <= set(words)
    done = subprocess.run(
        [PINION, "serve", *words, "--set", "log.kafka.timeout_ms=1s", "--set", "store.url=",
         "--data", root.parent / "gateway"],
        env={**os.environ, "PINION_API_KEY": KEY, "AWS_ACCESS_KEY_ID": "a",
             "AWS_SECRET_ACCESS_KEY": "b"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "log.url" in done.stderr, done.stderr
    assert "log.kafka.region" not in done.stderr  # the broker's name has it


def test_pinion_only_lands_where_the_gateway_is_on_ecs(host, played):
    root, _ = host
    options = root / "etc/default/pinion"
    play(host, pinion_gateway=False, pinion_bootstrap="b-1:9098", pinion_store="s3://a-bucket")
    text = options.read_text()
    assert " --roles sink " in text and "gateway.auth" not in text and KEY not in text

    # With MSK Connect as the sink there is nothing for pinion to do.
    again = play(host, pinion_gateway=False, pinion_bootstrap="b-1:9098")
    assert changes(again) == [] and options.read_text() == text
    assert recap(again)["skipped"] > 3


def test_another_jar_is_refused(host, played):
    """The IAM login is the one whose checksum the role has."""
    root, variables = host
    jar = root / "opt/kafka/kafka_2.13-3.9.1/libs/aws-msk-iam-auth.jar"
    whole = jar.read_bytes()
    jar.write_bytes(whole[:-1] + b"?")  # it is fetched again
    assert changes(play(host))[0] == "kafka_client : Fetch the IAM login of MSK"
    assert jar.read_bytes() == whole
    jar.unlink()
    text = play(host, status=2, kafka_client_iam_url=variables["kafka_client_url"])
    assert "checksum" in text and not jar.exists()


def molecule(host, step, folder=ANSIBLE, status=0):
    root, variables = host
    file = root.parent / "molecule.json"
    file.write_text(json.dumps(variables))
    return do(
        VENV / "molecule", step, cwd=folder, status=status, timeout=900,
        env={**PATH, "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "ansible/connection_plugins"),
             "ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1", "PINION_API_KEY": KEY,
             "PINION_MOLECULE_VARS": str(file), "NO_COLOR": "1",
             "MOLECULE_EPHEMERAL_DIRECTORY": str(root.parent / "molecule")},
    )  # fmt: skip


def test_molecule(host, played, tmp_path):
    """The playbook; the playbook again, without a change; and what must be there."""
    for step in ("converge", "idempotence", "verify"):
        molecule(host, step)
    changing = tmp_path / "ansible"
    shutil.copytree(ANSIBLE, changing)
    tasks = changing / "roles/kafka_client/tasks/main.yml"
    text = tasks.read_text()
    was = "changed_when: \"'Created topic' in kafka_client_created.stdout\""
    assert text.count(was) == 1
    tasks.write_text(text.replace(was, "changed_when: true"))
    assert "Create the topics" in molecule(host, "idempotence", changing, status=1)


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"kafka_client_bootstrap": ""}, "Set kafka_client_bootstrap to the output"),
        ({"key": "with a space and \"quotes\""}, "Check that the API key is one"),
        ({"pinion_gateway": False, "pinion_store": "s3://a-bucket"}, "pinion only lands"),
    ],
)
def test_what_is_missing_is_named(host, played, more, wanted):
    text = play(host, status=2, **more)
    assert wanted in text and changes(text) == []
    assert "with a space" not in text


def test_unit(host, played):
    """systemd's own check of the unit, in the host that has it."""
    root, _ = host
    unit = root / "usr/lib/systemd/system/pinion.service"
    do("systemd-analyze", f"--root={root}", "--man=no", "verify", "pinion.service")
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystems=strict"))
    text = do("systemd-analyze", f"--root={root}", "--man=no", "verify", "pinion.service",
              status=None)  # fmt: skip
    assert "ProtectSystems" in text
