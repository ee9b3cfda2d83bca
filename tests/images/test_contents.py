# SPDX-License-Identifier: Apache-2.0
# What is in the images, and what must not be: looked for in each layer, since a layer that a later one hides is still shipped.
import json
import os
import re
import stat
import unittest
import urllib.parse

from containers import PYTHON, SHIPPED, SUITE, image, inspect, podman, run

PUBLIC_HOSTS = {"deb.debian.org", "security.debian.org"}
SECRETS = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|://[^/\s:@\"'<>{}%()$]+:[^/\s:@\"'<>{}%()$]+@")
# Examples in the documentation strings and the tables of others.
NO_SECRETS = re.compile(r"/(pip|dist-packages/pip|python3[.\d]*/(urllib|http|nturl2path)|perl|perl-base)\b|\.pyc$|/bin/|/libexec/")


def layers(name):
    """The folders of its layers, the last one first."""
    data = inspect(name)["GraphDriver"]["Data"]
    return [data["UpperDir"], *filter(None, data.get("LowerDir", "").split(":"))]


def files_of(folder):
    for parent, folders, names in os.walk(folder):
        for each in (*folders, *names):
            path = os.path.join(parent, each)
            yield path, "/" + os.path.relpath(path, folder), os.lstat(path)


def hosts_of_this_machine():
    """Of the mirrors and proxies that builds here go through, other than the public ones."""
    texts = [value for name, value in os.environ.items() if name.lower().endswith(("_proxy", "index_url", "registry"))]
    texts += [line for line in run("apt-config", "dump").stdout.splitlines() if "proxy" in line.lower()]
    for folder in ("/etc/apt", "/etc/apt/sources.list.d"):
        for name in os.listdir(folder):
            if name.endswith((".list", ".sources")):
                with open(os.path.join(folder, name)) as file:
                    texts.append(file.read())
    found = {urllib.parse.urlsplit(url).hostname for text in texts for url in re.findall(r"https?://[^\s\"';]+", text)}
    return {host.encode() for host in found if host and host not in PUBLIC_HOSTS and not host.endswith(".debian.org")}


class Contents(unittest.TestCase):
    def mounted(self, name):
        folder = podman("image", "mount", image(name)).stdout.strip()
        self.addCleanup(podman, "image", "unmount", image(name))
        return folder

    def test_nobody_gains_rights_and_only_tmp_is_anybody_s(self):
        for name in SHIPPED:
            with self.subTest(name):
                root = self.mounted(name)
                gaining, open_to_all = [], []
                for _, path, status in files_of(root):
                    if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_ISUID | stat.S_ISGID):
                        gaining.append(path)
                    if (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)) and status.st_mode & stat.S_IWOTH:
                        open_to_all.append(path)
                self.assertEqual(gaining, [])
                self.assertEqual(open_to_all, ["/tmp"] if os.path.isdir(os.path.join(root, "tmp")) else [])
                self.assertEqual(stat.S_IMODE(os.lstat(os.path.join(root, "tmp")).st_mode), 0o1777)

    def test_no_layer_holds_what_builds_leave_behind(self):
        for name in SHIPPED:
            with self.subTest(name):
                left = [path for folder in layers(name) for _, path, status in files_of(folder)
                        if not stat.S_ISDIR(status.st_mode) and not stat.S_ISCHR(status.st_mode) and leftover(path, status.st_size)]
                self.assertEqual(left, [])

    def test_no_layer_holds_a_secret_or_the_name_of_a_mirror(self):
        mirrors = hosts_of_this_machine()
        seen = set()
        for name in SHIPPED:
            with self.subTest(name):
                found = []
                for folder in layers(name):
                    if folder in seen:
                        continue
                    seen.add(folder)
                    for file, path, status in files_of(folder):
                        if not stat.S_ISREG(status.st_mode):
                            continue
                        with open(file, "rb") as opened:
                            text = opened.read()
                        if path.startswith("/etc/apt/"):
                            hosts = {urllib.parse.urlsplit(url).hostname for url in re.findall(r"https?://\S+", text.decode(errors="replace"))}
                            found += [(path, host) for host in hosts - PUBLIC_HOSTS]
                        found += [(path, host) for host in mirrors if host in text]
                        # Cryptographic libraries hold the keys of their own tests.
                        if not text.startswith(b"\x7fELF") and not NO_SECRETS.search(path):
                            found += [(path, match.group()) for match in SECRETS.finditer(text)]
                history = podman("history", "--no-trunc", "--format", "{{.CreatedBy}}", image(name)).stdout.encode()
                found += [("history", host) for host in mirrors if host in history]
                self.assertEqual(found, [])

    def test_slim_images_hold_no_program_but_theirs(self):
        for name in ("python-slim", "cpp-slim"):
            with self.subTest(name):
                root = self.mounted(name)
                self.assertEqual(os.listdir(os.path.join(root, "usr/bin")), ["kiln-standalone"])
                self.assertFalse(os.path.lexists(os.path.join(root, "bin")))
                sources = [path for _, path, _ in files_of(root) if path.endswith(".py")]
                self.assertEqual(sources, [])

    def test_labels_user_and_entrypoint(self):
        for name in SHIPPED:
            with self.subTest(name):
                found = inspect(name)
                config, labels = found["Config"], found["Labels"]
                for key, value in (("title", f"kiln/{name}"), ("licenses", "Apache-2.0"), ("version", r"\d+\.\d+\.\d+"),
                                   ("revision", "[0-9a-f]{40}"), ("created", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")):
                    self.assertRegex(labels[f"org.opencontainers.image.{key}"], f"^{value}$")
                    self.assertEqual(found["Annotations"][f"org.opencontainers.image.{key}"], labels[f"org.opencontainers.image.{key}"])
                self.assertEqual(labels["io.kiln.runtime-api.version"], "2018-06-01")
                if name == "cpp-build":  # the first stage of other builds; nothing runs it
                    continue
                self.assertEqual(config["User"], "10001:10001")
                self.assertEqual(config["Entrypoint"], ["/usr/bin/kiln" if name == "control-server" else "/usr/bin/kiln-standalone"])
                if name == "control-server":
                    continue
                self.assertEqual(sorted(config["ExposedPorts"]), ["8080/tcp", "9464/tcp"])
                self.assertEqual(config["WorkingDir"], "/var/task")
                environment = dict(line.split("=", 1) for line in config["Env"])
                execution = {"python": f"AWS_Lambda_python{PYTHON}", "python-slim": f"AWS_Lambda_python{PYTHON}", "cpp": "AWS_Lambda_cpp",
                             "cpp-slim": "AWS_Lambda_cpp"}.get(name)
                self.assertEqual(environment.get("AWS_EXECUTION_ENV"), execution)

    def test_layers_go_from_file_system_to_runtime(self):
        debian = json.loads(podman("image", "inspect", f"docker.io/library/debian:{SUITE}-slim").stdout)[0]["RootFS"]["Layers"]
        base = inspect("base")["RootFS"]["Layers"]
        self.assertEqual(base[:len(debian)], debian)
        for name in ("python", "cpp", "provided", "control-server"):
            with self.subTest(name):
                self.assertEqual(inspect(name)["RootFS"]["Layers"][:len(base)], base)
        # A new bootstrap is one small layer of its own; behind it is what says what is in the image.
        inventory, runtime, *_ = layers("python")
        self.assertEqual(sorted(path for _, path, status in files_of(inventory) if stat.S_ISREG(status.st_mode)),
                         ["/usr/share/sbom/kiln.mtree.gz", "/usr/share/sbom/kiln.spdx.json"])
        self.assertEqual([path for _, path, status in files_of(runtime) if stat.S_ISREG(status.st_mode)], ["/var/runtime/bootstrap"])


def leftover(path, size):
    if path in ("/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/etc/machine-id"):
        return size > 0
    return (re.match(r"/(var/lib/apt/lists|var/cache/apt|var/log|tmp|var/tmp|root/\.cache|run/secrets|src)/", path) is not None
            and not (path.endswith("/lock") and size == 0)
            or path.endswith(("aux-cache", ".deb", "/.netrc", "/pip.conf", "/.npmrc")) or path.endswith("-old") and "/var/" in path)
