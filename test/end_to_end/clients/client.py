"""What people's programs do with warmd, by a library that knows nothing of it.

Usage: client.py LIBRARY URL TOKEN SOCKET MODEL. Ends with 77 where there is no such library.
"""

import importlib
import json
import sys

library, url, token, socket, model = sys.argv[1:]
try:
    module = importlib.import_module(library)
except ImportError:
    sys.exit(77)

KNOWN = {"Authorization": "Bearer " + token}
ASKED = {"model": model + "@0.5", "prompt": "The prince", "max_tokens": 4, "temperature": 0,
         "logprobs": 1, "echo": True}


def check_completion(status, body):
    assert status == 200, body
    choice = body["choices"][0]
    assert choice["text"].startswith("The prince"), body
    assert len(choice["logprobs"]["tokens"]) == body["usage"]["total_tokens"]


def check_refusal(status, body):
    assert status == 400 and body["error"]["param"] == "best_of", body


def check_stream(lines):
    events = [line[len("data: "):].strip() for line in lines if line.startswith("data: ")]
    assert events[-1] == "[DONE]", events
    text = "".join(json.loads(each)["choices"][0]["text"] for each in events[:-1])
    assert text.startswith("The prince"), text


STREAMED = {**ASKED, "stream": True, "logprobs": None}


def by_requests(requests):
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(KNOWN)
        post = lambda body, **more: session.post(url + "/v1/completions", json=body, **more)
        said = post(ASKED)
        check_completion(said.status_code, said.json())
        said = post({**ASKED, "best_of": 3})
        check_refusal(said.status_code, said.json())
        with post(STREAMED, stream=True) as said:
            check_stream(list(said.iter_lines(decode_unicode=True)))
        said = session.post(url + "/tokenize", json={"model": model, "prompt": "The prince"})
        assert said.json()["count"] == len(said.json()["tokens"]) >= 2, said.text
    assert requests.get(url + "/v1/models", proxies={"http": ""}).status_code == 401


def by_httpx(httpx):
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket), base_url="http://warmd",
                      timeout=60) as client:
        said = client.post("/v1/completions", json=ASKED)
        check_completion(said.status_code, said.json())
        said = client.post("/v1/completions", json={**ASKED, "best_of": 3})
        check_refusal(said.status_code, said.json())
        with client.stream("POST", "/v1/completions", json=STREAMED) as said:
            check_stream(list(said.iter_lines()))
        assert client.get("/openapi.json").json()["openapi"] == "3.1.0"


def by_aiohttp(aiohttp):
    import asyncio

    async def ask():
        connector = aiohttp.UnixConnector(path=socket)
        async with aiohttp.ClientSession(connector=connector) as session:
            async with session.post("http://warmd/v1/completions", json=ASKED) as said:
                check_completion(said.status, await said.json())
            async with session.post("http://warmd/v1/completions", json=STREAMED) as said:
                check_stream((await said.text()).splitlines())
            # A connection of its own for events; what is loaded by another is told on it.
            async with session.get("http://warmd/events?types=state") as events:
                assert events.status == 200
                async with session.post("http://warmd/rpc/load",
                                        json={"model": {"kind": "dummy", "base": "/seen"}}):
                    pass
                first = await events.content.readline()
                assert json.loads(first[len("data: "):])["type"] == "state", first

    asyncio.run(ask())


{"requests": by_requests, "httpx": by_httpx, "aiohttp": by_aiohttp}[library](module)
