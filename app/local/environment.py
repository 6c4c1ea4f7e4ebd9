"""What the environment says, and what it lacks in the words of who has to mend it."""

import json
import os

from pydantic import ValidationError

from app.local.errors import CannotStart
from app.local.state import HERE, State
from app.settings import Settings

DATABASE, REDIS = "CRM_DATABASE_URL", "CRM_REDIS_URL"


def settings_of_environment() -> Settings:
    """The addresses are empty where the environment names no servers; half of them is a mistake."""
    given = [name for name in (DATABASE, REDIS) if os.environ.get(name)]
    if len(given) == 1:
        missing = REDIS if DATABASE in given else DATABASE
        raise CannotStart(
            f"{given[0]} is set and {missing} is not: "
            f"set both to use servers of your own, or neither to have `crm up` start its own."
        )
    try:
        return Settings() if given else Settings(database_url="", redis_url="")
    except ValidationError as error:
        found = (f"CRM_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())
        raise CannotStart(f"The environment is not as it must be: {'; '.join(found)}.") from None


def settings_with_servers() -> Settings:
    """For the commands that use servers and start none: the environment's, or those of the `crm up` of this folder."""
    settings = settings_of_environment()
    if settings.database_url:
        return settings
    try:
        running = json.loads(State(HERE).addresses.read_text())
    except OSError:
        raise CannotStart(
            f"{DATABASE} and {REDIS} are not set, and no `crm up` that you started runs in this folder: "
            f"one or the other names the servers to use."
        ) from None
    return settings.model_copy(update=running)
