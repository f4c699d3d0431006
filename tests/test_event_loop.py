"""The loop that mails are carried on is a guest: it gives back what it took."""

import asyncio
import signal
import threading

import pytest

from hygiene import event_loop


async def handle(*numbers):
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, lambda: None)
    return "done"


def test_control_c_means_afterwards_what_it_meant_before():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert event_loop.run(handle(signal.SIGINT, signal.SIGTERM)) == "done"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    held = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        event_loop.run(handle(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, held)


def test_in_another_thread_nothing_is_handled():
    found = []
    thread = threading.Thread(target=lambda: found.append(event_loop.run(handle())))
    thread.start()
    thread.join()
    assert found == ["done"]
