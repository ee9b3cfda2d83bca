# SPDX-License-Identifier: Apache-2.0
# Containers of the images under test, by podman and runc: on the host's network, listening on loopback only, and with the
# least rights that a scheduler may give them.
import contextlib
import http.client
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(SOURCE, "tests", "support")]
from waiting import PATIENCE, wait_until  # noqa: E402

BUILD = os.path.join(SOURCE, "build")
SUITE = os.environ.get("KILN_IMAGES_SUITE", "bookworm")
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}[SUITE]
FUNCTIONS = os.path.join(HERE, "functions")
SHIPPED = ("base", "python", "cpp", "cpp-build", "provided", "control-server", "python-slim", "cpp-slim")
RUN_PATIENCE = 300  # seconds for a program that builds something

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"

os.environ.setdefault("CONTAINERS_CONF", os.path.join(SOURCE, "images", "containers.conf"))


def image(name):
    return f"localhost/kiln/{name}:{SUITE}"


def run(*command, status=0, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_PATIENCE, **options)
    if done.returncode != status:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}, not {status}\n{done.stdout}{done.stderr}")
    return done


def podman(*arguments, **options):
    return run("podman", *arguments, **options)


def inspect(name):
    return json.loads(podman("image", "inspect", image(name)).stdout)[0]


def build(test, context, dockerfile):
    """An image from a Dockerfile as users write them, gone with the test. Returns its name."""
    name = f"localhost/kiln-test-{secrets.token_hex(4)}"
    # `FROM kiln/python` is a local image here, and may be of another suite than the untagged one.
    with contextlib.ExitStack() as stack:
        with open(dockerfile) as file:
            text = file.read()
        recipe = os.path.join(stack.enter_context(temporary_folder()), "Dockerfile")
        with open(recipe, "w") as file:
            file.write(with_tags(text))
        test.addCleanup(subprocess.run, ["podman", "rmi", "--force", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # What pip trusts in an image of Debian; a build is to reach the registries that this machine reaches.
        trust = f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"
        run("buildah", "bud", "--runtime=runc", "--format=oci", "--pull-never", "--network=host", "--layers=false", trust,
            "--tag", name, "--file", recipe, context)
    return name


def with_tags(dockerfile):
    for name in SHIPPED:
        dockerfile = dockerfile.replace(f"FROM kiln/{name}\n", f"FROM {image(name)}\n").replace(
            f"FROM kiln/{name} ", f"FROM {image(name)} ")
    return dockerfile


@contextlib.contextmanager
def temporary_folder():
    with tempfile.TemporaryDirectory(prefix="kiln-images-test-") as folder:
        os.chmod(folder, 0o755)
        yield folder


def restricted(user):
    """What the restricted pod security standard asks for, and the least memory a function can have."""
    return ["--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp:rw,size=64m,mode=1777", "--cap-drop=all",
            "--security-opt=no-new-privileges", "--memory=128m", f"--user={user}:{user}"]


class Container:
    """One that runs until its test ends. `options`: of `podman run`, behind the restrictions. `wait`: for the server in it."""

    def __init__(self, test, image_name, *command, environment=None, options=(), wait=True, function=None, restrict=True):
        self.name = f"kiln-test-{secrets.token_hex(6)}"
        self.user = random.randint(20_000, 60_000)
        variables = {"PORT": "0", "KILN_OPERATIONS_PORT": "0", "KILN_HOST": "127.0.0.1", **(environment or {})}
        self.process = subprocess.Popen(
            ["podman", "run", "--rm", "--name", self.name, "--network=host", *(restricted(self.user) if restrict else []),
             *(f"--env={name}={value}" for name, value in variables.items()),
             *([f"--volume={function}:/var/task:ro"] if function else []), *options, image_name, *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        test.addCleanup(self.close)
        self.out, self.err = [], []
        self.readers = [threading.Thread(target=lambda lines, into: into.extend(lines), args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()
        if wait:
            wait_until(lambda: self.ready_line() or self.process.poll() is not None, f"{image_name} serves")
            words = (self.ready_line() or "").split()
            if len(words) != 4:
                raise AssertionError(f"{image_name} did not come up:\n{self.output()}")
            self.port, self.operations = (int(words[i].rsplit(":", 1)[1]) for i in (1, 3))

    def ready_line(self):
        return next((line for line in self.err if line.startswith("ready ")), None)

    def output(self):
        return "".join(self.out) + "".join(self.err)

    def close(self):
        if self.process.poll() is None:
            subprocess.run(["podman", "rm", "--force", "--time=0", self.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def wait(self):
        """Its exit code, once it has ended and all that it wrote is read."""
        code = self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)
        return code

    def signal(self, name):
        podman("kill", f"--signal={name}", self.name)

    def execute(self, *command, environment=None, status=0):
        return podman("exec", *(f"--env={name}={value}" for name, value in (environment or {}).items()), self.name, *command,
                      status=status)

    def ask(self, path, method="GET", body=None, headers=None, operations=False):
        return ask(self.operations if operations else self.port, path, method, body, headers)

    def invoke(self, event):
        return self.ask("/2015-03-31/functions/function/invocations", "POST", json.dumps(event))

    def tell(self, path):
        status, body = self.ask(path)
        if status != 200:
            raise AssertionError(f"{path}: {status} {body}\n{self.output()}")
        return json.loads(body)


def ask(port, path, method="GET", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
