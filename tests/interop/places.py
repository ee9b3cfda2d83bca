# SPDX-License-Identifier: Apache-2.0
# A subject on a running platform: what a case gets in hand.
import os

from platforms import EmulatorPlatform, KilnPlatform


class ClientPlace:
    """A runtime client, with its function deployed where a case asks for it."""

    def __init__(self, client, folders, build, folder):
        self.client, self.folders, self.build, self.folder = client, folders, build, folder
        self.package = client.package(folders, os.path.join(folder, client.key), build)
        self.platform = KilnPlatform(build) if client.platform == "kiln" else EmulatorPlatform(folders["emulator"])
        self.main = None

    def deploy(self, **options):
        return self.platform.deploy(self.package, **options)

    def function(self):
        """One for all cases that leave it as it was."""
        if self.main is None:
            self.main = self.deploy()
        return self.main

    def another(self):
        """The same on a platform of its own."""
        return ClientPlace(self.client, self.folders, self.build, self.folder)

    def kill(self):
        self.platform.kill()


class ToolPlace:
    """A tool that calls the control server from outside."""

    def __init__(self, tool, folders, build, folder):
        self.platform = KilnPlatform(build)
        self.tool = tool.make(self.platform.server.url, folders, folder)

    def kill(self):
        self.platform.kill()
