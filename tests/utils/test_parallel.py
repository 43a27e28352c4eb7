"""The thread pool: order, errors, forks, nesting, several users at once."""

import multiprocessing
import signal
import threading
import time

import joblib
import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from skkernels.kernels import RBF
from skkernels.operators import KernelOperator
from skkernels.utils import _parallel
from skkernels.utils._parallel import (
    effective_n_threads,
    map_blocks,
    row_blocks,
    single_threaded_blas,
)


def product(seed, n=700):
    """A product large enough to go through the pool, and its dense value."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 20))
    v = rng.standard_normal(n)
    op = KernelOperator(RBF(3.0), X)
    return op @ v, op.block() @ v


def blas_threads():
    return [
        lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"
    ]


def test_row_blocks_cover_the_rows_in_order():
    blocks = row_blocks(10, 4)
    assert [list(range(10))[b] for b in blocks] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert row_blocks(0, 4) == []


def test_results_come_in_order():
    def slow_first(i):
        time.sleep(0.02 if i == 0 else 0)
        return i

    assert map_blocks(slow_first, list(range(20))) == list(range(20))
    assert map_blocks(slow_first, []) == []


def test_small_work_stays_in_the_calling_thread():
    names = map_blocks(lambda i: threading.current_thread(), [0, 1], work=10)
    assert set(names) == {threading.current_thread()}


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread only")
def test_large_work_runs_in_the_pool():
    names = map_blocks(lambda i: threading.current_thread().name, [0, 1], work=1e9)
    assert all(name.startswith("skkernels") for name in names)


def test_errors_reach_the_caller_and_leave_the_pool_usable():
    def fail(i):
        if i == 3:
            raise RuntimeError("block 3")
        return i

    with pytest.raises(RuntimeError, match="block 3"):
        map_blocks(fail, list(range(8)))
    assert map_blocks(abs, [-1, -2]) == [1, 2]
    assert _parallel._pool.blas_users == 0


def test_nested_calls_run_serially_and_do_not_deadlock():
    def outer(i):
        return effective_n_threads(), map_blocks(lambda j: (i, j), [0, 1, 2])

    if numba.get_num_threads() > 1:
        for n_threads, inner in map_blocks(outer, list(range(8)), work=1e9):
            assert n_threads == 1
            assert [j for _, j in inner] == [0, 1, 2]


def test_blas_limit_is_lifted_by_the_last_user():
    before = blas_threads()
    with single_threaded_blas():
        assert set(blas_threads()) == {1}
        with single_threaded_blas():
            pass
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_four_user_threads_at_once():
    results = [None] * 4

    def run(i):
        results[i] = [product(seed) for seed in range(5)]

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive()
    for result in results:
        for (got, expected), (reference, _) in zip(result, results[0], strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)
            np.testing.assert_array_equal(got, reference)
    assert _parallel._pool.blas_users == 0


def _child(seed, queue):
    queue.put(product(seed))


@pytest.mark.fork
@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork here"
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_products_work_in_a_forked_child():
    """The parent's pool is in use before the fork; the child starts its own."""
    expected, _ = product(1)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_child, args=(1, queue))
    child.start()
    got, _ = queue.get(timeout=120)
    child.join(timeout=60)
    assert child.exitcode == 0
    np.testing.assert_array_equal(got, expected)


@pytest.mark.fork
@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork here"
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_fork_waits_for_products_of_other_threads():
    """A child forked inside a matrix product would inherit BLAS's locks, held."""
    stop = threading.Event()

    X = np.random.default_rng(0).standard_normal((1500, 20))
    op = KernelOperator(RBF(3.0), X)

    def keep_multiplying():
        while not stop.is_set():  # no product of NumPy alone: forks know nothing of it
            op @ X[:, 0]

    threads = [threading.Thread(target=keep_multiplying) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        context = multiprocessing.get_context("fork")
        for seed in range(3):
            queue = context.Queue()
            child = context.Process(target=_child, args=(seed, queue))
            child.start()
            got, expected = queue.get(timeout=60)
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)
            child.join(timeout=60)
            assert child.exitcode == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=120)
    assert _parallel._pool.blas_users == 0


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no pthread_kill")
def test_an_interrupt_drops_the_blocks_that_wait():
    """Ctrl-C in the calling thread returns after the blocks in work, not after all."""
    started = []

    def block(i):
        started.append(i)
        if len(started) == 5:  # by then the calling thread sleeps
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.05)

    if numba.get_num_threads() < 2:
        pytest.skip("blocks run in the calling thread")
    with pytest.raises(KeyboardInterrupt):
        map_blocks(block, list(range(100)), work=1e9)
    done = len(started)
    assert done < 20
    time.sleep(0.2)
    assert len(started) == done


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_products_work_under_joblib(backend):
    results = joblib.Parallel(n_jobs=2, backend=backend)(
        joblib.delayed(product)(seed) for seed in range(4)
    )
    for seed, (got, expected) in enumerate(results):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)
        np.testing.assert_array_equal(got, product(seed)[0])
