import itertools
from threading import Thread

import pytest

from visard.daemon.media.slot import Closed, Slot


def test_the_newest_wins_and_the_others_are_counted():
    slot = Slot()
    for number in range(5):
        slot.put(number)
    assert (slot.take(), slot.dropped) == (4, 4)


def test_a_timed_take_gives_none():
    assert Slot().take(timeout=0.01) is None


def test_the_last_item_survives_closing():
    slot = Slot()
    slot.put(1)
    slot.close()
    assert slot.take() == 1
    with pytest.raises(Closed):
        slot.take()
    with pytest.raises(Closed):
        slot.put(2)


def test_handing_loses_nothing_and_keeps_order():
    slot, got = Slot(), []

    def consume():
        try:
            while True:
                got.append(slot.take())
        except Closed:
            got.append("closed")

    consumer = Thread(target=consume)
    consumer.start()
    for number in range(500):
        slot.hand(number)
    slot.close()
    consumer.join()
    assert got == [*range(500), "closed"]


@pytest.mark.parametrize("method", ["take", "hand"])
def test_closing_wakes_who_waits(method):
    slot, ended = Slot(), []
    if method == "hand":
        slot.put(0)

    def wait():
        try:
            getattr(slot, method)(*([1] if method == "hand" else []))
        except Closed:
            ended.append(True)

    waiter = Thread(target=wait)
    waiter.start()
    slot.close()
    waiter.join()
    assert ended


def test_putting_never_waits_and_order_is_kept_under_load():
    slot, got = Slot(), []

    def consume():
        try:
            while True:
                got.append(slot.take())
        except Closed:
            pass

    consumer = Thread(target=consume)
    consumer.start()
    for number in range(2000):
        slot.put(number)
    slot.close()
    consumer.join()
    assert all(a < b for a, b in itertools.pairwise(got))
    assert len(got) + slot.dropped == 2000
