"""Drives the page in Chromium, by its DevTools, and looks at it: wide, narrow and dark.

Usage: page.py URL TOKEN PICTURES. Ends with 77 where there is no Chromium, or no aiohttp.
"""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile

try:
    import aiohttp
except ImportError:
    sys.exit(77)

url, token, pictures = sys.argv[1:]
chromium = shutil.which("chromium")
if not chromium:
    sys.exit(77)


class Tab:
    """One page, asked in the words of the DevTools protocol."""

    def __init__(self, socket):
        self.socket = socket
        self.number = 0
        self.faults = []

    async def call(self, method, **params):
        self.number += 1
        await self.socket.send_json({"id": self.number, "method": method, "params": params})
        while True:
            said = await self.socket.receive_json()
            if said.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.faults.append(json.dumps(said["params"]))
            if said.get("id") == self.number:
                assert "error" not in said, said
                return said["result"]

    async def value(self, expression):
        said = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True,
                               returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def until(self, expression):
        """Once that is true."""
        await self.value("""new Promise(told => {
            const look = () => (%s) ? told(true) : setTimeout(look, 20); look(); })""" % expression)

    async def press(self, key, text=""):
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, text=text,
                            windowsVirtualKeyCode={"Enter": 13, "Tab": 9}.get(key, 0))

    async def show(self, width, dark, name):
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                        deviceScaleFactor=1, mobile=width < 600)
        await self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        assert await self.value("document.documentElement.scrollWidth") <= width, width
        picture = await self.call("Page.captureScreenshot")
        with open(os.path.join(pictures, name + ".png"), "wb") as file:
            file.write(base64.b64decode(picture["data"]))


async def drive(tab):
    for domain in ("Runtime", "Log", "Page"):
        await tab.call(domain + ".enable")
    # Without a token it asks for one, which is typed.
    await tab.call("Page.navigate", url=url + "/")
    await tab.until("document.readyState === 'complete' && !document.getElementById('ask').hidden")
    await tab.until("document.getElementById('all').hidden")
    tab.faults = [each for each in tab.faults if "401" not in each]
    await tab.value("document.getElementById('token').focus()")
    await tab.call("Input.insertText", text=token)
    await tab.press("Enter", "\r")
    await tab.until("!document.getElementById('all').hidden")
    await tab.until("document.getElementById('status').textContent === 'ok'")
    # What is loaded by the keyboard is shown, and told as an event.
    await tab.value("document.getElementById('name').focus()")
    await tab.call("Input.insertText", text="first")
    await tab.press("Enter", "\r")
    rows = "document.getElementById('models')"
    await tab.until(rows + ".textContent.includes('ready')")
    await tab.until("document.getElementById('events').children.length > 0")
    for word, other in (("Pin", "Unpin"), ("Unpin", "Pin"), ("Unload", None)):
        find = "[...%s.querySelectorAll('button')].find(b => b.textContent === '%%s')" % rows
        await tab.value((find % word) + ".focus()")
        await tab.press("Enter", "\r")
        await tab.until("!!" + find % other if other else rows + ".textContent.includes('none')")
    # The token by the address: it goes from there into the tab.
    await tab.value("sessionStorage.clear()")
    await tab.call("Page.navigate", url="about:blank")
    await tab.call("Page.navigate", url=url + "/#token=" + token)
    await tab.until("document.readyState === 'complete' && location.hash === '' && "
                    "!document.getElementById('all').hidden")
    for width, dark, name in ((1280, False, "wide"), (360, False, "narrow"), (360, True, "dark")):
        await tab.show(width, dark, name)
    ground = await tab.value("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(13, 17, 23)", ground
    assert not tab.faults, tab.faults


async def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                   "--remote-debugging-port=0", "--user-data-dir=" + profile, "about:blank"]
        browser = subprocess.Popen([chromium, *options], stderr=subprocess.PIPE, text=True)
        try:
            for line in browser.stderr:
                if "DevTools listening on" in line:
                    break
            address = line.split("/devtools/")[0].split("ws://")[1]
            async with aiohttp.ClientSession() as session:
                async with session.get("http://%s/json/list" % address) as said:
                    pages = [each for each in await said.json() if each["type"] == "page"]
                async with session.ws_connect(pages[0]["webSocketDebuggerUrl"],
                                              max_msg_size=0) as socket:
                    await asyncio.wait_for(drive(Tab(socket)), 120)
        finally:
            browser.kill()
            browser.wait()


asyncio.run(main())
