# SPDX-License-Identifier: Apache-2.0
# A folder through which tests and the functions under test tell each other things by files, in whatever isolation those run:
# the server shows it to its instances as /opt, where they can read but not write. What a function has to say it sends to the
# socket in it, and this end writes it down.
import os
import socket
import struct
import tempfile
import threading

# For the code of functions, which finds it as the module `tell` in the folder: appends `text` to the file `path` of the folder, made where it is not there yet. Once it returns,
# it is written. It returns the number of the calling process on the host.
TELL = '''
def tell(path, text=""):
    import os, socket
    folder, name = os.path.split(path)
    with socket.socket(socket.AF_UNIX) as told:
        told.connect(os.path.join(folder, "told"))
        told.sendall(f"{name}\\n{text}".encode())
        told.shutdown(socket.SHUT_WR)
        return int(told.recv(64))
'''


class SharedFolder:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="kiln-test-shared-")
        self.path = self.folder.name
        os.chmod(self.path, 0o755)  # instances are somebody else
        with open(self.file("tell.py"), "w") as module:
            module.write(TELL)
        self.told = socket.socket(socket.AF_UNIX)
        self.told.bind(self.file("told"))
        os.chmod(self.file("told"), 0o777)
        self.told.listen(1024)
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def file(self, name):
        """Its path on this host."""
        return os.path.join(self.path, name)

    def listen(self):
        while True:
            try:
                teller, _ = self.told.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self.write_down, args=[teller], daemon=True).start()

    def write_down(self, teller):
        with teller:
            pid, _, _ = struct.unpack("3i", teller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            with teller.makefile("rb") as message:
                name = message.readline().decode().rstrip("\n")
                if name == "":
                    return  # nothing was told: the teller has been killed
                with open(self.file(name), "ab") as file:
                    file.write(message.read())
            try:
                teller.sendall(str(pid).encode())
            except OSError:
                pass  # it has ended

    def close(self):
        self.told.shutdown(socket.SHUT_RDWR)
        self.listener.join()
        self.told.close()
        self.folder.cleanup()
