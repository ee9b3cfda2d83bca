# SPDX-License-Identifier: Apache-2.0
# How large the images are: the tar of each layer, and what zstd -19 makes of it, which is what a registry keeps and sends.
import json
import os
import subprocess
import tarfile
import threading

from containers import image, podman, temporary_folder

MB = 1_000_000


class ImageSizes:
    def __init__(self):
        self.compressed = {}  # by layer: images share them

    def of(self, name):
        plain, packed = [], []
        with temporary_folder() as folder:
            archive = os.path.join(folder, "image.tar")
            podman("save", "--format", "docker-archive", "--output", archive, image(name))
            with tarfile.open(archive) as saved:
                manifest = json.load(saved.extractfile("manifest.json"))
                for layer in manifest[0]["Layers"]:
                    member = saved.getmember(layer)
                    member = saved.getmember(os.path.normpath(os.path.join(os.path.dirname(layer), member.linkname))) if member.issym() else member
                    if member.name not in self.compressed:
                        self.compressed[member.name] = zstd(saved.extractfile(member))
                    plain.append(member.size)
                    packed.append(self.compressed[member.name])
        figure, found = "image_" + name.replace("-", "_"), {}
        for suffix, sizes in (("", plain), ("_zstd", packed)):
            parts = [round(size / MB, 2) for size in sizes]
            found[figure + suffix] = (round(sum(sizes) / MB, 3), parts, f"MB, kiln/{name} in layers of {' + '.join(map(str, parts))}")
        return found


def zstd(layer):
    """The size of a layer's tar behind zstd -19."""
    packer = subprocess.Popen(["zstd", "-19", "-T0", "--quiet", "--stdout"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def feed():
        while block := layer.read(1 << 20):
            packer.stdin.write(block)
        packer.stdin.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    size = 0
    while block := packer.stdout.read(1 << 20):
        size += len(block)
    feeder.join()
    packer.stdout.close()
    if packer.wait() != 0:
        raise RuntimeError("zstd failed")
    return size
