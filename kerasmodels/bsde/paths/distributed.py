"""Data sets of paths of which every replica draws its share."""

import tensorflow as tf

from kerasmodels.bsde.paths.dataset import path_dataset


def distributed_paths(equation, batch_size, **options):
    """`path_dataset` of which every replica of the strategy in force draws its share.

    Without a strategy, or with one replica, it is `path_dataset`.

    Args:
        equation, **options: as in `path_dataset`.
        batch_size: int. Paths per step, of all replicas together.

    Raises:
        ValueError: the batch cannot be shared evenly, or as `path_dataset`.
    """
    strategy = tf.distribute.get_strategy()
    count = strategy.num_replicas_in_sync
    if count == 1:
        return path_dataset(equation, batch_size, **options)

    def share(context):
        local = count // context.num_input_pipelines
        first = context.input_pipeline_id * local
        indices = list(range(first, first + local))
        return path_dataset(equation, batch_size, share=(indices, count), **options)

    return strategy.distribute_datasets_from_function(share)
