# SPDX-License-Identifier: Apache-2.0
# The root of a small container image, made of what the programs under test need of this machine: no registry is asked.
import os
import re
import shutil
import subprocess

FOLDERS = ("tmp", "proc", "sys", "dev", "etc", "run", "opt", "var/task", "var/runtime", "usr/bin")


def libraries(program):
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    return re.findall(r"(/\S+) \(0x", done.stdout)


def make_root(root, programs, python=None):
    """Fills the folder `root`; with the standard library of `python` ("python3.11") where it is given."""
    for folder in FOLDERS:
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    os.chmod(os.path.join(root, "tmp"), 0o1777)  # runc gives a tmpfs the mode of what it covers
    with open(os.path.join(root, "etc", "passwd"), "w") as file:
        file.write("root:x:0:0::/:/\nnobody:x:65534:65534::/:/\n")
    for program in programs:
        copy_libraries(program, root)
    if python:
        unneeded = shutil.ignore_patterns("__pycache__", "test", "dist-packages", "ensurepip", "idlelib", "lib2to3", "tkinter", "config-*")
        shutil.copytree(f"/usr/lib/{python}", os.path.join(root, "usr", "lib", python), ignore=unneeded)
        modules = f"/usr/lib/{python}/lib-dynload"
        for module in os.listdir(modules):
            copy_libraries(os.path.join(modules, module), root)


def copy_libraries(program, root):
    for library in libraries(program):
        target = os.path.join(root, library.lstrip("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            shutil.copy2(library, target)  # what a link leads to
