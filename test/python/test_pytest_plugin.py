"""Gates in a test suite of somebody's, run by pytest as they would."""

import glob
import json
import os
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

import warmd
from support import ADAPTER, PACKAGE, WithDaemon
from warmd.suites import reasons

try:
    import pytest
except ImportError:
    pytest = None

SUITE = {"suite": [{"name": "effect", "kind": "delta_kl", "prompts": ["In the", "The king"],
                    "assert_mean_gte": 0.01}]}
TESTS = '''
import pytest

@pytest.mark.warmd_gate("suite.json", {adapter!r})
def test_it_passes(warmd_report, warmd_client):
    assert warmd_report["probes"][0]["name"] == "effect"
    assert warmd_client.health()["ready"]

@pytest.mark.warmd_gate("much.json", {adapter!r})
def test_it_is_not_good_enough():
    raise RuntimeError("this is not run")

@pytest.mark.warmd_gate("suite.json", "no/adapter")
def test_it_cannot_be_measured():
    raise RuntimeError("this is not run")

@pytest.mark.warmd_gate("own.json")
def test_what_the_suite_names(warmd_report):
    assert warmd_report["adapter_id"] == {adapter!r}

def test_without_a_gate():
    pass

def test_a_report_without_a_gate(warmd_report):
    pass
'''


@unittest.skipIf(pytest is None, "there is no pytest")
class Gates(WithDaemon):
    def test_gates(self):
        with tempfile.TemporaryDirectory() as folder:
            def write(name, text):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)

            os.symlink(ADAPTER, os.path.join(folder, "mine"))
            write("suite.json", json.dumps({**SUITE, "models": {"ft": {"base": "not/this"}}}))
            base = os.path.join(os.path.dirname(ADAPTER), "model")
            write("much.json", json.dumps({"suite": [{**SUITE["suite"][0],
                                                      "assert_mean_gte": 9.0}]}))
            write("own.json", json.dumps({**SUITE, "models": {
                "base": {"base": base}, "ft": {"base": base, "adapter": "mine"}}}))
            write("test_mine.py", TESTS.format(adapter=ADAPTER))
            write("pytest.ini", "[pytest]\n")
            said = subprocess.run(
                [sys.executable, "-m", "pytest", "-p", "warmd.pytest_plugin", "--strict-markers",
                 "--warmd-socket=" + self.daemon.socket, "--junit-xml=junit.xml", "-rA"],
                cwd=folder, capture_output=True, text=True, check=False,
                env={**os.environ, "PYTHONPATH": PACKAGE, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
            self.assertEqual(said.returncode, 1, said.stdout + said.stderr)
            for line in ("PASSED test_mine.py::test_it_passes",
                         "FAILED test_mine.py::test_it_is_not_good_enough",
                         "ERROR test_mine.py::test_it_cannot_be_measured",
                         "PASSED test_mine.py::test_what_the_suite_names",
                         "PASSED test_mine.py::test_without_a_gate",
                         "ERROR test_mine.py::test_a_report_without_a_gate",
                         "there is nothing of that name",
                         "the adapter does not pass:\n  effect", "= adapters ="):
                self.assertIn(line, said.stdout)
            self.assertNotIn("this is not run", said.stdout)
            kept = glob.glob(os.path.join(folder, ".pytest_cache", "d", "warmd", "*.json"))
            self.assertEqual(len(kept), 3)
            for each in kept:
                with open(each, encoding="utf-8") as file:
                    self.assertEqual(json.load(file)["schema_version"], 1)
            case = ElementTree.parse(os.path.join(folder, "junit.xml")).find(
                ".//testcase[@name='test_it_passes']")
            properties = {each.get("name"): each.get("value")
                          for each in case.iter("property")}
            self.assertGreater(float(properties["warmd_score"]), 0)
            self.assertIn(properties["warmd_report"], kept)

    def test_reasons(self):
        report = {"warmd": {"gate": {"ok": True}, "composite": {"missing": ["attribution"]}},
                  "score": {"overall": 0.5}, "probes": [
                      {"name": "a", "verdict": "pass"},
                      {"name": "b", "verdict": "warn", "message": "hm"}]}
        self.assertTrue(warmd.passes(report))
        self.assertTrue(warmd.passes(report, threshold=0.5))
        self.assertEqual(reasons(report, threshold=0.6), ["its score is 0.5, below 0.6"])
        self.assertEqual(reasons(report, strict=True),
                         ["attribution: nothing measured it", "b: warn: hm"])
        report["warmd"]["gate"] = {"ok": False, "reasons": ["no"]}
        self.assertEqual(reasons(report), ["no"])


if __name__ == "__main__":
    unittest.main()
