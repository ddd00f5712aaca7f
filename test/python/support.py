"""The built daemon, and one that is not what it seems, for the tests of warmd's Python package."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.path.join(PROJECT, "test", "data")
PACKAGE = os.path.join(PROJECT, "tools", "python")
BASE = os.path.join(DATA, "demo", "model")
ADAPTER = os.path.join(DATA, "demo", "adapter")
PROMPTS = ["The king said unto", "The database", "In the beginning"]


class Daemon:
    """A daemon of its own, with a folder of its own, which is its hub cache and its home, too."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="warmd-python-")
        self.socket = os.path.join(self.folder, "warmd", "warmd.sock")
        environment = {**os.environ, "HOME": self.folder, "XDG_CACHE_HOME": self.folder,
                       "NO_COLOR": "1"}
        for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [os.environ["WARMD"], "--socket", self.socket, "--enable-dummy", *options],
            stderr=subprocess.PIPE, text=True, env=environment)
        for line in self.process.stderr:
            if "ready" in line:
                break
        else:
            self.process.communicate()
            raise AssertionError("the daemon did not start: " + line)
        self.reader = threading.Thread(target=self._read_on)
        self.reader.start()

    def _read_on(self):
        for _ in self.process.stderr:
            pass

    def raw(self, method, **params):
        """The result of a request, by nothing but a socket."""
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(self.socket)
            one.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                                    "params": params}).encode() + b"\n")
            with one.makefile("rb") as lines:
                return json.loads(lines.readline())["result"]

    def until(self, ready):
        """Once `ready` says so of the rows of `models`."""
        with socket.socket(socket.AF_UNIX) as one, one.makefile("rwb", buffering=0) as lines:
            one.connect(self.socket)
            while True:
                lines.write(b'{"jsonrpc":"2.0","id":1,"method":"models"}\n')
                if ready(json.loads(lines.readline())["result"]["models"]):
                    return

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.wait()

    def wait(self):
        """For its end, which somebody asked for."""
        status = self.process.wait()
        self.reader.join()
        self.process.stderr.close()
        shutil.rmtree(self.folder)
        assert status == 0, status


class WithDaemon(unittest.TestCase):
    """Tests beside a daemon that all of a class share."""

    options = ()

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(*cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()


def no_leases(models):
    """Whether nobody uses any model, or waits for one."""
    return all(each["leases"] == each["waiters"] == each["running"] == 0 for each in models)


def in_use(models):
    """Whether somebody uses a model."""
    return any(each["leases"] for each in models)


@contextlib.contextmanager
def pretender(answer):
    """A socket whose other end does `answer(connection)`; yields its path."""
    folder = tempfile.mkdtemp(prefix="warmd-python-")
    path = os.path.join(folder, "sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def serve():
            connection, _ = listening.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield path
        finally:
            thread.join()
            shutil.rmtree(folder)
