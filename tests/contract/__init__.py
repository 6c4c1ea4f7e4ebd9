import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{topic}_conventions" for topic in ("reading", "history", "writing", "retry", "problem", "edge")),
    f"{__name__}.convention",
)
