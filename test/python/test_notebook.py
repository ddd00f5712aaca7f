"""The notebook, run as Jupyter would run it; its pictures go to $WARMD_PICTURES, if that is set."""

import asyncio
import base64
import os
import unittest
from unittest import mock

from support import ADAPTER, PACKAGE, WithDaemon

try:
    import matplotlib
    import nbclient
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    missing = "" if "python3" in KernelSpecManager().find_kernel_specs() else "kernel for Python"
except ImportError as why:
    missing = str(why.name)

EXAMPLES = os.path.join(PACKAGE, "examples")


@unittest.skipIf(missing, f"there is no {missing}")
class Notebook(WithDaemon):
    def test_it_runs_and_shows_two_pictures(self):
        known = {"WARMD_SOCKET": self.daemon.socket, "WARMD_ADAPTER": ADAPTER,
                 "HOME": self.daemon.folder, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        with mock.patch.dict(os.environ, known):
            for name in sorted(os.listdir(EXAMPLES)):
                self.run_one(name)

    def run_one(self, name):
        notebook = nbformat.read(os.path.join(EXAMPLES, name), as_version=4)
        nbformat.validate(notebook)
        client = nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3",
                                         resources={"metadata": {"path": EXAMPLES}})
        asyncio.run(client.async_execute())
        pictures = [each.data["image/png"] for cell in notebook.cells
                    if cell.cell_type == "code" for each in cell.outputs
                    if "image/png" in each.get("data", {})]
        self.assertEqual(len(pictures), 2)
        folder = os.environ.get("WARMD_PICTURES")
        for number, each in enumerate(pictures if folder else ()):
            with open(os.path.join(folder, f"{name}-{number}.png"), "wb") as file:
                file.write(base64.b64decode(each))


if __name__ == "__main__":
    unittest.main()
