"""The client that awaits gives what the one that waits gives."""

import asyncio
import socket
from typing import get_args, get_origin

import numpy as np
import pytest

from keras_attention.serving import AsyncClient, Client, RetryPolicy, ServingError
from keras_attention.serving.wire.errors import Code
from tests.serving.client.support import http_server
from tests.serving.support import scaled

both = pytest.mark.parametrize("transport", ["rest", "grpc"])
ONCE = RetryPolicy(attempts=1)


@pytest.fixture
def run_async(server, transport):
    """Runs `send(client)`, a coroutine function, with a client."""

    def run(send):
        async def main():
            url = f"http://127.0.0.1:{server.rest_port}"
            target = f"127.0.0.1:{server.grpc_port}"
            async with AsyncClient(url, target, transport=transport) as client:
                return await send(client)

        return asyncio.run(main())

    return run


@both
def test_concurrent_requests_get_their_own_responses(run_async, transport):
    async def send(client):
        requests = [
            client.predict("calculator", {"x": np.full([1 + i % 3, 2], i)})
            for i in range(64)
        ]
        return await asyncio.gather(*requests)

    for i, outputs in enumerate(run_async(send)):
        x = np.full([1 + i % 3, 2], i)
        np.testing.assert_array_equal(outputs["y"], scaled(x))


@both
def test_every_method_agrees_with_the_one_that_waits(run_async, client, transport):
    def requests(client):
        yield client.status("calculator")
        yield client.metadata("calculator", version=3)
        yield client.wait_until_ready("translator")
        yield client.models()
        yield client.translate(["guten Tag", "a b"], "translator")
        yield client.translate([], "translator")

    async def send(client):
        return [await request for request in requests(client)]

    *awaited, nothing = run_async(send)
    waited = list(requests(client))
    assert nothing == []
    assert awaited == waited[:-1]


@both
def test_refusals_and_bad_inputs_are_raised_where_it_is_awaited(run_async, transport):
    async def send(client):
        wrong = client.predict("calculator", {"x": [1.0]})
        with pytest.raises(ValueError, match="must have shape"):
            await wrong
        with pytest.raises(ServingError) as caught:
            await client.status("zz")
        return caught.value.code

    assert run_async(send) is Code.NOT_FOUND


@both
def test_an_absent_server_is_named(transport):
    async def main():
        options = {"transport": transport, "retries": ONCE}
        async with AsyncClient("http://127.0.0.1:1", "127.0.0.1:1", **options) as c:
            await c.status("m")

    with pytest.raises(ServingError, match=r"127\.0\.0\.1:1.*running"):
        asyncio.run(main())


@both
def test_a_server_that_says_nothing_is_left_at_the_deadline(transport):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url, target = f"http://127.0.0.1:{port}", f"127.0.0.1:{port}"

        async def main():
            async with AsyncClient(url, target, transport=transport) as client:
                await client.status("m", timeout=0.2)

        with pytest.raises(ServingError, match="DEADLINE_EXCEEDED"):
            asyncio.run(main())


def test_retries_do_not_hold_up_the_loop():
    busy = (503, {"Retry-After": "0"}, {"error": "busy"})
    document = {"model_version_status": []}
    quickly = RetryPolicy(base_seconds=0.001)
    with http_server(busy, busy, (200, {}, document)) as (url, requests):

        async def main():
            async with AsyncClient(url, retries=quickly) as client:
                return await client.status("m")

        assert asyncio.run(main()) == []
    assert len(requests) == 3


def test_what_is_awaited_is_of_the_type_that_the_other_returns():
    for waited, awaited in zip(
        Client.__orig_bases__[1:], AsyncClient.__orig_bases__[1:], strict=True
    ):
        assert get_origin(waited) is get_origin(awaited)
        results = [get_args(each)[-1] for each in get_args(awaited)]
        assert results == list(get_args(waited))


def test_both_clients_have_the_same_methods():
    def methods(kind):
        return {name for name in dir(kind) if not name.startswith("_")}

    assert methods(Client) == methods(AsyncClient)
