"""More visitors at once than a server has time for."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import Executor
from io import BytesIO
from urllib.request import urlopen

from attn_core import AttentionTrace
from benchmarks.hall import Visit

N_VISITORS = 30


def test_in_a_hall_everybody_gets_a_page_and_sees_how_many_are_ahead(elsewhere: Executor, server: str) -> None:
    async def come(address: str, number: int) -> Visit:
        async with Visit(address, "head_grid", {"model": "mini", "prompt": f"The dog {number} ran"}) as visit:
            await visit.run()
        return visit

    async def all_at_once(address: str) -> list[Visit]:
        await come(address, 0)  # loads the model
        return await asyncio.gather(*(come(address, number) for number in range(N_VISITORS)))

    visits = elsewhere.submit(asyncio.run, all_at_once(server)).result()
    assert [visit.faults for visit in visits] == [[]] * N_VISITORS
    waited = [
        [int(n) for text in visit.alerts for n in re.findall(r"\((\d+) ahead of you\)", text)] for visit in visits
    ]
    assert any(waited)
    assert all(numbers == sorted(numbers, reverse=True) for numbers in waited)
    assert all(0 < number < N_VISITORS for numbers in waited for number in numbers)


def test_a_file_stays_until_a_slow_link_asks_for_it_while_others_use_the_dashboard(
    elsewhere: Executor, server: str
) -> None:
    async def save(address: str) -> tuple[str, bytes]:
        query = {"model": "mini", "prompt": "The dog ran"}
        async with Visit(address, "head_grid", query) as visit, Visit(address, "head_grid", query) as other:
            await visit.run()
            file = await visit.prepare_download("Save recording (.npz)")
            for _ in range(3):
                await other.run()
            with await asyncio.to_thread(urlopen, file) as answer:
                return answer.headers["Content-Disposition"], answer.read()

    name, content = elsewhere.submit(asyncio.run, save(server)).result()
    assert name == 'attachment; filename="The_dog_ran_recording.npz"'
    assert AttentionTrace.load(BytesIO(content)).text == "The dog ran"
