"""One way to compile the numeric kernels of this room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Return `function` compiled by numba on first call; the plain function stays reachable as `.py_func`.

    Machine code is kept between processes where a writable cache folder exists and compiled anew where none does.
    Strict IEEE arithmetic (no `fastmath`) and one thread, so that the same input gives the same bytes.
    """
    import numba

    try:
        kernel: Any = numba.njit(error_model="numpy", nogil=True, cache=True)(function)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        kernel = numba.njit(error_model="numpy", nogil=True)(function)
    return cast("Kernel", kernel)
