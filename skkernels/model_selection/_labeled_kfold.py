"""Folds of the labelled rows."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator, KFold, StratifiedKFold
from sklearn.utils import indexable

from skkernels.utils._unlabeled import as_labels, labeled_rows, missing_targets


class LabeledKFold(BaseCrossValidator):
    """K folds of the rows with targets; rows without one are always in training.

    Scores need targets, so that only rows with a target can be in a test set. All
    other rows are in every training set, where a semi-supervised model makes use of
    them. Rows held out are absent from training, as in any cross-validation: the scores
    are those of predictions on new rows.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.

    shuffle : bool, default=False
        Whether to shuffle the labelled rows before they are cut into folds.

    random_state : int, RandomState instance or None, default=None
        Source of the shuffling. Only with ``shuffle=True``.

    stratify : bool, default=False
        Whether folds keep the proportions of the labels, as
        :class:`sklearn.model_selection.StratifiedKFold` does. For class labels only.

    unlabeled_label : "auto", None or a label, default="auto"
        What marks a row without a label, beside NaN and None, which always do. "auto"
        is -1 where ``y`` has one column, and at least two other values; so it is in
        :class:`skkernels.semi_supervised.STKRClassifier`. Where some value is no
        integer, ``y`` are targets of a regression, and "auto" marks nothing. Choose
        None for regression on integers, where -1 is a target. If they are stored as
        floating-point numbers, there is no telling, and -1 or None must be chosen.

    See Also
    --------
    sklearn.model_selection.KFold : Folds of all rows.
    skkernels.semi_supervised.STKRClassifier : A model that learns from both.

    Notes
    -----
    A row with several targets is unlabelled if all of them are NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.model_selection import LabeledKFold
    >>> y = np.array([0, -1, 1, -1, 0, 1])
    >>> for train, test in LabeledKFold(2, stratify=True).split(np.zeros((6, 1)), y):
    ...     print(train, test)
    [1 3 4 5] [0 2]
    [0 1 2 3] [4 5]
    """

    def __init__(
        self,
        n_splits=5,
        *,
        shuffle=False,
        random_state=None,
        stratify=False,
        unlabeled_label="auto",
    ):
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state
        self.stratify = stratify
        self.unlabeled_label = unlabeled_label
        if not isinstance(n_splits, Integral) or n_splits < 2:
            raise ValueError(f"n_splits must be an integer >= 2, got {n_splits!r}.")
        self._folds()  # for its checks of shuffle and random_state

    def _folds(self):
        kind = StratifiedKFold if self.stratify else KFold
        return kind(self.n_splits, shuffle=self.shuffle, random_state=self.random_state)

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object
            Ignored, present for the interface.

        Returns
        -------
        n_splits : int
            Number of folds.
        """
        return self.n_splits

    def split(self, X, y, groups=None):
        """Generate the folds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; only their number counts.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets. A single column is the same as an array of one dimension.

        groups : object
            Ignored, present for the interface.

        Yields
        ------
        train : ndarray of int
            Sorted rows of the training set: the unlabelled ones and the labelled ones
            of the other folds.

        test : ndarray of int
            Rows of the fold.
        """
        if y is None:
            raise ValueError("LabeledKFold needs y, got None.")
        X, y = indexable(X, y)
        y = np.asarray(as_labels(y))
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        labeled = np.flatnonzero(self._labeled(y))
        if labeled.size < self.n_splits:
            raise ValueError(
                f"Cannot have n_splits={self.n_splits} folds with {labeled.size} "
                "labelled rows."
            )
        labels = y[labeled]
        if self.stratify and labels.dtype.kind == "O":
            labels = np.unique(labels, return_inverse=True)[1]
        in_training = np.ones(len(y), dtype=bool)
        for _, fold in self._folds().split(labeled, labels):
            test = labeled[fold]
            in_training[test] = False
            yield np.flatnonzero(in_training), test
            in_training[test] = True

    def _labeled(self, y):
        if y.ndim == 2:
            return ~missing_targets(y).all(axis=1)
        labeled = labeled_rows(y, self.unlabeled_label)
        automatic = isinstance(self.unlabeled_label, str) and (
            self.unlabeled_label == "auto"
        )
        known = ~missing_targets(y)
        if not automatic or (labeled == known).all():
            return labeled
        # Among floats -1 is as good a target as any other.
        values = np.asarray(y[known].tolist())
        if values.dtype.kind == "f":
            if (values != np.floor(values)).any():
                return known
            raise ValueError(
                "y has the value -1 among other integers that are stored as "
                "floating-point numbers, so that it may be the target of a regression "
                "or mark rows without a label. Pass unlabeled_label=None for the "
                "first, or unlabeled_label=-1."
            )
        return labeled
