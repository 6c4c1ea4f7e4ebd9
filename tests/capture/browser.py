"""A page in Chromium, driven over the DevTools protocol on a pipe: keys are pressed, and what happens is looked at."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from tests.documentation.browser import FLAGS, NAMES, NO_NETWORK

LONGEST_ANSWER = 20_000_000
LOOKS = 600  # for what has the focus, twenty in a second
HAPPENS_WITHIN_S = 60.0
# Chromium reads commands from descriptor 3 and answers on 4, each message with a zero byte behind it.
LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
KEYS = {"Tab": ("\t", 9), "Enter": ("\r", 13), "Space": (" ", 32)}
SHIFT = 8
TROUBLE = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}


class Chromium:
    """One process, in which each page has a profile of its own."""

    def __init__(self, reader: asyncio.StreamReader, commands: int) -> None:
        self._reader, self._commands = reader, commands
        self._numbers, self._waiting = count(1), dict[int, asyncio.Future[dict[str, Any]]]()
        self._pages: dict[str, BrowserPage] = {}

    async def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(HAPPENS_WITHIN_S):
            answer = await self._waiting[number]
        assert "error" not in answer, f"{method}: {answer}"
        result: dict[str, Any] = answer["result"]
        return result

    async def listen(self) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                told = json.loads((await self._reader.readuntil(b"\0"))[:-1])
                if "id" in told:
                    self._waiting.pop(told["id"]).set_result(told)
                elif page := self._pages.get(told.get("sessionId", "")):
                    page.hear(told)

    @asynccontextmanager
    async def page(self, *, script: bool = True, width: int = 1000) -> AsyncIterator["BrowserPage"]:
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = await self.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = (await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True))["sessionId"]
        self._pages[session] = page = BrowserPage(self, session)
        for domain in ("Page", "Runtime", "Log"):
            await page.call(f"{domain}.enable")
        await page.call("Emulation.setScriptExecutionDisabled", value=not script)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        await page.call("Emulation.setDeviceMetricsOverride", **size)
        try:
            yield page
        finally:
            await self.call("Target.disposeBrowserContext", browserContextId=context)


class BrowserPage:
    """`trouble` is what the browser complained of: what its policy forbade, and what a script threw or logged."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self.trouble: list[str] = []
        self._browser, self._session = browser, session
        self._loaded = asyncio.Event()

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._browser.call(method, self._session, **params)

    def hear(self, told: dict[str, Any]) -> None:
        if told["method"] in TROUBLE and "responded with a status of" not in str(told):
            self.trouble.append(json.dumps(told["params"]))
        elif told["method"] == "Page.loadEventFired":
            self._loaded.set()

    async def open(self, url: str) -> None:
        self._loaded.clear()
        await self.call("Page.navigate", url=url)
        await self.arrive()

    async def arrive(self) -> None:
        """Waits for a page that was asked for."""
        async with asyncio.timeout(HAPPENS_WITHIN_S):
            await self._loaded.wait()
        self._loaded.clear()

    async def ask(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def press(self, key: str, *, shift: bool = False) -> None:
        text, code = KEYS[key]
        name = " " if key == "Space" else key
        common = {"key": name, "code": key, "windowsVirtualKeyCode": code, "modifiers": SHIFT if shift else 0}
        typed = {} if key == "Tab" else {"text": text}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **common, **typed)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def write(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def focused(self) -> str:
        """The id of the element that has the focus, or its tag. It comes to the first one a moment after the page."""
        found = "BODY"
        for _ in range(LOOKS):
            found = str(await self.ask("document.activeElement.id || document.activeElement.tagName"))
            if found != "BODY":
                break
            await asyncio.sleep(0.05)
        return found


@asynccontextmanager
async def browsing(profile: Path) -> AsyncIterator[Chromium]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "`make browser` installs Chromium"
    (theirs, commands), (answers, told) = os.pipe(), os.pipe()
    flags = [one for one in FLAGS if not one.startswith(("--virtual-time", "--window-size"))]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LAUNCH, str(theirs), str(told), found, *flags, NO_NETWORK),
        *("--remote-debugging-pipe", f"--user-data-dir={profile}"),
        env={"HOME": str(profile), "PATH": "/usr/bin:/bin"},
        pass_fds=(theirs, told),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(theirs)
    os.close(told)
    reader = asyncio.StreamReader(limit=LONGEST_ANSWER)
    with os.fdopen(answers, "rb") as file:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), file
        )
        browser = Chromium(reader, commands)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(browser.listen())
            try:
                yield browser
            finally:
                process.terminate()
                await process.wait()
                transport.close()
                os.close(commands)
