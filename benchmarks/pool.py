"""Solves of a benchmark in several processes at a time."""

import concurrent.futures
import multiprocessing


def processes(jobs, quick, runs_each=1):
    """A pool of processes with `runs_each` runs each; for a quick run, of one thread.

    `runs_each` None is no limit. Many short runs need that, because TensorFlow takes
    seconds to start, and because a pool may hang at a limit.
    """
    if quick:
        return concurrent.futures.ThreadPoolExecutor(1)
    context = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(
        jobs, context, max_tasks_per_child=runs_each
    )


def measure(pool, run, wanted, quick, found, write):
    """Puts `run(name, seed, quick)` into `found[name][seed]`, and calls `write` each time.

    Args:
        pool: from `processes`.
        run: function that a process can import, -> dict with "u0" and "u0_interval", or
            with "refused" or "failed" and the text of an error.
        wanted: list of pairs (name, seed), in the order of the runs.
        quick: bool.
        found: dict: the name of a problem -> dict: seed -> run.
        write: function without arguments.
    """
    runs = {pool.submit(run, n, s, quick): (n, s) for n, s in wanted}
    for done in concurrent.futures.as_completed(runs):
        name, seed = runs[done]
        found[name][seed] = result = done.result()
        told = result.get("u0_interval") or result.get("refused", result.get("failed"))
        print(f"{name}, seed {seed}: {result.get('u0', '')} {told}", flush=True)
        write()
