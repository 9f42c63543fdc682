"""Who is at work, who waits for what, and what time it is."""

from __future__ import annotations

import _thread
import heapq
from time import sleep as _real_sleep
from typing import Callable, Dict, List, Optional, Tuple

_NS = 1_000_000_000

#: Time that has passed and that the hub doesn't know of is told to it at the latest when it is this much. It learns of
#: all others with the next request.
TELL_AFTER = 60 * _NS
#: A thread that asks for the time this often without ever waiting is waiting by asking: from then on each of its
#: questions takes a moment, which grows while it goes on.
BUSY_AFTER = 100
_FIRST_STEP = 1_000_000
_LONGEST_STEP = 50_000_000
#: The pause, in real seconds, between two moments of time once the dry run is over: what stops the script is under way.
_PAUSE_WHEN_OVER = 0.01
_LOOK_FOR_SIGNALS = 0.25
_END_OF_TIME = 1 << 62

BY_TIME, BY_EVENT = "time", "event"


class Waiter:
    """A thread that waits: parked at a real lock of its own until somebody, or the time, wakes it."""

    __slots__ = ("gate", "is_awake", "reason")

    def __init__(self) -> None:
        self.gate = _thread.allocate_lock()
        self.gate.acquire()
        self.is_awake = False
        self.reason = ""


class _Local(_thread._local):
    reads = 0


class Scheduler:
    """Virtual time of one process. All times are nanoseconds of UTC.

    `tell` takes the time that has come to the hub and returns its answer's time and whether the dry run is over; the
    hub may hold the answer back. Whoever wakes a waiter counts it among those at work before it goes on, so that there
    is no moment at which nobody seems to work.
    """

    def __init__(self, start: int, tell: Callable[[int], Tuple[int, bool]]) -> None:
        # Re-entrant: a signal's handler may come in between and wait itself.
        self.mutex = _thread.RLock()
        self.start = start
        self._now = start
        self._tell = tell
        self._told = start
        self._is_over = False
        self._known = {_thread.get_ident()}
        self._working = 1
        self._outside = 0
        self._asleep: List[Tuple[int, int, Waiter]] = []
        self._number = 0
        self._parked: Dict[int, List[Waiter]] = {}
        self._local = _Local()

    def now(self) -> int:
        """The time, without any effect."""
        return self._now

    def read(self) -> int:
        """The time as a script's clock shows it."""
        local = self._local
        local.reads += 1
        if local.reads > BUSY_AFTER:
            self._step(local.reads - BUSY_AFTER)
        return self._now

    def sleep(self, duration: int) -> None:
        """Waits that long; 0 lets all others that can work at this time do so first."""
        self._local.reads = 0
        self.mutex.acquire()
        self.park(Waiter(), self._now + max(0, duration))

    def park(self, waiter: Waiter, until: Optional[int] = None) -> str:
        """Called with the mutex held, which is let go: waits, and says whether an event or the time woke it."""
        ident = _thread.get_ident()
        if ident not in self._known:  # made by neither Python's threading nor _thread
            self._known.add(ident)
            self._working += 1
        if until is not None:
            self._number += 1
            heapq.heappush(self._asleep, (until, self._number, waiter))
        stack = self._parked.setdefault(ident, [])
        stack.append(waiter)
        try:
            self._working -= 1
            self._go_on()
            self.mutex.release()
            # Python handles a signal that comes just before a wait only after it.
            while not waiter.gate.acquire(True, _LOOK_FOR_SIGNALS):
                pass
        except BaseException:  # a signal's handler raised
            with self.mutex:
                self._claim(waiter, BY_TIME)
            raise
        finally:
            stack.remove(waiter)
        return waiter.reason

    def wake(self, waiter: Waiter) -> bool:
        """With the mutex held. False: it is awake already."""
        return self._claim(waiter, BY_EVENT)

    def thread_begins(self) -> None:
        """A thread is about to be made."""
        with self.mutex:
            self._working += 1

    def thread_begins_not(self) -> None:
        """It could not be made."""
        with self.mutex:
            self._working -= 1
            self._go_on()

    def thread_runs(self) -> None:
        """This thread is the one that was made."""
        with self.mutex:
            self._known.add(_thread.get_ident())

    def thread_ends(self) -> None:
        """This thread will wait for nothing any more."""
        with self.mutex:
            ident = _thread.get_ident()
            if ident in self._known:
                self._known.discard(ident)
                self._parked.pop(ident, None)
                self._working -= 1
                self._go_on()

    def goes_outside(self) -> None:
        """This thread begins to wait for something that is neither time nor another thread of Python's."""
        with self.mutex:
            self._outside += 1
            self._working -= 1
            self._go_on()

    def comes_back(self) -> None:
        """It has come."""
        with self.mutex:
            self._outside -= 1
            self._working += 1

    def arrived(self, time: int) -> None:
        """The hub let time pass up to this."""
        with self.mutex:
            self._told = max(self._told, time)
            self._move_to(time)

    def horizon(self) -> int:
        """How far the time may go while this thread alone works: now, where others do so too."""
        with self.mutex:
            if self._working > 1:
                return self._now
            while self._asleep and self._asleep[0][2].is_awake:
                heapq.heappop(self._asleep)
            return self._asleep[0][0] if self._asleep else _END_OF_TIME

    def interrupted(self) -> Optional[Waiter]:
        """A signal's handler begins in this thread: it works again, though it was parked."""
        with self.mutex:
            stack = self._parked.get(_thread.get_ident())
            if not stack or stack[-1].is_awake:
                return None
            self._working += 1
            return stack[-1]

    def handled(self, waiter: Optional[Waiter], has_raised: bool) -> None:
        """The handler has ended; without an exception the thread goes on waiting."""
        if waiter is None:
            return
        with self.mutex:
            if waiter.is_awake:  # counted when it was woken
                self._working -= 1
            elif has_raised:
                waiter.is_awake = True
            else:
                self._working -= 1
                self._go_on()

    def forked(self) -> None:
        """In a child process: only the thread that forked is there. Its time goes on by itself, told to nobody."""
        self.mutex = _thread.RLock()
        self._known = {_thread.get_ident()}
        self._working, self._outside = 1, 0
        self._asleep.clear()
        self._parked.clear()
        self._tell = lambda time: (time, False)

    def _claim(self, waiter: Waiter, reason: str) -> bool:
        if waiter.is_awake:
            return False
        waiter.is_awake = True
        waiter.reason = reason
        self._working += 1
        waiter.gate.release()
        return True

    def _go_on(self) -> None:
        """When nobody works: on to the next moment at which somebody wants to."""
        while self._working == 0 and self._asleep:
            until, _, waiter = self._asleep[0]
            if waiter.is_awake:
                heapq.heappop(self._asleep)
            else:
                self._move_to(until)
        if self._working == 0 and not self._outside and self._known:
            # All wait for each other: so they would until the time limit, which the hub knows.
            self._told, self._is_over = self._tell(_END_OF_TIME // 1_000_000 * 1_000_000)

    def _move_to(self, time: int) -> None:
        self._now = max(self._now, time)
        if self._is_over:
            _real_sleep(_PAUSE_WHEN_OVER)
        elif self._now - self._told >= TELL_AFTER:
            self._told = self._now
            _, self._is_over = self._tell(self._now)
        while self._asleep and self._asleep[0][0] <= self._now:
            self._claim(heapq.heappop(self._asleep)[2], BY_TIME)

    def _step(self, times: int) -> None:
        step = min(_LONGEST_STEP, int(_FIRST_STEP * 1.1 ** min(times, 64)))
        with self.mutex:
            while self._asleep and self._asleep[0][2].is_awake:
                heapq.heappop(self._asleep)
            first = self._asleep[0][0] if self._asleep else _END_OF_TIME
            self._move_to(min(self._now + step, max(first, self._now)))
