"""What the environment says, and what it lacks in the words of who has to mend it."""

import json
import os
from base64 import b64encode
from pathlib import Path

from pydantic import SecretStr, ValidationError

from app.local.errors import CannotStart
from app.local.state import HERE, KeptSecret, State, encryption_key_in
from app.settings import KEY_BYTES, Settings

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


def with_own_key(settings: Settings, kept: KeptSecret) -> Settings:
    """Makes one on the first start. Who loses the file loses every secret that was sealed under it."""
    if settings.encryption_keys is None and kept.read() is None:
        kept.keep(f"1:{b64encode(os.urandom(KEY_BYTES)).decode()}")
    return _with_kept_key(settings, kept)


def settings_with_servers() -> Settings:
    """For the commands that use servers and start none: the environment's, or those of the `crm up` of this folder."""
    settings = _with_key_of_folder(settings_of_environment())
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


def running_product(folder: Path) -> tuple[str, str]:
    """The address and the admin key of the `crm up` of a folder."""
    try:
        state = State(folder)
        url, key = state.api_url.read_text(), state.admin_key.read()
    except OSError:
        raise CannotStart(
            f"No `crm up` that you started runs in {folder}: start one, or name its folder with --state."
        ) from None
    if key is None:
        raise CannotStart(f"There is no admin key in {state.admin_key.file}: make one with `crm key create`.")
    return url, key


def _with_key_of_folder(settings: Settings) -> Settings:
    """One that cannot be read, such as another user's, is none."""
    try:
        return _with_kept_key(settings, encryption_key_in(HERE))
    except OSError:
        return settings


def _with_kept_key(settings: Settings, kept: KeptSecret) -> Settings:
    """What the environment sets comes first; without both, secrets can be neither sealed nor opened."""
    text = None if settings.encryption_keys else kept.read()
    if text is None:
        return settings
    found = settings.model_copy(update={"encryption_keys": SecretStr(text)})
    try:
        found.keys  # noqa: B018  # reads them
    except ValueError as error:
        raise CannotStart(f"The file {kept.file} does not hold encryption keys: {error}.") from None
    return found
