"""Numbers that come while workers are disturbed, and waiting for what must be in the end."""

import threading
import time

SECONDS_MAX = 180  # until something is so that will be


def until(found, wanted, seconds_max=SECONDS_MAX):
    """Waits until found() is `wanted`."""
    deadline = time.monotonic() + seconds_max
    while (last := found()) != wanted:
        assert time.monotonic() < deadline, f"{last} is not {wanted}"
        time.sleep(0.05)


class Producer(threading.Thread):
    """Gives numbers from `first` on to `put`, ten at a time, and keeps those that it took."""

    def __init__(self, put, first):
        super().__init__(daemon=True)
        self.put, self.next = put, first
        self.acknowledged, self.is_over = [], False

    def run(self):
        while not self.is_over:
            numbers = range(self.next, self.next + 10)
            self.next += len(numbers)
            self.put(numbers)
            self.acknowledged += numbers
            time.sleep(0.05)  # bounds the load; nothing waits for it

    def end(self):
        self.is_over = True
        self.join(SECONDS_MAX)
        assert not self.is_alive()
        return self.acknowledged
