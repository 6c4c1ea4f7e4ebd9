import pytest

from app.api.printing import press


@pytest.fixture(autouse=True)
def patient_press(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first paper waits for a process to start, which takes a busy machine seconds."""
    monkeypatch.setattr(press, "LONGEST_S", 60.0)
