"""Which socket and which model is meant."""

import json
import os
import tempfile
import unittest
from unittest import mock

import warmd
from support import ADAPTER, BASE, PROMPTS, WithDaemon
from test_client import plain
from warmd.locate import describe, hub_cache, socket_path


class Folder(unittest.TestCase):
    """A test in a folder of its own, which is its home."""

    def setUp(self):
        self.folder = os.path.realpath(self.enter(tempfile.TemporaryDirectory()))
        kept = {"HOME": self.folder, "PATH": os.environ["PATH"], "WARMD": os.environ["WARMD"]}
        self.enter(mock.patch.dict(os.environ, kept, clear=True))
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.folder)

    def enter(self, context):
        made = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return made

    def make(self, *path, text=None):
        made = os.path.join(self.folder, *path)
        os.makedirs(made if text is None else os.path.dirname(made), exist_ok=True)
        if text is not None:
            with open(made, "w", encoding="utf-8") as file:
                file.write(text)
        return made


class Sockets(Folder):
    def test_given_then_named_then_the_daemons_own(self):
        self.assertEqual(socket_path("a"), "a")
        with mock.patch("os.geteuid", return_value=1000):
            with mock.patch.dict(os.environ, {"WARMD_SOCKET": "b", "XDG_RUNTIME_DIR": "/c"}):
                self.assertEqual(socket_path(), "b")
            with mock.patch.dict(os.environ, {"WARMD_SOCKET": "", "XDG_RUNTIME_DIR": "/c"}):
                self.assertEqual(socket_path(), "/c/warmd/warmd.sock")
            self.assertEqual(socket_path(), "/run/warmd/warmd.sock")
        with mock.patch("os.geteuid", return_value=0):
            with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": "/c"}):
                self.assertEqual(socket_path(), "/run/warmd/warmd.sock")


class Models(Folder):
    def spec(self, *given, **more):
        return describe(*given, **more).model

    def test_paths_are_absolute(self):
        there = self.make("there")
        for path in ("there", "./there", "~/there", there, there + "/../there"):
            self.assertEqual(self.spec(path), {"base": there})
        self.assertEqual(self.spec("/x/y"), {"base": "/x/y"})
        self.assertEqual(self.spec("./no"), {"base": os.path.join(self.folder, "no")})
        self.assertEqual(self.spec(there, "a", dtype="fp32"),
                         {"base": there, "adapter": os.path.join(self.folder, "a"),
                          "dtype": "fp32"})

    def test_names_and_views_behind_them(self):
        self.make("there")
        self.assertEqual(describe("verses"), ("verses", None))
        self.assertEqual(describe("verses@0.5"), ("verses@0.5", None))
        self.assertEqual(describe("@there"), ("there", None))
        self.assertEqual(describe("verses", view="base"), ("verses", "base"))
        here = {"base": os.path.join(self.folder, "there")}
        self.assertEqual(describe("there@0.5"), (here, {"scaled": 0.5}))
        self.assertEqual(describe("./there:base"), (here, "base"))
        self.assertEqual(describe("~/there:null-7"), (here, {"null": {"seed": 7}}))
        self.assertEqual(describe("there", view=2), (here, {"scaled": 2.0}))
        self.make("odd@1")
        self.assertEqual(describe("odd@1"), ({"base": os.path.join(self.folder, "odd@1")}, None))
        for path in ("there:nothing", "there@inf", "there@", "there@1e999", "there:null--1"):
            self.assertIsNone(describe(path).view)

    def test_what_contradicts_itself_is_refused(self):
        self.make("there")
        for given, more in ((("there:base",), {"view": "ft"}), (("there:base", "a"), {}),
                            (("@name",), {"dtype": "fp32"}), (("a/b@1",), {"revision": "x"})):
            with self.assertRaises(warmd.InvalidParams):
                describe(*given, **more)

    def test_a_spec_is_taken_as_it_is_but_for_its_paths(self):
        self.make("there")
        self.assertEqual(self.spec({"kind": "dummy", "base": "a", "options": {"x": 1}}),
                         {"kind": "dummy", "base": "a", "options": {"x": 1}})
        self.assertEqual(self.spec({"base": "there", "adapter": "~/b"}),
                         {"base": os.path.join(self.folder, "there"),
                          "adapter": os.path.join(self.folder, "b")})
        self.assertEqual(self.spec({"adapter": "b"})["base"], "")

    def test_an_adapter_names_its_base(self):
        base = self.make("base")
        adapter = self.make("out", "adapter")
        config = ("out", "adapter", "adapter_config.json")

        def of(written, **more):
            self.make(*config, text=json.dumps({"base_model_name_or_path": written, **more}))
            return self.spec("out/adapter")

        self.assertEqual(of(base), {"base": base, "adapter": adapter})
        self.assertEqual(of("../../base"), {"base": base, "adapter": adapter})
        self.make("out", "adapter", "beside")
        self.assertEqual(of("beside"), {"base": adapter + "/beside", "adapter": adapter})
        self.assertEqual(of("org/name"), {"base": "org/name", "adapter": adapter})
        self.assertEqual(of("org/name", revision="v1"),
                         {"base": "org/name", "revision": "v1", "adapter": adapter})
        self.assertEqual(describe("out/adapter@0.5").view, {"scaled": 0.5})
        for unclear in ("", 7, None):  # the daemon says best what is wrong
            self.assertEqual(of(unclear), {"base": adapter})
        self.make(*config, text="no JSON")
        self.assertEqual(self.spec(adapter), {"base": adapter})
        self.make("out", "adapter", "config.json", text="{}")
        self.assertEqual(of(base), {"base": adapter})

    def test_the_hub_cache_is_where_this_process_has_it(self):
        self.assertEqual(hub_cache(), os.path.join(self.folder, ".cache/huggingface/hub"))
        for variable, value, found in (("XDG_CACHE_HOME", "/x", "/x/huggingface/hub"),
                                       ("HF_HOME", "~/h", self.folder + "/h/hub"),
                                       ("HUGGINGFACE_HUB_CACHE", "/old", "/old"),
                                       ("HF_HUB_CACHE", "~", self.folder)):
            os.environ[variable] = value
            self.assertEqual(hub_cache(), found)

    def test_repositories_are_looked_up(self):
        os.environ["HF_HUB_CACHE"] = self.folder
        self.assertEqual(self.spec("org/name"), {"base": "org/name"})
        first = self.make("models--org--name", "snapshots", "abc")
        self.assertEqual(self.spec("org/name"), {"base": first})  # the only one
        second = self.make("models--org--name", "snapshots", "def")
        self.assertEqual(self.spec("org/name"), {"base": "org/name"})
        self.make("models--org--name", "refs", "main", text="def\n")
        self.make("models--org--name", "refs", "v1", text="abc")
        self.assertEqual(self.spec("org/name"), {"base": second})
        self.assertEqual(self.spec("org/name", revision="v1"), {"base": first})
        self.assertEqual(self.spec("org/name", revision="abc"), {"base": first})
        self.assertEqual(self.spec("org/name", revision="v2"),
                         {"base": "org/name", "revision": "v2"})
        for odd in ("org/../x", "org/na me", "org/x/y", "-a/b"):
            self.assertEqual(self.spec(odd), {"base": odd})
        for odd in ("../../x", "/x", "a//b"):
            self.assertEqual(self.spec("org/name", revision=odd),
                             {"base": "org/name", "revision": odd})
        one = self.make("models--alone", "snapshots", "1")
        self.assertEqual(self.spec("alone"), "alone")
        self.assertEqual(self.spec("alone", kind="hf"), {"kind": "hf", "base": one})


class Found(WithDaemon, Folder):
    """A client whose hub cache is not the daemon's."""

    def test_a_base_in_the_clients_cache_is_loaded(self):
        cache = self.make("mine", "hub", "models--org--demo", "snapshots")
        os.symlink(BASE, os.path.join(cache, "abc"))
        adapter = self.make("adapter")
        for name in os.listdir(ADAPTER):
            os.symlink(os.path.join(ADAPTER, name), os.path.join(adapter, name))
        os.remove(os.path.join(adapter, "adapter_config.json"))
        with open(os.path.join(ADAPTER, "adapter_config.json"), encoding="utf-8") as file:
            config = {**json.load(file), "base_model_name_or_path": "org/demo"}
        self.make("adapter", "adapter_config.json", text=json.dumps(config))
        with warmd.connect(self.daemon.socket) as w:
            with self.assertRaises(warmd.NotFound):
                w.model("adapter").load()
            os.environ["HF_HOME"] = "~/mine"
            self.assertEqual(plain(w.model("adapter").divergence(PROMPTS).per_prompt),
                             plain(w.model(ADAPTER).divergence(PROMPTS).per_prompt))
            self.assertEqual(w.model("org/demo").load()["model"]["base"], os.path.realpath(BASE))


if __name__ == "__main__":
    unittest.main()
