"""A small U-Net for images with any number of spatial axes."""

import keras
from keras import layers, ops

from kerasmodels._support import checks, memory
from kerasmodels._support.batches import CheckedBatches
from kerasmodels._support.saving import SavedAsKeras


@keras.saving.register_keras_serializable(package="kerasmodels")
class UNet(CheckedBatches, SavedAsKeras, keras.Model):
    """Per-pixel class probabilities: an encoder, a decoder, and skips between them.

    `depth` times: two convolutions of size 3, then pooling by 2. Then one convolution. Then
    `depth` times: upsampling, the skip, one convolution. The number of channels doubles
    with every level. Without batch norm the softmax can saturate at the background within
    the first twenty steps of a dice loss, and stays there.

    Reference: Ronneberger, Fischer, Brox (2015), https://arxiv.org/abs/1505.04597.

    Args:
        num_classes: int, background included.
        spatial_axes: int, 1, 2 or 3.
        width: int. Channels at full resolution.
        depth: int. Levels below it.
        batch_norm: bool. Batch norm after every convolution but the last.
        seed: int. Of the initial weights.
        from_logits: bool. Leave out the softmax.

    Call arguments:
        x: Tensor `[batch, spatial ..., channels]`; sizes are multiples of 2^depth.

    Output shape:
        `[batch, spatial ..., num_classes]`.

    Raises:
        ValueError: an argument is out of range, or `x` has another rank or a size that
            pooling cannot halve `depth` times.
    """

    def __init__(
        self,
        num_classes,
        spatial_axes=2,
        width=8,
        depth=2,
        batch_norm=True,
        seed=0,
        from_logits=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        owner = "UNet"
        self.num_classes = checks.positive_int(owner, "num_classes", num_classes, 2)
        spatial_axes = checks.positive_int(owner, "spatial_axes", spatial_axes)
        self.spatial_axes = checks.one_of(owner, "spatial_axes", spatial_axes, (1, 2, 3))
        self.width = checks.positive_int(owner, "width", width)
        self.depth = checks.positive_int(owner, "depth", depth)
        widest = self.width * 2 ** min(self.depth, 100)
        memory.fits(
            owner,
            "depth",
            3**self.spatial_axes * widest**2,
            self.variable_dtype,
            f"convolutions of up to {widest:.3g} channels",
            "The width doubles with every level: take less of `width` or `depth`.",
        )
        self.batch_norm = checks.boolean(owner, "batch_norm", batch_norm)
        self.seed = checks.seed_int(owner, seed)
        self.from_logits = checks.boolean(owner, "from_logits", from_logits)
        axes = f"{self.spatial_axes}D"
        options = {"dtype": self.dtype_policy}
        convolution = getattr(layers, f"Conv{axes}")
        pooling = getattr(layers, f"MaxPooling{axes}")
        upsampling = getattr(layers, f"UpSampling{axes}")
        # Keras takes seeds of 32 bits.
        seeds = (k % 2**31 for k in range(self.seed, self.seed + 3 * self.depth + 3))

        def block(filters, count):
            parts = []
            for _ in range(count):
                start = keras.initializers.GlorotUniform(seed=next(seeds))
                parts.append(
                    convolution(
                        filters,
                        3,
                        padding="same",
                        use_bias=not self.batch_norm,
                        kernel_initializer=start,
                        **options,
                    )
                )
                if self.batch_norm:
                    parts.append(layers.BatchNormalization(momentum=0.9, **options))
                parts.append(layers.ReLU(**options))
            return parts

        widths = [self.width * 2**level for level in range(self.depth)]
        self.down = [block(w, 2) for w in widths]
        self.bottom = block(self.width * 2**self.depth, 1)
        self.up = [block(w, 1) for w in reversed(widths)]
        self.pool = pooling(2, **options)
        self.upsample = [upsampling(2, **options) for _ in widths]
        self.head = convolution(
            self.num_classes,
            1,
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
            **options,
        )

    def check_x(self, x):
        self._check(x.shape)
        channels = self.channels if self.built else x.shape[-1]
        if x.shape[-1] != channels:
            expected = f"of {channels} channels, as before"
            raise checks.ArgumentError(
                checks.message("UNet", "x", expected, f"shape {tuple(x.shape)}")
            )

    def build(self, x_shape):
        self._check(x_shape)
        self.channels = x_shape[-1]
        batch, *sizes, channels = x_shape

        def build_block(block, sizes, channels):
            for layer in block:
                layer.build((batch, *sizes, channels))
                channels = getattr(layer, "filters", channels)
            return channels

        skips = []
        for block in self.down:
            channels = build_block(block, sizes, channels)
            skips.append((sizes, channels))
            sizes = [size and size // 2 for size in sizes]
        channels = build_block(self.bottom, sizes, channels)
        for block, (sizes, skip) in zip(self.up, reversed(skips)):
            channels = build_block(block, sizes, channels + skip)
        self.head.build((batch, *sizes, channels))

    def call(self, x, training=False):
        self._check(x.shape)

        def apply_block(block, x):
            for layer in block:
                norm = isinstance(layer, layers.BatchNormalization)
                x = layer(x, training=training) if norm else layer(x)
            return x

        x = ops.cast(x, self.compute_dtype)
        skips = []
        for block in self.down:
            x = apply_block(block, x)
            skips.append(x)
            x = self.pool(x)
        x = apply_block(self.bottom, x)
        for block, upsample, skip in zip(self.up, self.upsample, reversed(skips)):
            x = apply_block(block, ops.concatenate([upsample(x), skip], axis=-1))
        x = self.head(x)
        return x if self.from_logits else ops.softmax(x, axis=-1)

    def _check(self, shape):
        multiple = 2**self.depth
        sizes = tuple(shape)[1:-1]
        if len(sizes) != self.spatial_axes or any(s and s % multiple for s in sizes):
            raise checks.ArgumentError(
                checks.message(
                    "UNet",
                    "x",
                    f"of shape (batch, {self.spatial_axes} spatial axes, channels), each "
                    f"axis a multiple of {multiple}",
                    f"shape {tuple(shape)}",
                )
            )

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "spatial_axes": self.spatial_axes,
            "width": self.width,
            "depth": self.depth,
            "batch_norm": self.batch_norm,
            "seed": self.seed,
            "from_logits": self.from_logits,
        }
