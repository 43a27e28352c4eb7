"""Draws of several Markov chains as rows of one array."""

from numbers import Integral

import numpy as np

CHAIN_ORDERS = ("concatenate", "interleave")


def combine_chains(chains, *, order="concatenate", warmup=0):
    """Put the draws of several Markov chains into one array, chain and draw noted.

    Parameters
    ----------
    chains : array-like of shape (n_chains, n_draws, n_features), or sequence of \
            array-likes of shape (n_draws, n_features)
        The draws. Chains in a sequence may have different lengths; a chain of shape
        (n_draws,) has one feature.

    order : {"concatenate", "interleave"}, default="concatenate"
        "concatenate" puts one chain after the other, so that neighbours are alike,
        which thinning makes use of. "interleave" goes through all chains at the same
        pace: rows come in the order of the fraction of its chain that lies before a
        draw, and chains of equal lengths take turns. Every part of the rows then has
        its share of each chain, as processing in batches needs.

    warmup : int, default=0
        How many draws to leave out at the start of each chain.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features)
        All draws, in float32 if all chains are, else in float64.

    chain_ids : ndarray of int of shape (n_rows,)
        Number of the chain of each row.

    draw_ids : ndarray of int of shape (n_rows,)
        Number of the draw within its chain, counted with the warm-up.

    Raises
    ------
    ValueError
        If the chains have different features, or one has no draws after the warm-up.

    See Also
    --------
    KernelThinning : Thinning of the rows, in their order.

    Notes
    -----
    All rows count the same, so that long chains count more. For chains that are to
    count the same, pass ``sample_weight=1 / numpy.bincount(chain_ids)[chain_ids]`` to
    ``fit``.

    After a fit, ``chain_ids[thinning.sample_indices_]`` and
    ``draw_ids[thinning.sample_indices_]`` tell where the rows of the coreset come from.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.thinning import combine_chains
    >>> chains = [[0.0, 0.1, 0.2, 0.3], [5.0, 5.1]]
    >>> X, chain_ids, draw_ids = combine_chains(chains, order="interleave")
    >>> X.ravel()
    array([0. , 5. , 0.1, 0.2, 5.1, 0.3])
    >>> chain_ids
    array([0, 1, 0, 0, 1, 0])
    """
    if order not in CHAIN_ORDERS:
        raise ValueError(f"order must be one of {CHAIN_ORDERS}, got {order!r} instead.")
    if not isinstance(warmup, Integral) or warmup < 0:
        raise ValueError(f"warmup must be an integer >= 0, got {warmup!r} instead.")
    if getattr(chains, "ndim", 3) != 3:
        raise ValueError(
            "chains must be an array of shape (n_chains, n_draws, n_features) or a "
            f"list of arrays of shape (n_draws, n_features), got shape {chains.shape}. "
            "A single chain is chains[np.newaxis], and chains of one feature are "
            "chains[..., np.newaxis]."
        )
    chains = [_as_draws(chain, i) for i, chain in enumerate(chains)]
    widths = sorted({chain.shape[1] for chain in chains})
    if len(widths) != 1:
        raise ValueError(
            f"chains must have the same features, at least one chain, got {len(chains)}"
            f" chains with these numbers of features: {widths}."
        )
    lengths = np.array([chain.shape[0] - warmup for chain in chains])
    if lengths.min() < 1:
        i = int(lengths.argmin())
        raise ValueError(
            f"Chain {i} has {chains[i].shape[0]} draws, none after warmup={warmup}."
        )
    X = np.concatenate([chain[warmup:] for chain in chains])
    chain_ids = np.repeat(np.arange(len(chains)), lengths)
    draw_ids = np.concatenate([np.arange(length) for length in lengths])
    if order == "interleave":
        # The middle of the share of its chain that a draw stands for.
        place = np.lexsort((chain_ids, (draw_ids + 0.5) / lengths[chain_ids]))
        X, chain_ids, draw_ids = X[place], chain_ids[place], draw_ids[place]
    return X, chain_ids, draw_ids + warmup


def _as_draws(chain, i):
    """One chain as a float array of shape (n_draws, n_features)."""
    chain = np.asarray(chain)
    if chain.dtype != np.float32:
        chain = chain.astype(np.float64)
    if chain.ndim == 1:
        chain = chain[:, np.newaxis]
    if chain.ndim != 2:
        raise ValueError(
            f"Chain {i} must have shape (n_draws, n_features), got {chain.shape}."
        )
    return chain
