"""
=====================================
Probabilities from least-squares fits
=====================================

:class:`~skkernels.spectral.SpectralFilterClassifier` fits class indicators by least
squares, with any filter of the spectrum, and chooses its strength by leave-one-out. The
scores are no probabilities yet. ``calibration`` makes some of them: "clip" takes the
scores as they are and cuts them off at 0 and 1; "sigmoid_loo" and
"softmax_temperature_loo" fit a curve to the leave-one-out scores, which come from the
same eigendecomposition, so that no model is fitted again.
"""

# %%
# Noisy moons
# -----------
# Two moons with so much noise that they overlap: a good classifier is unsure there.

import matplotlib.pyplot as plt
from sklearn.calibration import calibration_curve
from sklearn.datasets import make_moons
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from skkernels.spectral import SpectralFilterClassifier

X, y = make_moons(400, noise=0.35, random_state=0)
X_new, y_new = make_moons(20_000, noise=0.35, random_state=1)

# %%
# Three calibrations of one model. The log-loss of "clip" is large, because it is sure
# of some rows and wrong.

fig, ax = plt.subplots(figsize=(5.6, 5), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.7")
for calibration in ("clip", "sigmoid_loo", "softmax_temperature_loo"):
    model = SpectralFilterClassifier("gradient_flow", calibration=calibration)
    p = model.fit(X, y).predict_proba(X_new)[:, 1]
    share, mean = calibration_curve(y_new, p, n_bins=12)
    ax.plot(mean, share, "o-", ms=4, label=calibration)
    print(
        f"{calibration:24} accuracy {accuracy_score(y_new, p > 0.5):.3f}, "
        f"Brier {brier_score_loss(y_new, p):.4f}, log-loss {log_loss(y_new, p):.3f}"
    )
ax.set(xlabel="predicted probability", ylabel="share of class 1", aspect="equal")
ax.legend()
plt.show()

# %%
# Any filter will do
# ------------------
# Each filter is given its own strength by leave-one-out, which is exact for "tikhonov"
# and close for most others. Where the data are noisy, as
# here, filters differ little: they are all ways to stop short of interpolation.

for name in ("tikhonov", "iterated_tikhonov", "gradient_flow", "nu_method", "cutoff"):
    model = SpectralFilterClassifier(name).fit(X, y)
    chosen = next(
        f"{parameter}={getattr(model, parameter + '_'):.3g}"
        for parameter in ("alpha", "time", "threshold", "n_iter")
        if hasattr(model, parameter + "_")
    )
    print(f"{name:18} {chosen:18} accuracy {model.score(X_new, y_new):.3f}")
