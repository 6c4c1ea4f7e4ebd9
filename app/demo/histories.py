"""The stages that an opportunity went through before this system knew it, as far as the dates of its row tell."""

from typing import Any

from app.demo.plan import OPPORTUNITIES, Entry

AT_NOON = "T12:00:00+00:00"  # the files have days only, and noon is the same day almost everywhere


def stays_of(entry: Entry, engaged: str | None) -> list[dict[str, Any]]:
    """Oldest first; the last one goes on. None where nothing is known: of the time before the talk, say."""
    if entry.object != OPPORTUNITIES or engaged is None:
        return []
    stage, begun, over = entry.body["stage"], entry.body["engageDate"], entry.body["closeDate"]
    if begun is None:
        return []
    if stage == engaged:
        return [_stay(stage, begun, None)]
    return [_stay(engaged, begun, over), _stay(stage, over, None)] if over is not None and over >= begun else []


def is_dated(record: dict[str, Any], stays: list[dict[str, Any]]) -> bool:
    """Whether the history was imported before. A record that says nothing about it was moved on by hand."""
    return bool(record["stageChangedAt"][:19] == stays[-1]["enteredAt"][:19])


def _stay(stage: str, begun: str, over: str | None) -> dict[str, Any]:
    return {"stage": stage, "enteredAt": begun + AT_NOON, "leftAt": over and over + AT_NOON}
