"""Suites: their files as the daemon takes them, and an adapter examined."""

import json
import os
import tempfile
import unittest

import warmd
from support import ADAPTER, BASE, DATA, WithDaemon
from warmd.suites import SECTION_CHARACTERS, form_of, sections_of

try:
    import yaml
except ImportError:
    yaml = None

DEMO = os.path.join(DATA, "suites", "demo")
SUITE = {"suite": [{"name": "effect", "kind": "delta_kl", "prompts": ["In the", "The king"],
                    "assert_mean_gte": 0.01}]}


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_models_are_found_from_the_suites_folder_or_left_out(self):
        models = {"base": {"base": "org/name"}, "ft": {"base": "./b", "adapter": "out/a"}}
        path = self.write("suite.json", json.dumps({"models": models, **SUITE}))
        self.assertEqual(form_of(path), {**SUITE, "models": {
            "base": {"base": "org/name"},
            "ft": {"base": self.folder + "/b", "adapter": self.folder + "/out/a"}}})
        self.assertEqual(form_of(path, models=False), SUITE)
        self.assertEqual(form_of({"models": models, **SUITE}, models=False), SUITE)

    def test_documents_become_sections(self):
        long = "x" * SECTION_CHARACTERS
        self.write("text.md", f"\n\n  one\ntwo \n \t\nthree\n\n\n{long}\n\nfour")
        path = self.write("suite.json", json.dumps({"documents": ["text.md"], **SUITE}))
        section = {"kind": "prose", "tag": "text.md"}
        self.assertEqual(form_of(path)["sections"], [
            {**section, "content": f"one\ntwo\n\nthree\n\n{long}"}, {**section, "content": "four"}])
        self.assertNotIn("documents", form_of(path))
        self.assertEqual(list(sections_of(" \n\n\t\n", "x")), [])

    def test_losses_are_read_from_a_trainings_logs(self):
        self.write("store/logs/train-1.jsonl", '{"type":"step","step":1,"loss":2.5}\n'
                   '{"type":"note"}\n{"type":"step","step":2,"loss":null}\n{"type":"st')
        self.write("store/logs/other.jsonl", '{"type":"step","step":9,"loss":1}')
        entry = {"name": "d", "kind": "training_drift", "store_path": "store"}
        path = self.write("suite.json", json.dumps({"suite": [entry]}))
        self.assertEqual(form_of(path)["suite"][0]["losses"], [[1, 2.5], [2, None]])

    def test_files_that_cannot_be_read(self):
        for name, text, kind in (("a.json", "{", warmd.InvalidParams),
                                 ("b.json", "[]", warmd.InvalidParams),
                                 ("c.json", '{"documents":["no"]}', warmd.NotFound)):
            with self.assertRaises(kind):
                form_of(self.write(name, text))
        with self.assertRaises(warmd.NotFound):
            form_of(os.path.join(self.folder, "none.json"))

    @unittest.skipIf(yaml is None, "there is no PyYAML")
    def test_yaml_says_what_json_says(self):
        self.assertEqual(form_of(os.path.join(DEMO, "suite.yaml"), models=False),
                         form_of(os.path.join(DEMO, "suite.json"), models=False))
        path = self.write("suite.yaml", "a: [yes, on, no, true, ~, 012, 1.5, 1e3, .5, x]\n")
        self.assertEqual(form_of(path), {"a": ["yes", "on", "no", True, None, 12, 1.5, 1000.0, 0.5,
                                               "x"]})
        for text in ("a: [", "a: !!python/name:os.system x\n", "- a\n"):
            with self.assertRaises(warmd.InvalidParams):
                form_of(self.write("bad.yaml", text))

    @unittest.skipIf(yaml is not None, "there is PyYAML")
    def test_without_pyyaml(self):
        with self.assertRaises(warmd.Unsupported):
            form_of(os.path.join(DEMO, "suite.yaml"))


class Judged(WithDaemon):
    def test_an_adapter_is_examined(self):
        told = []
        with warmd.connect(self.daemon.socket) as w:
            self.assertEqual(w.validate(SUITE)["probes"], 1)
            report = w.model(ADAPTER).suite(SUITE, progress=told.append)
            self.assertTrue(warmd.passes(report))
            self.assertEqual(report["probes"][0]["verdict"], "pass")
            self.assertIn("running", [each.stage for each in told])
            self.assertFalse(warmd.passes(report, strict=True))
            much = {"suite": [{**SUITE["suite"][0], "assert_mean_gte": 9.0}]}
            self.assertFalse(warmd.passes(w.model(BASE, ADAPTER).suite(much)))
            with self.assertRaises(warmd.InvalidParams):
                w.model(BASE).suite(SUITE)


if __name__ == "__main__":
    unittest.main()
