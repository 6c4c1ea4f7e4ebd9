"""`crm verify` as it is typed."""

import os
import subprocess
import sys

from tests.world import Place

CRM = [sys.executable, "-m", "app.cli", "verify"]


def crm_verify(place: Place) -> subprocess.CompletedProcess[str]:
    servers = {"CRM_DATABASE_URL": place.url, "CRM_REDIS_URL": place.redis_url}
    return subprocess.run(CRM, env=os.environ | servers, capture_output=True, text=True, check=False, timeout=200)


def test_it_says_that_all_is_well(database_copy: Place) -> None:
    done = crm_verify(database_copy)

    assert (done.returncode, done.stdout, done.stderr) == (0, "Everything is as it should be.\n", "")


def test_it_says_what_is_not_and_fails(empty_database: Place) -> None:
    done = crm_verify(empty_database)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "The schema is not that of this program: run `crm migrate`.\n"
