# SPDX-License-Identifier: Apache-2.0
# The list of packages and the list of files in each image say what is there, all of it and nothing else.
import gzip
import hashlib
import importlib.metadata
import json
import os
import re
import runpy
import stat
import sys
import unittest

from containers import PYTHON, SHIPPED, SOURCE, SUITE, image, inspect, podman, run

OWN = "usr/share/sbom"


def installed_packages(root):
    """{(name, version)} by dpkg itself, or by the stanzas that images without dpkg keep."""
    if os.path.isfile(os.path.join(root, "var/lib/dpkg/status")):
        printed = run("dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", "--showformat=${db:Status-Status} ${Package} ${Version}\n").stdout
        return {tuple(line.split()[1:]) for line in printed.splitlines() if line.startswith("installed ")}
    found = set()
    folder = os.path.join(root, "var/lib/dpkg/status.d")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name)) as file:
            found.add((name, re.search(r"^Version: (\S+)$", file.read(), re.MULTILINE)[1]))
    return found


def pip_packages(root):
    folders = [folder for folder, _, _ in os.walk(os.path.join(root, "usr")) if os.path.basename(folder) in ("dist-packages", "site-packages")]
    return {(each.metadata["Name"], each.version) for each in importlib.metadata.distributions(path=folders)}


def unescaped(word):
    return re.sub(rb"\\(\d{3})", lambda match: bytes([int(match[1], 8)]), word.encode()).decode(errors="surrogateescape")


def listed_files(root):
    with gzip.open(os.path.join(root, OWN, "kiln.mtree.gz"), "rt") as file:
        lines = file.read().splitlines()
    assert lines[0] == "#mtree v2.0", lines[0]
    found = {}
    for line in lines[1:]:
        path, *words = line.split(" ")
        found[unescaped(path)] = {key: unescaped(value) for key, value in (word.split("=", 1) for word in words)}
    assert len(found) == len(lines) - 1
    return found


def files_there(root):
    found = {}
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            if relative == OWN or relative.startswith(OWN + "/"):
                continue
            status = os.lstat(path)
            entry = {"mode": f"{stat.S_IMODE(status.st_mode):o}", "uid": str(status.st_uid), "gid": str(status.st_gid)}
            if stat.S_ISLNK(status.st_mode):
                entry.update(type="link", link=os.readlink(path))
            elif stat.S_ISDIR(status.st_mode):
                entry.update(type="dir")
            elif stat.S_ISCHR(status.st_mode):
                entry.update(type="char", device=f"native,{os.major(status.st_rdev)},{os.minor(status.st_rdev)}")
            else:
                with open(path, "rb") as file:
                    entry.update(type="file", size=str(status.st_size), sha256digest=hashlib.sha256(file.read()).hexdigest())
            found["./" + relative] = entry
    return found


class Licences(unittest.TestCase):
    """Debian's way to write them, and SPDX's."""

    def test_names_and_how_they_are_joined(self):
        program = runpy.run_path(os.path.join(SOURCE, "images", "inventory"))
        licences = program["Licences"]()
        for written, expected in (
                ("Expat", "MIT"), ("GPL-2+", "GPL-2.0-or-later"), ("LGPL-2.1", "LGPL-2.1-only"), ("bsd-3-clause", "BSD-3-Clause"),
                ("GPL-1+ or Artistic", "Artistic-1.0-Perl OR GPL-1.0-or-later"),
                ("Expat or GPL-2 and ISC", "(GPL-2.0-only AND ISC) OR MIT"),
                ("Expat or GPL-2, and ISC", "(GPL-2.0-only OR MIT) AND ISC"),
                ("GPL-3+ with Autoconf exception", "LicenseRef-Debian-some-GPL-3-or-later-with-Autoconf-exception")):
            with self.subTest(written):
                self.assertEqual(licences.expression(written, "some"), expected)
        self.assertEqual(list(licences.references), ["LicenseRef-Debian-some-GPL-3-or-later-with-Autoconf-exception"])
        self.assertIn("/usr/share/doc/some/copyright", licences.references["LicenseRef-Debian-some-GPL-3-or-later-with-Autoconf-exception"]["extractedText"])


class Inventory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.roots = {}
        for name in SHIPPED:
            cls.roots[name] = podman("image", "mount", image(name)).stdout.strip()
            cls.addClassCleanup(podman, "image", "unmount", image(name))

    def document(self, name):
        with open(os.path.join(self.roots[name], OWN, "kiln.spdx.json")) as file:
            return json.load(file)

    def test_the_packages_are_those_that_are_installed(self):
        for name, root in self.roots.items():
            with self.subTest(name):
                document = self.document(name)
                packages = {each["SPDXID"]: each for each in document["packages"]}
                contained = [packages[each["relatedSpdxElement"]] for each in document["relationships"] if each["relationshipType"] == "CONTAINS"]
                by_kind = {}
                for each in contained:
                    kind = each["externalRefs"][0]["referenceLocator"].split("/")[0]
                    by_kind.setdefault(kind, set()).add((each["name"], each["versionInfo"]))
                self.assertEqual(by_kind["pkg:deb"], installed_packages(root))
                self.assertEqual(by_kind.get("pkg:pypi", set()), pip_packages(root))
                labels = inspect(name)["Labels"]
                self.assertEqual(by_kind["pkg:generic"], {("kiln", labels["org.opencontainers.image.version"])})
                self.assertEqual(document["creationInfo"]["created"], labels["org.opencontainers.image.created"])
                self.assertIn(labels["org.opencontainers.image.revision"], packages["SPDXRef-kiln"]["sourceInfo"])
        self.assertIn("pip", {each["name"] for each in self.document("python")["packages"]})

    def test_what_kiln_is_compiled_of_is_named_and_licences_are_where_debian_states_them(self):
        document = self.document("cpp-slim")
        packages = {each["SPDXID"]: each for each in document["packages"]}
        built_with = {packages[each["spdxElementId"]]["name"]: packages[each["spdxElementId"]] for each in document["relationships"]
                      if each["relationshipType"] == "BUILD_DEPENDENCY_OF" and each["relatedSpdxElement"] == "SPDXRef-kiln"}
        self.assertIn("nlohmann-json3-dev", built_with)
        # The libraries themselves, not the packages without contents that stand for Debian's default version of them.
        self.assertTrue([name for name in built_with if re.fullmatch(r"libboost[\d.]+-dev", name)], built_with)
        self.assertIn(f"libpython{PYTHON}-dev", built_with)
        self.assertFalse({"libboost-dev", "libpython3-dev"} & set(built_with))
        self.assertIn("MIT", built_with["nlohmann-json3-dev"]["licenseDeclared"].split(" AND "))
        for each in document["packages"]:
            if each["name"] in ("kiln", "kiln/cpp-slim"):
                continue
            self.assertIn(f"distro={SUITE}", each["externalRefs"][0]["referenceLocator"])

    def test_the_documents_are_spdx(self):
        sys.path.append(run(os.path.join(SOURCE, "scripts", "fetch-interop"), "spdx").stdout.strip())
        from spdx_tools.spdx.parser.parse_anything import parse_file
        from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
        namespaces = set()
        for name, root in self.roots.items():
            with self.subTest(name):
                document = parse_file(os.path.join(root, OWN, "kiln.spdx.json"))
                self.assertEqual([each.validation_message for each in validate_full_spdx_document(document, "SPDX-2.3")], [])
                self.assertEqual(document.creation_info.name, f"kiln/{name}")
                namespaces.add(document.creation_info.document_namespace)
        self.assertEqual(len(namespaces), len(SHIPPED))

    def test_each_file_is_listed_and_each_file_listed_is_there(self):
        for name, root in self.roots.items():
            with self.subTest(name):
                listed, there = listed_files(root), files_there(root)
                self.assertGreater(len(there), 100)
                self.assertEqual(sorted(set(there) - set(listed)), [], "not in the list")
                self.assertEqual(sorted(set(listed) - set(there)), [], "not in the image")
                self.assertEqual({path: (listed[path], there[path]) for path in there if listed[path] != there[path]}, {})
