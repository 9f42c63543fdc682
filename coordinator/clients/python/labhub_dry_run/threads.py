"""The waits of `threading`, `queue` and what is made of them."""

from __future__ import annotations

import _thread
import queue
import threading
import time
from collections import deque
from typing import Any, Callable, Deque, Dict

from .scheduler import BY_EVENT, Scheduler, Waiter

_NS = 1_000_000_000


def lock_type(scheduler: Scheduler) -> type:
    """A lock whose waits go by the scheduler: what threading.Lock makes, and what all else in threading is made of."""

    class Lock:
        __slots__ = ("_is_locked", "_waiting", "__weakref__")

        def __init__(self) -> None:
            self._is_locked = False
            self._waiting: Deque[Waiter] = deque()

        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            if timeout != -1 and (not blocking or timeout < 0):
                raise ValueError("a timeout is for a blocking acquire, and not negative")
            scheduler.mutex.acquire()
            if not self._is_locked or not blocking or timeout == 0:
                was_locked, self._is_locked = self._is_locked, True
                scheduler.mutex.release()
                return not was_locked
            waiter = Waiter()
            self._waiting.append(waiter)
            until = None if timeout == -1 else scheduler.now() + int(min(timeout, threading.TIMEOUT_MAX) * _NS)
            scheduler._local.reads = 0
            try:
                reason = scheduler.park(waiter, until)
            except BaseException:
                self._forget(waiter)
                if waiter.reason == BY_EVENT:
                    self.release()  # it had just been handed over
                raise
            if reason != BY_EVENT:
                self._forget(waiter)
            return reason == BY_EVENT

        def release(self) -> None:
            with scheduler.mutex:
                if not self._is_locked:
                    raise RuntimeError("release unlocked lock")
                while self._waiting:
                    if scheduler.wake(self._waiting.popleft()):
                        return  # it is theirs now
                self._is_locked = False

        def locked(self) -> bool:
            return self._is_locked

        def _forget(self, waiter: Waiter) -> None:
            with scheduler.mutex:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)

        def _at_fork_reinit(self) -> None:
            self._is_locked = False
            self._waiting.clear()

        acquire_lock, release_lock, locked_lock = acquire, release, locked

        def __enter__(self) -> bool:
            return self.acquire()

        def __exit__(self, *_: Any) -> None:
            self.release()

        def __repr__(self) -> str:
            return f"<{'locked' if self._is_locked else 'unlocked'} lock of a dry run at {id(self):#x}>"

    return Lock


def install(scheduler: Scheduler) -> None:
    """Lock, RLock, Condition, Event, Semaphore, Barrier, Thread and queues wait by the scheduler from now on."""
    lock = lock_type(scheduler)
    ends: Dict[int, Any] = {}
    start_real = _thread.start_new_thread

    def sentinel() -> Any:
        """Locked until the thread that asks has ended; threading waits for a thread by it."""
        made = ends[_thread.get_ident()] = lock()
        return made

    def start(function: Callable[..., Any], arguments: Any, named: Any = None) -> int:
        def life() -> None:
            scheduler.thread_runs()
            try:
                function(*arguments, **(named or {}))
            finally:
                ended = ends.pop(_thread.get_ident(), None)
                if ended is not None and ended.locked():
                    ended.release()
                scheduler.thread_ends()

        scheduler.thread_begins()
        try:
            return start_real(life, ())
        except BaseException:
            scheduler.thread_begins_not()
            raise

    _thread.start_new_thread = _thread.start_new = start
    threading._start_new_thread = start
    threading._set_sentinel = sentinel
    threading._allocate_lock = threading.Lock = lock
    threading._CRLock = None  # RLock() makes the one that is written in Python, of the lock above
    threading._time = time.monotonic
    queue.time = time.monotonic
    queue.SimpleQueue = queue._PySimpleQueue
    queue.threading.Lock = lock
