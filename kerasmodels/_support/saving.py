"""Files of models: `.keras` alone, since HDF5 loses what a model here is made of."""

from kerasmodels._support import checks

_HDF5 = (".h5", ".hdf5")


class SavedAsKeras:
    """Base of the package's models, before `keras.Model`: `save` refuses HDF5 at once.

    Keras writes an HDF5 file of a subclassed model that nothing can read back, or stops on
    the way with a traceback of its own.
    """

    def save(self, filepath, *args, **kwargs):
        """As `keras.Model.save`, into a `.keras` file.

        Raises:
            ValueError: the name ends in .h5 or .hdf5. Nothing is written.
        """
        if str(filepath).lower().endswith(_HDF5):
            stem = str(filepath).rpartition(".")[0]
            raise checks.ArgumentError(
                checks.message(
                    f"{type(self).__name__}.save",
                    "filepath",
                    "the name of a .keras file",
                    f"filepath={str(filepath)!r}",
                    "An HDF5 file cannot hold this model. Use .keras: "
                    f"`model.save({f'{stem}.keras'!r})`.",
                )
            )
        return super().save(filepath, *args, **kwargs)
