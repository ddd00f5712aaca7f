"""The wheel, and that what says the same in several places does."""

import base64
import configparser
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from email import message_from_bytes

import warmd
from support import PACKAGE, PROJECT, WithDaemon

BUILD = os.path.join(PACKAGE, "build_wheel.py")


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


class Wheel(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        said = subprocess.run([sys.executable, BUILD, self.folder], check=True,
                              capture_output=True, text=True)
        self.path = said.stdout.strip()

    def test_it_is_whole(self):
        with zipfile.ZipFile(self.path) as wheel:
            names = wheel.namelist()
            self.assertEqual(names, list(dict.fromkeys(names)))
            for name in ("warmd/__init__.py", "warmd/py.typed", "warmd/aio.py"):
                self.assertIn(name, names)
            information = f"warmd-{warmd.__version__}.dist-info/"
            rows = wheel.read(information + "RECORD").decode().split("\n")[:-1]
            self.assertEqual([row.split(",")[0] for row in rows], names)
            for row in rows[:-1]:
                name, digest, size = row.split(",")
                content = wheel.read(name)
                self.assertEqual(len(content), int(size))
                self.assertEqual(digest, "sha256=" + _digest(content))
            points = configparser.ConfigParser()
            points.read_string(wheel.read(information + "entry_points.txt").decode())
            self.assertEqual(points["pytest11"]["warmd"], "warmd.pytest_plugin")
            metadata = message_from_bytes(wheel.read(information + "METADATA"))
            self.assertEqual(metadata["Version"], warmd.__version__)
            self.assertNotIn("Requires-Dist: numpy\n", str(metadata))

    def test_the_same_files_make_the_same_bytes(self):
        other = os.path.join(self.folder, "again")
        subprocess.run([sys.executable, BUILD, other], check=True, stdout=subprocess.DEVNULL)
        with open(self.path, "rb") as one, \
                open(os.path.join(other, os.path.basename(self.path)), "rb") as two:
            self.assertEqual(one.read(), two.read())

    def test_it_can_be_used_where_it_is(self):
        told = subprocess.run(
            [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {self.path!r}); "
             "import warmd; print(warmd.__version__, warmd.aio.connect.__module__)"],
            check=True, capture_output=True, text=True).stdout
        self.assertEqual(told, f"{warmd.__version__} warmd.aio\n")

    def test_pip_builds_and_installs_it(self):
        target, copy = os.path.join(self.folder, "there"), os.path.join(self.folder, "source")
        pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
        if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
            self.skipTest("there is no pip")
        shutil.copytree(PACKAGE, copy)  # pip may write beside it
        subprocess.run([*pip, "install", "--no-index", "--no-deps", "--target", target, copy],
                       check=True, capture_output=True)
        self.assertTrue(os.path.exists(os.path.join(target, "warmd", "py.typed")))


def _digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


class Consistent(WithDaemon):
    def test_versions(self):
        project = re.search(r"project\(warmd VERSION (\S+)",
                            read(PROJECT, "CMakeLists.txt")).group(1)
        self.assertEqual(warmd.__version__, project)
        self.assertEqual(self.daemon.raw("health")["version"], project)

    def test_what_is_exported_is_there_and_importing_needs_no_numpy(self):
        for name in warmd.__all__:
            self.assertTrue(hasattr(warmd, name), name)
        self.assertFalse(hasattr(warmd, "nothing"))
        told = subprocess.run(
            [sys.executable, "-c", "import sys, warmd; print(sorted(set(sys.modules) & "
             "{'numpy', 'yaml', 'asyncio', 'pytest', 'dlm_sway'}))"],
            check=True, capture_output=True, text=True).stdout
        self.assertEqual(told, "[]\n")

    def test_without_numpy_rows_are_lists(self):
        told = subprocess.run(
            [sys.executable, "-c", "import sys; sys.modules['numpy'] = None\n"
             "import warmd\n"
             "from warmd.results import floats, ints\n"
             "from warmd.calls import join\n"
             "print(floats((1, 2.5)), ints([3]), join([floats([1.5]), floats([2.5])]))"],
            check=True, capture_output=True, text=True).stdout
        self.assertEqual(told, "[1, 2.5] [3] [1.5, 2.5]\n")

    def test_the_manual_page_formats_and_its_methods_are_there(self):
        page = os.path.join(PROJECT, "tools", "man", "warmd-python.7")
        try:
            said = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page],
                                  capture_output=True, text=True, check=False)
        except FileNotFoundError:
            self.skipTest("there is no groff")
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        for name in re.findall(r"\bm\.(\w+)\(", read(page)):
            self.assertTrue(hasattr(warmd.Model, name), name)


if __name__ == "__main__":
    unittest.main()
