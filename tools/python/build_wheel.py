#!/usr/bin/env python3
"""Builds the wheel of the package (PEP 427) with nothing but the standard library.

Usage: build_wheel.py DIRECTORY. `pip install .` uses it, too (PEP 517). The same files make the
same bytes.
"""

import base64
import hashlib
import os
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
METADATA = os.path.join(HERE, "metadata")
TAGS = b"Wheel-Version: 1.0\nGenerator: warmd\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
EPOCH = (1980, 1, 1, 0, 0, 0)


def _read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def _version():
    for line in _read(METADATA, "METADATA").decode().split("\n"):
        if line.startswith("Version: "):
            return line[len("Version: "):]
    raise ValueError("METADATA has no version")


def _files(information):
    """Each file of the wheel but RECORD: its name and its content."""
    for name in sorted(os.listdir(os.path.join(HERE, "warmd"))):
        if name.endswith((".py", ".typed")):
            yield "warmd/" + name, _read(HERE, "warmd", name)
    for name in sorted(os.listdir(METADATA)):
        yield f"{information}/{name}", _read(METADATA, name)
    yield information + "/WHEEL", TAGS


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Writes the wheel into a directory; its name (PEP 517)."""
    information = f"warmd-{_version()}.dist-info"
    name = f"warmd-{_version()}-py3-none-any.whl"
    record = ""
    os.makedirs(wheel_directory, exist_ok=True)
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        def add(path, content):
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, content)

        for path, content in _files(information):
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            record += f"{path},sha256={digest.decode()},{len(content)}\n"
            add(path, content)
        add(information + "/RECORD", record + f"{information}/RECORD,,\n")
    return name


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    print(os.path.join(sys.argv[1], build_wheel(sys.argv[1])))
