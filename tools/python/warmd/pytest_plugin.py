"""A marker for pytest: a test that fails where an adapter does not pass a suite.

    @pytest.mark.warmd_gate("suite.json", "out/adapter", threshold=0.6)
    def test_the_adapter(warmd_report):
        assert warmd_report["score"]["overall"] > 0.5

The suite runs before the test, which fails if the adapter does not pass, and is an error if nothing
could be measured. The report stays: the fixture `warmd_report` gives it to the test, a file of
--warmd-reports (by itself in pytest's cache) to `warmctl report` and `warmctl compare`, and the
score stands among the properties of JUnit's XML. Paths begin at pytest's rootdir.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, List, Mapping, Optional, Sequence, Union

import pytest

import warmd
from warmd.calls import Call
from warmd.locate import Path
from warmd.suites import form_of, reasons


class Gate:
    """What the marker `warmd_gate` says, and what came of it."""

    def __init__(self, suite: Union[Path, Mapping[str, Any]], adapter: Optional[Path] = None, *,
                 base: Optional[Path] = None, threshold: float = 0.0, strict: bool = False,
                 mode: Optional[str] = None, only: Sequence[str] = ()) -> None:
        """`suite`: of `adapter`, by its own file on `base`; without an adapter, of the suite's.

        `threshold` is the least score that passes, 0 to 1; with `strict` nothing may be missing,
        skipped or warned of.
        """
        self.suite = suite
        self.adapter = adapter
        self.base = base
        self.threshold = threshold
        self.strict = strict
        self.more: Any = {**({"mode": mode} if mode else {}), **({"only": only} if only else {})}
        self.report: Any = None
        self.file = ""

    def run(self, client: warmd.Client, root: str) -> None:
        """Gets the report."""
        suite = self.suite
        if not isinstance(suite, Mapping):
            suite = os.path.join(root, os.path.expanduser(os.fspath(suite)))
        if self.adapter is None:
            params = {"suite": form_of(suite), **self.more}
            self.report = client.ask(Call("suite.run", params, dict))
            return
        adapter = os.path.join(root, os.path.expanduser(os.fspath(self.adapter)))
        m = client.model(adapter) if self.base is None else client.model(self.base, adapter)
        self.report = m.suite(suite, **self.more)

    @property
    def reasons(self) -> List[str]:
        """Why the adapter does not pass; none if it does."""
        return reasons(self.report, threshold=self.threshold, strict=self.strict)

    @property
    def summary(self) -> str:
        """A line for people."""
        score = self.report["score"].get("overall")
        return (f"{'failed' if self.reasons else 'passed'} "
                f"{'no score' if score is None else f'{score:.3f}'}  {self.report['adapter_id']}\n"
                f"    {self.file}")


class Plugin:
    """The gates of one run of pytest, on one connection."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._client: Optional[warmd.Client] = None
        self._run: List[Gate] = []

    @property
    def client(self) -> warmd.Client:
        """The connection, made once it is needed."""
        if self._client is None:
            self._client = warmd.connect(self._config.getoption("warmd_socket"))
        return self._client

    def keep(self, gate: Gate, name: str) -> None:
        """Writes the report of the test called `name` to its file."""
        folder = self._config.getoption("warmd_reports")
        if not folder:
            cache = self._config.cache
            assert cache is not None
            folder = str(cache.mkdir("warmd"))
        os.makedirs(folder, exist_ok=True)
        gate.file = os.path.join(folder, re.sub(r"[^\w.=-]+", "-", name).strip("-") + ".json")
        with open(gate.file, "w", encoding="utf-8") as file:
            json.dump(gate.report, file, ensure_ascii=False, indent=1)
        self._run.append(gate)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        marker = item.get_closest_marker("warmd_gate")
        if marker is None:
            return
        gate = Gate(*marker.args, **marker.kwargs)
        fault = ""
        try:
            gate.run(self.client, str(self._config.rootpath))
        except warmd.Error as why:
            fault = f"{why.kind}: {why}"
        if fault:
            pytest.fail(fault, pytrace=False)
        self.keep(gate, item.nodeid)
        item.stash[GATE] = gate
        item.user_properties.append(("warmd_score", gate.report["score"]["overall"]))
        item.user_properties.append(("warmd_report", gate.file))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        gate = item.stash.get(GATE, None)
        if gate is not None and gate.reasons:
            why = "\n  ".join(gate.reasons)
            pytest.fail(f"the adapter does not pass:\n  {why}\nreport: {gate.file}", pytrace=False)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._run:
            terminalreporter.section("adapters")
        for gate in self._run:
            terminalreporter.line(gate.summary)

    def pytest_unconfigure(self) -> None:
        if self._client is not None:
            self._client.close()


GATE = pytest.StashKey[Gate]()
NAME = "warmd-gates"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("warmd", "adapters, by warmd")
    group.addoption("--warmd-socket", metavar="PATH", help="the daemon's socket")
    group.addoption("--warmd-reports", metavar="DIR", help="where reports of suites are kept")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "warmd_gate(suite, adapter=None, *, base=None, threshold=0, strict=False, "
        "mode=None, only=()): fails where the adapter does not pass the suite")
    config.pluginmanager.register(Plugin(config), NAME)


@pytest.fixture(scope="session")
def warmd_client(request: pytest.FixtureRequest) -> warmd.Client:
    """A connection to the daemon that all tests share."""
    plugin = request.config.pluginmanager.get_plugin(NAME)
    assert isinstance(plugin, Plugin)
    return plugin.client


@pytest.fixture
def warmd_report(request: pytest.FixtureRequest) -> Any:
    """The report of the test's `warmd_gate`, as suite.run gives it."""
    gate = request.node.stash.get(GATE, None)
    if gate is None:
        pytest.fail("warmd_report is for tests that are marked with warmd_gate", pytrace=False)
    return gate.report
