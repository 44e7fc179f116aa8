"""No two draws of one seed share a pair (seed, number)."""

from kerasmodels.bsde.paths import streams

# More of each than any run draws: steps of a training, blocks, chunks.
MANY = 2**31


def test_streams_do_not_meet():
    ranges = sorted(
        tuple(sorted(ends))
        for ends in (
            (0, MANY),
            (streams.before_training(0), streams.before_training(MANY)),
            (streams.shift_of_times(0), streams.shift_of_times(MANY)),
            (streams.of_estimate(0, 0), streams.of_estimate(MANY, 1)),
            (streams.of_substeps(0), streams.of_substeps(MANY)),
            (streams.of_regression(0), streams.of_regression(MANY)),
        )
    )
    for (_, end), (begin, _) in zip(ranges, ranges[1:]):
        assert end < begin


def test_kinds_and_chunks_of_an_estimate_differ():
    numbers = [streams.of_estimate(chunk, kind) for chunk in range(9) for kind in (0, 1)]
    assert len(set(numbers)) == len(numbers)
