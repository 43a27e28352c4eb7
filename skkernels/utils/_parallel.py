"""One thread pool for the whole process.

Row blocks are fanned out over serial functions that release the GIL (jitted bodies and
BLAS calls). No Numba parallel region and no OpenMP is involved, so the pool survives a
fork, may be used from several user threads at once, and never nests: a task that asks
for the pool again runs its blocks itself.

How many threads: ``numba.set_num_threads(n)``, which holds for the thread that calls
it, or the environment variable ``NUMBA_NUM_THREADS``, which joblib's workers set to
their share of the machine.
"""

import collections
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import numba
from threadpoolctl import ThreadpoolController

# Below this many arithmetic operations, handing blocks to threads costs more than it
# saves.
MIN_PARALLEL_WORK = 2_000_000
# Seconds that a fork waits for products in other threads.
FORK_TIMEOUT = 60.0

_local = threading.local()


class _Pool:
    """The executor and the BLAS limit, both guarded by one lock."""

    def __init__(self):
        self.blas_limit = None
        self.forget()

    def forget(self):
        """Start afresh: in a forked child neither threads nor locks are usable.

        A BLAS limit in force at the time of the fork is kept, so that the child's
        first use of the pool lifts it when it ends.
        """
        self.lock = threading.Lock()
        self.idle = threading.Condition(self.lock)
        self.executor = None
        self.size = 0
        self.blas_users = 0
        self.forks = 0

    def before_fork(self):
        """Let products of other threads end, and none begin until the fork is over.

        A child forked in the middle of a matrix product inherits BLAS's locks as they
        are, held by threads that it does not have.
        """
        self.lock.acquire()
        self.forks += 1
        if not _in_product():
            self.idle.wait_for(lambda: self.blas_users == 0, timeout=FORK_TIMEOUT)

    def after_fork_in_parent(self):
        self.forks -= 1
        self.idle.notify_all()
        self.lock.release()

    def get(self, size):
        with self.lock:
            if self.executor is None or self.size < size:
                # A former executor lives on until its last user lets go of it.
                self.executor = ThreadPoolExecutor(
                    size, "skkernels", initializer=_mark_worker
                )
                self.size = size
            return self.executor

    def pin_blas(self):
        with self.lock:
            if not _in_product():
                self.idle.wait_for(lambda: self.forks == 0)
            if self.blas_users == 0 and self.blas_limit is None:
                self.blas_limit = _controller().limit(limits=1, user_api="blas")
            self.blas_users += 1
        _local.pins = getattr(_local, "pins", 0) + 1

    def release_blas(self):
        _local.pins -= 1
        with self.lock:
            # A child forked inside of the context leaves it with a count of zero.
            self.blas_users = max(self.blas_users - 1, 0)
            if self.blas_users == 0 and self.blas_limit is not None:
                self.blas_limit.restore_original_limits()
                self.blas_limit = None
                self.idle.notify_all()


def _in_product():
    """Whether this thread is inside a product, as its caller or as a worker."""
    return getattr(_local, "in_task", False) or getattr(_local, "pins", 0) > 0


def _mark_worker():
    _local.in_task = True


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_pool.before_fork,
        after_in_parent=_pool.after_fork_in_parent,
        after_in_child=_pool.forget,
    )

_cached_controller = []


def _controller():
    # Finding the loaded BLAS libraries takes milliseconds: done once. NumPy's and
    # SciPy's are loaded by the time anything here runs.
    if not _cached_controller:
        _cached_controller.append(ThreadpoolController())
    return _cached_controller[0]


class single_threaded_blas:
    """Context in which BLAS uses one thread; may be entered by many threads at once.

    The limit is a property of the process: it is set by the first to enter and lifted
    by the last to leave.
    """

    def __enter__(self):
        _pool.pin_blas()

    def __exit__(self, *exc_info):
        _pool.release_blas()


def effective_n_threads():
    """Number of threads that products use: Numba's, or 1 inside a task of the pool."""
    if getattr(_local, "in_task", False):
        return 1
    return numba.get_num_threads()


def row_blocks(n_rows, size):
    """Slices of at most ``size`` rows that cover ``range(n_rows)`` in order."""
    return [slice(i, min(i + size, n_rows)) for i in range(0, n_rows, size)]


def map_blocks(func, blocks, *, work=None):
    """Call ``func`` on each block, in the pool, and return the results in order.

    Parameters
    ----------
    func : callable
        Takes one block. Should spend its time in code that releases the GIL. Must
        write only to memory that belongs to its block.

    blocks : sequence
        The blocks. They must not depend on the number of threads, or results will.

    work : float or None, default=None
        Arithmetic operations of the whole call, if known: small ones are not worth
        the pool.

    Returns
    -------
    results : list
        ``[func(block) for block in blocks]``. BLAS runs on one thread meanwhile, also
        where the pool is not used, so that rounding is the same either way.
    """
    n_threads = min(effective_n_threads(), len(blocks))
    if work is not None and work < MIN_PARALLEL_WORK:
        n_threads = 1
    with single_threaded_blas():
        if n_threads <= 1:
            return [func(block) for block in blocks]
        results = [None] * len(blocks)
        todo = collections.deque(range(len(blocks)))

        # A pool may have more threads than this call may use: n_threads runners take
        # blocks from one queue.
        def drain():
            while True:
                try:
                    i = todo.popleft()
                except IndexError:
                    return
                try:
                    results[i] = func(blocks[i])
                except BaseException:
                    todo.clear()
                    raise

        executor = _pool.get(n_threads)
        futures = []
        try:
            for _ in range(n_threads):
                futures.append(executor.submit(drain))
            for future in futures:
                future.result()
        except BaseException:  # an error of a block, or an interrupt of this thread
            todo.clear()
            wait(futures)  # they write to memory that the caller is about to drop
            raise
        return results
