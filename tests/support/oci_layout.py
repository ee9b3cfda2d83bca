# SPDX-License-Identifier: Apache-2.0
# A folder in the OCI image layout, made by hand: layers are whatever a test wants them to be.
import gzip
import hashlib
import io
import json
import os
import platform
import tarfile

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def layer_of_folder(folder):
    """The bytes of a compressed layer with all that is in `folder`, as root's."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        def as_root(member):
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            return member
        archive.add(folder, arcname=".", filter=as_root)
    return out.getvalue()


class OciLayout:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(os.path.join(folder, "blobs", "sha256"))
        self.manifests = []
        with open(os.path.join(folder, "oci-layout"), "w") as file:
            json.dump({"imageLayoutVersion": "1.0.0"}, file)
        self.write_index()

    def write_index(self):
        with open(os.path.join(self.folder, "index.json"), "w") as file:
            json.dump({"schemaVersion": 2, "manifests": self.manifests}, file)

    def blob(self, content, kind):
        digest = hashlib.sha256(content).hexdigest()
        with open(os.path.join(self.folder, "blobs", "sha256", digest), "wb") as file:
            file.write(content)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    def add(self, name, layers, environment=()):
        """An image of these layers (bytes, lowest first); returns its digest."""
        config = {"architecture": ARCHITECTURE, "os": "linux", "config": {"Env": list(environment)},
                  "rootfs": {"type": "layers", "diff_ids": []}}
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": self.blob(json.dumps(config).encode(), "config.v1+json"),
                    "layers": [self.blob(layer, "layer.v1.tar+gzip") for layer in layers]}
        descriptor = self.blob(json.dumps(manifest).encode(), "manifest.v1+json")
        self.manifests.append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}})
        self.write_index()
        return descriptor["digest"]
